import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planGather, planGatherGradient } from '../../kernels/gather.ts';
import type { Dim } from '../../src/base/dim.ts';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { expectClose, gaussian } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import {
  input,
  interpreterOf,
  output,
  type RunLaunch,
  runPlans,
  simulator,
  unwritten,
} from '../support/launch.ts';

interface Lookup {
  readonly ids: Int32Array;
  readonly width: number;
  readonly vocabulary: number;
}

const interpreters = { f32: interpreterOf('f32'), f64: interpreterOf('f64') };

function gather({ ids, width, vocabulary }: Lookup, table: Float64Array, fixed: boolean, run: RunLaunch) {
  const out = unwritten(ids.length * width);
  const dims: { count: Dim; width: Dim } = fixed
    ? { count: ids.length, width }
    : { count: 'count', width: 'width' };
  const plans = planGather({ table: input(0), ids: input(1), out: output(0), ...dims });
  const sizes = { count: ids.length, width, vocabulary };
  runPlans(plans, { inputs: [table, ids], outputs: [out], sizes }, 'f64', run);
  return out;
}

function gradient(
  { ids, width, vocabulary }: Lookup,
  dout: TypedArray,
  precision: Precision,
  run: RunLaunch = interpreters[precision],
): TypedArray {
  const dtable = unwritten(vocabulary * width, precision);
  const plans = planGatherGradient({
    ids: input(0),
    dout: input(1),
    dtable: output(0),
    count: 'count',
    width,
    vocabulary: 'vocabulary',
  });
  const sizes = { count: ids.length, vocabulary };
  runPlans(plans, { inputs: [ids, dout], outputs: [dtable], sizes }, precision, run);
  return dtable;
}

/** Rows added one after another, in order of position. */
function expectedGradient({ ids, width, vocabulary }: Lookup, dout: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(vocabulary * width);
  ids.forEach((id, i) => {
    for (let c = 0; c < width; c++) {
      sums[id * width + c] = (sums[id * width + c] as number) + (dout[i * width + c] as number);
    }
  });
  return sums;
}

const lookups: fc.Arbitrary<Lookup> = fc
  .record({
    vocabulary: fc.oneof(fc.constant(1), fc.constant(2), fc.integer({ min: 1, max: 500 })),
    width: fc.integer({ min: 1, max: 20 }),
    seed: fc.array(fc.nat(1e6), { maxLength: 300 }),
  })
  .map(({ vocabulary, width, seed }) => ({
    vocabulary,
    width,
    ids: Int32Array.from(seed, (x) => x % vocabulary),
  }));

describe('gather', () => {
  it('copies the rows that ids name', () => {
    const property = fc.property(lookups, fc.boolean(), (lookup, fixed) => {
      const { ids, width, vocabulary } = lookup;
      const table = gaussian(vocabulary * width, 'table');
      const rows = Array.from(ids, (id) => [...table.subarray(id * width, (id + 1) * width)]).flat();
      expect([...gather(lookup, table, fixed, interpreters.f64)]).toEqual(rows);
    });
    fc.assert(property, { seed: 31, numRuns: runs(500, 60) });
  });

  it('takes wide rows in several blocks', () => {
    const lookup = { ids: Int32Array.of(2, 0, 2), width: 700, vocabulary: 3 };
    const table = gaussian(2100, 'wide');
    const out = gather(lookup, table, true, interpreters.f64);
    expect([...out.subarray(700, 1400)]).toEqual([...table.subarray(0, 700)]);
    expect([...out.subarray(1400)]).toEqual([...table.subarray(1400)]);
  });
});

describe('gradient of gather', () => {
  it('adds up the rows of each id, and is zero elsewhere', () => {
    const property = fc.property(lookups, (lookup) => {
      const dout = gaussian(lookup.ids.length * lookup.width, 'dout');
      expectClose(gradient(lookup, dout, 'f64'), expectedGradient(lookup, dout));
    });
    fc.assert(property, { seed: 32, numRuns: runs(500, 60) });
  });

  it('adds in an order that depends on nothing but the ids', () => {
    const ids = Int32Array.from({ length: 1000 }, (_, i) => (i * i) % 7);
    const lookup = { ids, width: 300, vocabulary: 7 };
    const dout = Float32Array.from(gaussian(300_000, 'dout'));
    const [once, again] = [gradient(lookup, dout, 'f32'), gradient(lookup, dout, 'f32')];
    expect(again).toEqual(once);
    expectClose(once, expectedGradient(lookup, dout), { absolute: 1e-4, relative: 1e-5 });
  });

  it('costs no more for a larger table than the zeros do', () => {
    const ids = Int32Array.from({ length: 200 }, (_, i) => (i * 37) % 90);
    const count = (vocabulary: number): number => {
      let programs = 0;
      const counting: RunLaunch = (launch, buffers) => {
        if (launch.kernel.name !== 'gatherZero') programs += launch.grid.reduce((x, y) => x * y, 1);
        interpreters.f64(launch, buffers);
      };
      gradient({ ids, width: 8, vocabulary }, gaussian(1600, 'dout'), 'f64', counting);
      return programs;
    };
    expect(count(1000)).toBe(count(100));
  });

  it('passes the checker, and each element has one writer', () => {
    const ids = Int32Array.from({ length: 150 }, (_, i) => (i * 11) % 13);
    const lookup = { ids, width: 5, vocabulary: 20 };
    const dout = gaussian(750, 'dout');
    const checked: RunLaunch = (launch, buffers) => {
      expect(checkKernel(launch.kernel)).toEqual([]);
      simulator(launch, buffers);
    };
    expectClose(gradient(lookup, dout, 'f64', checked), expectedGradient(lookup, dout));
    gather(lookup, gaussian(100, 'table'), false, checked);
  });
});
