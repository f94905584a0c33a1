import { expect, it } from 'vitest';
import { interpretKernel } from '../../../src/backend/interpreter/index.ts';
import { type ElementwiseRow, elementwise } from '../../../src/kernel/elementwise.ts';
import type { ElementwiseName } from '../../../src/kernel/ir.ts';
import { runs } from '../../support/counts.ts';
import { numbers, trace } from './support.ts';

const names = Object.keys(elementwise) as ElementwiseName[];
const floatRows = names.filter((name) => {
  const { accepts, arity } = elementwise[name];
  return (accepts === 'number' || accepts === 'float') && arity < 3;
});

/** Arguments of all sizes and both signs, with the edges that functions trip over. */
function samples(seed: number, count: number): Float32Array {
  const mantissas = numbers(count, seed);
  const exponents = numbers(count, seed + 10);
  const edges = [0, -0, 1, -1, 0.25, -0.25, 4, -4, 3.999999, 10, -10, 88.7, -87.3, 1e-30, -1e-30, 1e30];
  return Float32Array.from(mantissas, (x, i) => edges[i] ?? x * 2 ** Math.round((exponents[i] ?? 0) * 4));
}

/** Distance of an f32 number from `exact` rounded to f32, in units of the last place of the latter. */
function ulps(actual: number, exact: number): number {
  const expected = Math.fround(exact);
  if (actual === expected) return 0;
  return Math.abs(actual - expected) / 2 ** (Math.floor(Math.log2(Math.abs(expected))) - 23);
}

const isNormal = (x: number): boolean => Math.abs(x) >= 2 ** -126 && Math.abs(x) < 3.4e38;

it.each(floatRows)('%s is within its bound of the reference in f32, and equals it in f64', (fn) => {
  const row: ElementwiseRow = elementwise[fn];
  const count = runs(40000, 4000);
  const size = 400;
  const kernel = trace((k) => {
    const c = k.axis('c', size);
    const at = [[k.span(c, k.mul(k.program(0), size), k.parameter('count')), 1]] as const;
    const args = ['x', 'y'].slice(0, row.arity).map((name) => k.load(k.read(name), at));
    const result = k.map(fn, ...args);
    k.store(k.write('out'), at, result.dtype === 'bool' ? k.cast(result, 'f32') : result);
  });
  const [x, y] = [samples(1, count), samples(2, count)];
  const launch = { grid: [Math.ceil(count / size)], scalars: { count } };
  const single = new Float32Array(count);
  interpretKernel(kernel, 'f32').run(launch, { x, y, out: single });
  const double = new Float64Array(count);
  interpretKernel(kernel, 'f64').run(launch, {
    x: Float64Array.from(x),
    y: Float64Array.from(y),
    out: double,
  });
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const exact = row.reference(x[i] ?? 0, y[i] ?? 0, 0);
    expect(double[i]).toEqual(exact);
    const actual = single[i] ?? Number.NaN;
    if (isNormal(exact)) worst = Math.max(worst, ulps(actual, exact));
    else if (Math.abs(exact) < 2 ** -126) expect(Math.abs(actual - exact)).toBeLessThan(2 ** -125);
    else if (Number.isFinite(exact)) expect(actual).toBe(Math.fround(exact));
    else expect(actual).toEqual(exact);
  }
  expect(worst).toBeLessThanOrEqual(row.ulp);
});
