import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chunksOf,
  classScores,
  confusionMatrix,
  entityScores,
  jointScores,
} from '../../../src/palm/metrics/index.ts';
import { runs } from '../../support/counts.ts';

const split = (line: string): string[] => (line === '' ? [] : line.split(' '));
const show = (line: string): string =>
  chunksOf(split(line))
    .map(({ type, start, end }) => `${type}:${start}-${end}`)
    .join(' ');

describe('chunks as conlleval reads them', () => {
  test.each([
    ['', ''],
    ['O O', ''],
    ['B-x', 'x:0-1'],
    ['B-x I-x O B-x', 'x:0-2 x:3-4'],
    ['B-x B-x', 'x:0-1 x:1-2'],
    ['B-x B-y I-y', 'x:0-1 y:1-3'],
    // what BIO forbids and conlleval accepts
    ['I-x I-x', 'x:0-2'],
    ['O I-x', 'x:1-2'],
    ['B-x I-y', 'x:0-1 y:1-2'],
    ['I-x I-y I-y', 'x:0-1 y:1-3'],
    ['I-x B-x', 'x:0-1 x:1-2'],
    ['B-x O I-x', 'x:0-1 x:2-3'],
    ['B-a-b I-a-b', 'a-b:0-2'],
    ['S-x B-x I-x E-x', 'x:0-1 x:1-4'],
    // the same chunks in IOB1, BILOU and BMES
    ['I-x B-x I-x I-x', 'x:0-1 x:1-4'],
    ['U-x B-x I-x L-x', 'x:0-1 x:1-4'],
    ['S-x B-x M-x E-x', 'x:0-1 x:1-4'],
    ['U-x U-x B-x L-x U-x', 'x:0-1 x:1-2 x:2-4 x:4-5'],
  ])('%j holds %j', (tags, chunks) => {
    expect(show(tags)).toBe(chunks);
  });

  // an independent reading: legal BIO by regular expression
  test('agree with a regular expression on legal tags', () => {
    const chunk = fc.tuple(fc.constantFrom('x', 'y'), fc.integer({ min: 1, max: 3 }));
    const part = fc.oneof(
      fc.constant('O'),
      chunk.map(([type, n]) => [`B-${type}`, ...Array(n - 1).fill(`I-${type}`)].join(' ')),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const line = parts.join(' ');
        const found = [...line.matchAll(/B-(\w)( I-\1)*/g)].map((match) => {
          const start = split(line.slice(0, match.index).trim()).length;
          return `${match[1]}:${start}-${start + match[0].split(' ').length}`;
        });
        expect(show(line)).toBe(found.join(' '));
      }),
      { seed: 3, numRuns: runs(5000, 300) },
    );
  });
});

