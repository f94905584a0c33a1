import type { Ref } from '../ir/graph.ts';
import type { Build, OpRecord } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { ElementwiseName, Value } from '../kernel/ir.ts';
import { elementwiseRecord, type Row } from './elementwiseRecord.ts';

/* The uniform element-wise ops, one row each. `where` and `cast` have type rules, and files, of their own. */

const SQRT_HALF = Math.SQRT1_2;
/** 1/√(2π): the standard normal density at 0 */
const DENSITY = 1 / Math.sqrt(2 * Math.PI);

/** An emit rule that is one function of the kernel language. */
const map =
  (fn: ElementwiseName): Row['emit'] =>
  (k, args) =>
    k.map(fn, ...args);

const unary = (emit: (k: KernelBuilder, x: Value) => Value): Row['emit'] => {
  return (k, [x]) => emit(k, x as Value);
};
const binary = (emit: (k: KernelBuilder, x: Value, y: Value) => Value): Row['emit'] => {
  return (k, [x, y]) => emit(k, x as Value, y as Value);
};

type Vjp1 = (b: Build, x: Ref, y: Ref, dy: Ref) => Ref;
const vjp1 = (rule: Vjp1): NonNullable<Row['vjp']> => {
  return (b, [x], y, dy) => [rule(b, x as Ref, y, dy)];
};
type Vjp2 = (b: Build, x: Ref, y: Ref, dz: Ref, z: Ref) => readonly (Ref | undefined)[];
const vjp2 = (rule: Vjp2): NonNullable<Row['vjp']> => {
  return (b, [x, y], z, dz) => rule(b, x as Ref, y as Ref, dz, z);
};

/** dy where the condition holds, else 0 */
const where0 = (b: Build, condition: Ref, dy: Ref): Ref => b.where(condition, dy, 0);

/** e^(−x²/2) */
const normalPower = (k: KernelBuilder, x: Value): Value => k.exp(k.mul(k.mul(x, x), -0.5));
/** Φ(x) from e^(−x²/2): ½ erfc(|x|/√2) below 0, where that keeps its digits, and its complement above */
const normalCdf = (k: KernelBuilder, x: Value, power: Value): Value => {
  const tail = k.mul(k.mul(power, 0.5), k.map('erfcx', k.mul(x, SQRT_HALF)));
  return k.map('select', k.lt(x, 0), tail, k.sub(1, tail));
};

