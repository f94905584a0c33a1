import type { Ref } from '../ir/graph.ts';
import type { Build, OpRecord } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { ElementwiseName, Value } from '../kernel/ir.ts';

/*
 * The element-wise ops, one row each: record, samples, gradient tests and the typed function of the dsl come from it. Those with rules of
 * their own, such as `where`, stand in elementwiseOps.ts.
 */

/** `emit` is a function of the kernel language, or written in it; gradients have the shape of the result. */
export interface Row<Values extends readonly Value[], Refs extends string>
  extends Pick<OpRecord, 'neutral' | 'involution'> {
  readonly doc: string;
  /** types it takes, the same one for all operands: by default 'float' of one operand, 'number' of two */
  readonly takes?: 'float' | 'number' | 'bool';
  /** 'bool' for comparisons; else the operands' type */
  readonly gives?: 'bool';
  /** floating-point operations per element, as a roofline counts them; 1 where they are left out */
  readonly flops?: number;
  readonly emit: ElementwiseName | ((k: KernelBuilder, ...values: Values) => Value);
  vjp?(b: Build, refs: Readonly<Record<Refs, Ref>>): Ref | readonly Ref[];
}
/** y = f(x) */
type Unary = Row<[x: Value], 'x' | 'y' | 'dy'>;
/** z = f(x, y) */
type Binary = Row<[x: Value, y: Value], 'x' | 'y' | 'z' | 'dz'>;

/** 1/√(2π): the standard normal density at 0 */
const DENSITY = 1 / Math.sqrt(2 * Math.PI);

/** e^(−x²/2) */
const normalPower = (k: KernelBuilder, x: Value): Value => k.exp(k.mul(k.mul(x, x), -0.5));
/** Φ(x) from e^(−x²/2): ½ erfc(|x|/√2) below 0, where that keeps its digits, and its complement above */
const normalCdf = (k: KernelBuilder, x: Value, power: Value): Value => {
  const tail = k.mul(k.mul(power, 0.5), k.map('erfcx', k.mul(x, Math.SQRT1_2)));
  return k.map('select', k.lt(x, 0), tail, k.sub(1, tail));
};

/** 1 / (1 + e^(−x)), as e^x / (1 + e^x) below 0 */
const logistic = (k: KernelBuilder, x: Value): Value => {
  const power = k.exp(k.neg(k.map('abs', x)));
  return k.div(k.map('select', k.lt(x, 0), power, 1), k.add(power, 1));
};

/** log(1 + e^(−|x|)) */
const softTail = (k: KernelBuilder, x: Value): Value => k.map('log1p', k.exp(k.neg(k.map('abs', x))));

/** Of the approximation gelu(x) ≈ x σ(2u) with u = √(2/π) (x + 0.044715 x³): the factors of x and of x³ in 2u. */
const [LINEAR, CUBIC] = [2 * Math.sqrt(2 / Math.PI), 2 * Math.sqrt(2 / Math.PI) * 0.044715];

