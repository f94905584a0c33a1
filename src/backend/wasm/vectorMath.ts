import { type Coefficients, ERF, ERFCX, EXP, LOG, TANH } from '../../kernel/polynomials.ts';
import { type Code, call, type FunctionReference, get, type Statement, set } from './code.ts';
import type { FunctionBuilder, ModuleBuilder } from './encode.ts';
import { f32x4, i32, i32x4, v128 } from './instructions.ts';

/** The f32 forms of `kernel/polynomials.ts` on vectors, with the same roundings; and Threefry-2x32. */

type Vector = Code<'v128'>;

/** Where vector code goes: `keep` puts a value into a local variable, so that it can be used more than once. */
export interface VectorScope {
  readonly fn: FunctionBuilder;
  keep(value: Vector, name: string): Vector;
}

/** Horner's rule; ascending coefficients. */
function horner({ fn }: VectorScope, coefficients: Coefficients, z: Vector): Vector {
  const [highest = 0, ...rest] = [...coefficients].reverse();
  return rest.reduce<Vector>(
    (sum, coefficient) => f32x4.add(f32x4.mul(sum, z), fn.float(coefficient)),
    fn.float(highest),
  );
}

/** Added to a number below 2²² it leaves the nearest integer in the lowest bits. */
const ROUNDER = 1.5 * 2 ** 23;

/**
 * 2ⁿ eʳ with n added to the exponent of eʳ as an integer. At the ends of the range eʳ lies on the side of 1 that keeps the
 * exponent in bounds. Beyond them the result is 0, ∞, or NaN as the argument is.
 */
export function exp(scope: VectorScope, argument: Vector): Vector {
  const { fn, keep } = scope;
  const x = keep(argument, 'x');
  const shifted = keep(f32x4.add(f32x4.mul(x, fn.float(EXP.inverseLn2)), fn.float(ROUNDER)), 'shifted');
  const n = keep(f32x4.sub(shifted, fn.float(ROUNDER)), 'n');
  const high = f32x4.sub(x, f32x4.mul(n, fn.float(EXP.ln2High)));
  const r = keep(f32x4.sub(high, f32x4.mul(n, fn.float(EXP.ln2Low))), 'r');
  const tail = keep(f32x4.mul(f32x4.mul(r, r), horner(scope, EXP.q, r)), 'tail');
  const e = f32x4.add(fn.float(1), f32x4.add(r, tail));
  const scaled = keep(i32x4.add(e, i32x4.shl(shifted, i32.const(23))), 'scaled');
  const beyond = f32x4.mul(x, fn.float(Number.POSITIVE_INFINITY));
  const bounded = keep(v128.select(f32x4.le(x, fn.float(EXP.highest)), scaled, beyond), 'bounded');
  return v128.andNot(bounded, f32x4.lt(x, fn.float(EXP.lowest)));
}

/** Subnormal numbers are scaled first; zero gives −∞, negative numbers NaN, and +∞ and NaN themselves. */
export function log(scope: VectorScope, argument: Vector): Vector {
  const { fn, keep } = scope;
  const x = keep(argument, 'x');
  const tiny = keep(f32x4.lt(x, fn.float(LOG.smallest)), 'tiny');
  const normal = v128.select(tiny, f32x4.mul(x, fn.float(2 ** 23)), x);
  const shifted = keep(i32x4.sub(normal, fn.word(LOG.sqrtHalfBits)), 'shifted');
  const power = i32x4.sub(i32x4.shrS(shifted, i32.const(23)), v128.and(tiny, fn.word(23)));
  const exponent = keep(f32x4.convertS(power), 'exponent');
  const mantissa = v128.and(shifted, fn.word(0x7fffff));
  const scaled = i32x4.add(mantissa, fn.word(LOG.sqrtHalfBits));
  const f = keep(f32x4.sub(scaled, fn.float(1)), 'f');
  const s = keep(f32x4.div(f, f32x4.add(fn.float(2), f)), 's');
  const z = keep(f32x4.mul(s, s), 'z');
  const half = keep(f32x4.mul(f32x4.mul(fn.float(0.5), f), f), 'half');
  const tail = f32x4.mul(s, f32x4.add(half, f32x4.mul(z, horner(scope, LOG.R, z))));
  const low = f32x4.mul(exponent, fn.float(LOG.ln2Low));
  const rest = f32x4.sub(f, f32x4.sub(half, f32x4.add(tail, low)));
  const usual = f32x4.add(f32x4.mul(exponent, fn.float(LOG.ln2High)), rest);
  const infinity = fn.float(Number.POSITIVE_INFINITY);
  const large = v128.select(f32x4.lt(x, infinity), usual, x);
  const positive = v128.select(f32x4.lt(x, fn.float(0)), fn.float(Number.NaN), large);
  return v128.select(f32x4.eq(x, fn.float(0)), fn.float(Number.NEGATIVE_INFINITY), positive);
}

const SIGN = -0x80000000;

