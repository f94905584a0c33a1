import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partOf, planCopy, turned, wholeOf } from '../../kernels/copy.ts';
import { gaussian } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import { input, interpreterOf, output, runPlans, simulator, unwritten } from '../support/launch.ts';
import { count, indexOf } from '../support/tensor.ts';
import { asDims, assertLegal, flags, shapes } from './indexing.ts';

describe('strided copies', () => {
  it('transpose any rank by any permutation, with literal and named sizes', () => {
    fc.assert(
      fc.property(shapes(300), fc.integer({ min: 0, max: 1000 }), flags, (shape, seed, named) => {
        const order = shape
          .map((_, i) => i)
          .toSorted((a, b) => (((a + 1) * (seed + 7)) % 11) - (((b + 1) * (seed + 7)) % 11));
        const { dims, sizes } = asDims(shape, named);
        const to = order.map((axis) => dims[axis] ?? 1);
        const regions = { from: turned(input(0), dims, order), to: wholeOf(output(0), to) };
        const plans = planCopy('f32', to, regions);
        assertLegal(plans);
        const x = gaussian(count(shape), 'x');
        const out = unwritten(count(shape));
        runPlans(plans, { inputs: [x], outputs: [out], sizes }, 'f64', simulator);
        const across = order.map((axis) => shape[axis] ?? 1);
        out.forEach((value, flat) => {
          const index = indexOf(flat, across);
          const source = shape.reduce((at, size, axis) => at * size + (index[order.indexOf(axis)] ?? 0), 0);
          expect(value).toBe(x[source]);
        });
      }),
      { seed: 14, numRuns: runs(300, 40) },
    );
  });

  it('move a part into a whole and leave the rest alone', () => {
    fc.assert(
      fc.property(
        fc.tuple(
          fc.integer({ min: 1, max: 6 }),
          fc.integer({ min: 1, max: 70 }),
          fc.integer({ min: 1, max: 9 }),
        ),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 5 }),
        fc.boolean(),
        (part, axis, start, clear) => {
          const whole = part.map((size, i) => (i === axis ? size + start + 2 : size));
          const plans = planCopy('f32', part, {
            from: wholeOf(clear ? undefined : input(0), part),
            to: partOf(output(0), whole, axis, start),
          });
          assertLegal(plans);
          const x = gaussian(count(part), 'x');
          const out = new Float64Array(count(whole)).fill(-7);
          runPlans(plans, { inputs: [x], outputs: [out] }, 'f64', interpreterOf('f64'));
          out.forEach((value, flat) => {
            const index = indexOf(flat, whole);
            const place = (index[axis] ?? 0) - start;
            const inside = place >= 0 && place < (part[axis] ?? 0);
            const at = part.reduce((sum, size, i) => sum * size + (i === axis ? place : (index[i] ?? 0)), 0);
            expect(value).toBe(inside ? (clear ? 0 : x[at]) : -7);
          });
        },
      ),
      { seed: 15, numRuns: runs(300, 40) },
    );
  });

  it('joins what is contiguous on both sides into one vector', () => {
    const shape = ['batch', 'time', 8];
    const regions = { from: wholeOf(input(0), shape), to: wholeOf(output(0), shape) };
    const [plan] = planCopy('f32', shape, regions);
    expect(plan?.grid).toEqual([{ size: '8*batch*time', per: 1024 }]);
    expect(plan?.scalars).toEqual({ columns: '8*batch*time' });
  });
});
