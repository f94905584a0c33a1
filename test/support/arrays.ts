import { expect } from 'vitest';
import { normal } from '../../src/base/random.ts';

/** `length` standard normal numbers times `scale`, fixed by `name`. */
export const gaussian = (length: number, name: string, scale = 1): Float64Array =>
  Float64Array.from({ length }, (_, i) => scale * normal(7, name, i));

export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** For f64 results against an f64 reference that sums in another order. */
export const F64: Tolerance = { absolute: 1e-12, relative: 1e-11 };
/** For gradients against central differences in f64 (scoreboard G1). */
export const DIFFERENCES: Tolerance = { absolute: 1e-7, relative: 1e-5 };

/** Every element of `actual` is within absolute + relative·|expected| of `expected`; NaN never is. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute, relative }: Tolerance = F64,
  what = 'element',
): void {
  expect(actual.length, `length of ${what}`).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [got, wanted] = [actual[i] as number, expected[i] as number];
    const close = Math.abs(got - wanted) <= absolute + relative * Math.abs(wanted);
    if (!close) expect.fail(`${what} ${i}: got ${got}, expected ${wanted}`);
  }
}

/** ∂f/∂x by central differences, every element: (f(x + h) − f(x − h)) / 2h. `x` is left as it was. */
export function differences(x: Float64Array, f: () => number, h = 1e-6): Float64Array {
  return x.map((value, i) => {
    x[i] = value + h;
    const above = f();
    x[i] = value - h;
    const below = f();
    x[i] = value;
    return (above - below) / (2 * h);
  });
}

/** Σ x·y: a scalar from a tensor and a fixed upstream coefficient per element. */
export const inner = (x: ArrayLike<number>, y: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (y[i] as number);
  return sum;
};
