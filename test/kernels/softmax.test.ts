import { describe, expect, it } from 'vitest';
import { planSoftmax, planSoftmaxGradient } from '../../kernels/softmax.ts';
import type { Dim } from '../../src/base/dim.ts';
import { LOWEST } from '../../src/kernel/ir.ts';
import { DIFFERENCES, differences, expectClose, gaussian, inner } from '../support/arrays.ts';
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

  it('gives probabilities for scores of ±1e4, equal scores, and rows that are masked whole', () => {
    const x = gaussian(4 * 70, 'x', 1e4);
    x.fill(LOWEST, 70, 140);
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
        ...{ y: input(0), dy: input(1), dx: output(0) },
        rows: dims[0] === rows ? few : dims[0],
        columns: dims[1],
      });
      runPlans(plans, { inputs: [y, dy], outputs: [dx], sizes: { rows: few, columns } });
      const expected = differences(x, () => inner(naive(x, few, columns), dy));
      expectClose(dx, expected, DIFFERENCES);
    },
  );
});
