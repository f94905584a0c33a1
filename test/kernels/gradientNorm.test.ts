import { describe, expect, it } from 'vitest';
import {
  journalColumns,
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

function run(gradient: TypedArray, rate: TypedArray, precision: Precision, launch?: RunLaunch): number {
  const out = unwritten(1, precision);
  const tensors = { inputs: [], outputs: [out], arenas: { gradient }, tables: { rate } };
  const plans = planGradientNorm({ out: output(0), blocks: 'blocks' });
  runPlans(
    plans,
    { ...tensors, sizes: { blocks: rate.length } },
    precision,
    launch ?? interpreterOf(precision),
  );
  return out[0] as number;
}

const normOf = (values: Float64Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

describe('gradient norm', () => {
  it.each([1, 3, 16, 17, 1100])('is the norm of %i blocks', (blocks) => {
    const gradient = gaussian(blocks * 256, 'gradient');
    const rate = new Float64Array(blocks).fill(0.5);
    const expected = normOf(gradient);
    expect(Math.abs(run(gradient, rate, 'f64') - expected)).toBeLessThan(1e-12 * expected);
    const narrow = run(Float32Array.from(gradient), Float32Array.from(rate), 'f32');
    expect(Math.abs(narrow - expected)).toBeLessThan(1e-6 * expected);
  });

  it('does not look at frozen blocks, and shows what is not finite elsewhere', () => {
    const gradient = gaussian(10 * 256, 'gradient');
    const rate = Float64Array.from({ length: 10 }, (_, i) => (i === 4 ? 0 : 1));
    gradient.fill(Number.NaN, 4 * 256, 5 * 256);
    const seen = gradient.filter((_, i) => Math.floor(i / 256) !== 4);
    const expected = normOf(seen);
    expect(Math.abs(run(gradient, rate, 'f64') - expected)).toBeLessThan(1e-12 * expected);
    gradient[9 * 256 + 7] = Number.NaN;
    expect(run(gradient, rate, 'f64')).toBeNaN();
    gradient[9 * 256 + 7] = Number.NEGATIVE_INFINITY;
    expect(run(gradient, rate, 'f64')).toBe(Number.POSITIVE_INFINITY);
  });

  it('passes the checker and the simulator', () => {
    run(gaussian(20 * 256, 'gradient'), new Float64Array(20).fill(1), 'f64', (launch, buffers) => {
      expect(checkKernel(launch.kernel)).toEqual([]);
      simulator(launch, buffers);
    });
  });
});

describe('the journal', () => {
  const { first, rows } = journalLayout;
  /** Judges steps of these losses and gradients in turn, with one task's loss beside; gives norms and journal. */
  function judge(steps: readonly (readonly [loss: number, gradient: number])[], launch: RunLaunch) {
    const journal = new Float64Array(journalElements);
    const plans = planGradientNorm({ out: output(0), blocks: 'blocks', losses: [input(0), input(1)] });
    const given = steps.map(([loss, value]) => {
      const out = unwritten(1);
      const gradient = new Float64Array(256).fill(0);
      gradient[3] = value;
      const inputs = [Float64Array.of(loss), Float64Array.of(loss / 2)];
      const arenas = { gradient, journal };
      const tensors = { inputs, outputs: [out], arenas, tables: { rate: Float64Array.of(1) } };
      runPlans(plans, { ...tensors, sizes: { blocks: 1 } }, 'f64', launch);
      return out[0];
    });
    const columns = journalColumns(1);
    const row = (i: number) => [...journal.subarray(first + i * columns, first + (i + 1) * columns)];
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