describe('entity scores', () => {
  test('are counted by hand', () => {
    const gold = ['B-x I-x O B-y', 'B-x O', 'O O B-z'].map(split);
    const predicted = ['B-x I-x O B-x', 'B-x I-x', 'O O O'].map(split);
    // expected: x(0-2), y(3-4), x(0-1), z(2-3); found: x(0-2), x(3-4), x(0-2); correct: the first
    const { types, ...total } = entityScores(gold, predicted);
    expect(total).toEqual({
      expected: 4,
      found: 3,
      correct: 1,
      precision: 1 / 3,
      recall: 1 / 4,
      f1: 2 / 7,
      tokenAccuracy: 6 / 9,
    });
    expect(types).toEqual([
      { type: 'x', expected: 2, found: 3, correct: 1, precision: 1 / 3, recall: 1 / 2, f1: 2 / 5 },
      { type: 'y', expected: 1, found: 0, correct: 0, precision: 0, recall: 0, f1: 0 },
      { type: 'z', expected: 1, found: 0, correct: 0, precision: 0, recall: 0, f1: 0 },
    ]);
  });

  test('of a tagger that says O are 0, however accurate it is by token', () => {
    const gold = Array.from({ length: 10 }, () => split('O O O O O O O O O B-x'));
    const { f1, precision, recall, tokenAccuracy } = entityScores(
      gold,
      gold.map((tags) => tags.map(() => 'O')),
    );
    expect({ f1, precision, recall, tokenAccuracy }).toEqual({
      f1: 0,
      precision: 0,
      recall: 0,
      tokenAccuracy: 0.9,
    });
  });

  test('need the boundary and the type', () => {
    const scores = (predicted: string) => entityScores([split('O B-x I-x O')], [split(predicted)]).correct;
    expect(
      [
        'O B-x I-x O',
        'O I-x I-x O',
        'O B-x O O',
        'O B-x I-x I-x',
        'B-x I-x I-x O',
        'O B-y I-y O',
        'O B-x B-x O',
      ].map(scores),
    ).toEqual([1, 1, 0, 0, 0, 0, 0]);
  });

  test('are the same in every scheme', () => {
    const bio = split('B-x B-x I-x I-x O');
    const written = ['I-x B-x I-x I-x O', 'S-x B-x I-x E-x O', 'U-x B-x I-x L-x O', 'S-x B-x M-x E-x O'];
    for (const tags of written.map(split)) {
      expect(entityScores([tags], [bio])).toMatchObject({ f1: 1, tokenAccuracy: 1 });
      const sentence = { intent: 'a', tags };
      expect(jointScores([sentence], [{ intent: 'a', tags: bio }]).exactMatch).toBe(1);
    }
  });

  test('count a gold type that training never showed as missed', () => {
    expect(entityScores([split('B-new O')], [split('O O')])).toMatchObject({ expected: 1, recall: 0, f1: 0 });
  });

  test('count what a cut sentence lacks as O, and refuse what cannot be', () => {
    expect(entityScores([split('B-x O B-x')], [split('B-x')])).toMatchObject({
      expected: 2,
      correct: 1,
      found: 1,
    });
    expect(entityScores([], [])).toMatchObject({ f1: 0, tokenAccuracy: 0, types: [] });
    expect(() => entityScores([split('O')], [])).toThrow(
      '[FROND-T030] 1 sentences are to be scored with 0 predictions',
    );
    expect(() => entityScores([split('O')], [split('O O')])).toThrow(
      '[FROND-T030] sentence 1: 2 tags for 1 words',
    );
  });

  const tags = fc.constantFrom('O', 'O', 'B-x', 'I-x', 'B-y', 'I-y', 'B-__proto__');
  const pair = fc.integer({ min: 0, max: 8 }).chain((n) => {
    const line = fc.array(tags, { minLength: n, maxLength: n });
    return fc.tuple(line, line);
  });
  test('obey their laws', () => {
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 5 }), (pairs) => {
        const [gold, predicted] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
        const scores = entityScores(gold, predicted);
        const swapped = entityScores(predicted, gold);
        // exchanging gold and prediction exchanges precision and recall
        expect([swapped.precision, swapped.recall, swapped.f1]).toEqual([
          scores.recall,
          scores.precision,
          scores.f1,
        ]);
        const perfect = entityScores(gold, gold);
        expect(perfect.f1).toBe(perfect.expected === 0 ? 0 : 1);
        expect(perfect.tokenAccuracy).toBe(gold.flat().length === 0 ? 0 : 1);
        const sum = (key: 'expected' | 'found' | 'correct') =>
          scores.types.reduce((total, row) => total + row[key], 0);
        expect([sum('expected'), sum('found'), sum('correct')]).toEqual([
          scores.expected,
          scores.found,
          scores.correct,
        ]);
        expect(scores.correct).toBeLessThanOrEqual(Math.min(scores.expected, scores.found));
      }),
      { seed: 4, numRuns: runs(5000, 300) },
    );
  });
});

/**
 * The published procedure word by word: conlleval walks gold and guess together and keeps whether it is inside a chunk that
 * has begun in both. Its tables of (previous tag, tag) pairs are written out.
 */
