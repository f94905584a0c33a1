import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planElementwise } from '../../kernels/elementwise.ts';
import { defined } from '../../src/base/errors.ts';
import { threefry } from '../../src/base/random.ts';
import { gaussian } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import { input, output, runPlans, simulator, unwritten } from '../support/launch.ts';
import { count, get, indexOf } from '../support/tensor.ts';
import { asDims, assertLegal, flags, shapes } from './indexing.ts';

/** A shape that broadcasts to `shape`: leading dims dropped, others set to 1. */
const narrower = (shape: readonly number[], dropped: number, ones: readonly boolean[]): number[] =>
  shape.slice(Math.min(dropped, shape.length)).map((size, i) => (ones[i % ones.length] ? 1 : size));

describe('element-wise kernels', () => {
  it('broadcast operands over any rank, with literal and named sizes', () => {
    fc.assert(
      fc.property(
        shapes(300),
        fc.integer({ min: 0, max: 5 }),
        flags,
        flags,
        flags,
        (shape, dropped, ones, more, named) => {
          const [xShape, yShape] = [narrower(shape, 0, ones), narrower(shape, dropped, more)];
          const { dims, sizes } = asDims(shape, named);
          const asNamed = (own: readonly number[]) =>
            own.map((size, i) => (size === 1 ? 1 : defined(dims[i + dims.length - own.length], 'dim')));
          const [x, y] = [gaussian(count(xShape), 'x'), gaussian(count(yShape), 'y')];
          const plans = planElementwise({
            key: 'x - 2 y',
            inputs: [
              { slot: input(0), shape: asNamed(xShape), dtype: 'f32' },
              { slot: input(1), shape: asNamed(yShape), dtype: 'f32' },
            ],
            results: [{ slot: output(0), shape: dims, dtype: 'f32' }],
            apply: (k, [a, b]) => k.sub(defined(a, 'x'), k.mul(defined(b, 'y'), 2)),
          });
          assertLegal(plans);
          const out = unwritten(count(shape));
          runPlans(plans, { inputs: [x, y], outputs: [out], sizes }, 'f64', simulator);
          out.forEach((value, flat) => {
            const index = indexOf(flat, shape);
            expect(value).toBe(
              get({ shape: xShape, data: x }, index) - 2 * get({ shape: yShape, data: y }, index),
            );
          });
        },
      ),
      { seed: 11, numRuns: runs(300, 40) },
    );
  });

  it('give the logical index of each element, whatever the tiles', () => {
    const key = Uint32Array.of(7, 9);
    for (const [shape, other] of [
      [[1030], [1030]],
      [
        [3, 5, 7],
        [5, 1],
      ],
      [
        [2, 3, 2, 5],
        [3, 1, 5],
      ],
      [[9, 130], [130]],
    ] as const) {
      const plans = planElementwise({
        key: 'index',
        inputs: [
          { slot: input(0), shape: other, dtype: 'f32' },
          { slot: input(1), shape: [], dtype: 'u32' },
        ],
        results: [{ slot: output(0), shape, dtype: 'f32' }],
        scalars: { step: ['f32', 0.5] },
        apply: (k, [x], { index, element, scalar }) => {
          const draw = k.random([element(1, 0), element(1, 1)], [index(), 0], 0);
          const unit = k.cast(k.map('shiftRight', draw, 8), 'f32');
          return k.add(k.mul(unit, scalar('step')), k.mul(defined(x, 'x'), 0));
        },
      });
      assertLegal(plans);
      const out = unwritten(count(shape));
      const inputs = [new Float64Array(count(other)), key];
      runPlans(plans, { inputs, outputs: [out] }, 'f64', simulator);
      out.forEach((value, i) => {
        expect(value).toBe((threefry(7, 9, i, 0)[0] >>> 8) * 0.5);
      });
    }
  });

  it('keep bools as 0 and 1 in u32 memory, and widen what has fewer axes than the result', () => {
    const plans = planElementwise({
      key: 'not',
      inputs: [{ slot: input(0), shape: [3, 1], dtype: 'bool' }],
      results: [{ slot: output(0), shape: [3, 4], dtype: 'bool' }],
      apply: (k, [x]) => k.not(defined(x, 'x')),
    });
    assertLegal(plans);
    const out = new Uint32Array(12).fill(9);
    // anything but 0 is true
    runPlans(plans, { inputs: [Uint32Array.of(0, 1, 5)], outputs: [out] }, 'f64', simulator);
    expect([...out]).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('have one text for all sizes of one structure', () => {
    const plan = (rows: number) =>
      planElementwise({
        key: 'same',
        inputs: [{ slot: input(0), shape: [rows, 64], dtype: 'f32' }],
        results: [{ slot: output(0), shape: [rows, 64], dtype: 'f32' }],
        apply: (_k, [x]) => defined(x, 'x'),
      })[0]?.kernel;
    expect(plan(100)).toBe(plan(2000));
  });
});
