import type { DType, Precision } from '../base/dtype.ts';
import { roundHalf } from '../base/half.ts';

/** Element type of a value inside a program. */
export type ValueType = 'f32' | 'i32' | 'u32' | 'bool';

/** One row per element-wise function: its arity, its result type, and what it means in f64. */
export interface ElementwiseRow {
  readonly arity: 1 | 2 | 3;
  /** argument types it accepts: floats, integers (i32 and u32), bools */
  readonly accepts: 'number' | 'float' | 'integer' | 'bool' | 'any';
  /** result type, given the type of its (last) argument */
  readonly result: 'same' | 'bool';
  /** the operator that languages like C write between its arguments; with bools & and | do not branch */
  readonly sign?: string;
  /** reference meaning on numbers; integers wrap and divisions of integers truncate in the backends; bools are 0 and 1 */
  readonly reference: (x: number, y: number, z: number) => number;
  /**
   * Largest error allowed to a backend's f32 form against `reference` rounded to f32, in ULP of the result,
   * on finite arguments with a normal result. 0.5 = correctly rounded.
   */
  readonly ulp: number;
}

/**
 * erf to full f64 accuracy: Maclaurin series for |x| < 2, erfc beyond (Abramowitz & Stegun 7.1.6).
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a >= 2) return Math.sign(x) * (1 - Math.exp(-a * a) * erfcx(a));
  // erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!
  let term = a;
  let total = a;
  for (let n = 1; term > total * 1e-17; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    total += term;
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * total;
}

/**
 * e^(x²) erfc |x|, which falls from 1 as 1/(|x| √π): what erfc is without its exponential. Continued fraction (Abramowitz & Stegun
 * 7.1.14), and 1 − erf where that loses no digits.
 */
export function erfcx(x: number): number {
  const a = Math.abs(x);
  if (a < 2) return Math.exp(a * a) * (1 - erf(a));
  // 1/√π · 1/(x + ½/(x + 1/(x + 1½/(x + …))))
  let fraction = 0;
  for (let n = 100; n >= 1; n--) fraction = n / 2 / (a + fraction);
  return 1 / Math.sqrt(Math.PI) / (a + fraction);
}

