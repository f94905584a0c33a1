import * as is from '../../base/kinds.ts';
import type { Accumulator } from '../contract.ts';
import { accumulate, sum } from './accumulator.ts';

export type NumberScores = {
  /** mean of (predicted − gold)² */
  readonly meanSquaredError: number;
  readonly meanAbsoluteError: number;
  /** Pearson's correlation, −1 … 1; 0 where gold or predictions never vary */
  readonly pearson: number;
  /** Spearman's: Pearson's of the ranks, equal numbers having their mean rank */
  readonly spearman: number;
  readonly examples: number;
};

/** How near predicted numbers come to gold ones. Keeps the numbers, 16 bytes for each example: ranks take all of them. */
export function numbers(): Accumulator<number, number, NumberScores> {
  const [predicted, gold]: [number[], number[]] = [[], []];
  const number = is.typed<number>(is.kind('numbers', (value) => typeof value === 'number'));
  return accumulate(
    { predicted: number, gold: number, what: 'numbers' },
    (guess, right) => {
      predicted.push(guess);
      gold.push(right);
    },
    () => {
      const off = predicted.map((guess, i) => guess - (gold[i] ?? 0));
      const mean = (values: readonly number[]): number =>
        values.length === 0 ? 0 : sum(values) / values.length;
      return {
        meanSquaredError: mean(off.map((error) => error * error)),
        meanAbsoluteError: mean(off.map(Math.abs)),
        pearson: correlation(predicted, gold),
        spearman: correlation(ranksOf(predicted), ranksOf(gold)),
        examples: predicted.length,
      };
    },
  );
}

/** Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²) */
function correlation(xs: readonly number[], ys: readonly number[]): number {
  const centred = (values: readonly number[]): number[] => {
    // equal numbers have a mean that may differ from them in the last bit
    if (values.every((value) => value === values[0])) return values.map(() => 0);
    const mean = sum(values) / values.length;
    return values.map((value) => value - mean);
  };
  const [x, y] = [centred(xs), centred(ys)];
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((total, value, i) => total + value * (b[i] ?? 0), 0);
  const scale = Math.sqrt(dot(x, x)) * Math.sqrt(dot(y, y));
  if (scale === 0) return 0;
  // rounding may lead past 1, but not to it from NaN
  return Math.max(-1, Math.min(1, dot(x, y) / scale));
}

/** Ranks from 1, the smallest first; equal numbers have the mean of theirs. */
function ranksOf(values: readonly number[]): readonly number[] {
  const at = (i: number | undefined): number => values[i ?? -1] ?? Number.NaN;
  const order = Array.from(values.keys()).sort((a, b) => at(a) - at(b));
  const ranks = new Array<number>(values.length).fill(Number.NaN);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && at(order[end]) === at(order[start])) end++;
    for (const i of order.slice(start, end)) ranks[i] = (start + end + 1) / 2;
    start = end;
  }
  return values.some(Number.isNaN) ? values.map(() => Number.NaN) : ranks;
}

/** What a model says of the pieces that it had to guess in one example: how many, how many right, and the sum of −log p(gold). */
export interface Guessed {
  readonly pieces: number;
  readonly right: number;
  readonly negativeLogLikelihood: number;
}

export type PerplexityScores = {
  /** exp of the mean negative log likelihood of a piece; 1 is certainty, the size of the vocabulary is a blind guess */
  readonly perplexity: number;
  /** share of pieces that were most probable and right */
  readonly accuracy: number;
  readonly pieces: number;
};

const guessed = is.typed<Guessed>(
  is.withFields('guesses: { pieces, right, negativeLogLikelihood }', {
    pieces: is.natural,
    right: is.natural,
    negativeLogLikelihood: is.kind<number>('a number', (value) => typeof value === 'number'),
  }),
);

/** Perplexity and accuracy of a language model, masked or not; examples are not looked at. */
export function perplexity(): Accumulator<Guessed, unknown, PerplexityScores> {
  let [pieces, right, loss] = [0, 0, 0];
  return accumulate(
    { predicted: guessed, gold: is.unchecked, what: 'examples' },
    (guess) => {
      pieces += guess.pieces;
      right += guess.right;
      loss += guess.negativeLogLikelihood;
    },
    () => ({
      perplexity: pieces === 0 ? 0 : Math.exp(loss / pieces),
      accuracy: pieces === 0 ? 0 : right / pieces,
      pieces,
    }),
  );
}
