import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { mapValues } from '../../base/own.ts';
import type { Accumulator } from '../contract.ts';

/** @throws FROND-T030 when gold and predictions differ in number */
function sameLength(what: string, gold: number, predicted: number): void {
  if (gold === predicted) return;
  throw new FrondError('FROND-T030', `${gold} ${what} are to be scored with ${predicted} predictions`, {
    hint: 'give one prediction for each, in the same order',
  });
}

/** What an accumulator takes: what one result is, what one example is, and what several examples are called. */
interface Taken<F, E> {
  readonly predicted: is.Kind<F>;
  readonly gold: is.Kind<E>;
  readonly what: string;
}

/** An accumulator that looks at one result after the other. */
export function accumulate<F, E, M>(
  { predicted, gold, what }: Taken<F, E>,
  take: (predicted: F, gold: E) => void,
  value: () => M,
): Accumulator<F, E, M> {
  const kinds = { results: is.listOf(predicted, predicted.what), examples: is.listOf(gold, gold.what) };
  return {
    add(results, examples) {
      checkArguments('add', kinds, [results, examples], 'FROND-T030');
      sameLength(what, examples.length, results.length);
      for (const [i, result] of results.entries()) take(result, examples[i] as E);
    },
    value,
  };
}

/** The value of one batch that holds everything. */
export function scoreAll<F, E, M>(
  accumulator: Accumulator<F, E, M>,
  results: readonly F[],
  examples: readonly E[],
): M {
  accumulator.add(results, examples);
  return accumulator.value();
}

export const accumulatorKind = is.typed<Accumulator<never, never, never>>(
  is.withFields('an accumulator, such as palm.metrics.classes()', { add: is.callable, value: is.callable }),
);

/**
 * The same accumulator for results and examples that hold, among other things, what it takes:
 * `reading(classes(), ({ label }) => label, ({ intent }) => intent)`. What the two functions give is what mistakes are told by:
 * `same` says whether a prediction is right; default: it is equal to the gold.
 */
export function reading<F, E, P, G, M>(
  accumulator: Accumulator<P, G, M>,
  predictedOf: (result: F) => P,
  goldOf: (example: E) => G,
  same: (gold: G, predicted: P) => boolean = (gold, predicted) => Object.is(gold, predicted),
): Accumulator<F, E, M> {
  const kinds = {
    accumulator: accumulatorKind,
    predictedOf: is.callable,
    goldOf: is.callable,
    same: is.callable,
  };
  checkArguments('reading', kinds, [accumulator, predictedOf, goldOf, same]);
  const lists = {
    results: is.listOf(is.unchecked, 'results'),
    examples: is.listOf(is.unchecked, 'examples'),
  };
  return {
    add(results, examples) {
      checkArguments('add', lists, [results, examples], 'FROND-T030');
      accumulator.add(results.map(predictedOf), examples.map(goldOf));
    },
    value: () => accumulator.value(),
    compare(result, example) {
      const [predicted, gold] = [predictedOf(result), goldOf(example)];
      return { predicted, gold, right: same(gold, predicted) };
    },
  };
}

/**
 * Means over examples of measures of one's own: `mean({ accuracy: (label, { intent }) => label === intent })`, where true counts
 * as 1 and false as 0. They are 0 where nothing was added.
 */
export function mean<F, E, const K extends string>(
  measures: Readonly<Record<K, (result: F, example: E) => number | boolean>>,
): Accumulator<F, E, Readonly<Record<K, number>>> {
  const kind = is.objectOf(is.callable, 'functions of a result and its example, by name');
  checkArguments('mean', { measures: kind }, [measures]);
  const sums = mapValues(measures, () => 0);
  let examples = 0;
  return accumulate<F, E, Readonly<Record<K, number>>>(
    { predicted: is.typed<F>(is.unchecked), gold: is.typed<E>(is.unchecked), what: 'examples' },
    (result, example) => {
      for (const name of Object.keys(measures) as K[]) {
        const value: unknown = measures[name](result, example);
        if (typeof value === 'number' || typeof value === 'boolean') sums[name] += Number(value);
        else
          throw new FrondError('FROND-T030', `the measure ${name} gave ${show(value)}`, {
            hint: 'give a number, true or false',
          });
      }
      examples++;
    },
    () => mapValues(sums, (total) => (examples === 0 ? 0 : total / examples)),
  );
}

/** What is looked for: classes, labels or chunks. */
export interface Counts {
  /** in the gold */
  expected: number;
  /** in the predictions */
  found: number;
  /** in both */
  correct: number;
}

/** Fractions of 1; 0 where nothing was found or expected. */
export type Score = Readonly<Counts> & {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
};

export function scoreOf({ expected, found, correct }: Counts): Score {
  const precision = found === 0 ? 0 : correct / found;
  const recall = expected === 0 ? 0 : correct / expected;
  // 2PR / (P + R), written so that it cannot be 0 / 0
  const f1 = correct === 0 ? 0 : (2 * correct) / (expected + found);
  return { precision, recall, f1, expected, found, correct };
}

/** Counts by name, and those of all names together. */
export function tally() {
  const rows = new Map<string, Counts>();
  const total: Counts = { expected: 0, found: 0, correct: 0 };
  return {
    count(name: string, field: keyof Counts): void {
      const row = rows.get(name) ?? { expected: 0, found: 0, correct: 0 };
      rows.set(name, row);
      row[field]++;
      total[field]++;
    },
    total: (): Score => scoreOf(total),
    /** in code-unit order of the names */
    byName: (): readonly (readonly [string, Score])[] =>
      [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, row]) => [name, scoreOf(row)]),
  };
}

/** Sum of `numbers`. */
export const sum = (numbers: readonly number[]): number => numbers.reduce((x, y) => x + y, 0);

/** Mean of F1 over names, each counted alike (macro), and by how often the gold has it (weighted). */
export function meanF1(scores: readonly Score[]): { readonly macroF1: number; readonly weightedF1: number } {
  const expected = sum(scores.map((score) => score.expected));
  return {
    macroF1: scores.length === 0 ? 0 : sum(scores.map(({ f1 }) => f1)) / scores.length,
    weightedF1: expected === 0 ? 0 : sum(scores.map(({ f1, expected }) => f1 * expected)) / expected,
  };
}
