import { describe, expect, it } from 'vitest';
import { uniforms } from '../../src/base/random.ts';
import { ANGLE_LIMIT, elementwise, roundEven } from '../../src/kernel/elementwise.ts';
import {
  type BitArithmetic,
  EXP,
  LOG,
  type Transcendental,
  transcendental,
  writeOut,
} from '../../src/kernel/transcendental.ts';
import { runs } from '../support/counts.ts';

const f = Math.fround;
const bits = new DataView(new ArrayBuffer(4));
const floatOf = (word: number): number => {
  bits.setInt32(0, word);
  return bits.getFloat32(0);
};
const bitsOf = (x: number): number => {
  bits.setFloat32(0, x);
  return bits.getInt32(0);
};
/** 2ⁿ for normal numbers. */
const power = (n: number): number => floatOf((n + 127) << 23);

/** Numbers, rounded to f32 after each operation, as the wasm backend rounds. */
const singles: BitArithmetic<number> = {
  number: f,
  add: (x, y) => f(x + y),
  sub: (x, y) => f(x - y),
  mul: (x, y) => f(x * y),
  div: (x, y) => f(x / y),
  abs: Math.abs,
  madd: (x, y, z) => f(f(x * y) + z),
  atMost: (x, most) => Math.min(x, f(most)),
  below: (x, limit, yes, no) => (x < f(limit) ? yes : no),
  withSign: (magnitude, x) => (x < 0 ? -magnitude : magnitude),
  keep: (_, value) => value,
  exp: (x) => transcendental.exp(singles, x),
  log: (x) => transcendental.log(singles, x),
  nearest: (_, x) => [roundEven(x), roundEven(x)],
  timesSign: (x, n) => (n % 2 === 0 ? x : -x),
  invalid: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  high: (x) => floatOf(bitsOf(x) & ~0xfff),
  timesPower: (x, n) => f(f(x * power(n >> 1)) * power(n - (n >> 1))),
  expEnds: (x, usual) => (x < EXP.lowest ? 0 : x > EXP.highest ? Number.POSITIVE_INFINITY : usual),
  split(x) {
    const shifted = bitsOf(x) - LOG.sqrtHalfBits;
    return [shifted >> 23, f(floatOf((shifted & 0x7fffff) + LOG.sqrtHalfBits) - 1)];
  },
  logEnds: (_, usual) => usual,
};
const single =
  (name: Transcendental) =>
  (...args: readonly number[]): number =>
    writeOut(name, singles, args);

/** Distance of `got` from `want` in units in the last place of `want` as an f32. */
function ulps(got: number, want: number): number {
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(want))));
  return Math.abs(got - want) / 2 ** (exponent - 23);
}

interface Row {
  readonly name: Transcendental;
  readonly arguments: readonly (readonly [low: number, high: number])[];
  readonly bound: number;
}
const rows: readonly Row[] = [
  {
    name: 'exp',
    arguments: [
      [-87.3, 88.7],
      [-1, 1],
    ],
    bound: 3,
  },
  {
    name: 'log',
    arguments: [
      [1e-30, 1e-3],
      [0.3, 3],
      [0.99, 1.01],
      [3, 3e38],
    ],
    bound: 1.5,
  },
  {
    name: 'log1p',
    arguments: [
      [-0.999, 0.3],
      [-1e-3, 1e-3],
      [-1e-30, 1e-30],
      [0.3, 100],
      [100, 3e38],
    ],
    bound: 3,
  },
  ...(['sin', 'cos'] as const).map((name) => ({
    name,
    arguments: [
      [-7, 7],
      [-1e-3, 1e-3],
      [-5000, 5000],
      [-ANGLE_LIMIT, ANGLE_LIMIT],
      // about multiples of π/2
      ...[1, 2, 3, 355, 710, 103993].map(
        (n) => [(n * Math.PI) / 2 - 1e-4 * n, (n * Math.PI) / 2 + 1e-4 * n] as const,
      ),
    ] as const,
    bound: 2.5,
  })),
  {
    name: 'tanh',
    arguments: [
      [-10, 10],
      [-0.71, 0.71],
      [-1e-3, 1e-3],
    ],
    bound: 3,
  },
  {
    name: 'erf',
    arguments: [
      [-5, 5],
      [-1.01, 1.01],
      [-1e-3, 1e-3],
    ],
    bound: 3,
  },
  {
    name: 'erfcx',
    arguments: [
      [-10, 10],
      [-1e-3, 1e-3],
      [10, 1e30],
    ],
    bound: 6,
  },
];

describe('transcendental functions in f32', () => {
  const count = runs(400_000, 20_000);
  it.each(rows)(
    '$name stays within $bound ULP of the f64 reference',
    ({ name, arguments: ranges, bound }) => {
      const f32 = single(name);
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

  it('a power stays within the bound of its table wherever it is a normal number', () => {
    const powr = single('powr');
    let worst = { error: 0, x: 0, y: 0 };
    for (let i = 0; i < count; i++) {
      const [u, v] = uniforms(3, 'powr', i);
      const [w] = uniforms(4, 'powr', i);
      // numbers of all sizes, and numbers close to 1 with large exponents
      const x = f(i % 2 === 0 ? 2 ** (252 * u - 126) : 1 + (u - 0.5) * 2 ** (-20 * w));
      const y = f(((2 * v - 1) * 126) / Math.log2(x));
      const want = elementwise.powr.reference(x, y, 0);
      if (!(want > 1.2e-38 && want < 3.4e38)) continue;
      const error = ulps(powr(x, y), want);
      if (!(error <= worst.error)) worst = { error, x, y };
    }
    expect(worst.error, `worst at ${worst.x} to the power ${worst.y}`).toBeLessThanOrEqual(
      elementwise.powr.ulp,
    );
  });

  it('exp of the finite stand-in for −∞ is exactly 0', () => {
    expect(single('exp')(-1e30)).toBe(0);
    expect(single('exp')(0)).toBe(1);
    expect(single('exp')(Number.NaN)).toBeNaN();
  });

  it('tanh and erf are odd and saturate at exactly 1', () => {
    for (const fn of [single('tanh'), single('erf')]) {
      expect(fn(50)).toBe(1);
      expect(fn(-50)).toBe(-1);
      expect(fn(-0.3)).toBe(-fn(0.3));
    }
  });
});
