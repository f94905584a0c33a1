import { threefryOver, type WordArithmetic } from '../../base/random.ts';
import {
  type BitArithmetic,
  EXP,
  LOG,
  type Transcendental,
  transcendental,
  writeOut,
} from '../../kernel/transcendental.ts';
import type { Code, Statement, Vector } from './code.ts';
import { call, set } from './control.ts';
import type { FunctionBuilder, ModuleBuilder } from './encode.ts';
import { f32x4, i32x4, v128 } from './instructions.ts';

/** What takes several instructions on vectors: turning, f16 in memory, the transcendental functions, Threefry-2x32. */

/** Where vector code goes: `keep` puts a value into a local variable, so that it can be used more than once. */
export interface VectorScope {
  readonly fn: FunctionBuilder;
  keep(value: Vector, name: string): Vector;
}

/** Keeps values in locals that `statements` set. */
export const keepIn = (fn: FunctionBuilder, statements: Statement[]): VectorScope => ({
  fn,
  keep(value, name) {
    const local = fn.local('v128', name);
    statements.push(set(local, value));
    return local;
  },
});

/** Transposes four vectors of four. */
export function transposed(
  [a, b, c, d]: readonly [Vector, Vector, Vector, Vector],
  { keep }: Pick<VectorScope, 'keep'>,
): readonly [Vector, Vector, Vector, Vector] {
  const low = [v128.shuffle(a, b, [0, 4, 1, 5]), v128.shuffle(c, d, [0, 4, 1, 5])] as const;
  const high = [v128.shuffle(a, b, [2, 6, 3, 7]), v128.shuffle(c, d, [2, 6, 3, 7])] as const;
  const [l0, l1] = [keep(low[0], 'low0'), keep(low[1], 'low1')];
  const [h0, h1] = [keep(high[0], 'high0'), keep(high[1], 'high1')];
  return [
    v128.shuffle(l0, l1, [0, 1, 4, 5]),
    v128.shuffle(l0, l1, [2, 3, 6, 7]),
    v128.shuffle(h0, h1, [0, 1, 4, 5]),
    v128.shuffle(h0, h1, [2, 3, 6, 7]),
  ];
}

/** Bits of f16, in the lower half of each lane. */
const MAGNITUDE = 0x7fff;
const INFINITY_BITS = 0x7c00;
const NAN_BITS = 0x7e00;
const F32_INFINITY = 0x7f800000;
/** Exponents of f32 are biased by 127 − 15 more. */
const REBIAS = 2 ** 112;
/** Bits of 2¹⁶, which is past f16's numbers, and of 2⁻¹⁴, below which they are subnormal. */
const PAST = 0x47800000;
const SMALLEST_NORMAL = 0x38800000;

/**
 * Moved to the place of f32's mantissa and exponent and scaled by 2¹¹², which is exact, for subnormal numbers too. ∞ and
 * NaN come out as 2¹⁶ and more, and get the highest exponent.
 */
export function fromHalf({ fn: { word, float }, keep }: VectorScope, bits: Vector): Vector {
  const half = keep(bits, 'half');
  const magnitude = keep(v128.and(half, word(MAGNITUDE)), 'magnitude');
  const scaled = f32x4.mul(i32x4.shl(magnitude, 13), float(REBIAS));
  const special = v128.and(i32x4.geS(magnitude, word(INFINITY_BITS)), word(F32_INFINITY));
  const sign = i32x4.shl(v128.andnot(half, word(MAGNITUDE)), 16);
  return v128.or(v128.or(scaled, special), sign);
}

/**
 * Normal numbers: the exponent is rebiased, and 0xfff plus the last bit kept is added to what is dropped, so that a tie goes
 * to even; a carry goes into the exponent, up to ∞. Subnormal numbers are added to ½, whose last bit is worth 2⁻²⁴.
 */
export function toHalf({ fn: { word, float }, keep }: VectorScope, value: Vector): Vector {
  const x = keep(value, 'x');
  const sign = keep(v128.and(x, word(SIGN)), 'sign');
  const magnitude = keep(v128.xor(x, sign), 'magnitude');
  const odd = v128.and(i32x4.shrU(magnitude, 13), word(1));
  const rebiased = i32x4.add(magnitude, word(0xfff - (112 << 23)));
  const normal = i32x4.shrU(i32x4.add(rebiased, odd), 13);
  const tiny = i32x4.sub(f32x4.add(magnitude, float(0.5)), float(0.5));
  const isTiny = i32x4.ltS(magnitude, word(SMALLEST_NORMAL));
  const finite = keep(v128.select(isTiny, tiny, normal), 'finite');
  const isNumber = i32x4.leS(magnitude, word(F32_INFINITY));
  const past = v128.select(isNumber, word(INFINITY_BITS), word(NAN_BITS));
  const bits = v128.select(i32x4.ltS(magnitude, word(PAST)), finite, past);
  return v128.or(bits, i32x4.shrU(sign, 16));
}