function walk(gold: readonly string[], guess: readonly string[]) {
  const ENDS = ['BB', 'BO', 'IB', 'IO'];
  const STARTS = ['BB', 'IB', 'OB', 'OI'];
  const counts = { expected: 0, found: 0, correct: 0 };
  let inside = false;
  let [lastGold, lastGuess] = ['O', 'O'];
  for (let i = 0; i <= gold.length; i++) {
    const [nextGold, nextGuess] = [gold[i] ?? 'O', guess[i] ?? 'O'];
    const pair = (a: string, b: string) => `${a.charAt(0)}${b.charAt(0)}`;
    const typeOf = (tag: string) => tag.slice(2);
    const ends = (a: string, b: string) =>
      ENDS.includes(pair(a, b)) || (a !== 'O' && typeOf(a) !== typeOf(b));
    const starts = (a: string, b: string) =>
      STARTS.includes(pair(a, b)) || (b !== 'O' && typeOf(a) !== typeOf(b));
    const goldEnds = ends(lastGold, nextGold);
    const guessEnds = ends(lastGuess, nextGuess);
    if (inside && goldEnds && guessEnds && typeOf(lastGold) === typeOf(lastGuess)) {
      counts.correct++;
      inside = false;
    } else if (inside && (goldEnds !== guessEnds || typeOf(nextGold) !== typeOf(nextGuess))) {
      inside = false;
    }
    const goldStarts = starts(lastGold, nextGold);
    const guessStarts = starts(lastGuess, nextGuess);
    if (goldStarts && guessStarts && typeOf(nextGold) === typeOf(nextGuess)) inside = true;
    if (goldStarts) counts.expected++;
    if (guessStarts) counts.found++;
    [lastGold, lastGuess] = [nextGold, nextGuess];
  }
  return counts;
}

test('entity scores agree with the walk of conlleval, legal tags or not', () => {
  const tag = fc.constantFrom('O', 'B-x', 'I-x', 'B-y', 'I-y');
  const lines = fc.integer({ min: 1, max: 9 }).chain((n) => {
    const line = fc.array(tag, { minLength: n, maxLength: n });
    return fc.tuple(line, line);
  });
  fc.assert(
    fc.property(lines, ([gold, guess]) => {
      const { expected, found, correct } = entityScores([gold], [guess]);
      expect({ expected, found, correct }).toEqual(walk(gold, guess));
    }),
    { seed: 8, numRuns: runs(50_000, 3000) },
  );
});

describe('class scores', () => {
  test('are counted by hand', () => {
    const scores = classScores(['a', 'a', 'b', 'new'], ['a', 'b', 'b', 'a']);
    expect(scores.accuracy).toBe(0.5);
    expect(scores.confusion).toEqual({
      labels: ['a', 'b', 'new'],
      counts: [
        [1, 1, 0],
        [0, 1, 0],
        [1, 0, 0],
      ],
    });
    // F1: a 2·1/(2+2), b 2·1/(1+2), new 0
    expect(scores.macroF1).toBeCloseTo((1 / 2 + 2 / 3) / 3, 12);
    expect(classScores([], [])).toMatchObject({ accuracy: 0, macroF1: 0, examples: 0 });
    expect(() => confusionMatrix(['a'], [])).toThrow('[FROND-T030]');
  });

  test('of the gold labels themselves are 1, and rows of the matrix count the gold', () => {
    const labels = fc.array(fc.constantFrom('a', 'b', 'c', '__proto__'), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(labels, labels, (gold, other) => {
        expect(classScores(gold, gold)).toMatchObject({ accuracy: 1, macroF1: 1 });
        const guess = gold.map((_, i) => other[i % other.length] ?? 'a');
        const { confusion, accuracy } = classScores(gold, guess);
        confusion.labels.forEach((label, i) => {
          expect(confusion.counts[i]?.reduce((x, y) => x + y)).toBe(gold.filter((g) => g === label).length);
        });
        expect(accuracy).toBe(gold.filter((g, i) => g === guess[i]).length / gold.length);
      }),
      { seed: 5, numRuns: runs(2000, 200) },
    );
  });
});

describe('joint scores', () => {
  const sentence = (intent: string, tags: string) => ({ intent, tags: split(tags) });

  test('count a sentence as matched when intent and every tag are right', () => {
    const gold = [sentence('a', 'O B-x'), sentence('a', 'O B-x'), sentence('b', 'O'), sentence('b', 'O O')];
    const predicted = [
      sentence('a', 'O B-x'),
      sentence('b', 'O B-x'),
      sentence('b', 'B-x'),
      sentence('b', 'O'),
    ];
    const scores = jointScores(gold, predicted);
    expect(scores.exactMatch).toBe(0.5);
    expect(scores.intent.accuracy).toBe(0.75);
    expect(scores.slots).toMatchObject({ expected: 2, found: 3, correct: 2 });
    expect(jointScores(gold, gold).exactMatch).toBe(1);
    expect(jointScores([], []).exactMatch).toBe(0);
  });
});
