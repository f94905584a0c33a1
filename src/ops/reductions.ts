import { planAlong } from '../../kernels/copy.ts';
import { planArgmax, planReduce, planSize } from '../../kernels/reduce.ts';
import { product, requireSome } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { Ref, TensorType } from '../ir/graph.ts';
import type { Build } from '../ir/record.ts';
import { defineOp } from './define.ts';
import {
  axesOf,
  axis,
  axisOf,
  dim,
  expectFloat,
  f32,
  fail,
  type Reduced,
  reduced,
  reducedShape,
  reducedType,
  widen,
} from './rules.ts';

/** A tensor of the reduced shape, broadcast to the shape of `x`, which was reduced. */
function broadcastBack(b: Build, op: string, result: Ref, x: Ref, { axes }: Reduced): Ref {
  const { shape } = b.typeOf(x);
  return b.broadcast(b.reshape(result, reducedShape(shape, axesOf(op, axes, shape), true)), shape);
}

export const sum = defineOp({
  name: 'sum',
  doc: 'Σ over attribute axes',
  kind: 'reduction',
  operands: ['x'],
  attributes: reduced,
  idle: true,
  sumsOver: ({ axes, keepDims }, shape) =>
    reduced.axes.holds(axes) && keepDims !== true ? axesOf('sum', axes, shape) : undefined,
  shape: ({ x }, attributes) => [reducedType('sum', x, attributes)],
  vjp: (b, { x, dout }, attributes) => [broadcastBack(b, 'sum', dout, x, attributes)],
  lower: ({ x }, { slots, attributes: { axes } }) =>
    planReduce('sum', { slot: slots.x, ...x }, axesOf('sum', axes, x.shape), slots.out),
  flops: ({ x }) => product(x.shape),
});

/** The sizes over which a maximum is taken: of none there is one only where −∞ will do. */
const sizesOf = ({ shape }: TensorType, { axes, orNone = false }: Reduced & { readonly orNone?: boolean }) =>
  orNone ? [] : axesOf('max', axes, shape).map((axis) => shape[axis] ?? 1);

/**
 * NaN counts as larger than all numbers. The gradient of a maximum is shared evenly by the elements that attain it. There is no largest
 * element of none, unless attribute `orNone` says that −∞ will do.
 */
export const max = defineOp({
  name: 'max',
  doc: 'largest element over attribute axes',
  kind: 'reduction',
  operands: ['x'],
  attributes: { ...reduced, orNone: is.optional(is.flag) },
  shape({ x }, attributes) {
    const type = reducedType('max', x, attributes);
    for (const size of sizesOf(x, attributes)) requireSome('max', size);
    return [type];
  },
  demands: ({ x }, attributes) => sizesOf(x, attributes).map((some) => ({ some })),
  vjp(b, { x, out, dout }, attributes) {
    // in f32 also for f16, which cannot count far
    const equals = b.one('cast', [b.one('equal', [x, broadcastBack(b, 'max', out, x, attributes)])], {
      dtype: 'f32',
    });
    // an element that is NaN, which equals nothing, makes the maximum NaN
    const attains = b.where(b.one('equal', [x, x]), equals, b.constant(1));
    const { axes, keepDims = false } = attributes;
    const share = b.div(widen(b, dout), b.one('sum', [attains], { axes, keepDims }));
    return [b.mul(attains, broadcastBack(b, 'max', share, x, attributes))];
  },
  lower: ({ x }, { slots, attributes: { axes } }) =>
    planReduce('max', { slot: slots.x, ...x }, axesOf('max', axes, x.shape), slots.out),
  flops: ({ x }) => product(x.shape),
});

export const mean = defineOp({
  name: 'mean',
  doc: 'average over attribute axes',
  kind: 'reduction',
  operands: ['x'],
  attributes: reduced,
  shape({ x }, attributes) {
    expectFloat('mean', x);
    return [reducedType('mean', x, attributes)];
  },
  expand(b, { x }, { axes: given, keepDims }) {
    const { dtype, shape } = b.typeOf(x);
    const axes = axesOf('mean', given, shape);
    const count = product(axes.map((axis) => shape[axis] ?? 1));
    const divisor = typeof count === 'number' ? count : b.one('size', [], { size: count });
    const average = b.div(b.sum(widen(b, x), axes, keepDims), divisor);
    return [dtype === 'f16' ? b.one('cast', [average], { dtype }) : average];
  },
});

/** Attribute `size`: a product of dimensions, known when a batch is fed. */
export const size = defineOp({
  name: 'size',
  doc: 'attribute size as an f32 scalar, for sizes that are known when a batch is fed',
  operands: [],
  attributes: { size: dim },
  shape: () => [f32([])],
  lower: (_types, { slots, attributes }) => planSize(attributes.size, slots.out),
});

/** Where argmax looks: its axis, by default the last one, and the dimensions that are left. */
function placeOf({ shape }: TensorType, { axis = -1 }: { readonly axis?: number }) {
  const at = axisOf('argmax', axis, shape);
  return { at, size: shape[at] ?? 1, others: shape.toSpliced(at, 1) };
}

export const argmax = defineOp({
  name: 'argmax',
  doc: 'index of the first largest element along attribute axis, i32; NaN counts as the largest',
  kind: 'reduction',
  operands: ['x'],
  attributes: axis,
  shape({ x }, attributes) {
    if (x.dtype === 'bool') fail('FROND-S010', 'argmax: cannot take bool operands', 'convert it with cast');
    const { size, others } = placeOf(x, attributes);
    requireSome('argmax', size);
    return [{ dtype: 'i32', shape: others }];
  },
  demands: ({ x }, attributes) => [{ some: placeOf(x, attributes).size }],
  lower: ({ x }, { slots, attributes }) =>
    planAlong(x, placeOf(x, attributes).at, { x: slots.x }, ({ x: turned, rows, columns }) =>
      planArgmax(x.dtype, { x: turned, out: slots.out, outer: rows, reduced: columns }),
    ),
  within: ({ x }, attributes) => ({ low: 0, below: placeOf(x, attributes).size }),
  flops: ({ x }) => product(x.shape),
});