export const unary = {
  neg: { doc: '−x', takes: 'number', emit: 'neg', involution: true, vjp: (b, { dy }) => b.neg(dy) },
  abs: {
    doc: '|x|; its gradient at 0 is 0',
    takes: 'number',
    emit: 'abs',
    vjp: (b, { x, dy }) =>
      b.sub(b.where(b.one('less', [0, x]), dy, 0), b.where(b.one('less', [x, 0]), dy, 0)),
  },
  exp: { doc: 'e^x', flops: 8, emit: 'exp', vjp: (b, { y, dy }) => b.mul(dy, y) },
  log: { doc: 'natural logarithm', flops: 8, emit: 'log', vjp: (b, { x, dy }) => b.div(dy, x) },
  log1p: {
    doc: 'log(1 + x), which keeps the digits of a small x',
    flops: 10,
    emit: 'log1p',
    vjp: (b, { x, dy }) => b.div(dy, b.add(x, 1)),
  },
  sin: {
    doc: 'sine of x in radians; NaN from |x| = 2²¹ on, where f32 numbers lie ¼ apart',
    flops: 20,
    emit: 'sin',
    vjp: (b, { x, dy }) => b.mul(dy, b.one('cos', [x])),
  },
  cos: {
    doc: 'cosine of x in radians; NaN from |x| = 2²¹ on, where f32 numbers lie ¼ apart',
    flops: 20,
    emit: 'cos',
    vjp: (b, { x, dy }) => b.neg(b.mul(dy, b.one('sin', [x]))),
  },
  sqrt: { doc: 'square root', emit: 'sqrt', vjp: (b, { y, dy }) => b.div(b.mul(dy, 0.5), y) },
  rsqrt: {
    doc: '1/√x',
    flops: 2,
    emit: 'rsqrt',
    // d x^(−1/2) = −½ x^(−3/2)
    vjp: (b, { y, dy }) => b.mul(b.mul(dy, -0.5), b.mul(y, b.mul(y, y))),
  },
  tanh: {
    doc: 'hyperbolic tangent',
    flops: 10,
    emit: 'tanh',
    vjp: (b, { x, dy }) => b.mul(dy, b.one('tanhSlope', [x])),
  },
  tanhSlope: {
    doc: '1 − tanh² x as 4p / (1 + p)² with p = e^(−2|x|): the derivative of tanh, whose digits it keeps where tanh is close to ±1',
    flops: 12,
    emit(k, x) {
      const power = k.exp(k.mul(k.map('abs', x), -2));
      const whole = k.add(power, 1);
      return k.div(k.mul(power, 4), k.mul(whole, whole));
    },
    vjp: (b, { x, y, dy }) => b.mul(dy, b.mul(-2, b.mul(b.one('tanh', [x]), y))),
  },
  erf: {
    doc: 'error function, 2/√π ∫₀ˣ e^(−t²) dt',
    flops: 12,
    emit: 'erf',
    vjp: (b, { x, dy }) => b.mul(dy, b.mul(2 / Math.sqrt(Math.PI), b.exp(b.neg(b.mul(x, x))))),
  },
  gelu: {
    doc: 'x · Φ(x) with the normal distribution function (Hendrycks and Gimpel 2016), not its tanh approximation',
    flops: 15,
    emit: (k, x) => k.mul(x, normalCdf(k, x, normalPower(k, x))),
    vjp: (b, { x, dy }) => b.mul(dy, b.one('geluSlope', [x])),
  },
  geluSlope: {
    doc: 'Φ(x) + x φ(x): the derivative of gelu',
    flops: 25,
    emit(k, x) {
      const power = normalPower(k, x);
      return k.add(normalCdf(k, x, power), k.mul(x, k.mul(power, DENSITY)));
    },
    // d/dx (Φ + xφ) = 2φ − x (xφ), in this order: x² may overflow where φ is 0
    vjp(b, { x, dy }) {
      const density = b.mul(b.exp(b.mul(b.mul(x, x), -0.5)), DENSITY);
      return b.mul(dy, b.sub(b.mul(2, density), b.mul(x, b.mul(x, density))));
    },
  },
  relu: {
    doc: 'max(x, 0); its gradient at 0 is 0',
    emit: (k, x) => k.max(x, 0),
    vjp: (b, { y, dy }) => b.where(b.one('less', [0, y]), dy, 0),
  },
  sigmoid: {
    doc: '1 / (1 + e^(−x)), as e^x / (1 + e^x) for x < 0: nothing overflows, and small results keep their digits',
    flops: 12,
    emit: logistic,
    // 1 − y as σ(−x), which keeps its digits where y is close to 1
    vjp: (b, { x, y, dy }) => b.mul(dy, b.mul(y, b.one('sigmoid', [b.neg(x)]))),
  },
  silu: {
    doc: 'x σ(x), also called swish (Elfwing et al. 2018)',
    flops: 13,
    emit: (k, x) => k.mul(x, logistic(k, x)),
    // σ(x) + x σ(x) σ(−x)
    vjp(b, { x, y, dy }) {
      const tail = b.mul(y, b.one('sigmoid', [b.neg(x)]));
      return b.mul(dy, b.add(b.one('sigmoid', [x]), tail));
    },
  },
  geluTanh: {
    doc: 'the approximation ½x (1 + tanh(√(2/π) (x + 0.044715 x³))) of gelu, as GPT-2 has it (Hendrycks and Gimpel 2016)',
    flops: 17,
    emit: (k, x) => k.mul(x, logistic(k, k.mul(x, k.add(k.mul(k.mul(x, x), CUBIC), LINEAR)))),
    // with t = 2u: σ(t) + x σ(t) σ(−t) t′; t′ = a + 3b x² is multiplied in by parts, because x² may overflow where σ(−t) is 0
    vjp(b, { x, y, dy }) {
      const t = b.mul(x, b.add(b.mul(b.mul(x, x), CUBIC), LINEAR));
      const tail = b.mul(y, b.one('sigmoid', [b.neg(t)]));
      const cubic = b.mul(b.mul(b.mul(tail, x), x), 3 * CUBIC);
      return b.mul(dy, b.add(b.one('sigmoid', [t]), b.add(b.mul(tail, LINEAR), cubic)));
    },
  },
  softplus: {
    doc: 'log(1 + e^x), as max(x, 0) + log(1 + e^(−|x|)): nothing overflows',
    flops: 20,
    emit: (k, x) => k.add(k.max(x, 0), softTail(k, x)),
    vjp: (b, { x, dy }) => b.mul(dy, b.one('sigmoid', [x])),
  },
  logSigmoid: {
    doc: 'log σ(x), as min(x, 0) − log(1 + e^(−|x|)): its digits are kept where σ(x) is close to 0 or 1',
    flops: 20,
    emit: (k, x) => k.sub(k.min(x, 0), softTail(k, x)),
    vjp: (b, { x, dy }) => b.mul(dy, b.one('sigmoid', [b.neg(x)])),
  },
  sign: {
    doc: '1 where x > 0, −1 where x < 0, else x: zeros and NaN are themselves',
    takes: 'number',
    emit: (k, x) => k.map('select', k.lt(0, x), 1, k.map('select', k.lt(x, 0), -1, x)),
    vjp: (b, { dy }) => b.mul(dy, 0),
  },
  floor: { doc: 'largest integer ≤ x', emit: 'floor' },
  ceil: { doc: 'smallest integer ≥ x', emit: 'ceil' },
  round: { doc: 'the nearest integer, of two the even one', emit: 'round' },
  isFinite: { doc: 'neither infinite nor NaN', gives: 'bool', emit: 'isFinite' },
  not: { doc: 'not x', takes: 'bool', emit: 'not', involution: true },
} satisfies Readonly<Record<string, Unary>>;

