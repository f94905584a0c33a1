import * as is from '../../base/kinds.ts';
import type { Accumulator } from '../contract.ts';
import { checkSettings } from '../settings.ts';
import { accumulate, sum } from './accumulator.ts';

/** What a candidate answers, and how relevant it is: 0 not at all; with grades, the more the better. */
export interface Candidate {
  readonly query: string;
  readonly relevance: number;
}

export type RankingScores = {
  /** mean over queries of 1 / rank of the first relevant candidate */
  readonly meanReciprocalRank: number;
  /** mean over queries of average precision: the mean, over relevant candidates, of the precision down to their rank */
  readonly meanAveragePrecision: number;
  /** mean over queries of Σ relevance / log₂(rank + 1) down to rank k, as a fraction of the best order's (Järvelin and Kekäläinen 2002) */
  readonly ndcg: number;
  /** share of queries whose first candidate is relevant */
  readonly precisionAt1: number;
  /** queries with a relevant candidate: the others have no right order and are left out */
  readonly queries: number;
};

const rankingOptions = {
  /** ranks that `ndcg` looks at; default 10 */
  k: is.optional(is.count),
};
const candidate = is.typed<Candidate>(
  is.withFields('candidates: { query, relevance }', { query: is.text, relevance: is.notNegative }),
);

/**
 * How well scores order the candidates of each query. Of equal scores the less relevant stands first, so that a model that
 * tells nothing apart gains nothing by the order of the data. Keeps score and relevance of each candidate.
 */
export function ranking(
  options: is.OptionsOf<typeof rankingOptions> = {},
): Accumulator<number, Candidate, RankingScores> {
  checkSettings('ranking', options, rankingOptions);
  const { k = 10 } = options;
  const queries = new Map<string, { score: number; relevance: number }[]>();
  const scoreKind = is.kind<number>('scores', (value) => typeof value === 'number');
  return accumulate(
    { predicted: scoreKind, gold: candidate, what: 'candidates' },
    (score, { query, relevance }) => {
      const list = queries.get(query);
      // what is no number stands last
      const entry = { score: Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score, relevance };
      if (list === undefined) queries.set(query, [entry]);
      else list.push(entry);
    },
    () => {
      const orders = Array.from(queries.values(), (list) =>
        [...list]
          .sort((a, b) => (a.score === b.score ? a.relevance - b.relevance : a.score < b.score ? 1 : -1))
          .map(({ relevance }) => relevance),
      ).filter((order) => order.some((relevance) => relevance > 0));
      const mean = (measure: (order: readonly number[]) => number): number =>
        orders.length === 0 ? 0 : sum(orders.map(measure)) / orders.length;
      return {
        meanReciprocalRank: mean((order) => 1 / (1 + order.findIndex((relevance) => relevance > 0))),
        meanAveragePrecision: mean(averagePrecision),
        ndcg: mean(
          (order) =>
            gainOf(order, k) /
            gainOf(
              [...order].sort((a, b) => b - a),
              k,
            ),
        ),
        precisionAt1: mean(([first = 0]) => (first > 0 ? 1 : 0)),
        queries: orders.length,
      };
    },
  );
}

function averagePrecision(order: readonly number[]): number {
  let [relevant, total] = [0, 0];
  order.forEach((relevance, i) => {
    if (relevance > 0) total += ++relevant / (i + 1);
  });
  return total / relevant;
}

const gainOf = (order: readonly number[], k: number): number =>
  sum(order.slice(0, k).map((relevance, i) => relevance / Math.log2(i + 2)));
