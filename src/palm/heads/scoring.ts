import * as is from '../../base/kinds.ts';
import { div, dropout, linear, mul, notEqual, sum, type Tensor, where, xavier } from '../../dsl/index.ts';
import { initializerKind } from '../../dsl/parameter.ts';

// What heads have in common: scores from what the backbone gives, and the mean of their losses.

export const scoringOptions = {
  /** of what the backbone gives, before the head's own weights; default 0 */
  dropout: is.optional(is.fraction),
  /** of the head's weights; default Glorot's, or where the head says so a truncated normal distribution of deviation 0.02, as BERT's */
  initializer: is.optional(initializerKind),
};
export type ScoringOptions = is.OptionsOf<typeof scoringOptions>;

/** dropout(x) · W + b over the last axis: `count` scores; declares `NAME/weight` and `NAME/bias`. */
export const scoresOf = <const S extends readonly (string | number)[]>(
  x: Tensor<'f32', [...S, number]>,
  count: number,
  name: string,
  { dropout: rate = 0, initializer = xavier() }: ScoringOptions,
): Tensor<'f32', [...S, number]> =>
  linear(dropout(x, rate) as Tensor, count, { name, initializer }) as unknown as Tensor<
    'f32',
    [...S, number]
  >;

/** A field of an example, whatever else it has. */
export const fieldOf = (example: object, name: string): unknown => example[name as never];
/** Names in a field of an example; none where there is no list. */
export const namesIn = (example: object, name: string): readonly string[] => {
  const names = fieldOf(example, name);
  return Array.isArray(names) ? names.map(String) : [];
};

/** A number for each row, pair or piece. */
type Rows = Tensor<'f32', [string]>;

/** Σ w·loss / Σ of `totals`, which are the weights by default; 0 where that sum is 0. */
export function weightedMean(losses: Rows, weights: Rows, totals: Rows = weights): Tensor<'f32', []> {
  const total = sum(totals, 0);
  // a row without weight counts as 0 also where its loss is infinite; a batch without weight divides that 0 by 1
  const weighted = where(notEqual(weights, 0), mul(losses, weights), 0);
  return div(sum(weighted, 0), where(notEqual(total, 0), total, 1));
}
