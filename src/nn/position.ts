import { checkArguments } from '../base/arguments.ts';
import { natural, type OptionsOf, optional, text, unchecked } from '../base/kinds.ts';
import { contextKind } from '../dsl/graph.ts';
import {
  add,
  type Dim,
  type GraphContext,
  gather,
  scope,
  type Tensor,
  truncatedNormal,
} from '../dsl/index.ts';
import { tensorKind } from '../dsl/tensor.ts';

const positionOptions = {
  /** positions run from 0 to below this */
  max: natural,
  /** scope of its parameter, 'positions' by default */
  name: optional(text),
};
export type PositionOptions = OptionsOf<typeof positionOptions>;
const POSITIONS = { g: contextKind, x: tensorKind, positions: unchecked, options: positionOptions };

/** Adds a learned vector per position: x [B, T, W], positions i32 [B, T]; declares `NAME/weight` [max, W]. */
export function learnedPositions<B extends Dim, T extends Dim, W extends Dim>(
  g: GraphContext,
  x: Tensor<'f32', [B, T, W]>,
  positions: Tensor<'i32', [B, T]>,
  options: PositionOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('learnedPositions', POSITIONS, [g, x, positions, options]);
  const { max, name = 'positions' } = options;
  const width = x.shape[2];
  const table = scope(name, () => g.parameter('weight', 'f32', [max, width], truncatedNormal(0.02)));
  return add(x, gather(table, positions));
}
