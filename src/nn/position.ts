import { checkArguments, checkOptions } from '../base/arguments.ts';
import { natural, optional, text, unchecked } from '../base/kinds.ts';
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

export interface PositionOptions {
  /** positions run from 0 to below this */
  readonly max: number;
  /** scope of its parameter, 'positions' by default */
  readonly name?: string;
}

/** Adds a learned vector per position: x [B, T, W], positions i32 [B, T]; declares `NAME/weight` [max, W]. */
export function learnedPositions<B extends Dim, T extends Dim, W extends Dim>(
  g: GraphContext,
  x: Tensor<'f32', [B, T, W]>,
  positions: Tensor<'i32', [B, T]>,
  options: PositionOptions,
): Tensor<'f32', [B, T, W]> {
  const kinds = { g: contextKind, x: tensorKind, positions: unchecked, options: unchecked };
  checkArguments('learnedPositions', kinds, [g, x, positions, options]);
  checkOptions('learnedPositions', options, { max: natural, name: optional(text) });
  const { max, name = 'positions' } = options;
  const width = x.shape[2];
  const table = scope(name, () => g.parameter('weight', 'f32', [max, width], truncatedNormal(0.02)));
  return add(x, gather(table, positions));
}
