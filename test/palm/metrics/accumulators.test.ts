import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { palm } from '../../../src/index.ts';
import { runs } from '../../support/counts.ts';

const { metrics } = palm;
type Accumulator = palm.Accumulator<never, never, object>;

/** Results with their scores by scikit-learn and SciPy: see reference.py. */
interface Case {
  readonly gold: readonly never[];
  readonly predicted: readonly never[];
  readonly scores: Readonly<Record<string, number>>;
  readonly positive: string;
  readonly k: number;
  readonly classes?: readonly (readonly [string, number, number, number])[];
  readonly confusion?: readonly (readonly number[])[];
}
const file = new URL('reference.json', import.meta.url);
const reference = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, readonly Case[]>>;
const makers: Readonly<Record<string, (given: Case) => Accumulator>> = {
  classes: ({ positive }) => metrics.classes({ positive }),
  labelSets: () => metrics.labelSets(),
  numbers: () => metrics.numbers(),
  ranking: ({ k }) => metrics.ranking({ k }),
  perplexity: () => metrics.perplexity(),
};
const cases = Object.entries(reference).flatMap(([name, list]) =>
  list.map((given, i) => [`${name} ${i}`, makers[name]?.(given), given] as const),
);

describe('scores agree with scikit-learn and SciPy', () => {
  test.each(cases)('%s', (_, accumulator, { gold, predicted, scores, classes, confusion }) => {
    accumulator?.add(predicted, gold);
    const value: Readonly<Record<string, unknown>> = { ...accumulator?.value() };
    expect(Object.keys(scores).length).toBeGreaterThan(2);
    for (const [name, score] of Object.entries(scores)) expect(value[name], name).toBeCloseTo(score, 10);
    for (const [i, [label, precision, recall, f1]] of (classes ?? []).entries()) {
      const row = (value.classes as readonly palm.metrics.LabelScore[])[i];
      expect(row?.label).toBe(label);
      expect(row?.precision).toBeCloseTo(precision, 12);
      expect(row?.recall).toBeCloseTo(recall, 12);
      expect(row?.f1).toBeCloseTo(f1, 12);
    }
    if (confusion) expect((value.confusion as palm.metrics.ConfusionMatrix).counts).toEqual(confusion);
  });
});

const tags = fc.constantFrom('O', 'B-x', 'I-x', 'B-y', 'S-x');
const sentence = fc.integer({ min: 1, max: 6 }).chain((n) => {
  const line = fc.array(tags, { minLength: n, maxLength: n });
  return fc.tuple(line, line);
});
const label = fc.constantFrom('a', 'b', 'c', '__proto__');
const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ min: -1e6, max: 1e6, noNaN: true }));
const labels = fc.array(label, { maxLength: 3 });
const candidate = fc.record({ query: label, relevance: fc.nat({ max: 3 }) });
const guessed = fc.record({
  pieces: fc.nat(9),
  right: fc.nat(9),
  negativeLogLikelihood: fc.double({ min: 0, max: 50, noNaN: true }),
});
/** An accumulator with random pairs of what it takes: result, example. */
const kinds: Readonly<
  Record<string, readonly [() => Accumulator, fc.Arbitrary<readonly [unknown, unknown]>]>
> = {
  classes: [() => metrics.classes({ positive: 'a' }), fc.tuple(label, label)],
  labelSets: [() => metrics.labelSets(), fc.tuple(labels, labels)],
  entities: [() => metrics.entities(), sentence],
  joint: [
    () => metrics.joint(),
    fc.tuple(label, label, sentence).map(([a, b, [tags, others]]) => [
      { intent: a, tags },
      { intent: b, tags: others },
    ]),
  ],
  numbers: [() => metrics.numbers(), fc.tuple(number, number)],
  ranking: [() => metrics.ranking({ k: 2 }), fc.tuple(number, candidate)],
  perplexity: [() => metrics.perplexity(), fc.tuple(guessed, fc.constant({}))],
};

