import { describe, expect, it } from 'vitest';
import { planAccumulate } from '../../kernels/accumulate.ts';
import {
  groupColumns,
  groupLayout,
  journalElements,
  journalLayout,
  norms,
  planGradientNorm,
} from '../../kernels/gradientNorm.ts';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { gaussian } from '../support/arrays.ts';
import {
  input,
  interpreterOf,
  output,
  type RunLaunch,
  runPlans,
  simulator,
  unwritten,
} from '../support/launch.ts';

/** A table of two groups, of which the second is not active. */
const groups = (precision: Precision): TypedArray => {
  const rows = precision === 'f64' ? new Float64Array(2 * groupColumns) : new Float32Array(2 * groupColumns);
  rows[groupLayout.active] = 1;
  return rows;
};

/** `group`: the row of each block */
function run(gradient: TypedArray, group: Int32Array, precision: Precision, launch?: RunLaunch): number {
  const out = unwritten(1, precision);
  const journal = precision === 'f64' ? new Float64Array(journalElements) : new Float32Array(journalElements);
  const tensors = {
    inputs: [groups(precision)],
    outputs: [out],
    arenas: { gradient, journal },
    tables: { group },
  };
  const plans = planGradientNorm({ groups: input(0), out: output(0), arena: 'gradient', blocks: 'blocks' });
  runPlans(
    plans,
    { ...tensors, sizes: { blocks: group.length } },
    precision,
    launch ?? interpreterOf(precision),
  );
  return out[0] as number;
}

