import { ANGLE_LIMIT, POWR_SMALLEST } from './elementwise.ts';

/**
 * exp, log, log1p, sin, cos, tanh, erf and erfcx in f32, each written once over an arithmetic that a backend supplies: of vector instructions, of
 * texts, of numbers. The f64 oracle never runs these. Coefficients are near-minimax fits (Remez) rounded to f32; ascending powers.
 * Bounds are measured over dense arguments by test/kernel/transcendental.test.ts; the table of element-wise functions promises less.
 */

/** f32 numbers as a backend computes with them. */
export interface Arithmetic<T> {
  number(value: number): T;
  add(x: T, y: T): T;
  sub(x: T, y: T): T;
  mul(x: T, y: T): T;
  div(x: T, y: T): T;
  abs(x: T): T;
  /** x · y + z, rounded once or twice */
  madd(x: T, y: T, z: T): T;
  /** the smaller of the two, NaN where x is */
  atMost(x: T, most: number): T;
  /** `yes` where x < limit, else `no` */
  below(x: T, limit: number, yes: T, no: T): T;
  /** a positive number with the sign of x */
  withSign(magnitude: T, x: T): T;
  /** a value that is used more than once */
  keep(name: string, value: T): T;
}

/** What functions need besides that work on the bits of a number, or call others. */
export interface BitArithmetic<T> extends Arithmetic<T> {
  exp(x: T): T;
  log(x: T): T;
  /** the integer nearest to x, below 2²² in size: as a number, kept under `name`, and as `timesPower` and `timesSign` take it */
  nearest(name: string, x: T): readonly [number: T, integer: T];
  /** (−1)ⁿ x */
  timesSign(x: T, integer: T): T;
  /** NaN, whatever x is */
  invalid(x: T): T;
  /** ∞, whatever x is */
  infinity(x: T): T;
  /** x with 12 bits of its 24 */
  high(x: T): T;
  /** x · 2ⁿ */
  timesPower(x: T, integer: T): T;
  /** `usual` where exp x is a normal number; what it is elsewhere */
  expEnds(x: T, usual: T): T;
  /** x = 2ᵉ (1 + f) with √½ ≤ 1 + f < √2 */
  split(x: T): readonly [e: T, f: T];
  /** `usual` where x is positive and finite; what log x is elsewhere */
  logEnds(x: T, usual: T): T;
}

/** c₀ + c₁ z + c₂ z² + … by Horner's rule. */
function polynomial<T>(m: Arithmetic<T>, coefficients: readonly number[], z: T): T {
  const [highest, ...rest] = coefficients.map((c) => m.number(c)).reverse() as [T, ...T[]];
  return rest.reduce((sum, coefficient) => m.madd(sum, z, coefficient), highest);
}

/** ln 2 in two parts, of which the first has 16 bits: its product with an exponent is exact. */
const LN2 = { high: 0.693145751953125, low: 0.000001428606765330187 } as const;

/**
 * exp x = 2ⁿ eʳ with n = round(x / ln 2), r = x − n ln 2, eʳ = 1 + r + r² q(r) for |r| ≤ ln 2 / 2.
 * Exactly 0 below `lowest` (the result would be subnormal); above `highest` it overflows. 2 ULP.
 */
export const EXP = {
  lowest: -87.33654,
  highest: 88.72283,
  /** 1 / ln 2 */
  inverseLn2: 1.4426950216293335,
  q: [0.499992311000824, 0.16667114198207855, 0.04189015552401543, 0.008312520571053028],
} as const;

function exp<T>(m: BitArithmetic<T>, x: T): T {
  const [n, integer] = m.nearest('n', m.mul(x, m.number(EXP.inverseLn2)));
  const r = m.keep('r', m.madd(n, m.number(-LN2.low), m.madd(n, m.number(-LN2.high), x)));
  const e = m.keep('e', m.add(m.number(1), m.madd(m.mul(r, r), polynomial(m, EXP.q, r), r)));
  return m.expEnds(x, m.keep('scaled', m.timesPower(e, integer)));
}

/**
 * log x = e ln 2 + log(1 + f) with x = 2ᵉ (1 + f), √½ ≤ 1 + f < √2. With s = f / (2 + f), z = s²:
 * log(1 + f) = 2 atanh s = f − (f²/2 − s (f²/2 + z R(z))). For normal x > 0. 2 ULP.
 */
export const LOG = {
  smallest: 1.1754943508222875e-38,
  /** bits of √½: subtracting them before the shift puts 1 + f into [√½, √2) */
  sqrtHalfBits: 0x3f3504f3,
  R: [0.6666677594184875, 0.399774968624115, 0.298730731010437],
} as const;

function log<T>(m: BitArithmetic<T>, x: T): T {
  const [e, f] = m.split(x);
  const { half, s, inner } = aroundOne(m, f);
  const low = m.mul(e, m.number(LN2.low));
  const tail = m.keep('tail', m.madd(s, inner, low));
  return m.logEnds(x, m.keep('usual', m.madd(e, m.number(LN2.high), m.sub(f, m.sub(half, tail)))));
}