describe.each(Object.entries(kinds))('the accumulator %s', (_, [make, pair]) => {
  const feed = (accumulator: Accumulator, pairs: readonly (readonly [unknown, unknown])[]): void =>
    accumulator.add(
      pairs.map(([result]) => result) as never[],
      pairs.map(([, example]) => example) as never[],
    );

  test('gives the same whatever the batches, and whenever it is asked', () => {
    const batches = fc.array(fc.array(pair, { maxLength: 5 }), { maxLength: 6 });
    fc.assert(
      fc.property(batches, (parts) => {
        const [split, whole] = [make(), make()];
        for (const part of parts) {
          feed(split, part);
          split.value();
        }
        feed(whole, parts.flat());
        expect(split.value()).toEqual(whole.value());
      }),
      { seed: 9, numRuns: runs(5000, 300) },
    );
  });

  test('is 0 or more where nothing was added, and refuses what does not fit', () => {
    for (const value of Object.values(make().value()).flat()) {
      if (typeof value === 'number') expect(value).toBe(0);
    }
    expect(() => make().add([], [{} as never])).toThrow('[FROND-T030]');
    expect(() => make().add([undefined as never], [undefined as never])).toThrow('[FROND-T030]');
    expect(() => make().add(7 as never, [])).toThrow('[FROND-T030] add: results is 7');
  });
});

describe('scores obey their laws:', () => {
  test('classes that are exchanged are as alike', () => {
    const pairs = fc.array(fc.tuple(label, label), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(pairs, (list) => {
        const [gold, predicted] = [list.map(([a]) => a), list.map(([, b]) => b)];
        const [scores, swapped] = [
          metrics.classScores(gold, predicted),
          metrics.classScores(predicted, gold),
        ];
        expect(swapped.matthews).toBeCloseTo(scores.matthews, 12);
        expect(swapped.macroF1).toBeCloseTo(scores.macroF1, 12);
        expect(Math.abs(scores.matthews)).toBeLessThanOrEqual(1 + 1e-12);
        expect(metrics.classScores(gold, gold).matthews).toBe(new Set(gold).size === 1 ? 0 : 1);
      }),
      { seed: 10, numRuns: runs(5000, 300) },
    );
  });

  test('correlations see neither scale nor shift, and ranks no rising function', () => {
    const whole = fc.integer({ min: -20, max: 20 });
    fc.assert(
      fc.property(fc.array(fc.tuple(whole, whole), { minLength: 2, maxLength: 15 }), (list) => {
        const score = (change: (x: number) => number) => {
          const accumulator = metrics.numbers();
          for (const [x, y] of list) accumulator.add([change(x)], [y]);
          return accumulator.value();
        };
        const plain = score((x) => x);
        expect(score((x) => 3 * x - 7).pearson).toBeCloseTo(plain.pearson, 10);
        expect(score((x) => -x).pearson).toBeCloseTo(-plain.pearson, 10);
        expect(score((x) => x ** 3).spearman).toBeCloseTo(plain.spearman, 10);
        expect(Math.abs(plain.pearson)).toBeLessThanOrEqual(1);
      }),
      { seed: 11, numRuns: runs(5000, 300) },
    );
  });

  test('a model that tells candidates not apart gains nothing by their order', () => {
    const accumulator = metrics.ranking();
    const candidates = [1, 0, 0].map((relevance) => ({ query: 'q', relevance }));
    accumulator.add([0.5, 0.5, 0.5], candidates);
    expect(accumulator.value()).toMatchObject({ meanReciprocalRank: 1 / 3, precisionAt1: 0, queries: 1 });
    // a query without a relevant candidate has no right order
    accumulator.add(
      [0.5, Number.NaN],
      [
        { query: 'r', relevance: 0 },
        { query: 'q', relevance: 2 },
      ],
    );
    expect(accumulator.value()).toMatchObject({ queries: 1, meanReciprocalRank: 1 / 3 });
  });

  test('numbers that are none give scores that are none', () => {
    const accumulator = metrics.numbers();
    accumulator.add([1, Number.NaN], [1, 2]);
    expect(accumulator.value()).toMatchObject({ pearson: Number.NaN, spearman: Number.NaN });
    const constant = metrics.numbers();
    constant.add([0.1, 0.1, 0.1], [1, 2, 3]);
    expect(constant.value()).toMatchObject({ pearson: 0, spearman: 0 });
  });

  test('a class that never occurs has scores of 0', () => {
    const accumulator = metrics.classes({ positive: 'never' });
    accumulator.add(['a'], ['a']);
    expect(accumulator.value()).toMatchObject({ accuracy: 1, precision: 0, recall: 0, f1: 0 });
  });

  test('an accumulator reads its part of results and examples', () => {
    const accumulator = metrics.reading(
      metrics.classes(),
      ({ label }: { readonly label: string }) => label,
      ({ intent }: { readonly intent: string }) => intent,
    );
    accumulator.add([{ label: 'a' }, { label: 'b' }], [{ intent: 'a' }, { intent: 'c' }]);
    expect(accumulator.value()).toMatchObject({ accuracy: 0.5, examples: 2 });
  });
});
