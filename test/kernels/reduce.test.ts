import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planArgmax, planReduce } from '../../kernels/reduce.ts';
import { expectClose, gaussian } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import { input, output, runPlans, simulator, unwritten } from '../support/launch.ts';
import { count, indexOf } from '../support/tensor.ts';
import { asDims, assertLegal, flags, shapes } from './indexing.ts';

function naive(
  combine: 'sum' | 'max',
  x: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
): number[] {
  const kept = shape.filter((_, i) => !axes.includes(i));
  const start = combine === 'sum' ? 0 : Number.NEGATIVE_INFINITY;
  const out = Array<number>(count(kept)).fill(start);
  Array.from(x).forEach((value, flat) => {
    const index = indexOf(flat, shape).filter((_, i) => !axes.includes(i));
    const at = index.reduce((sum, i, j) => sum * (kept[j] ?? 1) + i, 0);
    const before = out[at] ?? start;
    out[at] = combine === 'sum' ? before + value : Math.max(before, value);
  });
  return out;
}

describe('reductions', () => {
  it.each(['sum', 'max'] as const)('%s over any axes, with literal and named sizes', (combine) => {
    fc.assert(
      fc.property(shapes(900), flags, flags, (shape, chosen, named) => {
        const axes = shape.flatMap((_, i) => (chosen[i % chosen.length] ? [i] : []));
        const { dims, sizes } = asDims(shape, named);
        const x = gaussian(count(shape), 'x');
        const wanted = naive(combine, x, shape, axes);
        const operand = { slot: input(0), shape: dims, dtype: 'f32' } as const;
        const plans = planReduce(combine, operand, axes, output(0));
        assertLegal(plans);
        const out = unwritten(wanted.length);
        runPlans(plans, { inputs: [x], outputs: [out], sizes }, 'f64', simulator);
        expectClose(out, wanted);
      }),
      { seed: 12, numRuns: runs(300, 40) },
    );
  });

  it('splits what has no outer dimension into partial results and combines them', () => {
    const [rows, columns] = [1000, 70];
    const x = gaussian(rows * columns, 'x');
    const operand = { slot: input(0), shape: ['rows', 70], dtype: 'f32' } as const;
    for (const axes of [[0], [0, 1]]) {
      const plans = planReduce('sum', operand, axes, output(0));
      assertLegal(plans);
      expect(plans.length).toBe(2);
      const wanted = naive('sum', x, [rows, columns], axes);
      const out = unwritten(wanted.length);
      runPlans(plans, { inputs: [x], outputs: [out], sizes: { rows } }, 'f64', simulator);
      expectClose(out, wanted);
    }
  });

  it('gives 0 for an empty sum', () => {
    const shape = ['rows', 3] as const;
    const plans = planReduce('sum', { slot: input(0), shape, dtype: 'f32' }, [0], output(0));
    const out = unwritten(3);
    runPlans(plans, { inputs: [new Float64Array(0)], outputs: [out], sizes: { rows: 0 } });
    expect([...out]).toEqual([0, 0, 0]);
  });

  it('finds the first largest element of each row', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 150 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (rows, columns, levels, named) => {
          // few levels, so that ties are common
          const x = gaussian(rows * columns, 'x').map((value) => Math.round(value * levels));
          const plans = planArgmax('f32', {
            x: input(0),
            out: output(0),
            outer: 'rows',
            reduced: named ? 'columns' : columns,
          });
          assertLegal(plans);
          const out = new Int32Array(rows).fill(-1);
          runPlans(plans, { inputs: [x], outputs: [out], sizes: { rows, columns } }, 'f64', simulator);
          out.forEach((found, r) => {
            const row = Array.from(x.subarray(r * columns, (r + 1) * columns));
            expect(found).toBe(row.indexOf(Math.max(...row)));
          });
        },
      ),
      { seed: 13, numRuns: runs(300, 30) },
    );
  });
});
