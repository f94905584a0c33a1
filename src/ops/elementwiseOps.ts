import { dropoutScalars } from '../../kernels/plan.ts';
import { type DType, dtypes, isFloating } from '../base/dtype.ts';
import { defined } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Ref, TensorType } from '../ir/graph.ts';
import { type ByName, byName } from '../ir/operands.ts';
import type { ElementContext, LaunchScalars, OpRecord } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { type Definition, defineOp } from './define.ts';
import { binary, type Row, splitWhere, unary } from './elementwise.ts';
import { planExpression } from './expression.ts';
import { broadcastShapes, dim, expectFloat, expectSame, expectTypes, fail } from './rules.ts';
import { constant } from './sources.ts';

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
export function defineElementwise<
  const O extends readonly string[],
  K extends is.Kinds,
  const R extends readonly string[] = readonly ['out'],
>({ emit, whole, scalars, ...definition }: ElementwiseDefinition<O, R, K>): OpRecord {
  const { vjp, ...plain } = defineOp<O, K, R>({ ...definition, kind: 'elementwise' });
  const { name, operands = [] } = plain;
  const record: OpRecord = {
    ...plain,
    // here names and attributes become those that the compiler knows
    emit(k, args, attributes, context) {
      const values = byName(name, operands, args) as ByName<O[number], Value>;
      return emit(k, values, attributes as is.OptionsOf<K>, context);
    },
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

const TAKEN: Readonly<Record<'float' | 'number' | 'bool', readonly DType[]>> = {
  float: ['f32', 'f16'],
  number: ['f32', 'f16', 'i32', 'u32'],
  bool: ['bool'],
};

function broadcastTypes(op: string, x: TensorType, y: TensorType): TensorType {
  expectSame(op, x, y);
  return { dtype: x.dtype, shape: broadcastShapes(op, x.shape, y.shape) };
}

/** The op of a row, whose operands are of one type. */
function rowOp<V extends readonly Value[], N extends string>(
  name: string,
  operands: readonly string[],
  result: string,
  { emit, vjp, takes = operands.length === 1 ? 'float' : 'number', gives, flops = 1, ...facts }: Row<V, N>,
): OpRecord {
  const taken = TAKEN[takes];
  return defineElementwise({
    ...facts,
    flops,
    name,
    operands,
    results: [result],
    attributes: {},
    shape(given) {
      const types = Object.values(given);
      const other = types.find(({ dtype }) => !taken.includes(dtype));
      if (other)
        fail('FROND-S010', `${name}: cannot take ${other.dtype} operands`, `it takes ${taken.join(', ')}`);
      const { dtype, shape } = types.reduce((x, y) => broadcastTypes(name, x, y));
      return [{ dtype: gives ?? dtype, shape }];
    },
    // operands go by the names of the row from here on
    emit: (k, named) => {
      const values = Object.values(named) as unknown as V;
      return typeof emit === 'string' ? k.map(emit, ...values) : emit(k, ...values);
    },
    vjp: vjp && ((b, refs) => [vjp(b, refs as unknown as Readonly<Record<N, Ref>>)].flat()),
  });
}

const where = defineElementwise({
  name: 'where',
  doc: 'yes where the condition holds, else no; operands condition (bool), yes, no',
  operands: ['condition', 'yes', 'no'],
  attributes: {},
  shape({ condition, yes, no }) {
    if (condition.dtype !== 'bool')
      fail('FROND-S010', `where: the condition must be bool, not ${condition.dtype}`);
    const { dtype, shape } = broadcastTypes('where', yes, no);
    return [{ dtype, shape: broadcastShapes('where', condition.shape, shape) }];
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

/** Huber (1964): a square about 0, a line beyond, with the same slope where they meet. */
const huber = defineElementwise({
  name: 'huber',
  doc: '½ e² for |e| < delta, else delta (|e| − ½ delta), with e = x − y',
  operands: ['x', 'y'],
  attributes: { delta: is.positive },
  shape({ x, y }) {
    expectFloat('huber', x, y);
    return [broadcastTypes('huber', x, y)];
  },
  vjp(b, { x, y, dout }, { delta }) {
    const slope = b.mul(dout, b.one('clamp', [b.sub(x, y)], { low: -delta, high: delta }));
    return [slope, b.neg(slope)];
  },
  emit(k, { x, y }, { delta }) {
    const size = k.map('abs', k.sub(x, y));
    const line = k.mul(k.sub(size, delta / 2), delta);
    return k.select(k.lt(size, delta), k.mul(k.mul(size, size), 0.5), line);
  },
  flops: 5,
});

const clamp = defineElementwise({
  name: 'clamp',
  doc: 'the number from attribute low to attribute high that is nearest to x; its gradient is 0 beyond them',
  operands: ['x'],
  attributes: { low: is.finite, high: is.finite },
  shape({ x }, { low, high }) {
    expectFloat('clamp', x);
    if (low > high) fail('FROND-S019', `clamp: low is ${low}, above high, which is ${high}`);
    return [x];
  },
  vjp(b, { x, dout }, { low, high }) {
    const isInside = b.one('and', [b.one('lessEqual', [low, x]), b.one('lessEqual', [x, high])]);
    return [b.where(isInside, dout, 0)];
  },
  emit: (k, { x }, { low, high }) => k.min(k.max(x, low), high),
  flops: 2,
});

/** u and 1 − u are equally likely, and neither is 0: (n + ½) / 2²³ with the first 23 bits of a word. */
const unit = (k: KernelBuilder, word: Value): Value =>
  k.mul(k.add(k.cast(k.map('shiftRight', word, k.constant(9, 'u32')), 'f32'), 0.5), 2 ** -23);

/**
 * Random numbers, one for each element of x, of which only the shape counts. The Threefry words of (key, logical index of the element)
 * become a number in (0, 1), or a normal one by √(−2 log u) cos 2πv (Box and Muller 1958). Attribute `stream` as of dropout.
 */
const draw = (
  name: 'uniform' | 'normal',
  flops: number,
  number: (k: KernelBuilder, u: Value, v: () => Value) => Value,
): OpRecord =>
  defineElementwise({
    name,
    doc: `${name} random numbers in the shape of x, whose elements do not matter`,
    operands: ['x', 'key'],
    attributes: { stream: is.integer },
    whole: ['key'],
    shape({ x, key }) {
      expectTypes(name, { 'the key': [key, 'u32', [2]] });
      return [{ dtype: 'f32', shape: x.shape }];
    },
    vjp: (b, { x }) => [isFloating(b.typeOf(x).dtype) ? b.constant(0, b.typeOf(x)) : undefined],
    scalars: ({ stream }) => ({ stream: ['u32', stream >>> 0] }),
    emit(k, { key }, _attributes, context) {
      const { index, element, scalar } = defined(context, `context of ${name}`);
      const keys = [k.map('bitXor', key, scalar('stream')), element(1, 1)] as const;
      const word = (half: 0 | 1): Value => unit(k, k.random(keys, [index(), 0], half));
      return number(k, word(0), () => word(1));
    },
    flops,
  });

const uniform = draw('uniform', 60, (_, u) => u);
const normal = draw('normal', 100, (k, u, v) =>
  k.mul(k.sqrt(k.mul(k.log(u), -2)), k.map('cos', k.mul(v(), 2 * Math.PI))),
);

/**
 * Attribute `size` is that of the axis, `inner` the number of elements from one of its places to the next. Each element is a function of its
 * logical index, so that it costs no memory and fuses; of x only the shape counts.
 */
const position = defineElementwise({
  name: 'position',
  doc: 'index of each element along an axis of x, whose elements do not matter, i32',
  operands: ['x'],
  attributes: { size: dim, inner: dim },
  whole: [],
  shape: ({ x }) => [{ dtype: 'i32', shape: x.shape }],
  scalars: ({ size, inner }) => ({ size: ['u32', size], inner: ['u32', inner] }),
  emit(k, _operands, _attributes, context) {
    const { index, scalar } = defined(context, 'context of position');
    return k.cast(k.rem(k.div(index(), scalar('inner')), scalar('size')), 'i32');
  },
  flops: 2,
});

export const registryOf = (records: readonly OpRecord[]): Map<string, OpRecord> =>
  new Map(records.map((record) => [record.name, record]));

/** What fused expressions may consist of. */
export const elementwise = registryOf([
  ...Object.entries(unary).map(([name, row]) => rowOp(name, ['x'], 'y', row)),
  ...Object.entries(binary).map(([name, row]) => rowOp(name, ['x', 'y'], 'z', row)),
  where,
  cast,
  dropout,
  huber,
  clamp,
  uniform,
  normal,
  position,
  constant,
]);