const rows = {
  add: {
    arity: 2,
    doc: 'x + y',
    takes: 'number',
    flops: 1,
    emit: map('add'),
    neutral: { value: -0, commutes: true },
    vjp: vjp2((_b, _x, _y, dz) => [dz, dz]),
  },
  sub: {
    arity: 2,
    doc: 'x − y',
    takes: 'number',
    flops: 1,
    emit: map('sub'),
    neutral: { value: 0, commutes: false },
    vjp: vjp2((b, _x, _y, dz) => [dz, b.neg(dz)]),
  },
  mul: {
    arity: 2,
    doc: 'x · y per element',
    takes: 'number',
    flops: 1,
    emit: map('mul'),
    neutral: { value: 1, commutes: true },
    vjp: vjp2((b, x, y, dz) => [b.mul(dz, y), b.mul(dz, x)]),
  },
  div: {
    arity: 2,
    doc: 'x / y',
    takes: 'number',
    flops: 1,
    emit: map('div'),
    neutral: { value: 1, commutes: false },
    vjp: vjp2((b, _x, y, dz, z) => {
      const dx = b.div(dz, y);
      return [dx, b.neg(b.mul(dx, z))];
    }),
  },
  maximum: {
    arity: 2,
    doc: 'the larger of x and y; the gradient of a tie goes to x',
    takes: 'number',
    flops: 1,
    emit: map('max'),
    vjp: vjp2((b, x, y, dz) => {
      const first = b.one('greaterEqual', [x, y]);
      return [where0(b, first, dz), b.where(first, 0, dz)];
    }),
  },
  minimum: {
    arity: 2,
    doc: 'the smaller of x and y; the gradient of a tie goes to x',
    takes: 'number',
    flops: 1,
    emit: map('min'),
    vjp: vjp2((b, x, y, dz) => {
      const first = b.one('lessEqual', [x, y]);
      return [where0(b, first, dz), b.where(first, 0, dz)];
    }),
  },
  neg: {
    arity: 1,
    doc: '−x',
    takes: 'number',
    flops: 1,
    emit: map('neg'),
    involution: true,
    vjp: vjp1((b, _x, _y, dy) => b.neg(dy)),
  },
  abs: {
    arity: 1,
    doc: '|x|; its gradient at 0 is 0',
    takes: 'number',
    flops: 1,
    emit: map('abs'),
    vjp: vjp1((b, x, _y, dy) =>
      b.sub(where0(b, b.one('less', [0, x]), dy), where0(b, b.one('less', [x, 0]), dy)),
    ),
  },
  exp: {
    arity: 1,
    doc: 'e^x',
    takes: 'float',
    flops: 8,
    emit: map('exp'),
    vjp: vjp1((b, _x, y, dy) => b.mul(dy, y)),
  },
  log: {
    arity: 1,
    doc: 'natural logarithm',
    takes: 'float',
    flops: 8,
    emit: map('log'),
    vjp: vjp1((b, x, _y, dy) => b.div(dy, x)),
  },
  sqrt: {
    arity: 1,
    doc: 'square root',
    takes: 'float',
    flops: 1,
    emit: map('sqrt'),
    vjp: vjp1((b, _x, y, dy) => b.div(b.mul(dy, 0.5), y)),
  },
  rsqrt: {
    arity: 1,
    doc: '1/√x',
    takes: 'float',
    flops: 2,
    emit: map('rsqrt'),
    // d x^(−1/2) = −½ x^(−3/2)
    vjp: vjp1((b, _x, y, dy) => b.mul(b.mul(dy, -0.5), b.mul(y, b.mul(y, y)))),
  },
  tanh: {
    arity: 1,
    doc: 'hyperbolic tangent',
    takes: 'float',
    flops: 10,
    emit: map('tanh'),
    vjp: vjp1((b, x, _y, dy) => b.mul(dy, b.one('tanhSlope', [x]))),
  },
  tanhSlope: {
    arity: 1,
    doc: '1 − tanh² x as 4p / (1 + p)² with p = e^(−2|x|): the derivative of tanh, whose digits it keeps where tanh is close to ±1',
    takes: 'float',
    flops: 12,
    emit: unary((k, x) => {
      const power = k.exp(k.mul(k.map('abs', x), -2));
      const whole = k.add(power, 1);
      return k.div(k.mul(power, 4), k.mul(whole, whole));
    }),
    vjp: vjp1((b, x, y, dy) => b.mul(dy, b.mul(-2, b.mul(b.one('tanh', [x]), y)))),
  },
  erf: {
    arity: 1,
    doc: 'error function, 2/√π ∫₀ˣ e^(−t²) dt',
    takes: 'float',
    flops: 12,
    emit: map('erf'),
    vjp: vjp1((b, x, _y, dy) => b.mul(dy, b.mul(2 / Math.sqrt(Math.PI), b.exp(b.neg(b.mul(x, x)))))),
  },
  gelu: {
    arity: 1,
    doc: 'x · Φ(x) with the normal distribution function (Hendrycks and Gimpel 2016), not its tanh approximation',
    takes: 'float',
    flops: 15,
    emit: unary((k, x) => k.mul(x, normalCdf(k, x, normalPower(k, x)))),
    vjp: vjp1((b, x, _y, dy) => b.mul(dy, b.one('geluSlope', [x]))),
  },
  geluSlope: {
    arity: 1,
    doc: 'Φ(x) + x φ(x): the derivative of gelu',
    takes: 'float',
    flops: 25,
    emit: unary((k, x) => {
      const power = normalPower(k, x);
      return k.add(normalCdf(k, x, power), k.mul(x, k.mul(power, DENSITY)));
    }),
    // d/dx (Φ + xφ) = 2φ − x (xφ), in this order: x² may overflow where φ is 0
    vjp: vjp1((b, x, _y, dy) => {
      const density = b.mul(b.exp(b.mul(b.mul(x, x), -0.5)), DENSITY);
      return b.mul(dy, b.sub(b.mul(2, density), b.mul(x, b.mul(x, density))));
    }),
  },
  relu: {
    arity: 1,
    doc: 'max(x, 0); its gradient at 0 is 0',
    takes: 'float',
    flops: 1,
    emit: unary((k, x) => k.max(x, 0)),
    vjp: vjp1((b, _x, y, dy) => where0(b, b.one('less', [0, y]), dy)),
  },
  sigmoid: {
    arity: 1,
    doc: '1 / (1 + e^(−x)), as e^x / (1 + e^x) for x < 0: nothing overflows, and small results keep their digits',
    takes: 'float',
    flops: 12,
    emit: unary((k, x) => {
      const power = k.exp(k.neg(k.map('abs', x)));
      return k.div(k.map('select', k.lt(x, 0), power, 1), k.add(power, 1));
    }),
    // 1 − y as σ(−x), which keeps its digits where y is close to 1
    vjp: vjp1((b, x, y, dy) => b.mul(dy, b.mul(y, b.one('sigmoid', [b.neg(x)])))),
  },
  floor: { arity: 1, doc: 'largest integer ≤ x', takes: 'float', flops: 1, emit: map('floor') },
  isFinite: {
    arity: 1,
    doc: 'neither infinite nor NaN',
    takes: 'float',
    gives: 'bool',
    flops: 1,
    emit: map('isFinite'),
  },
  equal: { arity: 2, doc: 'x = y', takes: 'number', gives: 'bool', flops: 1, emit: map('eq') },
  notEqual: { arity: 2, doc: 'x ≠ y', takes: 'number', gives: 'bool', flops: 1, emit: map('ne') },
  less: { arity: 2, doc: 'x < y', takes: 'number', gives: 'bool', flops: 1, emit: map('lt') },
  lessEqual: { arity: 2, doc: 'x ≤ y', takes: 'number', gives: 'bool', flops: 1, emit: map('le') },
  greater: {
    arity: 2,
    doc: 'x > y',
    takes: 'number',
    gives: 'bool',
    flops: 1,
    emit: binary((k, x, y) => k.lt(y, x)),
  },
  greaterEqual: {
    arity: 2,
    doc: 'x ≥ y',
    takes: 'number',
    gives: 'bool',
    flops: 1,
    emit: binary((k, x, y) => k.le(y, x)),
  },
  and: { arity: 2, doc: 'both', takes: 'bool', flops: 1, emit: map('and') },
  or: { arity: 2, doc: 'either or both', takes: 'bool', flops: 1, emit: map('or') },
  not: { arity: 1, doc: 'not x', takes: 'bool', flops: 1, emit: map('not'), involution: true },
} satisfies Readonly<Record<string, Row>>;

/** Records of the element-wise ops. */
export const elementwiseOps = (): readonly OpRecord[] =>
  Object.entries(rows).map(([name, row]) => elementwiseRecord(name, row));
