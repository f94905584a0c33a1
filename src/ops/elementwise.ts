import { planPointwise } from '../../kernels/pointwise.ts';
import type { DType } from '../base/dtype.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import type { Build, LowerContext, OpRecord, VjpContext } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { ElementwiseName, Value } from '../kernel/ir.ts';
import { broadcastShapes, fail, operand, perElement } from './rules.ts';

/**
 * One element-wise op. Results broadcast as NumPy does; a gradient is summed back over what was broadcast, by `vjp`'s caller.
 */
interface Row {
  readonly doc: string;
  /** types it takes: all operands have the same one (`where` takes a bool and two of any one type) */
  readonly takes: 'float' | 'number' | 'bool' | 'any';
  /** 'bool' for comparisons; else the operands' type */
  readonly gives?: 'bool';
  /** floating-point operations per element, as a roofline counts them */
  readonly flops: number;
  emit(k: KernelBuilder, args: readonly Value[], attributes: Attributes): Value;
  /** Gradients in the result's shape. */
  vjp?(b: Build, args: readonly Ref[], y: Ref, dy: Ref): readonly (Ref | undefined)[];
}

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

const zero = (b: Build): Ref => b.constant(0);
/** dy where the condition holds, else 0 */
const where0 = (b: Build, condition: Ref, dy: Ref): Ref => b.where(condition, dy, zero(b));

/** Φ(x) = (1 + erf(x/√2)) / 2 */
const normalCdf = (k: KernelBuilder, x: Value): Value =>
  k.mul(k.add(k.map('erf', k.mul(x, SQRT_HALF)), 1), 0.5);
/** φ(x) = e^(−x²/2) / √(2π) */
const normalPdf = (k: KernelBuilder, x: Value): Value => k.mul(k.exp(k.mul(k.mul(x, x), -0.5)), DENSITY);

