import { dropoutScalars } from '../../kernels/plan.ts';
import { type DType, dtypes, isFloating } from '../base/dtype.ts';
import { defined } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import { type ByName, byName } from '../ir/operands.ts';
import type { ElementContext, LaunchScalars, OpRecord } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { type Definition, defineOp } from './define.ts';
import { type Binary, binary, splitWhere, type Unary, unary } from './elementwise.ts';
import { planExpression } from './expression.ts';
import { broadcastShapes, expectFloat, expectSame, expectTypes, fail } from './rules.ts';

/** An op whose result is a function of one element of each operand; operands broadcast as in NumPy. */
interface ElementwiseDefinition<O extends readonly string[], R extends readonly string[], K extends is.Kinds>
  extends Omit<Definition<O, R, K>, 'kind' | 'lower'> {
  emit(
    k: KernelBuilder,
    values: ByName<O[number], Value>,
    attributes: is.OptionsOf<K>,
    context: ElementContext | undefined,
  ): Value;
  /** operands that do not broadcast but are read whole, such as a random key */
  readonly whole?: readonly O[number][];
  /** what `emit` knows of the attributes, so that they are no part of a kernel's text */
  scalars?(attributes: is.OptionsOf<K>): LaunchScalars;
}

/** The record: gradients are summed back over what was broadcast, and one launch of `emit` computes the op by itself. */
function defineElementwise<
  const O extends readonly string[],
  K extends is.Kinds,
  const R extends readonly string[] = readonly ['out'],
>({ emit, whole, scalars, ...definition }: ElementwiseDefinition<O, R, K>): OpRecord {
  const { vjp, ...plain } = defineOp<O, K, R>({ ...definition, kind: 'elementwise' });
  const { name, operands = [] } = plain;
  const record: OpRecord = {
    ...plain,
    emit: (k, args, attributes, context) =>
      emit(
        k,
        byName(name, operands, args) as ByName<O[number], Value>,
        attributes as is.OptionsOf<K>,
        context,
      ),
    ...(whole && { whole: whole.map((operand) => operands.findIndex((each) => each.name === operand)) }),
    ...(scalars && { scalars: (attributes) => scalars(attributes as is.OptionsOf<K>) }),
    lower(context) {
      const instruction = { op: name, args: [...context.inputs.keys()], attributes: context.attributes };
      const itself = { expression: [instruction], results: [0] };
      return planExpression(new Map([[name, record]]), itself, context, name);
    },
    ...(vjp && {
      vjp: (b, context) =>
        vjp(b, context).map((gradient, i) =>
          gradient !== undefined && context.needs[i]
            ? b.unbroadcast(gradient, b.typeOf(defined(context.inputs[i], 'operand')).shape)
            : undefined,
        ),
    }),
  };
  return record;
}

type Takes = NonNullable<Unary['takes']>;

const TAKEN: Readonly<Record<Takes, readonly DType[]>> = {
  float: ['f32', 'f16'],
  number: ['f32', 'f16', 'i32', 'u32'],
  bool: ['bool'],
};

function expectTaken(op: string, takes: Takes, ...types: readonly TensorType[]): void {
  const other = types.find(({ dtype }) => !TAKEN[takes].includes(dtype));
  if (other)
    fail('FROND-S010', `${op}: cannot take ${other.dtype} operands`, `it takes ${TAKEN[takes].join(', ')}`);
}

const unaryOp = (name: string, { emit, vjp, takes = 'float', gives, flops = 1, ...facts }: Unary): OpRecord =>
  defineElementwise({
    ...facts,
    flops,
    name,
    operands: ['x'],
    results: ['y'],
    attributes: {},
    shape({ x }) {
      expectTaken(name, takes, x);
      return [{ dtype: gives ?? x.dtype, shape: x.shape }];
    },
    emit: (k, { x }) => (typeof emit === 'string' ? k.map(emit, x) : emit(k, x)),
    vjp: vjp && ((b, refs) => [vjp(b, refs)]),
  });

