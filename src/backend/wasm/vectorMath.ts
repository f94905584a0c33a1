import { threefryOver, type WordArithmetic } from '../../base/random.ts';
import {
  type BitArithmetic,
  EXP,
  LOG,
  type Transcendental,
  transcendental,
} from '../../kernel/transcendental.ts';
import { type Code, call, get, type Statement, set } from './code.ts';
import type { FunctionBuilder, ModuleBuilder } from './encode.ts';
import { f32x4, i32, i32x4, v128 } from './instructions.ts';

/** The transcendental functions and Threefry-2x32 on vectors. */

type Vector = Code<'v128'>;

/** Where vector code goes: `keep` puts a value into a local variable, so that it can be used more than once. */
export interface VectorScope {
  readonly fn: FunctionBuilder;
  keep(value: Vector, name: string): Vector;
}

/** Added to a number below 2²² it leaves the nearest integer in the lowest bits. */
const ROUNDER = 1.5 * 2 ** 23;
const SIGN = -0x80000000;

const vectorArithmetic = ({ fn, keep }: VectorScope): BitArithmetic<Vector> => {
  const float = (value: number): Vector => fn.float(value);
  const word = (value: number): Vector => fn.word(value);
  const m: BitArithmetic<Vector> = {
    ...f32x4,
    number: float,
    madd: (x, y, z) => f32x4.add(f32x4.mul(x, y), z),
    atMost: (x, most) => f32x4.pmin(x, float(most)),
    below: (x, limit, yes, no) => v128.select(f32x4.lt(x, float(limit)), yes, no),
    withSign: (magnitude, x) => v128.or(magnitude, v128.and(x, word(SIGN))),
    keep: (name, value) => keep(value, name),
    exp: (x) => transcendental.exp(m, keep(x, 'power')),
    nearest(x) {
      const shifted = keep(f32x4.add(x, float(ROUNDER)), 'shifted');
      return [keep(f32x4.sub(shifted, float(ROUNDER)), 'n'), shifted];
    },
    // added to the exponent as an integer: at the ends of the range x lies on the side of 1 that keeps the exponent in bounds
    timesPower: (x, integer) => i32x4.add(x, i32x4.shl(integer, i32.const(23))),
    expEnds(x, usual) {
      const beyond = f32x4.mul(x, float(Number.POSITIVE_INFINITY));
      const bounded = v128.select(f32x4.le(x, float(EXP.highest)), usual, beyond);
      return v128.andNot(bounded, f32x4.lt(x, float(EXP.lowest)));
    },
    split(x) {
      // subnormal numbers are scaled first
      const tiny = keep(f32x4.lt(x, float(LOG.smallest)), 'tiny');
      const normal = v128.select(tiny, f32x4.mul(x, float(2 ** 23)), x);
      const shifted = keep(i32x4.sub(normal, word(LOG.sqrtHalfBits)), 'shifted');
      const power = i32x4.sub(i32x4.shrS(shifted, i32.const(23)), v128.and(tiny, word(23)));
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
export const inlineMath = (scope: VectorScope, name: Transcendental, argument: Vector): Vector =>
  transcendental[name](vectorArithmetic(scope), scope.keep(argument, 'x'));

/** The longer functions as functions of the module, for where they run seldom. exp is always written out. */
export function callMath(module: ModuleBuilder, name: Transcendental, argument: Vector): Vector {
  const reference = module.helper(name, 'v128', ['x'], 'v128', (fn, [x]) =>
    authored(fn, (scope) => transcendental[name](vectorArithmetic(scope), get(x))),
  );
  return call(reference, [argument]);
}

/** Keeps values in locals that `statements` set. */
export const keepIn = (fn: FunctionBuilder, statements: Statement[]): VectorScope => ({
  fn,
  keep(value, name) {
    const local = fn.local('v128', name);
    statements.push(set(local, value));
    return get(local);
  },
});

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
        number: (value) => fn.word(value),
        add: i32x4.add,
        xor: v128.xor,
        rotateLeft: (x, bits) => v128.or(i32x4.shl(x, i32.const(bits)), i32x4.shrU(x, i32.const(32 - bits))),
        keep: (name, value) => keep(value, name),
      };
      return threefryOver(words, get(k0), get(k1), get(c0), get(c1))[word];
    }),
  );
  return call(reference, args);
}