const normOf = (values: Float64Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

describe('gradient norm', () => {
  it.each([1, 3, 16, 17, 1100])('is the norm of %i blocks', (blocks) => {
    const gradient = gaussian(blocks * 256, 'gradient');
    const group = new Int32Array(blocks);
    const expected = normOf(gradient);
    expect(Math.abs(run(gradient, group, 'f64') - expected)).toBeLessThan(1e-12 * expected);
    const narrow = run(Float32Array.from(gradient), group, 'f32');
    expect(Math.abs(narrow - expected)).toBeLessThan(1e-6 * expected);
  });

  it('does not look at frozen blocks, and shows what is not finite elsewhere', () => {
    const gradient = gaussian(10 * 256, 'gradient');
    // block 4 is of a group that is not active, block 6 of none
    const group = Int32Array.from({ length: 10 }, (_, i) => (i === 4 ? 1 : i === 6 ? -1 : 0));
    for (const block of [4, 6]) gradient.fill(Number.NaN, block * 256, (block + 1) * 256);
    const seen = gradient.filter((_, i) => ![4, 6].includes(Math.floor(i / 256)));
    const expected = normOf(seen);
    expect(Math.abs(run(gradient, group, 'f64') - expected)).toBeLessThan(1e-12 * expected);
    gradient[9 * 256 + 7] = Number.NaN;
    expect(run(gradient, group, 'f64')).toBeNaN();
    gradient[9 * 256 + 7] = Number.NEGATIVE_INFINITY;
    expect(run(gradient, group, 'f64')).toBe(Number.POSITIVE_INFINITY);
  });

  it('passes the checker and the simulator', () => {
    run(gaussian(20 * 256, 'gradient'), new Int32Array(20), 'f64', (launch, buffers) => {
      expect(checkKernel(launch.kernel)).toEqual([]);
      simulator(launch, buffers);
    });
  });
});

describe('the journal', () => {
  const { columns, first, rows, pending } = journalLayout;
  type Loss = readonly [loss: number, share: number];
  /** Judges steps of one batch or several, of these losses and gradients in turn, with one task's loss beside; gives norms and journal. */
  function judge(
    steps: readonly (readonly [batches: number | readonly Loss[], gradient: number])[],
    launch: RunLaunch,
  ) {
    const journal = new Float64Array(journalElements);
    const at = { blocks: 'blocks' } as const;
    const arenas = { gradient: 'gradient', batch: undefined };
    const note = planAccumulate({ shares: input(0), losses: [input(1), input(2)], arenas, ...at });
    const plans = planGradientNorm({ groups: input(0), out: output(0), arena: 'gradient', ...at });
    const sizes = { blocks: 1 };
    const given = steps.map(([batches, value]) => {
      const out = unwritten(1);
      const gradient = new Float64Array(256).fill(0);
      gradient[3] = value;
      const given: readonly Loss[] = typeof batches === 'number' ? [[batches, 1]] : batches;
      given.forEach(([loss, share], i) => {
        const inputs = [[i === 0 ? 0 : 1, share], [loss], [loss / 2]].map((one) => Float64Array.from(one));
        runPlans(note, { inputs, outputs: [], arenas: { journal }, sizes }, 'f64', launch);
      });
      const tensors = { inputs: [groups('f64')], outputs: [out], arenas: { gradient, journal } };
      runPlans(plans, { ...tensors, tables: { group: new Int32Array(1) }, sizes }, 'f64', launch);
      return out[0];
    });
    const row = (i: number) => [...journal.subarray((first + i) * columns, (first + i) * columns + 4)];
    return { given, row, head: [...journal.subarray(0, 2)] };
  }

  it('notes each step in its row, and uses the rows in turn', () => {
    const steps = Array.from({ length: rows + 3 }, (_, i) => [i, 2] as const);
    const { given, row, head } = judge(steps, interpreterOf('f64'));
    expect(new Set(given)).toEqual(new Set([2]));
    expect(head).toEqual([0, 3]);
    expect(row(2)).toEqual([rows + 2, 2, 0, (rows + 2) / 2]);
    expect(row(3)).toEqual([3, 2, 0, 1.5]);
    expect(row(rows - 1)).toEqual([rows - 1, 2, 0, (rows - 1) / 2]);
  });

  it('adds up what the batches of a step noted, of each task by its share', () => {
    const batches = [
      [0.5, 0.25],
      [2, 0.75],
    ] as const;
    const { row } = judge(
      [
        [[[7, 1]], 1],
        [batches, 3],
        [4, 1],
      ],
      simulator,
    );
    expect(row(1)).toEqual([2.5, 3, 0, 0.25 * 0.25 + 0.75 * 1]);
    expect(row(2)).toEqual([4, 1, 0, 2]);
    expect(pending).toBeLessThan(first);
  });

  it('adds the gradients of a batch to those that are kept, and looks at no others', () => {
    for (const [kept, before, wanted] of [
      [1, 2, 5],
      [0, Number.NaN, 3],
    ] as const) {
      const [gradient, batch] = [new Float64Array(512).fill(before), new Float64Array(512).fill(3)];
      const plans = planAccumulate({
        ...{ shares: input(0), losses: [], blocks: 'blocks' },
        arenas: { gradient: 'sum', batch: 'sum.batch' },
      });
      const arenas = { sum: gradient, 'sum.batch': batch };
      runPlans(
        plans,
        { inputs: [Float64Array.of(kept)], outputs: [], arenas, sizes: { blocks: 2 } },
        'f64',
        simulator,
      );
      expect(new Set(gradient)).toEqual(new Set([wanted]));
    }
  });

  it.each([
    ['loss', [Number.NaN, 1]],
    ['loss', [Number.NEGATIVE_INFINITY, 1]],
    ['gradient', [1, Number.NaN]],
    ['gradient', [1, Number.POSITIVE_INFINITY]],
    ['gradient', [1, Math.sqrt(3.1e38)]],
  ] as const)('stops all updates from a %s on that is not finite: %j', (_, broken) => {
    const { given, row, head } = judge([[1, 2], broken, [3, 2], [4, 2]], simulator);
    expect(head).toEqual([1, 4]);
    expect(given[0]).toBe(2);
    expect(given.slice(2)).toEqual([norms.stopped, norms.stopped]);
    expect([0, 1, 2, 3].map((i) => row(i)[2])).toEqual([0, 1, 0, 0]);
    expect([0, 2, 3].map((i) => row(i)[0])).toEqual([1, 3, 4]);
  });
});