const rows = {
  add: {
    doc: 'x + y',
    takes: 'number',
    flops: 1,
    emit: map('add'),
    vjp: vjp2((_b, _x, _y, dz) => [dz, dz]),
  },
  sub: {
    doc: 'x − y',
    takes: 'number',
    flops: 1,
    emit: map('sub'),
    vjp: vjp2((b, _x, _y, dz) => [dz, b.neg(dz)]),
  },
  mul: {
    doc: 'x · y per element',
    takes: 'number',
    flops: 1,
    emit: map('mul'),
    vjp: vjp2((b, x, y, dz) => [b.mul(dz, y), b.mul(dz, x)]),
  },
  div: {
    doc: 'x / y',
    takes: 'number',
    flops: 1,
    emit: map('div'),
    vjp: vjp2((b, _x, y, dz, z) => {
      const dx = b.div(dz, y);
      return [dx, b.neg(b.mul(dx, z))];
    }),
  },
  maximum: {
    doc: 'the larger of x and y; the gradient of a tie goes to x',
    takes: 'number',
    flops: 1,
    emit: map('max'),
    vjp: vjp2((b, x, y, dz) => {
      const first = b.one('greaterEqual', [x, y]);
      return [where0(b, first, dz), b.where(first, zero(b), dz)];
    }),
  },
  minimum: {
    doc: 'the smaller of x and y; the gradient of a tie goes to x',
    takes: 'number',
    flops: 1,
    emit: map('min'),
    vjp: vjp2((b, x, y, dz) => {
      const first = b.one('lessEqual', [x, y]);
      return [where0(b, first, dz), b.where(first, zero(b), dz)];
    }),
  },
  neg: {
    doc: '−x',
    takes: 'number',
    flops: 1,
    emit: map('neg'),
    vjp: vjp1((b, _x, _y, dy) => b.neg(dy)),
  },
  abs: {
    doc: '|x|; its gradient at 0 is 0',
    takes: 'number',
    flops: 1,
    emit: map('abs'),
    vjp: vjp1((b, x, _y, dy) =>
      b.sub(where0(b, b.one('less', [zero(b), x]), dy), where0(b, b.one('less', [x, zero(b)]), dy)),
    ),
  },
  exp: {
    doc: 'e^x',
    takes: 'float',
    flops: 8,
    emit: map('exp'),
    vjp: vjp1((b, _x, y, dy) => b.mul(dy, y)),
  },
  log: {
    doc: 'natural logarithm',
    takes: 'float',
    flops: 8,
    emit: map('log'),
    vjp: vjp1((b, x, _y, dy) => b.div(dy, x)),
  },
  sqrt: {
    doc: 'square root',
    takes: 'float',
    flops: 1,
    emit: map('sqrt'),
    vjp: vjp1((b, _x, y, dy) => b.div(b.mul(dy, b.constant(0.5)), y)),
  },
  rsqrt: {
    doc: '1/√x',
    takes: 'float',
    flops: 2,
    emit: map('rsqrt'),
    // d x^(−1/2) = −½ x^(−3/2)
    vjp: vjp1((b, _x, y, dy) => b.mul(b.mul(dy, b.constant(-0.5)), b.mul(y, b.mul(y, y)))),
  },
  tanh: {
    doc: 'hyperbolic tangent',
    takes: 'float',
    flops: 10,
    emit: map('tanh'),
    vjp: vjp1((b, _x, y, dy) => b.mul(dy, b.sub(b.constant(1), b.mul(y, y)))),
  },
  erf: {
    doc: 'error function, 2/√π ∫₀ˣ e^(−t²) dt',
    takes: 'float',
    flops: 12,
    emit: map('erf'),
    vjp: vjp1((b, x, _y, dy) =>
      b.mul(dy, b.mul(b.constant(2 / Math.sqrt(Math.PI)), b.exp(b.neg(b.mul(x, x))))),
    ),
  },
  gelu: {
    doc: 'x · Φ(x) with the normal distribution function (Hendrycks and Gimpel 2016), not its tanh approximation',
    takes: 'float',
    flops: 15,
    emit: unary((k, x) => k.mul(x, normalCdf(k, x))),
    vjp: vjp1((b, x, _y, dy) => b.one('geluGradient', [x, dy])),
  },
  geluGradient: {
    doc: 'dy · (Φ(x) + x φ(x)): gradient of gelu, operands x and dy',
    takes: 'float',
    flops: 25,
    emit: binary((k, x, dy) => k.mul(dy, k.add(normalCdf(k, x), k.mul(x, normalPdf(k, x))))),
    // d/dx (Φ + xφ) = φ (2 − x²)
    vjp: vjp2((b, x, dy, dz) => {
      const square = b.mul(x, x);
      const density = b.mul(b.exp(b.mul(square, b.constant(-0.5))), b.constant(DENSITY));
      const slope = b.mul(density, b.sub(b.constant(2), square));
      return [b.mul(b.mul(dz, dy), slope), b.one('geluGradient', [x, dz])];
    }),
  },
  relu: {
    doc: 'max(x, 0); its gradient at 0 is 0',
    takes: 'float',
    flops: 1,
    emit: unary((k, x) => k.max(x, 0)),
    vjp: vjp1((b, _x, y, dy) => where0(b, b.one('less', [zero(b), y]), dy)),
  },
  sigmoid: {
    doc: '1 / (1 + e^(−x)), as (1 + tanh(x/2)) / 2, which does not overflow',
    takes: 'float',
    flops: 12,
    emit: unary((k, x) => k.mul(k.add(k.map('tanh', k.mul(x, 0.5)), 1), 0.5)),
    vjp: vjp1((b, _x, y, dy) => b.mul(dy, b.mul(y, b.sub(b.constant(1), y)))),
  },
  floor: { doc: 'largest integer ≤ x', takes: 'float', flops: 1, emit: map('floor') },
  isFinite: {
    doc: 'neither infinite nor NaN',
    takes: 'float',
    gives: 'bool',
    flops: 1,
    emit: map('isFinite'),
  },
  equal: { doc: 'x = y', takes: 'number', gives: 'bool', flops: 1, emit: map('eq') },
  notEqual: { doc: 'x ≠ y', takes: 'number', gives: 'bool', flops: 1, emit: map('ne') },
  less: { doc: 'x < y', takes: 'number', gives: 'bool', flops: 1, emit: map('lt') },
  lessEqual: { doc: 'x ≤ y', takes: 'number', gives: 'bool', flops: 1, emit: map('le') },
  greater: {
    doc: 'x > y',
    takes: 'number',
    gives: 'bool',
    flops: 1,
    emit: binary((k, x, y) => k.lt(y, x)),
  },
  greaterEqual: {
    doc: 'x ≥ y',
    takes: 'number',
    gives: 'bool',
    flops: 1,
    emit: binary((k, x, y) => k.le(y, x)),
  },
  and: { doc: 'both', takes: 'bool', flops: 1, emit: map('and') },
  or: { doc: 'either or both', takes: 'bool', flops: 1, emit: map('or') },
  not: { doc: 'not x', takes: 'bool', flops: 1, emit: map('not') },
} satisfies Readonly<Record<string, Row>>;

const ARITY: Readonly<Record<Row['takes'], readonly DType[]>> = {
  float: ['f32', 'f16'],
  number: ['f32', 'f16', 'i32', 'u32'],
  bool: ['bool'],
  any: ['f32', 'f16', 'i32', 'u32', 'bool'],
};

/** Number of operands of each row that has not one. */
const BINARY: ReadonlySet<string> = new Set([
  'add',
  'sub',
  'mul',
  'div',
  'maximum',
  'minimum',
  'geluGradient',
  'equal',
  'notEqual',
  'less',
  'lessEqual',
  'greater',
  'greaterEqual',
  'and',
  'or',
]);

/** One launch of the op's `emit` over all elements. */
export function lowerElementwise(record: OpRecord, context: LowerContext): ReturnType<typeof planPointwise> {
  const { emit } = record;
  const [output] = context.outputs;
  if (!emit || !output) return fail('FROND-X001', `${record.name} has no element-wise form`);
  return planPointwise({
    name: record.name,
    key: `${record.name} ${JSON.stringify(context.attributes)}`,
    inputs: context.inputs.map((type, index) => ({ slot: { kind: 'input', index }, ...type })),
    output: { slot: { kind: 'output', index: 0 }, ...output },
    apply: (k, values) => emit(k, values, context.attributes),
  });
}

