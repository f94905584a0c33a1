import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { align, type Lifetime, planMemory } from '../../src/runtime/memoryPlan.ts';
import { runs } from '../support/counts.ts';

const lifetimes = fc
  .array(fc.tuple(fc.nat(3000), fc.nat(40), fc.nat(12)), { maxLength: 60 })
  .map((rows) =>
    rows.map(([words, from, life], key): Lifetime<number> => ({ key, words, from, to: from + life })),
  );

const together = (x: Lifetime<number>, y: Lifetime<number>): boolean => x.from <= y.to && y.from <= x.to;

/** Words that must exist at once, whatever the plan. */
const needed = (list: readonly Lifetime<number>[]): number =>
  Math.max(
    0,
    ...list.map(({ from }) =>
      list
        .filter((one) => one.from <= from && from <= one.to)
        .reduce((sum, { words }) => sum + align(words), 0),
    ),
  );

/** As a training step has them: most results die soon, every fourth is kept for the way back. */
const stepOf = (count: number): Lifetime<number>[] =>
  Array.from({ length: count }, (_, key) => ({
    key,
    words: 64 * (1 + ((key * 7919) % 97)),
    from: key,
    to: key % 4 === 0 && key < count / 2 ? count - key : key + (key % 3),
  }));

describe('planMemory', () => {
  it('never lets tensors that live together share a word', () => {
    fc.assert(
      fc.property(lifetimes, fc.constantFrom(undefined, 3072), (list, chunk) => {
        const { offsets, words, unshared } = planMemory(list, chunk);
        const start = ({ key }: Lifetime<number>): number => offsets.get(key) ?? Number.NaN;
        for (const one of list) {
          expect(start(one) % 64).toBe(0);
          expect(start(one) + one.words).toBeLessThanOrEqual(words);
          const room = chunk === undefined ? Number.POSITIVE_INFINITY : chunk - (start(one) % chunk);
          expect(align(one.words)).toBeLessThanOrEqual(room);
          for (const other of list) {
            if (other.key <= one.key || !together(one, other)) continue;
            const apart =
              start(one) + align(one.words) <= start(other) ||
              start(other) + align(other.words) <= start(one);
            expect(apart, `${one.key} and ${other.key}`).toBe(true);
          }
        }
        expect(unshared).toBe(list.reduce((sum, one) => sum + align(one.words), 0));
        if (chunk === undefined) expect(words).toBeLessThanOrEqual(unshared);
        expect(words).toBeGreaterThanOrEqual(needed(list));
      }),
      { seed: 4, numRuns: runs(2000, 200) },
    );
  });

  it('gives memory again once its tensor is dead, and not in the same step', () => {
    const chain = (gap: number) =>
      planMemory([0, 1, 2, 3].map((key) => ({ key, words: 64, from: key * gap, to: key * gap + 1 }))).words;
    expect(chain(2)).toBe(64);
    expect(chain(1)).toBe(128);
  });

  it('has no words without tensors, and a place for one without elements', () => {
    expect(planMemory([])).toEqual({ offsets: new Map(), words: 0, unshared: 0 });
    expect(planMemory([{ key: 'x', words: 0, from: 0, to: 3 }]).words).toBe(64);
  });

  it('plans a step of a thousand tensors near the least memory', () => {
    const small = stepOf(1000);
    expect(planMemory(small).words).toBeLessThan(1.35 * needed(small));
  });
});
