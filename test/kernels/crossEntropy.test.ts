import { describe, expect, it } from 'vitest';
import { planCrossEntropy, planCrossEntropyGradient } from '../../kernels/crossEntropy.ts';
import type { Dim } from '../../src/base/dim.ts';
import { DIFFERENCES, differences, expectClose, gaussian, inner } from '../support/arrays.ts';
import { input, output, runPlans, unwritten } from '../support/launch.ts';

/** loss and log Σ exp of each row */
function naive(x: ArrayLike<number>, labels: Int32Array, classes: number): { loss: number[]; lse: number[] } {
  const lse = Array.from(labels, (_, r) => {
    const row = Array.from({ length: classes }, (_, c) => x[r * classes + c] as number);
    const largest = Math.max(...row);
    return largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  });
  const loss = lse.map((total, r) => {
    const label = labels[r] as number;
    return label < 0 ? 0 : total - (x[r * classes + label] as number);
  });
  return { loss, lse };
}

function forward(x: Float64Array, labels: Int32Array, dims: readonly [Dim, Dim], classes: number) {
  const rows = labels.length;
  const [loss, levels] = [unwritten(rows) as Float64Array, unwritten(2 * rows) as Float64Array];
  const plans = planCrossEntropy({
    logits: input(0),
    labels: input(1),
    loss: output(0),
    levels: output(1),
    rows: dims[0],
    columns: dims[1],
  });
  runPlans(plans, { inputs: [x, labels], outputs: [loss, levels], sizes: { rows, classes } });
  return { loss, levels };
}

const labelsFor = (rows: number, classes: number): Int32Array =>
  Int32Array.from({ length: rows }, (_, r) => (r % 4 === 2 ? -1 : (r * 7) % classes));

const cases: [number, number, Dim, Dim][] = [
  [9, 3, 'rows', 3],
  [5, 64, 5, 64],
  [4, 130, 'rows', 130],
  [3, 300, 'rows', 300],
  [6, 90, 'rows', 'classes'],
  [1, 1, 'rows', 1],
];

describe('crossEntropy', () => {
  it.each(cases)('of [%i, %i] planned as [%s, %s] agrees with the definition', (rows, classes, ...dims) => {
    const x = gaussian(rows * classes, 'logits', 4);
    const labels = labelsFor(rows, classes);
    const { loss, levels } = forward(x, labels, dims, classes);
    const expected = naive(x, labels, classes);
    expectClose(loss, expected.loss);
    expectClose(
      Array.from({ length: rows }, (_, r) => (levels[r] ?? 0) + (levels[rows + r] ?? 0)),
      expected.lse,
    );
  });

  it('keeps small losses of confident rows: 1e4 apart, the loss is exactly 0, never below', () => {
    const x = gaussian(8 * 20, 'logits', 1e4);
    const labels = Int32Array.from({ length: 8 }, (_, r) => {
      const row = x.subarray(r * 20, r * 20 + 20);
      return row.indexOf(Math.max(...row));
    });
    expect(Math.min(...forward(x, labels, ['rows', 20], 20).loss)).toBe(0);
  });

  it.each(cases)(
    'gradient over [%i, %i] planned as [%s, %s] matches differences',
    (rows, classes, ...dims) => {
      const x = gaussian(rows * classes, 'logits');
      const labels = labelsFor(rows, classes);
      const dloss = gaussian(rows, 'dloss');
      const { levels } = forward(x, labels, dims, classes);
      const dlogits = unwritten(rows * classes) as Float64Array;
      const plans = planCrossEntropyGradient({
        logits: input(0),
        labels: input(1),
        levels: input(2),
        dloss: input(3),
        dlogits: output(0),
        rows: dims[0],
        columns: dims[1],
      });
      runPlans(plans, { inputs: [x, labels, levels, dloss], outputs: [dlogits], sizes: { rows, classes } });
      const expected = differences(x, () => inner(naive(x, labels, classes).loss, dloss));
      expectClose(dlogits, expected, DIFFERENCES);
      labels.forEach((label, r) => {
        if (label < 0)
          expectClose(dlogits.subarray(r * classes, (r + 1) * classes), new Float64Array(classes));
      });
    },
  );

  it('of no rows writes nothing', () => {
    expect(forward(new Float64Array(0), new Int32Array(0), ['rows', 7], 7).loss).toHaveLength(0);
  });
});