function shapeOf(name: string, row: Row, inputs: readonly TensorType[]): readonly TensorType[] {
  const first = operand(name, inputs, 0);
  for (const input of inputs) {
    if (!ARITY[row.takes].includes(input.dtype)) {
      fail(
        'FROND-S010',
        `${name}: cannot take ${input.dtype} operands`,
        `it takes ${ARITY[row.takes].join(', ')}`,
      );
    }
    if (input.dtype !== first.dtype) differ(name, first.dtype, input.dtype);
  }
  const shape = inputs.map((input) => input.shape).reduce((x, y) => broadcastShapes(name, x, y));
  return [{ dtype: row.gives ?? first.dtype, shape }];
}

const differ = (name: string, x: DType, y: DType): never =>
  fail('FROND-S010', `${name}: operands are ${x} and ${y}`, 'convert one of them with cast');

function recordOf(name: string, row: Row): OpRecord {
  const { emit, vjp } = row;
  const record: OpRecord = {
    name,
    doc: row.doc,
    kind: 'elementwise',
    arity: BINARY.has(name) ? 2 : 1,
    shape: (inputs) => shapeOf(name, row, inputs),
    emit,
    lower: (context) => lowerElementwise(record, context),
    cost: perElement(row.flops),
  };
  return vjp === undefined ? record : { ...record, vjp: (b, context) => unbroadcast(b, context, vjp) };
}

/** Runs a row's gradient rule and sums each result back to its operand's shape. */
function unbroadcast(
  b: Build,
  { inputs, outputs, gradients, needs }: VjpContext,
  rule: NonNullable<Row['vjp']>,
): readonly (Ref | undefined)[] {
  const [y, dy] = [outputs[0], gradients[0]];
  if (y === undefined || dy === undefined) return inputs.map(() => undefined);
  return rule(b, inputs, y, dy).map((gradient, i) => {
    const input = inputs[i];
    if (gradient === undefined || input === undefined || !needs[i]) return undefined;
    return b.unbroadcast(b.broadcast(gradient, b.typeOf(y).shape), b.typeOf(input).shape);
  });
}

const isDType = (value: unknown): value is DType =>
  typeof value === 'string' && ['f32', 'f16', 'i32', 'u32', 'bool'].includes(value);

/** `where` and `cast` have their own type rules. */
const where: OpRecord = {
  name: 'where',
  doc: 'yes where the condition holds, else no; operands condition (bool), yes, no',
  kind: 'elementwise',
  arity: 3,
  shape(inputs) {
    const [condition, yes, no] = [0, 1, 2].map((i) => operand('where', inputs, i)) as [
      TensorType,
      TensorType,
      TensorType,
    ];
    if (condition.dtype !== 'bool')
      fail('FROND-S010', `where: the condition must be bool, not ${condition.dtype}`);
    if (yes.dtype !== no.dtype) differ('where', yes.dtype, no.dtype);
    const branches = broadcastShapes('where', yes.shape, no.shape);
    return [{ dtype: yes.dtype, shape: broadcastShapes('where', condition.shape, branches) }];
  },
  vjp: (b, context) =>
    unbroadcast(b, context, (_b, [condition], _y, dy) => [
      undefined,
      where0(b, condition as Ref, dy),
      b.where(condition as Ref, zero(b), dy),
    ]),
  emit: map('select'),
  lower: (context) => lowerElementwise(where, context),
  cost: perElement(1),
};

const cast: OpRecord = {
  name: 'cast',
  doc: 'converts to attribute dtype; floats are cut towards 0, bools are 0 and 1, x ≠ 0 becomes true',
  kind: 'elementwise',
  arity: 1,
  shape([x], { dtype }) {
    if (!isDType(dtype)) return fail('FROND-S019', `cast: ${JSON.stringify(dtype)} is not a dtype`);
    return [{ dtype, shape: x?.shape ?? [] }];
  },
  vjp(b, { inputs: [x], gradients: [dy], attributes: { dtype } }) {
    if (x === undefined || dy === undefined) return [undefined];
    const from = b.typeOf(x).dtype;
    const floating = [from, dtype].every((type) => type === 'f32' || type === 'f16');
    return [floating ? b.one('cast', [dy], { dtype: from }) : undefined];
  },
  emit(k, [x], { dtype }) {
    const value = x as Value;
    if (dtype === 'bool') return value.dtype === 'bool' ? value : k.map('ne', value, 0);
    return k.cast(value, dtype === 'f16' ? 'f32' : (dtype as 'f32' | 'i32' | 'u32'));
  },
  lower: (context) => lowerElementwise(cast, context),
  cost: perElement(0),
};

/** Records of all element-wise ops: one row each, and `where` and `cast`. */
export const elementwiseOps = (): readonly OpRecord[] => [
  ...Object.entries(rows).map(([name, row]) => recordOf(name, row)),
  where,
  cast,
];