/** f²/2, s, and f²/2 + z R(z). */
function aroundOne<T>(m: Arithmetic<T>, f: T) {
  const s = m.keep('s', m.div(f, m.add(m.number(2), f)));
  const z = m.keep('z', m.mul(s, s));
  const half = m.keep('half_square', m.mul(m.mul(m.number(0.5), f), f));
  return { half, s, inner: m.madd(z, polynomial(m, LOG.R, z), half) };
}

/** Up to here log(1 + x) comes from x itself; beyond, 1 + x has the digits that are needed. 3 ULP. */
const LOG1P_LIMIT = 0.29;

function log1p<T>(m: BitArithmetic<T>, x: T): T {
  const { half, s, inner } = aroundOne(m, x);
  const small = m.keep('small', m.sub(x, m.sub(half, m.mul(s, inner))));
  return m.below(m.abs(x), LOG1P_LIMIT, small, m.log(m.add(x, m.number(1))));
}

/**
 * sin x = (−1)ⁿ sin r with n = round(x / π), r = x − nπ; cos x = (−1)ⁿ sin r with n = round(x / π + ½), r = x − (n − ½)π;
 * sin r = r + r³ S(r²) for |r| ≤ 1.8. What π is multiplied with is cut in two, and π into parts of 11 bits but for the last, so that
 * products are exact as long as digits cancel (Cody and Waite 1980). NaN from `ANGLE_LIMIT` on. 2 ULP.
 */
const ANGLE = {
  inversePi: 0.31830987334251404,
  pi: [3.140625, 0.0009675025939941406, 1.5099067240953445e-7, 5.126565838509123e-12, 1.224064252736134e-16],
  S: [-0.1666664481163025, 0.008332718163728714, -0.00019786335178650916, 0.000002558970209065592],
} as const;

const sineOf =
  (shift: 0 | 0.5) =>
  <T>(m: BitArithmetic<T>, x: T): T => {
    const [whole, integer] = m.nearest('n', m.madd(x, m.number(ANGLE.inversePi), m.number(shift)));
    const factor = m.keep('factor', m.sub(whole, m.number(shift)));
    const [coarse] = m.nearest('coarse', m.mul(factor, m.number(1 / 4096)));
    const fine = m.keep('fine', m.madd(coarse, m.number(-4096), factor));
    const reduced = ANGLE.pi.reduce<T>(
      (rest, part) => m.madd(fine, m.number(-part), m.madd(coarse, m.number(-4096 * part), rest)),
      x,
    );
    const r = m.keep('r', reduced);
    const z = m.keep('z', m.mul(r, r));
    const sine = m.keep('sine', m.madd(m.mul(r, z), polynomial(m, ANGLE.S, z), r));
    return m.below(m.abs(x), ANGLE_LIMIT, m.timesSign(sine, integer), m.invalid(x));
  };

/** tanh x = x + x³ T(x²) for |x| < `limit`, else sign x · (1 − 2 / (exp 2|x| + 1)). 3 ULP. */
const TANH = {
  limit: 0.7,
  /** from here on the result is ±1 */
  saturation: 9.02,
  T: [
    -0.33333197236061096, 0.13329243659973145, -0.05356698855757713, 0.020111659541726112,
    -0.00515511492267251,
  ],
} as const;

function tanh<T>(m: BitArithmetic<T>, x: T): T {
  const z = m.keep('z', m.mul(x, x));
  const a = m.keep('a', m.atMost(m.abs(x), TANH.saturation));
  const power = m.exp(m.mul(m.number(2), a));
  const large = m.keep('large', m.sub(m.number(1), m.div(m.number(2), m.add(power, m.number(1)))));
  const small = m.keep('small', m.madd(m.mul(x, z), polynomial(m, TANH.T, z), x));
  return m.below(a, TANH.limit, small, m.withSign(large, x));
}

/**
 * erf x = x E(x²) for |x| < 1, else sign x · (1 − P(|x|)⁻⁸) with P = erfc^(−1/8): a power of a polynomial costs half of what an
 * exponential does. 3 ULP.
 */
