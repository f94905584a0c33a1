import type { DType, TypedArray } from './dtype.ts';

/** f16 as 16 bits, for engines without `Float16Array`. */

const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** The f16 nearest to a number, ties to even, as a number; from 65,520 on ∞. */
export function roundHalf(value: number): number {
  real[0] = value;
  const x = real[0];
  // the power of two at or below |x|, and 2⁻¹⁴ for subnormal f16
  word[0] = Math.max((word[0] as number) & 0x7f800000, 0x38800000);
  if ((word[0] as number) > 0x47000000) return x * Number.POSITIVE_INFINITY;
  // at 1.5 · 2⁴² times that power, doubles lie 2⁻¹⁰ of it apart
  const shift = real[0] * 1.5 * 2 ** 42;
  const nearest = x + shift - shift;
  return nearest === 0 ? x * 0 : Math.abs(nearest) > 65_504 ? nearest * Number.POSITIVE_INFINITY : nearest;
}

/** The f16 nearest to a number, ties to even, as 16 bits. */
export function halfBits(value: number): number {
  const magnitude = Math.abs(roundHalf(value));
  real[0] = value;
  const sign = ((word[0] as number) >>> 16) & 0x8000;
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  // of the 32 bits the exponent's bias is 112 larger, and the last 13 of the mantissa are 0
  real[0] = magnitude;
  return sign | (((word[0] as number) - (112 << 23)) >>> 13);
}

/** The number that 16 bits stand for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** Arrays in which elements lie in a device's memory: of f16 the bits. */
export const STORED = {
  f32: Float32Array,
  f16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  bool: Uint32Array,
} satisfies Readonly<Record<DType, unknown>>;

/** A copy of elements that lie so, as numbers. */
export function loadStored(dtype: DType, memory: ArrayBuffer, offset: number, length: number): TypedArray {
  const view = new STORED[dtype](memory, offset, length);
  return view instanceof Uint16Array ? Float32Array.from(view, halfValue) : view.slice();
}