/** Added to a number below 2²² it leaves the nearest integer in the lowest bits. */
const ROUNDER = 1.5 * 2 ** 23;
const SIGN = -0x80000000;

const vectorArithmetic = ({ fn: { word, float }, keep }: VectorScope): BitArithmetic<Vector> => {
  const m: BitArithmetic<Vector> = {
    add: f32x4.add,
    sub: f32x4.sub,
    mul: f32x4.mul,
    div: f32x4.div,
    abs: f32x4.abs,
    number: float,
    madd: (x, y, z) => f32x4.add(f32x4.mul(x, y), z),
    atMost: (x, most) => f32x4.pmin(x, float(most)),
    below: (x, limit, yes, no) => v128.select(f32x4.lt(x, float(limit)), yes, no),
    withSign: (magnitude, x) => v128.or(magnitude, v128.and(x, word(SIGN))),
    keep: (name, value) => keep(value, name),
    exp: (x) => transcendental.exp(m, keep(x, 'power')),
    log: (x) => transcendental.log(m, keep(x, 'argument')),
    nearest(name, x) {
      const shifted = keep(f32x4.add(x, float(ROUNDER)), 'shifted');
      return [keep(f32x4.sub(shifted, float(ROUNDER)), name), shifted];
    },
    timesSign: (x, integer) => v128.xor(x, i32x4.shl(integer, 31)),
    invalid: () => float(Number.NaN),
    infinity: () => float(Number.POSITIVE_INFINITY),
    high: (x) => v128.and(x, word(~0xfff)),
    // added to the exponent as an integer: at the ends of the range x lies on the side of 1 that keeps the exponent in bounds
    timesPower: (x, integer) => i32x4.add(x, i32x4.shl(integer, 23)),
    expEnds(x, usual) {
      const beyond = f32x4.mul(x, float(Number.POSITIVE_INFINITY));
      const bounded = v128.select(f32x4.le(x, float(EXP.highest)), usual, beyond);
      return v128.andnot(bounded, f32x4.lt(x, float(EXP.lowest)));
    },
    split(x) {
      // subnormal numbers are scaled first
      const tiny = keep(f32x4.lt(x, float(LOG.smallest)), 'tiny');
      const normal = v128.select(tiny, f32x4.mul(x, float(2 ** 23)), x);
      const shifted = keep(i32x4.sub(normal, word(LOG.sqrtHalfBits)), 'shifted');
      const power = i32x4.sub(i32x4.shrS(shifted, 23), v128.and(tiny, word(23)));
      const scaled = i32x4.add(v128.and(shifted, word(0x7fffff)), word(LOG.sqrtHalfBits));
      return [keep(f32x4.convertS(power), 'e'), keep(f32x4.sub(scaled, float(1)), 'f')];
    },
    logEnds(x, usual) {
      const large = v128.select(f32x4.lt(x, float(Number.POSITIVE_INFINITY)), usual, x);
      const positive = v128.select(f32x4.lt(x, float(0)), float(Number.NaN), large);
      return v128.select(f32x4.eq(x, float(0)), float(Number.NEGATIVE_INFINITY), positive);
    },
  };
  return m;
};

/** A transcendental function written out. */
export const inlineMath = (scope: VectorScope, name: Transcendental, args: readonly Vector[]): Vector => {
  const kept = args.map((argument, i) => scope.keep(argument, i === 0 ? 'x' : 'y'));
  return writeOut(name, vectorArithmetic(scope), kept);
};

/** The longer functions as functions of the module, for where they run seldom. exp is always written out. */
export function callMath(module: ModuleBuilder, name: Transcendental, args: readonly Vector[]): Vector {
  const names = ['x', 'y'].slice(0, args.length);
  const reference = module.helper(name, 'v128', names, 'v128', (fn, parameters) =>
    authored(fn, (scope) => writeOut(name, vectorArithmetic(scope), parameters)),
  );
  return call(reference, args);
}

/** A function's body: what `author` keeps in locals, then its result. */
function authored(fn: FunctionBuilder, author: (scope: VectorScope) => Vector): Code[] {
  const statements: Statement[] = [];
  const result = author(keepIn(fn, statements));
  return [...statements, result];
}

const THREEFRY = ['key0', 'key1', 'counter0', 'counter1'] as const;

/** A word of Threefry-2x32 in each lane. */
export function callThreefry(module: ModuleBuilder, word: 0 | 1, args: readonly Vector[]): Vector {
  const reference = module.helper(`threefry${word}`, 'v128', THREEFRY, 'v128', (fn, [k0, k1, c0, c1]) =>
    authored(fn, ({ keep }) => {
      const words: WordArithmetic<Vector> = {
        number: fn.word,
        add: i32x4.add,
        xor: v128.xor,
        rotateLeft: (x, bits) => v128.or(i32x4.shl(x, bits), i32x4.shrU(x, 32 - bits)),
        keep: (name, value) => keep(value, name),
      };
      return threefryOver(words, [k0, k1], [c0, c1])[word];
    }),
  );
  return call(reference, args);
}