const ERF = {
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

function erf<T>(m: Arithmetic<T>, x: T): T {
  const z = m.keep('z', m.mul(x, x));
  const a = m.keep('a', m.atMost(m.abs(x), ERF.saturation));
  const root = m.keep('root', polynomial(m, ERF.P, a));
  const square = m.keep('square', m.mul(root, root));
  const fourth = m.keep('fourth', m.mul(square, square));
  const large = m.keep('large', m.sub(m.number(1), m.div(m.number(1), m.mul(fourth, fourth))));
  const small = m.keep('small', m.mul(x, polynomial(m, ERF.E, z)));
  return m.below(a, ERF.limit, small, m.withSign(large, x));
}

/** e^(x²) erfc |x| = t Q(t) with t = 1 / (1 + `scale` |x|). 6 ULP. */
const ERFCX = {
  scale: 0.45,
  Q: [
    0.25388532876968384, 0.25388315320014954, 0.22827164828777313, 0.17525212466716766, 0.11995045095682144,
    -0.022358035668730736, 0.14240120351314545, -0.30058279633522034, 0.1906880885362625,
    -0.04139115661382675,
  ],
} as const;

function erfcx<T>(m: Arithmetic<T>, x: T): T {
  const scaled = m.mul(m.number(ERFCX.scale), m.abs(x));
  const t = m.keep('t', m.div(m.number(1), m.add(m.number(1), scaled)));
  return m.mul(t, polynomial(m, ERFCX.Q, t));
}

/** The first 12 bits of log₂ e. */
const LOG2E_HIGH = 1.4423828125;

/**
 * x^y = 2ⁿ 2ʳ for x ≥ 0, with n + r = y log₂ x = y (e + log₂(1 + f)). An error of r is one of the result, so log₂ is kept in two parts:
 * log(1 + f) = f − f²/2 + … of which f − f_h²/2 is the first, where f_h are the first 12 bits of f; products of 12 bits are exact. 15 ULP.
 */
function powr<T>(m: BitArithmetic<T>, x: T, y: T): T {
  const number = m.number;
  const [e, f] = m.split(x);
  const { s, inner } = aroundOne(m, f);
  const f0 = m.keep('f_high', m.high(f));
  const square = m.keep('exact', m.mul(m.mul(number(0.5), f0), f0));
  const first = m.keep('first', m.sub(f, square));
  const cross = m.mul(m.mul(number(0.5), m.sub(f, f0)), m.add(f, f0));
  const lost = m.sub(m.sub(f, first), square);
  const first0 = m.keep('first_high', m.high(first));
  const second = m.keep('second', m.add(m.sub(first, first0), m.add(lost, m.sub(m.mul(s, inner), cross))));
  const product = m.keep('product', m.mul(first0, number(LOG2E_HIGH)));
  const coarse = m.keep('coarse', m.high(product));
  const small = m.madd(first0, number(Math.LOG2E - LOG2E_HIGH), m.mul(second, number(Math.LOG2E)));
  const fine = m.keep('fine', m.add(m.sub(product, coarse), small));
  const power = m.keep('power', m.mul(y, m.logEnds(x, m.add(e, m.add(coarse, fine)))));
  const bounded = m.atMost(m.sub(number(0), m.atMost(m.sub(number(0), power), 160)), 160);
  const [n, integer] = m.nearest('n', bounded);
  const y0 = m.keep('y_high', m.high(y));
  const y1 = m.keep('y_low', m.sub(y, y0));
  const near = m.madd(y0, coarse, m.sub(m.mul(y0, e), n));
  const far = m.madd(y1, e, m.madd(y1, coarse, m.mul(y, fine)));
  const r = m.keep('r', m.add(near, far));
  const t = m.keep('t', m.mul(r, number(Math.LN2)));
  const root = m.keep('root', m.add(number(1), m.madd(m.mul(t, t), polynomial(m, EXP.q, t), t)));
  const scaled = m.keep('scaled', m.timesPower(root, integer));
  const infinity = m.keep('infinity', m.infinity(x));
  const top = m.below(m.add(m.sub(n, number(128)), r), 0, scaled, infinity);
  const normal = m.below(m.add(m.add(n, number(126)), r), 0, number(0), top);
  const finite = m.below(power, -130, number(0), m.below(power, 130, normal, m.mul(power, infinity)));
  return m.below(m.abs(y), POWR_SMALLEST, number(1), finite);
}

/** The functions by their names in the element-wise table; their arguments are cheap to repeat. */
export const transcendental = {
  exp,
  log,
  log1p,
  sin: sineOf(0),
  cos: sineOf(0.5),
  powr,
  tanh,
  erf,
  erfcx,
} as const;
export type Transcendental = keyof typeof transcendental;

/** A function written out over an arithmetic; `args` are as many as it takes. */
export function writeOut<T>(name: Transcendental, m: BitArithmetic<T>, args: readonly T[]): T {
  const [x, y] = args as readonly [T, T];
  return transcendental[name](m, x, y);
}

/** A text with how loosely its outermost operator binds: 0 for names and calls, 1 for products, 2 for sums. */
export interface ArithmeticText {
  readonly text: string;
  readonly looseness: 0 | 1 | 2;
}

export const operand = (text: string): ArithmeticText => ({ text, looseness: 0 });

const infix =
  (sign: string, looseness: 1 | 2) =>
  (x: ArithmeticText, y: ArithmeticText): ArithmeticText => {
    const left = x.looseness > looseness ? `(${x.text})` : x.text;
    const right = y.looseness >= looseness ? `(${y.text})` : y.text;
    return { text: `${left} ${sign} ${right}`, looseness };
  };

/** What WGSL and JavaScript spell alike. */
export const infixArithmetic = {
  add: infix('+', 2),
  sub: infix('-', 2),
  mul: infix('*', 1),
  div: infix('/', 1),
} as const;
