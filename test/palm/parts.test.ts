import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawOf, partOf } from '../../src/palm/parts.ts';
import { runs } from '../support/counts.ts';

const words = (text: string): number => text.split(' ').length;

describe('a part of examples in memory', () => {
  it('reads rows in the order that is asked for, and asks once for each length', async () => {
    let asked = 0;
    const part = partOf(['a', 'b c', 'd e f'], (text) => {
      asked++;
      return words(text);
    });
    expect([part.size, asked]).toEqual([3, 0]);
    expect(await part.read([2, 0, 2])).toEqual(['d e f', 'a', 'd e f']);
    expect([part.lengthOf(2), part.lengthOf(1), part.lengthOf(2)]).toEqual([3, 2, 3]);
    expect(asked).toBe(2);
    expect(() => part.lengthOf(3)).toThrow(
      '[FROND-D015] there is no row 3 in a part of 3 examples\n  hint: rows count from 0',
    );
    await expect(part.read([-1])).rejects.toThrow('[FROND-D015] there is no row -1');
  });

  it('has a digest of its examples and their order, wherever they were read', () => {
    const digest = (examples: readonly unknown[]): string => partOf(examples, () => 1).digest;
    const examples = [{ words: ['a', 'b'] }, 'text', 3, ['x']];
    expect(digest(examples)).toMatch(/^[0-9a-f]{64}$/);
    expect(digest(structuredClone(examples))).toBe(digest(examples));
    expect(digest([{ words: ['a', 'b'], file: 'train', line: 4 }, 'text', 3, ['x']])).toBe(digest(examples));
    const others = [
      [],
      [...examples].reverse(),
      examples.slice(1),
      [{ words: ['a b'] }, ...examples.slice(1)],
    ];
    expect(new Set([examples, ...others].map(digest)).size).toBe(5);
    // more than a page
    const many = Array.from({ length: 9000 }, (_, i) => `example ${i}`);
    expect(digest(many)).not.toBe(digest([...many.slice(0, -1), 'example']));
    expect(() => digest([{ size: 3n }])).toThrow('[FROND-D020] example 0 cannot be written as JSON');
  });
});

describe('the numbers that packing draws', () => {
  const options = fc.record({ seed: fc.nat(), epoch: fc.nat(1000), name: fc.constantFrom('a', 'joint') });
  const stream = fc.constantFrom('mask', 'word');

  it('are those of the row in any batch, of any size and order', () => {
    fc.assert(
      fc.property(
        options,
        stream,
        fc.uniqueArray(fc.nat(2 ** 32 - 1), { minLength: 1, maxLength: 40 }),
        fc.nat(4096),
        fc.integer({ min: 1, max: 40 }),
        (given, what, rows, index, size) => {
          const alone = rows.map((row) => drawOf(given, [row]).uniform(what, 0, index));
          const batches = rows.flatMap((_, i) => (i % size === 0 ? [rows.slice(i, i + size)] : []));
          const inBatches = batches.flatMap((batch) => {
            const draw = drawOf(given, batch);
            // other numbers between them change nothing
            return batch.map((_, i) => draw.uniform('else', i, 7) * 0 + draw.uniform(what, i, index));
          });
          expect(inBatches).toEqual(alone);
          const backwards = [...rows].reverse();
          const turned = backwards.map((_, i) => drawOf(given, backwards).uniform(what, i, index));
          expect(turned.reverse()).toEqual(alone);
          for (const drawn of alone) expect(drawn >= 0 && drawn < 1).toBe(true);
        },
      ),
      { seed: 3, numRuns: runs(2000, 200) },
    );
  });

  it('differ by seed, reader, epoch, stream, row and index, and are spread evenly', () => {
    const at = (change: object, what = 'mask', row = 5, index = 2): number =>
      drawOf({ seed: 1, name: 'a', epoch: 0, ...change }, [row]).uniform(what, 0, index);
    const drawn = [at({}), at({ seed: 2 }), at({ name: 'b' }), at({ epoch: 1 }), at({}, 'word')];
    expect(new Set([...drawn, at({}, 'mask', 6), at({}, 'mask', 5, 3)]).size).toBe(7);
    const draw = drawOf({ seed: 9, name: 'a', epoch: 3 });
    const counts = new Array(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[Math.floor(10 * draw.uniform('mask', i % 400, i >> 8))]++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});
