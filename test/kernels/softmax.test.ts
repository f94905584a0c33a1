import { describe, expect, it } from 'vitest';
import { planSoftmax, planSoftmaxGradient } from '../../kernels/softmax.ts';
import type { Dim } from '../../src/base/dim.ts';
import { DIFFERENCES, differences, expectClose, gaussian, inner } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import { input, output, runPlans, unwritten } from '../support/launch.ts';

function naive(x: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const y = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const row = Array.from({ length: columns }, (_, c) => x[r * columns + c] as number);
    const largest = Math.max(...row);
    const total = row.reduce((sum, value) => sum + Math.exp(value - largest), 0);
    row.forEach((value, c) => {
      y[r * columns + c] = Math.exp(value - largest) / total;
    });
  }
  return y;
}

function softmax(x: Float64Array, rows: number, columns: number, dims: readonly [Dim, Dim]): Float64Array {
  const out = unwritten(rows * columns) as Float64Array;
  const plans = planSoftmax({ x: input(0), out: output(0), rows: dims[0], columns: dims[1] });
  runPlans(plans, { inputs: [x], outputs: [out], sizes: { rows, columns } });
  return out;
}

/** rows, columns; then the dims as the plan sees them: static rows are held whole up to 256, symbolic ones are looped */
const cases: [number, number, Dim, Dim][] = [
  [5, 64, 5, 64],
  [7, 37, 'rows', 37],
  [3, 1, 'rows', 1],
  [18, 256, 'rows', 256],
  [5, 257, 'rows', 257],
  [17, 150, 'rows', 'columns'],
  [2, 5, 'rows', 'columns'],
  [4, 128, 4, 'columns'],
];

describe('softmax', () => {
  it.each(cases)('of [%i, %i] planned as [%s, %s] agrees with the definition', (rows, columns, ...dims) => {
    const x = gaussian(rows * columns, 'x', 5);
    expectClose(softmax(x, rows, columns, dims), naive(x, rows, columns));
  });

  it.each([3, 4, 300])('of %i scores below all that stands for −∞ agrees with the definition', (columns) => {
    const x = Float64Array.from({ length: columns }, (_, c) => (c % 2 ? -3e38 : -2e30));
    expectClose(softmax(x, 1, columns, [1, columns]), naive(x, 1, columns));
    x.fill(-3e38);
    expectClose(softmax(x, 1, columns, [1, columns]), naive(x, 1, columns));
  });

  it('gives probabilities for scores of ±1e4, equal scores, and rows that are masked whole', () => {
    const x = gaussian(4 * 70, 'x', 1e4);
    x.fill(-1e30, 70, 140);
    x.fill(3, 140, 210);
    for (const columns of [70, 'columns'] as const) {
      const y = softmax(x, 4, 70, ['rows', columns]);
      expectClose(y, naive(x, 4, 70));
      expect(y[100]).toBeCloseTo(1 / 70, 12);
    }
  });

  it.each([
    [0, 8],
    [3, 0],
  ])('of [%i, %i] writes nothing', (rows, columns) => {
    expect(softmax(new Float64Array(0), rows, columns, ['rows', columns])).toHaveLength(0);
    expect(softmax(new Float64Array(0), rows, columns, ['rows', 'columns'])).toHaveLength(0);
  });

  it.each(cases)(
    'gradient over [%i, %i] planned as [%s, %s] matches differences',
    (rows, columns, ...dims) => {
      const few = Math.min(rows, 2);
      const x = gaussian(few * columns, 'x');
      const dy = gaussian(few * columns, 'dy');
      const y = naive(x, few, columns);
      const dx = unwritten(few * columns);
      const plans = planSoftmaxGradient({
        y: input(0),
        dy: input(1),
        dx: output(0),
        rows: dims[0] === rows ? few : dims[0],
        columns: dims[1],
      });
      runPlans(plans, { inputs: [y, dy], outputs: [dx], sizes: { rows: few, columns } });
      const expected = differences(x, () => inner(naive(x, few, columns), dy));
      expectClose(dx, expected, DIFFERENCES);
    },
  );

  it('in f32 sums to 1 within 2 ULP per element, for scores up to ±1e4 and rows of any length', () => {
    const rows = runs(100_000, 2_000);
    for (const [columns, count] of [
      [1, 16],
      [37, rows],
      [300, rows / 20],
      [65_537, 1],
    ] as const) {
      const scale = (r: number) => 10 ** ((r % 9) - 4);
      const x = Float32Array.from(gaussian(count * columns, 'x'), (value, i) => {
        return value * scale(Math.floor(i / columns));
      });
      const out = unwritten(count * columns, 'f32');
      const plans = planSoftmax({ x: input(0), out: output(0), rows: 'rows', columns });
      runPlans(plans, { inputs: [x], outputs: [out], sizes: { rows: count } }, 'f32');
      for (let r = 0; r < count; r++) {
        let sum = 0;
        for (let c = r * columns; c < (r + 1) * columns; c++) sum += out[c] as number;
        if (!(Math.abs(sum - 1) <= 2 * columns * 2 ** -23))
          expect.fail(`row ${r} of ${columns} sums to ${sum}`);
      }
    }
  });

  it('does not change when every score of a row shifts by the same amount', () => {
    // sixty-fourths, so that f32 shifts exactly
    const x = Float32Array.from(gaussian(64 * 50, 'x', 100), (value) => Math.round(value) / 64);
    const shifted = x.map((value, i) => value + 8 * (Math.floor(i / 50) - 32));
    const [y, z] = [x, shifted].map((scores) => {
      const out = unwritten(64 * 50, 'f32');
      const plans = planSoftmax({ x: input(0), out: output(0), rows: 'rows', columns: 'columns' });
      runPlans(plans, { inputs: [scores], outputs: [out], sizes: { rows: 64, columns: 50 } }, 'f32');
      return out;
    });
    expect(z).toEqual(y);
  });
});
