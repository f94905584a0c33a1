import {
  add,
  type Dim,
  type GraphContext,
  gather,
  scope,
  type Tensor,
  truncatedNormal,
} from '../dsl/index.ts';

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
  { max, name = 'positions' }: PositionOptions,
): Tensor<'f32', [B, T, W]> {
  const width = x.shape[2];
  const table = scope(name, () => g.parameter('weight', 'f32', [max, width], truncatedNormal(0.02)));
  return add(x, gather(table, positions));
}