const binaryOp = (
  name: string,
  { emit, vjp, takes = 'number', gives, flops = 1, ...facts }: Binary,
): OpRecord =>
  defineElementwise({
    ...facts,
    flops,
    name,
    operands: ['x', 'y'],
    results: ['z'],
    attributes: {},
    shape({ x, y }) {
      expectTaken(name, takes, x, y);
      expectSame(name, x, y);
      return [{ dtype: gives ?? x.dtype, shape: broadcastShapes(name, x.shape, y.shape) }];
    },
    emit: (k, { x, y }) => (typeof emit === 'string' ? k.map(emit, x, y) : emit(k, x, y)),
    vjp,
  });

const where = defineElementwise({
  name: 'where',
  doc: 'yes where the condition holds, else no; operands condition (bool), yes, no',
  operands: ['condition', 'yes', 'no'],
  attributes: {},
  shape({ condition, yes, no }) {
    if (condition.dtype !== 'bool')
      fail('FROND-S010', `where: the condition must be bool, not ${condition.dtype}`);
    expectSame('where', yes, no);
    const branches = broadcastShapes('where', yes.shape, no.shape);
    return [{ dtype: yes.dtype, shape: broadcastShapes('where', condition.shape, branches) }];
  },
  vjp: (b, { condition, dout }) => [undefined, ...splitWhere(b, condition, dout)],
  emit: (k, { condition, yes, no }) => k.map('select', condition, yes, no),
  flops: 1,
});

const cast = defineElementwise({
  name: 'cast',
  doc: 'converts to attribute dtype; floats are cut towards 0, bools are 0 and 1, x ≠ 0 becomes true',
  idle: true,
  operands: ['x'],
  attributes: { dtype: is.oneOf(...dtypes) },
  shape: ({ x }, { dtype }) => [{ dtype, shape: x.shape }],
  vjp(b, { x, dout }, { dtype }) {
    const from = b.typeOf(x).dtype;
    return [isFloating(from) && isFloating(dtype) ? b.one('cast', [dout], { dtype: from }) : undefined];
  },
  emit(k, { x }, { dtype }) {
    if (dtype === 'bool') return x.dtype === 'bool' ? x : k.map('ne', x, 0);
    return k.cast(x, dtype === 'f16' ? 'f32' : dtype);
  },
  flops: 0,
});

/**
 * Attributes `rate`, and `stream`, which tells the dropouts of a graph apart. An element is kept iff the Threefry word of (key, its
 * logical index) is below (1 − rate)·2³², and scaled by 1 / (1 − rate) then (Srivastava et al. 2014). Backward is the same op on dy:
 * nothing is stored, the same mask is drawn again.
 */
const dropout = defineElementwise({
  name: 'dropout',
  doc: 'zeroes elements with probability rate and scales the others by 1 / (1 − rate)',
  operands: ['x', 'key'],
  attributes: { rate: is.fraction, stream: is.integer },
  whole: ['key'],
  shape({ x, key }) {
    expectFloat('dropout', x);
    expectTypes('dropout', { 'the key': [key, 'u32', [2]] });
    return [x];
  },
  vjp: (b, { key, dout }, attributes) => [b.one('dropout', { x: dout, key }, attributes)],
  scalars(attributes) {
    const { threshold, inverseKeep, stream } = dropoutScalars(attributes);
    return { threshold: ['u32', threshold], inverseKeep: ['f32', inverseKeep], stream: ['u32', stream] };
  },
  emit(k, { x, key }, _attributes, context) {
    const { index, element, scalar } = defined(context, 'context of dropout');
    const key0 = k.map('bitXor', key, scalar('stream'));
    const draw = k.random([key0, element(1, 1)], [index(), 0], 0);
    return k.select(k.lt(draw, scalar('threshold')), k.mul(x, scalar('inverseKeep')), 0);
  },
  flops: 60,
});

const records = <T>(rows: Readonly<Record<string, T>>, record: (name: string, row: T) => OpRecord) =>
  Object.entries(rows).map(([name, row]) => record(name, row));

export const elementwiseOps = (): readonly OpRecord[] => [
  ...records(unary, unaryOp),
  ...records(binary, binaryOp),
  where,
  cast,
  dropout,
];
