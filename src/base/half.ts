/** f16 as 16 bits, for engines without `Float16Array`. */

const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** The f16 nearest to `value`, ties to even, as 16 bits. */
export function halfBits(value: number): number {
  real[0] = value;
  const bits = word[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(real[0] as number);
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  // 65,520 is half-way between the largest f16 and what would be the next
  if (magnitude >= 65_520) return sign | 0x7c00;
  // below 2⁻¹⁴ numbers are multiples of 2⁻²⁴, above they have 10 bits behind the first
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude === 0 ? 1e-30 : magnitude)));
  const units = roundToEven(magnitude / 2 ** (exponent - 10));
  // a mantissa that rounds up to 2,048 carries into the exponent by itself
  return sign | (exponent === -14 ? units : ((exponent + 15) << 10) + (units - 1024));
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

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

/** The number that 16 bits stand for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}
