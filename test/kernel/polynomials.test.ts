import { describe, expect, it } from 'vitest';
import { elementwise } from '../../src/kernel/elementwise.ts';
import { erfcxF32, erfF32, expF32, logF32, tanhF32 } from '../../src/kernel/polynomials.ts';
import { runs } from '../support/counts.ts';

/** Distance of `got` from `want` in units in the last place of `want` as an f32. */
function ulps(got: number, want: number): number {
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(want))));
  return Math.abs(got - want) / 2 ** (exponent - 23);
}

interface Row {
  readonly name: 'exp' | 'log' | 'tanh' | 'erf' | 'erfcx';
  readonly f32: (x: number) => number;
  readonly arguments: readonly (readonly [low: number, high: number])[];
  readonly bound: number;
}
const rows: readonly Row[] = [
  {
    name: 'exp',
    f32: expF32,
    arguments: [
      [-87.3, 88.7],
      [-1, 1],
    ],
    bound: 3,
  },
  {
    name: 'log',
    f32: logF32,
    arguments: [
      [1e-30, 1e-3],
      [0.3, 3],
      [0.99, 1.01],
      [3, 3e38],
    ],
    bound: 1.5,
  },
  {
    name: 'tanh',
    f32: tanhF32,
    arguments: [
      [-10, 10],
      [-0.71, 0.71],
      [-1e-3, 1e-3],
    ],
    bound: 3,
  },
  {
    name: 'erf',
    f32: erfF32,
    arguments: [
      [-5, 5],
      [-1.01, 1.01],
      [-1e-3, 1e-3],
    ],
    bound: 3,
  },
  {
    name: 'erfcx',
    f32: erfcxF32,
    arguments: [
      [-10, 10],
      [-1e-3, 1e-3],
      [10, 1e30],
    ],
    bound: 6,
  },
];

describe('f32 polynomials', () => {
  const count = runs(400_000, 20_000);
  it.each(rows)(
    '$name stays within $bound ULP of the f64 reference',
    ({ name, f32, arguments: ranges, bound }) => {
      let worst = { error: 0, x: 0 };
      for (const [low, high] of ranges) {
        for (let i = 0; i <= count; i++) {
          const x = Math.fround(low + ((high - low) * i) / count);
          const want = elementwise[name].reference(x, 0, 0);
          if (want === 0 || Math.abs(want) < 1.2e-38) continue;
          const error = ulps(f32(x), want);
          if (!(error <= worst.error)) worst = { error, x };
        }
      }
      expect(worst.error, `worst at x = ${worst.x}`).toBeLessThanOrEqual(bound);
      expect(bound).toBeLessThanOrEqual(elementwise[name].ulp);
    },
  );

  it('exp of the finite stand-in for −∞ is exactly 0', () => {
    expect(expF32(-1e30)).toBe(0);
    expect(expF32(0)).toBe(1);
    expect(expF32(Number.NaN)).toBeNaN();
  });

  it('tanh and erf are odd and saturate at exactly 1', () => {
    for (const fn of [tanhF32, erfF32]) {
      expect(fn(50)).toBe(1);
      expect(fn(-50)).toBe(-1);
      expect(fn(-0.3)).toBe(-fn(0.3));
    }
  });
});