/** The nearest integer; of two equally near ones the even one, as IEEE 754 rounds. */
export function roundEven(x: number): number {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/** From here on neighbouring f32 numbers lie at least ¼ apart: sine and cosine have no digit left, and are NaN. */
export const ANGLE_LIMIT = 2 ** 21;
export const sin = (x: number): number => (Math.abs(x) < ANGLE_LIMIT ? Math.sin(x) : Number.NaN);
export const cos = (x: number): number => (Math.abs(x) < ANGLE_LIMIT ? Math.cos(x) : Number.NaN);

/** An exponent that is less in size counts as 0. */
export const POWR_SMALLEST = 2 ** -126;
/** x^y for x ≥ 0 */
export function powr(x: number, y: number): number {
  if (Math.abs(y) < POWR_SMALLEST) return 1;
  return x < 0 ? Number.NaN : x ** y;
}

const number = 'number';
const float = 'float';
const integer = 'integer';
const bool = 'bool';

const rows = {
  add: { arity: 2, accepts: number, result: 'same', sign: '+', ulp: 0.5, reference: (x, y) => x + y },
  sub: { arity: 2, accepts: number, result: 'same', sign: '-', ulp: 0.5, reference: (x, y) => x - y },
  mul: { arity: 2, accepts: number, result: 'same', sign: '*', ulp: 0.5, reference: (x, y) => x * y },
  div: { arity: 2, accepts: number, result: 'same', sign: '/', ulp: 2.5, reference: (x, y) => x / y },
  rem: { arity: 2, accepts: integer, result: 'same', sign: '%', ulp: 0, reference: (x, y) => x % y },
  min: { arity: 2, accepts: number, result: 'same', ulp: 0, reference: (x, y) => Math.min(x, y) },
  max: { arity: 2, accepts: number, result: 'same', ulp: 0, reference: (x, y) => Math.max(x, y) },
  neg: { arity: 1, accepts: number, result: 'same', ulp: 0, reference: (x) => -x },
  abs: { arity: 1, accepts: number, result: 'same', ulp: 0, reference: Math.abs },
  floor: { arity: 1, accepts: float, result: 'same', ulp: 0, reference: Math.floor },
  ceil: { arity: 1, accepts: float, result: 'same', ulp: 0, reference: Math.ceil },
  round: { arity: 1, accepts: float, result: 'same', ulp: 0, reference: roundEven },
  exp: { arity: 1, accepts: float, result: 'same', ulp: 4, reference: Math.exp },
  log: { arity: 1, accepts: float, result: 'same', ulp: 4, reference: Math.log },
  log1p: { arity: 1, accepts: float, result: 'same', ulp: 4, reference: Math.log1p },
  sin: { arity: 1, accepts: float, result: 'same', ulp: 4, reference: sin },
  cos: { arity: 1, accepts: float, result: 'same', ulp: 4, reference: cos },
  powr: { arity: 2, accepts: float, result: 'same', ulp: 16, reference: powr },
  sqrt: { arity: 1, accepts: float, result: 'same', ulp: 2.5, reference: Math.sqrt },
  rsqrt: { arity: 1, accepts: float, result: 'same', ulp: 2.5, reference: (x) => 1 / Math.sqrt(x) },
  tanh: { arity: 1, accepts: float, result: 'same', ulp: 8, reference: Math.tanh },
  erf: { arity: 1, accepts: float, result: 'same', ulp: 8, reference: erf },
  erfcx: { arity: 1, accepts: float, result: 'same', ulp: 8, reference: erfcx },
  lt: { arity: 2, accepts: number, result: 'bool', sign: '<', ulp: 0, reference: (x, y) => +(x < y) },
  le: { arity: 2, accepts: number, result: 'bool', sign: '<=', ulp: 0, reference: (x, y) => +(x <= y) },
  eq: { arity: 2, accepts: number, result: 'bool', sign: '==', ulp: 0, reference: (x, y) => +(x === y) },
  ne: { arity: 2, accepts: number, result: 'bool', sign: '!=', ulp: 0, reference: (x, y) => +(x !== y) },
  and: { arity: 2, accepts: bool, result: 'bool', sign: '&', ulp: 0, reference: (x, y) => x & y },
  or: { arity: 2, accepts: bool, result: 'bool', sign: '|', ulp: 0, reference: (x, y) => x | y },
  not: { arity: 1, accepts: bool, result: 'bool', ulp: 0, reference: (x) => x ^ 1 },
  select: { arity: 3, accepts: 'any', result: 'same', ulp: 0, reference: (c, x, y) => (c ? x : y) },
  isFinite: { arity: 1, accepts: float, result: 'bool', ulp: 0, reference: (x) => +Number.isFinite(x) },
  isNaN: { arity: 1, accepts: float, result: 'bool', ulp: 0, reference: (x) => +Number.isNaN(x) },
  bitAnd: { arity: 2, accepts: integer, result: 'same', sign: '&', ulp: 0, reference: (x, y) => x & y },
  bitOr: { arity: 2, accepts: integer, result: 'same', sign: '|', ulp: 0, reference: (x, y) => x | y },
  bitXor: { arity: 2, accepts: integer, result: 'same', sign: '^', ulp: 0, reference: (x, y) => x ^ y },
  shiftLeft: { arity: 2, accepts: integer, result: 'same', sign: '<<', ulp: 0, reference: (x, y) => x << y },
  shiftRight: { arity: 2, accepts: integer, result: 'same', ulp: 0, reference: (x, y) => x >>> y },
} satisfies Readonly<Record<string, ElementwiseRow>>;

export type ElementwiseName = keyof typeof rows;
export const elementwise: Readonly<Record<ElementwiseName, ElementwiseRow>> = rows;

// What the table, casts and storage mean for each type: the one place where integers wrap and floats round.

/** Brings the exact (f64) result of an operation to the nearest value of `dtype`; integers wrap modulo 2³². */
export function roundTo(dtype: ValueType, precision: Precision): (x: number) => number {
  if (dtype === 'i32') return (x) => x | 0;
  if (dtype === 'u32') return (x) => x >>> 0;
  if (dtype === 'bool') return (x) => (x !== 0 ? 1 : 0);
  return precision === 'f32' ? Math.fround : (x) => x;
}

/** What memory of `dtype` holds of a number; in f64 both floating types are f64. */
export const storedAs = (dtype: DType, precision: Precision): ((x: number) => number) =>
  dtype !== 'f16' ? roundTo(dtype, precision) : precision === 'f32' ? roundHalf : (x) => x;

/**
 * Row `fn` of the element-wise table on arguments of type `dtype` (of its last argument), without rounding of floats.
 * A product of 32-bit integers needs up to 64 bits, so it is formed by `Math.imul`; the table is exact for the rest
 * before it wraps. Integer division truncates towards zero; by zero it gives 0.
 */
export function applied(
  fn: ElementwiseName,
  dtype: ValueType,
  precision: Precision,
): (x: number, y: number, z: number) => number {
  const { reference, result } = elementwise[fn];
  if (dtype === 'f32' || dtype === 'bool' || result === 'bool') return reference;
  const wrap = roundTo(dtype, precision);
  return fn === 'mul' ? (x, y) => wrap(Math.imul(x, y)) : (x, y, z) => wrap(reference(x, y, z));
}

/** Casts: floats to integers truncate and saturate (NaN gives 0), integers wrap into each other, anything but 0 is true. */
export function converted(from: ValueType, to: ValueType, precision: Precision): (x: number) => number {
  if (from !== 'f32' || to === 'f32' || to === 'bool') return roundTo(to, precision);
  const [low, high] = to === 'i32' ? [-0x80000000, 0x7fffffff] : [0, 0xffffffff];
  return (x) => (Number.isNaN(x) ? 0 : Math.trunc(Math.min(Math.max(x, low), high)) + 0);
}
