/** What the element-wise table, casts and storage mean for each type: the one place where integers wrap and floats round. */
import type { DType, Precision } from '../base/dtype.ts';
import { roundHalf } from '../base/half.ts';
import { elementwise } from './elementwise.ts';
import type { ElementwiseName, ValueType } from './ir.ts';

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

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** Casts: floats to integers truncate and saturate (NaN gives 0), integers wrap into each other, anything but 0 is true. */
export function converted(from: ValueType, to: ValueType, precision: Precision): (x: number) => number {
  if (from === 'f32' && to === 'i32')
    return (x) => (Number.isNaN(x) ? 0 : Math.trunc(clamp(x, -0x80000000, 0x7fffffff)) + 0);
  if (from === 'f32' && to === 'u32')
    return (x) => (Number.isNaN(x) ? 0 : Math.trunc(clamp(x, 0, 0xffffffff)) + 0);
  return roundTo(to, precision);
}
