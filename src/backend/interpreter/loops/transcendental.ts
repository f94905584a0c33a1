/**
 * exp, tanh and erf in doubles, accurate to far less than half a ULP of an f32 result and several times quicker than the
 * full-precision functions. Only the f32 interpreter uses them; the f64 one calls the table's reference.
 */
import { erf } from '../../../kernel/elementwise.ts';
import { ERFCX } from '../../../kernel/polynomials.ts';

/** 2^(j/64) for j = 0 … 63 and 2^k for k = −160 … 160: beyond that an f32 result is 0 or infinite. */
interface ExpTables {
  readonly fraction: Float64Array;
  readonly power: Float64Array;
}

/** erf and its derivative at x = i/64, 0 ≤ x ≤ 4; erf(4) rounds to 1 in f32. */
interface ErfTables {
  readonly value: Float64Array;
  readonly slope: Float64Array;
}

const LOWEST_POWER = -160;
let expTables: ExpTables | undefined;
let erfTables: ErfTables | undefined;

function tablesOfExp(): ExpTables {
  expTables ??= {
    fraction: Float64Array.from({ length: 64 }, (_, j) => 2 ** (j / 64)),
    power: Float64Array.from({ length: 321 }, (_, k) => 2 ** (k + LOWEST_POWER)),
  };
  return expTables;
}

function tablesOfErf(): ErfTables {
  erfTables ??= {
    value: Float64Array.from({ length: 258 }, (_, i) => erf(i / 64)),
    slope: Float64Array.from(
      { length: 258 },
      (_, i) => (2 / Math.sqrt(Math.PI)) * Math.exp(-((i / 64) ** 2)),
    ),
  };
  return erfTables;
}

const STEPS_PER_UNIT = 64 / Math.LN2;
const STEP = Math.LN2 / 64;

/** e^x = 2^k · 2^(j/64) · e^r with |r| ≤ ln 2 / 128; a cubic for e^r leaves a relative error of r⁴/24 < 4e-11. */
function makeExp(): (x: number) => number {
  const { fraction, power } = tablesOfExp();
  return (x) => {
    if (x > -108 && x < 108) {
      const n = Math.floor(x * STEPS_PER_UNIT + 0.5);
      const r = x - n * STEP;
      const index = n | 0;
      const scale = (fraction[index & 63] as number) * (power[(index >> 6) - LOWEST_POWER] as number);
      return scale * (1 + r * (1 + r * (0.5 + r * (1 / 6))));
    }
    return x >= 108 ? Number.POSITIVE_INFINITY : x <= -108 ? 0 : x;
  };
}

/**
 * tanh x = 1 − 2 / (e^(2x) + 1); near 0, where that cancels, the series x − x³/3 + 2x⁵/15 − … , whose next term at
 * |x| = ¼ is 2e-10 of the result.
 */
function makeTanh(): (x: number) => number {
  const { fraction, power } = tablesOfExp();
  return (x) => {
    if (x > -0.25 && x < 0.25) {
      const s = x * x;
      const tail = s * (62 / 2835 + s * (-1382 / 155925));
      return x * (1 + s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + tail))));
    }
    if (x > -10 && x < 10) {
      const n = Math.floor(2 * x * STEPS_PER_UNIT + 0.5);
      const r = 2 * x - n * STEP;
      const index = n | 0;
      const scale = (fraction[index & 63] as number) * (power[(index >> 6) - LOWEST_POWER] as number);
      return 1 - 2 / (scale * (1 + r * (1 + r * (0.5 + r * (1 / 6)))) + 1);
    }
    return x >= 10 ? 1 : x <= -10 ? -1 : x;
  };
}

/**
 * Taylor's series about the nearest x₀ = i/64: with g = erf′(x₀) and d = x − x₀,
 *   erf x = erf x₀ + g d (1 − x₀ d + (2x₀² − 1) d²/3 − x₀ (2x₀² − 3) d³/6) + O(g d⁵/10), |d| ≤ 1/128.
 */
function makeErf(): (x: number) => number {
  const { value, slope } = tablesOfErf();
  return (x) => {
    const size = Math.abs(x);
    if (size < 4) {
      const nearest = Math.floor(size * 64 + 0.5);
      const at = nearest / 64;
      const d = size - at;
      const index = nearest | 0;
      const square = 2 * at * at;
      const series = 1 + d * (-at + d * ((square - 1) / 3 - (d * at * (square - 3)) / 6));
      const y = (value[index] as number) + (slope[index] as number) * d * series;
      return x < 0 ? -y : y;
    }
    return x >= 4 ? 1 : x <= -4 ? -1 : x;
  };
}

/** By the f32 polynomial, whose argument and sum are not rounded here: within 2 ULP of f32. */
function makeErfcx(): (x: number) => number {
  const { scale, Q } = ERFCX;
  const [a, b, c, d, e, f, g, h, i, j] = Q;
  return (x) => {
    const t = 1 / (1 + scale * Math.abs(x));
    const high = e + t * (f + t * (g + t * (h + t * (i + t * j))));
    return t * (a + t * (b + t * (c + t * (d + t * high))));
  };
}

const functions: Partial<Record<'exp' | 'tanh' | 'erf' | 'erfcx', (x: number) => number>> = {};

/** The functions, made once: their tables are constants of a closure. Their results are to be rounded to f32. */
export const expOf = (): ((x: number) => number) => {
  functions.exp ??= makeExp();
  return functions.exp;
};
export const tanhOf = (): ((x: number) => number) => {
  functions.tanh ??= makeTanh();
  return functions.tanh;
};
export const erfOf = (): ((x: number) => number) => {
  functions.erf ??= makeErf();
  return functions.erf;
};
export const erfcxOf = (): ((x: number) => number) => {
  functions.erfcx ??= makeErfcx();
  return functions.erfcx;
};
