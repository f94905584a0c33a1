import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchesPerEpoch, lengthsOf, planBatches } from '../../src/palm/batches.ts';
import { checkBatch } from '../../src/palm/contractCheck.ts';
import { partOf } from '../../src/palm/parts.ts';
import { jointReaderOf } from '../../src/palm/reader/joint.ts';
import { runs } from '../support/counts.ts';

const sizes = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 70 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  seed: fc.option(fc.nat(), { nil: undefined }),
  pool: fc.integer({ min: 1, max: 4 }),
});

describe('the batches of an epoch', () => {
  test('hold every example once, padded to the next multiple of 4', () => {
    fc.assert(
      fc.property(sizes, ({ lengths, batchSize, seed, pool }) => {
        const shuffle = seed === undefined ? undefined : { seed, name: 'train', epoch: 3 };
        const plan = [...planBatches({ lengths, batchSize, shuffle, pool })];
        expect(plan).toHaveLength(batchesPerEpoch(lengths.length, batchSize));
        expect(plan.flatMap(({ rows }) => rows).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        expect(plan.filter(({ rows }) => rows.length < batchSize).length).toBeLessThanOrEqual(1);
        for (const { rows, time } of plan) {
          const longest = Math.max(...rows.map((row) => lengths[row] ?? 0));
          expect(time % 4).toBe(0);
          expect(time - longest).toBeGreaterThanOrEqual(0);
          expect(time - longest).toBeLessThan(4);
        }
      }),
      { seed: 6, numRuns: runs(3000, 200) },
    );
  });

  test('keep the last one when batches fill up exactly', () => {
    const lengths = new Array(16).fill(5);
    expect([...planBatches({ lengths, batchSize: 8 })].map(({ rows }) => rows.length)).toEqual([8, 8]);
    expect([...planBatches({ lengths, batchSize: 16 })]).toHaveLength(1);
    expect([...planBatches({ lengths, batchSize: 32 })].map(({ rows }) => rows.length)).toEqual([16]);
    expect([...planBatches({ lengths: [], batchSize: 4 })]).toEqual([]);
  });

  test('are the same for the same key, and differ by epoch, seed and name', () => {
    const lengths = Array.from({ length: 60 }, (_, i) => (i * 7) % 20);
    const plan = (seed: number, name: string, epoch: number) =>
      JSON.stringify([...planBatches({ lengths, batchSize: 4, shuffle: { seed, name, epoch } })]);
    expect(plan(1, 'a', 0)).toBe(plan(1, 'a', 0));
    expect(new Set([plan(1, 'a', 0), plan(2, 'a', 0), plan(1, 'b', 0), plan(1, 'a', 1)]).size).toBe(4);
  });

  test('waste little on padding', () => {
    const lengths = Array.from({ length: 640 }, (_, i) => 4 + ((i * 2654435761) % 29));
    const words = lengths.reduce((x, y) => x + y, 0);
    const padded = (pool: number) =>
      [...planBatches({ lengths, batchSize: 32, pool, shuffle: { seed: 1, name: 'a', epoch: 0 } })].reduce(
        (sum, { rows, time }) => sum + rows.length * time,
        0,
      );
    expect(padded(16) / words).toBeLessThan(1.2);
    expect(padded(1) / words).toBeGreaterThan(1.5);
  });
});

describe('packed batches of a reader', () => {
  const train = Array.from({ length: 21 }, (_, i) => ({
    words: Array.from({ length: 1 + ((i * 5) % 13) }, (_, j) => `w${(i + j) % 9}`),
    tags: Array.from({ length: 1 + ((i * 5) % 13) }, (_, j) => (j === 0 ? 'B-x' : 'O')),
    intent: `intent${i % 3}`,
  }));
  const reader = jointReaderOf({ train });
  const plan = (epoch: number, seed?: number) => {
    const shuffle = seed === undefined ? undefined : { seed, name: 'joint/train', epoch };
    return [
      ...planBatches({ lengths: lengthsOf(reader, partOf(train, reader.length)), batchSize: 4, shuffle }),
    ];
  };

  test('of a run that resumes in the middle of an epoch are the very same', () => {
    expect(plan(0, 7)).toHaveLength(6);
    expect(plan(0, 7)).toEqual(plan(0, 7));
    expect(plan(1, 7)).not.toEqual(plan(0, 7));
    expect(plan(1)).toEqual(plan(0));
  });

  test('have the declared shapes and one weight per example', () => {
    for (const { rows, time } of plan(0, 7)) {
      const examples = rows.flatMap((row) => train[row] ?? []);
      const tensors = reader.pack(examples, { batch: 4, time });
      expect(checkBatch(reader, tensors)).toEqual({ batch: 4, time });
      expect([...tensors.weights.data].reduce((x, y) => x + y, 0)).toBe(rows.length);
      expect([...tensors.lengths.data].slice(0, rows.length)).toEqual(
        examples.map(({ words }) => words.length),
      );
    }
    expect(() => reader.pack(train, { batch: 4, time: 16 })).toThrow(
      '[FROND-D013] 21 examples do not fit a batch of 4',
    );
  });

  test('come in order of length without a seed', () => {
    const padded = plan(0).flatMap(({ rows }) =>
      rows.map((row) => Math.ceil((train[row]?.words.length ?? 0) / 4)),
    );
    expect(padded).toEqual([...padded].sort((a, b) => a - b));
  });
});
