import { describe, expect, it } from 'vitest';
import { planLayerNorm, planLayerNormGradient } from '../../kernels/layerNorm.ts';
import type { Dim } from '../../src/base/dim.ts';
import { DIFFERENCES, differences, expectClose, gaussian, inner } from '../support/arrays.ts';
import { layerNormGradientSlots, layerNormSlots, runPlans, unwritten } from '../support/launch.ts';

const EPSILON = 1e-5;

interface Result {
  readonly out: Float64Array;
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
}

function naive(x: Float64Array, gamma: Float64Array, beta: Float64Array): Result {
  const columns = gamma.length;
  const rows = x.length / columns;
  const out = new Float64Array(x.length);
  const [mean, rstd] = [new Float64Array(rows), new Float64Array(rows)];
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * columns, (r + 1) * columns);
    const centre = row.reduce((sum, value) => sum + value, 0) / columns;
    const variance = row.reduce((sum, value) => sum + (value - centre) ** 2, 0) / columns;
    mean[r] = centre;
    rstd[r] = 1 / Math.sqrt(variance + EPSILON);
    row.forEach((value, c) => {
      out[r * columns + c] =
        (gamma[c] as number) * (value - centre) * (rstd[r] as number) + (beta[c] as number);
    });
  }
  return { out, mean, rstd };
}

function forward(
  x: Float64Array,
  gamma: Float64Array,
  beta: Float64Array,
  dims: readonly [Dim, Dim],
): Result {
  const columns = gamma.length;
  const rows = columns === 0 ? 3 : x.length / columns;
  const [out, mean, rstd] = [x.length, rows, rows].map((length) => unwritten(length) as Float64Array) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const plans = planLayerNorm({
    ...layerNormSlots,
    rows: dims[0],
    columns: dims[1],
    epsilon: EPSILON,
  });
  runPlans(plans, { inputs: [x, gamma, beta], outputs: [out, mean, rstd], sizes: { rows, columns } });
  return { out, mean, rstd };
}

function gradient(
  x: Float64Array,
  gamma: Float64Array,
  dy: Float64Array,
  { mean, rstd }: Result,
  dims: readonly [Dim, Dim],
): { dx: Float64Array; dgamma: Float64Array; dbeta: Float64Array } {
  const columns = gamma.length;
  const [dx, dgamma, dbeta] = [x.length, columns, columns].map(
    (length) => unwritten(length) as Float64Array,
  ) as [Float64Array, Float64Array, Float64Array];
  const plans = planLayerNormGradient({
    ...layerNormGradientSlots,
    rows: dims[0],
    columns: dims[1],
  });
  runPlans(plans, {
    inputs: [x, gamma, mean, rstd, dy],
    outputs: [dx, dgamma, dbeta],
    sizes: { rows: x.length / columns, columns },
  });
  return { dx, dgamma, dbeta };
}

const cases: [number, number, Dim, Dim][] = [
  [5, 64, 5, 64],
  [19, 37, 'rows', 37],
  [3, 1, 'rows', 1],
  [2, 300, 'rows', 300],
  [18, 70, 'rows', 'columns'],
];

describe('layerNorm', () => {
  it.each(cases)('of [%i, %i] planned as [%s, %s] agrees with the definition', (rows, columns, ...dims) => {
    const x = gaussian(rows * columns, 'x', 3);
    const [gamma, beta] = [gaussian(columns, 'gamma'), gaussian(columns, 'beta')];
    const got = forward(x, gamma, beta, dims);
    const expected = naive(x, gamma, beta);
    for (const name of ['out', 'mean', 'rstd'] as const) expectClose(got[name], expected[name]);
  });

  it('keeps its digits in rows far from zero', () => {
    const x = gaussian(3 * 90, 'x').map((value) => value + 1e6);
    const [gamma, beta] = [new Float64Array(90).fill(1), new Float64Array(90)];
    for (const columns of [90, 'columns']) {
      const { out } = forward(x, gamma, beta, ['rows', columns]);
      expectClose(out, naive(x, gamma, beta).out, { absolute: 1e-9, relative: 0 });
    }
  });

  it.each(cases)(
    'gradients over [%i, %i] planned as [%s, %s] match differences',
    (rows, columns, ...dims) => {
      const x = gaussian(rows * columns, 'x', 2);
      const [gamma, beta] = [gaussian(columns, 'gamma'), gaussian(columns, 'beta')];
      const dy = gaussian(rows * columns, 'dy');
      const got = gradient(x, gamma, dy, naive(x, gamma, beta), dims);
      const loss = () => inner(naive(x, gamma, beta).out, dy);
      expectClose(got.dx, differences(x, loss), DIFFERENCES, 'dx');
      expectClose(got.dgamma, differences(gamma, loss), DIFFERENCES, 'dgamma');
      expectClose(got.dbeta, differences(beta, loss), DIFFERENCES, 'dbeta');
    },
  );

  it('adds γ and β gradients over many blocks of rows', () => {
    const [rows, columns] = [333, 6];
    const x = gaussian(rows * columns, 'x');
    const gamma = gaussian(columns, 'gamma');
    const dy = gaussian(rows * columns, 'dy');
    const { mean, rstd } = naive(x, gamma, new Float64Array(columns));
    const got = gradient(x, gamma, dy, { out: x, mean, rstd }, ['rows', columns]);
    const dgamma = new Float64Array(columns);
    const dbeta = new Float64Array(columns);
    dy.forEach((upstream, i) => {
      const [r, c] = [Math.floor(i / columns), i % columns];
      const normalised = ((x[i] as number) - (mean[r] as number)) * (rstd[r] as number);
      dgamma[c] = (dgamma[c] as number) + upstream * normalised;
      dbeta[c] = (dbeta[c] as number) + upstream;
    });
    expectClose(got.dgamma, dgamma, { absolute: 1e-11, relative: 1e-11 });
    expectClose(got.dbeta, dbeta, { absolute: 1e-11, relative: 1e-11 });
  });

  it('of no rows has zero gradients of γ and β', () => {
    const none = new Float64Array(0);
    const gamma = gaussian(6, 'gamma');
    const got = gradient(none, gamma, none, { out: none, mean: none, rstd: none }, ['rows', 6]);
    expect([...got.dgamma, ...got.dbeta]).toEqual(new Array(12).fill(0));
  });

  it('of rows without elements writes finite statistics', () => {
    const none = new Float64Array(0);
    for (const columns of [0, 'columns']) {
      expect([...forward(none, none, none, ['rows', columns]).mean]).toEqual([0, 0, 0]);
    }
  });
});