export const binary = {
  add: { doc: 'x + y', emit: 'add', neutral: { value: -0, commutes: true }, vjp: (_b, { dz }) => [dz, dz] },
  sub: {
    doc: 'x − y',
    emit: 'sub',
    neutral: { value: 0, commutes: false },
    vjp: (b, { dz }) => [dz, b.neg(dz)],
  },
  mul: {
    doc: 'x · y per element',
    emit: 'mul',
    neutral: { value: 1, commutes: true },
    vjp: (b, { x, y, dz }) => [b.mul(dz, y), b.mul(dz, x)],
  },
  div: {
    doc: 'x / y',
    emit: 'div',
    neutral: { value: 1, commutes: false },
    vjp(b, { y, z, dz }) {
      const dx = b.div(dz, y);
      return [dx, b.neg(b.mul(dx, z))];
    },
  },
  maximum: {
    doc: 'the larger of x and y; the gradient of a tie goes to x',
    emit: 'max',
    vjp: (b, { x, y, dz }) => splitWhere(b, b.one('greaterEqual', [x, y]), dz),
  },
  minimum: {
    doc: 'the smaller of x and y; the gradient of a tie goes to x',
    emit: 'min',
    vjp: (b, { x, y, dz }) => splitWhere(b, b.one('lessEqual', [x, y]), dz),
  },
  pow: {
    doc: 'x^y as in C: of a negative x where y is an integer, else NaN; 1 where x is 1 or y is 0, whatever the other',
    takes: 'float',
    flops: 50,
    emit: (k, x, y) => k.pow(x, y),
    // y x^(y−1) and z log x, both 0 where x^y does not change: y = 0, and x = 0 for the exponent
    vjp(b, { x, y, z, dz }) {
      const slope = b.mul(y, b.one('pow', [x, b.sub(y, 1)]));
      const isZero = b.one('equal', [x, 0]);
      const logarithm = b.log(b.where(isZero, 1, x));
      return [b.mul(dz, b.where(b.one('equal', [y, 0]), 0, slope)), b.mul(dz, b.mul(z, logarithm))];
    },
  },
  mod: {
    doc: 'x − y ⌊x/y⌋, with the sign of y, as in NumPy; floats within an ULP of x',
    flops: 4,
    emit(k, x, y) {
      const isFloat = x.dtype === 'f32';
      const rest = isFloat ? k.sub(x, k.mul(k.map('floor', k.div(x, y)), y)) : k.rem(x, y);
      // of floats where the quotient was rounded up to an integer; of integers, whose quotient is cut towards 0, by the first bits
      const differ = k.lt(isFloat ? k.mul(rest, y) : k.map('bitXor', rest, y), 0);
      const isOpposite = k.and(k.map('ne', rest, 0), differ);
      return k.map('select', isOpposite, k.add(rest, y), rest);
    },
    vjp: (b, { x, y, dz }) => [dz, b.neg(b.mul(dz, b.one('floor', [b.div(x, y)])))],
  },
  squaredError: {
    doc: '(x − y)²',
    flops: 2,
    emit(k, x, y) {
      const error = k.sub(x, y);
      return k.mul(error, error);
    },
    vjp(b, { x, y, dz }) {
      const slope = b.mul(b.mul(dz, 2), b.sub(x, y));
      return [slope, b.neg(slope)];
    },
  },
  binaryCrossEntropy: {
    doc: '−y log σ(x) − (1 − y) log σ(−x) of logits x and targets y from 0 to 1, as y softplus(−x) + (1 − y) softplus(x)',
    takes: 'float',
    flops: 44,
    emit(k, x, y) {
      const tail = softTail(k, x);
      // softplus(±x) = max(±x, 0) + log(1 + e^(−|x|))
      const isTrue = k.mul(y, k.add(k.max(k.neg(x), 0), tail));
      return k.add(isTrue, k.mul(k.sub(1, y), k.add(k.max(x, 0), tail)));
    },
    // σ(x) − y without its cancellation; softplus(−x) − softplus(x) = −x
    vjp(b, { x, y, dz }) {
      const [isTrue, isFalse] = [b.one('sigmoid', [x]), b.one('sigmoid', [b.neg(x)])];
      const slope = b.sub(b.mul(b.sub(1, y), isTrue), b.mul(y, isFalse));
      return [b.mul(dz, slope), b.neg(b.mul(dz, x))];
    },
  },
  klDivergence: {
    doc: 'e^x (x − y) of log-probabilities x and y: summed over classes, the divergence of y from x (Kullback and Leibler 1951)',
    takes: 'float',
    flops: 10,
    emit: (k, x, y) => k.mul(k.exp(x), k.sub(x, y)),
    vjp(b, { x, z, dz }) {
      const power = b.exp(x);
      return [b.mul(dz, b.add(power, z)), b.neg(b.mul(dz, power))];
    },
  },
  hinge: {
    doc: 'max(0, 1 − x y) of scores x and targets y that are −1 or 1; its gradient is 0 at the hinge',
    takes: 'float',
    flops: 3,
    emit: (k, x, y) => k.max(k.sub(1, k.mul(x, y)), 0),
    vjp(b, { x, y, z, dz }) {
      const acting = b.where(b.one('less', [0, z]), b.neg(dz), 0);
      return [b.mul(acting, y), b.mul(acting, x)];
    },
  },
  equal: { doc: 'x = y', gives: 'bool', emit: 'eq' },
  notEqual: { doc: 'x ≠ y', gives: 'bool', emit: 'ne' },
  less: { doc: 'x < y', gives: 'bool', emit: 'lt' },
  lessEqual: { doc: 'x ≤ y', gives: 'bool', emit: 'le' },
  greater: { doc: 'x > y', gives: 'bool', emit: (k, x, y) => k.lt(y, x) },
  greaterEqual: { doc: 'x ≥ y', gives: 'bool', emit: (k, x, y) => k.le(y, x) },
  and: { doc: 'both', takes: 'bool', emit: 'and' },
  or: { doc: 'either or both', takes: 'bool', emit: 'or' },
} satisfies Readonly<Record<string, Binary>>;

/** A gradient that goes to the first operand where the condition holds, else to the second. */
export const splitWhere = (b: Build, condition: Ref, gradient: Ref): readonly [Ref, Ref] => [
  b.where(condition, gradient, 0),
  b.where(condition, 0, gradient),
];