export function tanh(scope: VectorScope, argument: Vector): Vector {
  const { fn, keep } = scope;
  const x = keep(argument, 'x');
  const a = keep(f32x4.abs(x), 'a');
  const z = keep(f32x4.mul(x, x), 'z');
  const small = f32x4.add(x, f32x4.mul(f32x4.mul(x, z), horner(scope, TANH.T, z)));
  const limited = keep(f32x4.pmin(a, fn.float(TANH.saturation)), 'limited');
  const power = exp(scope, f32x4.mul(fn.float(2), limited));
  const quotient = f32x4.div(fn.float(2), f32x4.add(power, fn.float(1)));
  const large = withSignOf(scope, f32x4.sub(fn.float(1), quotient), x);
  return v128.select(f32x4.lt(a, fn.float(TANH.limit)), small, large);
}

export function erf(scope: VectorScope, argument: Vector): Vector {
  const { fn, keep } = scope;
  const x = keep(argument, 'x');
  const a = keep(f32x4.abs(x), 'a');
  const z = keep(f32x4.mul(x, x), 'z');
  const small = f32x4.mul(x, horner(scope, ERF.E, z));
  const limited = keep(f32x4.pmin(a, fn.float(ERF.saturation)), 'limited');
  const root = keep(horner(scope, ERF.P, limited), 'root');
  const square = keep(f32x4.mul(root, root), 'square');
  const fourth = keep(f32x4.mul(square, square), 'fourth');
  const rest = f32x4.div(fn.float(1), f32x4.mul(fourth, fourth));
  const large = withSignOf(scope, f32x4.sub(fn.float(1), rest), x);
  return v128.select(f32x4.lt(a, fn.float(ERF.limit)), small, large);
}

export function erfcx(scope: VectorScope, argument: Vector): Vector {
  const { fn, keep } = scope;
  const scaled = f32x4.mul(fn.float(ERFCX.scale), f32x4.abs(argument));
  const t = keep(f32x4.div(fn.float(1), f32x4.add(fn.float(1), scaled)), 't');
  return f32x4.mul(t, horner(scope, ERFCX.Q, t));
}

const withSignOf = ({ fn }: VectorScope, magnitude: Vector, x: Vector): Vector =>
  v128.or(magnitude, v128.and(x, fn.word(SIGN)));

export const MATH = { log, tanh, erf, erfcx } as const;

/** The longer functions as functions of the module, for where they run seldom. exp is always written out. */
export function callMath(module: ModuleBuilder, name: keyof typeof MATH, argument: Vector): Vector {
  const reference = module.helper(name, [['x', 'v128']], 'v128', (fn) =>
    authored(fn, (scope) => MATH[name](scope, parameter(fn, 0))),
  );
  return call(reference, [argument]);
}

const parameter = (fn: FunctionBuilder, place: number): Vector => {
  const { index, name } = fn.parameters[place] ?? { index: place, name: `${place}` };
  return get({ index, kind: 'v128', name });
};

/** A function's body: what `author` keeps in locals, then its result. */
function authored(fn: FunctionBuilder, author: (scope: VectorScope) => Vector): Code[] {
  const statements: Statement[] = [];
  const keep = (value: Vector, name: string): Vector => {
    const local = fn.local('v128', name);
    statements.push(set(local, value));
    return get(local);
  };
  const result = author({ fn, keep });
  return [...statements, result];
}

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const PARITY = 0x1bd11bda;

/** A word of Threefry-2x32 with 20 rounds in each lane, as in `base/random.ts`. */
export function callThreefry(module: ModuleBuilder, word: 0 | 1, args: readonly Vector[]): Vector {
  const parameters = ['key0', 'key1', 'counter0', 'counter1'].map((name) => [name, 'v128'] as const);
  const reference: FunctionReference<'v128'> = module.helper(`threefry${word}`, parameters, 'v128', (fn) =>
    authored(fn, (scope) => threefry(scope, word)),
  );
  return call(reference, args);
}

function threefry({ fn, keep }: VectorScope, word: 0 | 1): Vector {
  const [key0, key1, counter0, counter1] = [0, 1, 2, 3].map((i) => parameter(fn, i)) as [
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  const parity = keep(v128.xor(fn.word(PARITY), v128.xor(key0, key1)), 'key2');
  const keys = [key0, key1, parity] as const;
  let x = keep(i32x4.add(counter0, key0), 'x');
  let y = keep(i32x4.add(counter1, key1), 'y');
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const rotation = ROTATIONS[(group % 2) * 4 + round] ?? 0;
      x = keep(i32x4.add(x, y), 'x');
      const left = i32x4.shl(y, i32.const(rotation));
      const right = i32x4.shrU(y, i32.const(32 - rotation));
      y = keep(v128.xor(v128.or(left, right), x), 'y');
    }
    x = keep(i32x4.add(x, keys[(group + 1) % 3] ?? key0), 'x');
    const next = i32x4.add(y, keys[(group + 2) % 3] ?? key0);
    y = keep(i32x4.add(next, fn.word(group + 1)), 'y');
  }
  return word === 0 ? x : y;
}
