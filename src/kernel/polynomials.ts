/**
 * f32 forms of the transcendental functions: one table of coefficients for every reading that computes in f32.
 * The f64 oracle never runs these. Coefficients are near-minimax fits (Remez) rounded to f32; ascending powers.
 * Bounds are measured over dense arguments by test/kernel/polynomials.test.ts; the table of element-wise functions
 * promises less.
 */

/** c₀ + c₁ z + c₂ z² + … */
export type Coefficients = readonly number[];

/**
 * exp x = 2ⁿ eʳ with n = round(x / ln 2), r = x − n ln 2 (ln 2 in two parts), eʳ = 1 + r + r² q(r) for |r| ≤ ln 2 / 2.
 * Exactly 0 below `lowest` (the result would be subnormal); above `highest` it overflows. 2 ULP.
 */
export const EXP = {
  lowest: -87.33654,
  highest: 88.72283,
  /** 1 / ln 2 */
  inverseLn2: 1.4426950216293335,
  /** 16 bits of ln 2, so that n · ln2High is exact, and the rest */
  ln2High: 0.693145751953125,
  ln2Low: 0.000001428606765330187,
  q: [0.499992311000824, 0.16667114198207855, 0.04189015552401543, 0.008312520571053028],
} as const;

/**
 * log x = e ln 2 + log(1 + f) with x = 2ᵉ (1 + f), √½ ≤ 1 + f < √2. With s = f / (2 + f), z = s²:
 * log(1 + f) = 2 atanh s = f − (f²/2 − s (f²/2 + z R(z))). For normal x > 0. 2 ULP.
 */
export const LOG = {
  smallest: 1.1754943508222875e-38,
  /** bits of √½: subtracting them before the shift puts 1 + f into [√½, √2) */
  sqrtHalfBits: 0x3f3504f3,
  ln2High: 0.693145751953125,
  ln2Low: 0.000001428606765330187,
  R: [0.6666677594184875, 0.399774968624115, 0.298730731010437],
} as const;

/** tanh x = x + x³ T(x²) for |x| < `limit`, else sign x · (1 − 2 / (exp 2|x| + 1)). 3 ULP. */
export const TANH = {
  limit: 0.7,
  /** from here on the result is ±1 */
  saturation: 9.02,
  T: [
    -0.33333197236061096, 0.13329243659973145, -0.05356698855757713, 0.020111659541726112,
    -0.00515511492267251,
  ],
} as const;

/**
 * erf x = x E(x²) for |x| < 1, else sign x · (1 − P(|x|)⁻⁸) with P = erfc^(−1/8): a power of a polynomial costs half of what an
 * exponential does. 3 ULP.
 */
export const ERF = {
  limit: 1,
  /** from here on the result is ±1 */
  saturation: 4,
  E: [
    1.1283791065216064, -0.37612324953079224, 0.11280179768800735, -0.02671131119132042, 0.004917551297694445,
    -0.0005631422391161323,
  ],
  P: [
    0.9943985939025879, 0.16973243653774261, 0.02712320163846016, 0.0994478389620781, -0.050434429198503494,
    0.02465217560529709, -0.005483991466462612, 0.0006762754637748003,
  ],
} as const;

/** e^(x²) erfc |x| = t Q(t) with t = 1 / (1 + `scale` |x|). 6 ULP. */
export const ERFCX = {
  scale: 0.45,
  Q: [
    0.25388532876968384, 0.25388315320014954, 0.22827164828777313, 0.17525212466716766, 0.11995045095682144,
    -0.022358035668730736, 0.14240120351314545, -0.30058279633522034, 0.1906880885362625,
    -0.04139115661382675,
  ],
} as const;

const f = Math.fround;
/** Horner's rule in f32, multiply and add rounded separately. */
const horner = (c: Coefficients, z: number): number =>
  c.reduceRight((sum, coefficient) => f(f(sum * z) + coefficient), 0);

const bits = new DataView(new ArrayBuffer(4));
const floatOf = (word: number): number => {
  bits.setInt32(0, word);
  return bits.getFloat32(0);
};
const bitsOf = (x: number): number => {
  bits.setFloat32(0, x);
  return bits.getInt32(0);
};

/** exp as a reading computes it, one f32 rounding per operation. */
export function expF32(x: number): number {
  if (x < EXP.lowest) return 0;
  if (x > EXP.highest) return Number.POSITIVE_INFINITY;
  if (Number.isNaN(x)) return x;
  const n = Math.round(f(x * f(EXP.inverseLn2)));
  const r = f(f(x - f(n * EXP.ln2High)) - f(n * f(EXP.ln2Low)));
  const e = f(1 + f(r + f(f(r * r) * horner(EXP.q, r))));
  // two factors, because n = 128 has no f32 power of its own
  const half = n >> 1;
  return f(f(e * floatOf((half + 127) << 23)) * floatOf((n - half + 127) << 23));
}

/** log as a reading computes it; for normal x > 0. */
export function logF32(x: number): number {
  const shifted = bitsOf(f(x)) - LOG.sqrtHalfBits;
  const exponent = shifted >> 23;
  const F = f(floatOf((shifted & 0x7fffff) + LOG.sqrtHalfBits) - 1);
  const s = f(F / f(2 + F));
  const z = f(s * s);
  const half = f(f(0.5 * F) * F);
  const tail = f(s * f(half + f(z * horner(LOG.R, z))));
  const low = f(exponent * f(LOG.ln2Low));
  return f(f(exponent * LOG.ln2High) + f(F - f(half - f(tail + low))));
}

/** tanh as a reading computes it. */
export function tanhF32(x: number): number {
  const a = Math.abs(x);
  if (a < TANH.limit) {
    const z = f(x * x);
    return f(x + f(f(x * z) * horner(TANH.T, z)));
  }
  const limited = Math.min(a, TANH.saturation);
  return Math.sign(x) * f(1 - f(2 / f(expF32(f(2 * limited)) + 1)));
}

/** erf as a reading computes it. */
export function erfF32(x: number): number {
  const a = Math.abs(x);
  if (a < ERF.limit) return f(x * horner(ERF.E, f(x * x)));
  const root = horner(ERF.P, Math.min(a, ERF.saturation));
  const square = f(root * root);
  const fourth = f(square * square);
  return Math.sign(x) * f(1 - f(1 / f(fourth * fourth)));
}

/** e^(x²) erfc |x| as a reading computes it. */
export function erfcxF32(x: number): number {
  const t = f(1 / f(1 + f(f(ERFCX.scale) * Math.abs(x))));
  return f(t * horner(ERFCX.Q, t));
}
