import { expect, it } from 'vitest';
import { type ElementwiseRow, elementwise } from '../../../src/kernel/elementwise.ts';
import type { ElementwiseName } from '../../../src/kernel/ir.ts';
import { type Transcendental, transcendental } from '../../../src/kernel/transcendental.ts';
import { runs } from '../../support/counts.ts';
import { numbers, trace } from '../interpreter/support.ts';
import { wasmRunner } from './support.ts';

const names = Object.keys(elementwise) as ElementwiseName[];
const floatRows = names.filter((name) => {
  const { accepts, arity } = elementwise[name];
  return (accepts === 'number' || accepts === 'float') && arity < 3;
});

const EDGES = [
  ...[0, -0, 1, -1, 0.25, -0.25, 4, -4, 3.999999, 10, -10, 88.7, 88.72284, -87.3, -87.4, 1e-30, -1e-30, 1e30],
  ...[0.7, -0.7, 0.99999, 9.02, 3.92, 1e-40, Math.SQRT1_2, Math.SQRT2, 3.4028234e38, 1.1754944e-38],
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
];

/** Arguments of all sizes and both signs, with the edges that functions trip over. */
function samples(seed: number, count: number): Float32Array {
  const mantissas = numbers(count, seed);
  const exponents = numbers(count, seed + 10);
  return Float32Array.from(mantissas, (x, i) => EDGES[i] ?? x * 2 ** Math.round((exponents[i] ?? 0) * 4));
}

/** Distance of an f32 number from `exact` rounded to f32, in units of the last place of the latter. */
function ulps(actual: number, exact: number): number {
  const expected = Math.fround(exact);
  if (actual === expected) return 0;
  return Math.abs(actual - expected) / 2 ** (Math.floor(Math.log2(Math.abs(expected))) - 23);
}

const LOWEST_NORMAL = 2 ** -126;

/** The worst error in ULP where the result is normal; elsewhere the right kind of number is demanded. */
function worstOf(actual: Float32Array, exact: (i: number) => number): number {
  let worst = 0;
  actual.forEach((got, i) => {
    const wanted = exact(i);
    const size = Math.abs(wanted);
    if (Number.isNaN(wanted)) expect(got).toBeNaN();
    else if (!Number.isFinite(Math.fround(wanted)))
      expect(got).toBe(wanted > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
    else if (size < LOWEST_NORMAL) expect(Math.abs(got - wanted)).toBeLessThan(2 ** -125);
    else worst = Math.max(worst, ulps(got, wanted));
  });
  return worst;
}

const run = wasmRunner();

it.each(floatRows)('%s on vectors and on scalars is within its bound of the reference', (fn) => {
  const row: ElementwiseRow = elementwise[fn];
  const count = runs(100_000, 8000);
  const size = 400;
  const kernel = trace((k) => {
    const c = k.axis('c', size);
    const at = [[k.span(c, k.mul(k.program(0), size), k.parameter('count')), 1]] as const;
    const args = ['x', 'y'].slice(0, row.arity).map((name) => k.load(k.read(name), at));
    const result = k.map(fn, ...args);
    k.store(k.write('out'), at, result.dtype === 'bool' ? k.cast(result, 'f32') : result);
  });
  const [x, y] = [samples(1, count), samples(2, count).reverse()];
  const out = new Float32Array(count);
  run({ kernel, grid: [Math.ceil(count / size)], scalars: { count } }, { x, y, out });
  const exact = (i: number) => row.reference(x[i] ?? 0, y[i] ?? 0, 0);
  expect(worstOf(out, exact)).toBeLessThanOrEqual(row.ulp);

  const single = trace((k) => {
    const at = [[k.program(0), 1]] as const;
    const args = ['x', 'y'].slice(0, row.arity).map((name) => k.load(k.read(name), at));
    const result = k.map(fn, ...args);
    k.store(k.write('out'), at, result.dtype === 'bool' ? k.cast(result, 'f32') : result);
  });
  const few = 500;
  const scalars = new Float32Array(few);
  run({ kernel: single, grid: [few], scalars: {} }, { x: x.slice(0, few), y: y.slice(0, few), out: scalars });
  expect(worstOf(scalars, exact)).toBeLessThanOrEqual(row.ulp);
});

/** Arguments over the whole range where each function does something. */
const RANGES: Readonly<Record<string, (t: number) => number>> = {
  exp: (t) => -87.4 + 176.2 * t,
  log: (t) => 1.2e-38 * 10 ** (76 * t),
  log1p: (t) => 1e8 ** t - 1.999,
  sin: (t) => -2e6 + 4e6 * t,
  cos: (t) => -300 + 600 * t,
  tanh: (t) => -9.5 + 19 * t,
  erf: (t) => -4.2 + 8.4 * t,
  erfcx: (t) => -12 + 24 * t,
};

const functions = (Object.keys(transcendental) as Transcendental[]).filter(
  (fn) => elementwise[fn].arity === 1,
);

it.each(functions)('%s keeps its bound over its whole range', (fn) => {
  const count = runs(400_000, 20_000);
  const size = 400;
  const kernel = trace((k) => {
    const c = k.axis('c', size);
    const at = [[k.span(c, k.mul(k.program(0), size), k.parameter('count')), 1]] as const;
    k.store(k.write('out'), at, k.map(fn, k.load(k.read('x'), at)));
  });
  const x = Float32Array.from({ length: count }, (_, i) => RANGES[fn]?.(i / count) ?? 0);
  const out = new Float32Array(count);
  run({ kernel, grid: [Math.ceil(count / size)], scalars: { count } }, { x, out });
  const row = elementwise[fn];
  expect(worstOf(out, (i) => row.reference(x[i] ?? 0, 0, 0))).toBeLessThanOrEqual(row.ulp);
});
