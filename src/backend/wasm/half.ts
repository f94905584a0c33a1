import type { Code } from './code.ts';
import { f32x4, i32, i32x4, v128 } from './instructions.ts';
import type { VectorScope } from './vectorMath.ts';

/** f16 in memory: exact conversion to f32, and to the nearest f16, ties to even; 16 bits in each lane of 32. */

type Vector = Code<'v128'>;

const MAGNITUDE = 0x7fff;
const INFINITY_BITS = 0x7c00;
const NAN_BITS = 0x7e00;
const F32_INFINITY = 0x7f800000;
const SIGN = -0x80000000;
/** Exponents of f32 are biased by 127 − 15 more. */
const REBIAS = 2 ** 112;
/** Bits of 2¹⁶, which is past f16's numbers, and of 2⁻¹⁴, below which they are subnormal. */
const PAST = 0x47800000;
const SMALLEST_NORMAL = 0x38800000;

/**
 * Moved to the place of f32's mantissa and exponent and scaled by 2¹¹², which is exact, for subnormal numbers too. ∞ and
 * NaN come out as 2¹⁶ and more, and get the highest exponent.
 */
export function fromHalf({ fn, keep }: VectorScope, bits: Vector): Vector {
  const word = (value: number) => fn.word(value);
  const half = keep(bits, 'half');
  const magnitude = keep(v128.and(half, word(MAGNITUDE)), 'magnitude');
  const scaled = f32x4.mul(i32x4.shl(magnitude, i32.const(13)), fn.float(REBIAS));
  const special = v128.and(i32x4.geS(magnitude, word(INFINITY_BITS)), word(F32_INFINITY));
  const sign = i32x4.shl(v128.andNot(half, word(MAGNITUDE)), i32.const(16));
  return v128.or(v128.or(scaled, special), sign);
}

/**
 * Normal numbers: the exponent is rebiased, and 0xfff plus the last bit kept is added to what is dropped, so that a tie goes
 * to even; a carry goes into the exponent, up to ∞. Subnormal numbers are added to ½, whose last bit is worth 2⁻²⁴.
 */
export function toHalf({ fn, keep }: VectorScope, value: Vector): Vector {
  const word = (bits: number) => fn.word(bits);
  const x = keep(value, 'x');
  const sign = keep(v128.and(x, word(SIGN)), 'sign');
  const magnitude = keep(v128.xor(x, sign), 'magnitude');
  const odd = v128.and(i32x4.shrU(magnitude, i32.const(13)), word(1));
  const rebiased = i32x4.add(magnitude, word(0xfff - (112 << 23)));
  const normal = i32x4.shrU(i32x4.add(rebiased, odd), i32.const(13));
  const tiny = i32x4.sub(f32x4.add(magnitude, fn.float(0.5)), fn.float(0.5));
  const isTiny = i32x4.ltS(magnitude, word(SMALLEST_NORMAL));
  const finite = keep(v128.select(isTiny, tiny, normal), 'finite');
  const isNumber = i32x4.leS(magnitude, word(F32_INFINITY));
  const past = v128.select(isNumber, word(INFINITY_BITS), word(NAN_BITS));
  const bits = v128.select(i32x4.ltS(magnitude, word(PAST)), finite, past);
  return v128.or(bits, i32x4.shrU(sign, i32.const(16)));
}
