import { describe, expect, it } from 'vitest';
import { planSquareNorm } from '../../kernels/squareNorm.ts';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { gaussian } from '../support/arrays.ts';
import { interpreterOf, output, type RunLaunch, runPlans, simulator, unwritten } from '../support/launch.ts';

function run(gradient: TypedArray, rate: TypedArray, precision: Precision, launch?: RunLaunch): number {
  const out = unwritten(1, precision);
  const tensors = { inputs: [], outputs: [out], arenas: { gradient }, tables: { rate } };
  const plans = planSquareNorm({ out: output(0), blocks: 'blocks' });
  runPlans(
    plans,
    { ...tensors, sizes: { blocks: rate.length } },
    precision,
    launch ?? interpreterOf(precision),
  );
  return out[0] as number;
}

const sumOfSquares = (values: Float64Array): number => values.reduce((sum, x) => sum + x * x, 0);

describe('squared norm', () => {
  it.each([1, 3, 16, 17, 1100])('sums the squares of %i blocks', (blocks) => {
    const gradient = gaussian(blocks * 256, 'gradient');
    const rate = new Float64Array(blocks).fill(0.5);
    const expected = sumOfSquares(gradient);
    expect(Math.abs(run(gradient, rate, 'f64') - expected)).toBeLessThan(1e-12 * expected);
    const narrow = run(Float32Array.from(gradient), Float32Array.from(rate), 'f32');
    expect(Math.abs(narrow - expected)).toBeLessThan(1e-6 * expected);
  });

  it('does not look at frozen blocks, and shows what is not finite elsewhere', () => {
    const gradient = gaussian(10 * 256, 'gradient');
    const rate = Float64Array.from({ length: 10 }, (_, i) => (i === 4 ? 0 : 1));
    gradient.fill(Number.NaN, 4 * 256, 5 * 256);
    const seen = gradient.filter((_, i) => Math.floor(i / 256) !== 4);
    const expected = sumOfSquares(seen);
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
