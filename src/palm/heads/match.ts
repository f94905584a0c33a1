import * as is from '../../base/kinds.ts';
import {
  add,
  declare,
  relu,
  reshape,
  sigmoid,
  split,
  sub,
  type Tensor,
  truncatedNormal,
} from '../../dsl/index.ts';
import type { Accumulator } from '../contract.ts';
import { anySize } from '../contractCheck.ts';
import { defineHead } from '../define.ts';
import { type Candidate, type RankingScores, ranking } from '../metrics/ranking.ts';
import { checkSettings } from '../settings.ts';
import { type ClassifyOptions, classify } from './classify.ts';
import { fieldOf, scoresOf, scoringOptions, weightedMean } from './scoring.ts';

export const pairwiseOptions = {
  /** how far the better score shall be above the worse one; default 0.5 */
  margin: is.optional(is.notNegative),
  gold: is.optional(is.callable),
  ...scoringOptions,
};
export interface PairwiseOptions<E> extends Omit<is.OptionsOf<typeof pairwiseOptions>, 'gold'> {
  /** query and relevance of each text of an example, in the order of its rows; default: its field `candidates` */
  readonly gold?: (example: E) => readonly Candidate[];
}

const flat = (pairs: Tensor<'f32', ['batch/2', 1]>) => reshape(pairs, ['batch/2']);

function pairwise<E extends object>(options: PairwiseOptions<E>) {
  checkSettings('match', options, pairwiseOptions);
  const { margin = 0.5 } = options;
  const scoring = { initializer: truncatedNormal(0.02), ...options };
  const { gold = (example: E) => (fieldOf(example, 'candidates') ?? []) as readonly Candidate[] } = options;
  return defineHead({
    name: 'match',
    record: { kind: 'match', margin },
    needs: {
      backbone: { sentence: declare('f32', ['batch', anySize]) },
      labels: { weights: declare('f32', ['batch']) },
    },
    build: (_, { sentence }) => ({
      score: sigmoid(reshape(scoresOf(sentence, 1, 'output', scoring), ['batch'])),
    }),
    loss(_, { score, weights }) {
      const [better, worse] = split(reshape(score, ['batch/2', 2]), 1, [1, 1]);
      const [weight] = split(reshape(weights, ['batch/2', 2]), 1, [1, 1]);
      return weightedMean(flat(relu(add(sub(worse, better), margin))), flat(weight));
    },
    decode: ({ score }): readonly number[] => Array.from(score.data),
    score: () => rankingOf(gold),
  });
}

/** Scores of each example's texts, of which there is one more than it has candidates where the second row only fills a pair. */
function rankingOf<E>(
  gold: (example: E) => readonly Candidate[],
): Accumulator<number | readonly number[], E, RankingScores> {
  const all = ranking();
  return {
    add(results, examples) {
      const candidates = examples.map(gold);
      const scores = candidates.flatMap((list, i) => [results[i] ?? []].flat().slice(0, list.length));
      all.add(scores, candidates.flat());
    },
    value: () => all.value(),
  };
}

/**
 * How well two texts match, from the encoding of the pair. With `classes` (pointwise) each pair has one of them: see `classify`.
 * Without (pairwise), a score in 0 … 1: rows 2k and 2k + 1 of a batch are the better and the worse answer to one query, and the loss
 * is max(0, margin − (better − worse)) (Joachims 2002, with PALM's sigmoid), the mean over pairs by the weight of their first row.
 * Pairwise weights are drawn from a truncated normal distribution of deviation 0.02.
 * @throws FROND-T002 for options out of range, FROND-D012 for no classes or one twice
 */
export function match<E extends object>(options: ClassifyOptions<E>): ReturnType<typeof pointwise<E>>;
export function match<E extends object>(options?: PairwiseOptions<E>): ReturnType<typeof pairwise<E>>;
export function match<E extends object>(options: ClassifyOptions<E> | PairwiseOptions<E> = {}) {
  return 'classes' in Object(options)
    ? pointwise(options as ClassifyOptions<E>)
    : pairwise(options as PairwiseOptions<E>);
}
const pointwise = <E extends object>(options: ClassifyOptions<E>) => ({
  ...classify(options),
  name: 'match',
});
