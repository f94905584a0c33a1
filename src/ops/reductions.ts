import { moveLast } from '../../kernels/along.ts';
import { planArgmax } from '../../kernels/argmax.ts';
import { planCopy } from '../../kernels/copy.ts';
import { planReduce } from '../../kernels/reduce.ts';
import { planSize } from '../../kernels/size.ts';
import { type Dim, product, requireSome } from '../base/dim.ts';
import { flag, integer, listOf, optional } from '../base/kinds.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import type { Build, OpRecord, Slot } from '../ir/record.ts';
import { axis, dim } from './attributes.ts';
import { axesOf, axisOf, expectFloat, fail, operand, perInput, reducedShape, widen } from './rules.ts';
import { input, output } from './slots.ts';

/** Attributes `axes` (a list; negative ones count from the right) and `keepDims` (false by default). */
function reducedType(op: string, inputs: readonly TensorType[], attributes: Attributes): TensorType {
  const { dtype, shape } = operand(op, inputs, 0);
  if (dtype === 'bool') fail('FROND-S010', `${op}: cannot take bool operands`, 'convert it with cast');
  const axes = axesOf(op, attributes, shape);
  return { dtype, shape: reducedShape(shape, axes, attributes.keepDims === true) };
}

/** A tensor of the reduced shape, stretched to the shape that was reduced. */
function stretch(b: Build, op: string, reduced: Ref, x: Ref, attributes: Attributes): Ref {
  const { shape } = b.typeOf(x);
  const axes = axesOf(op, attributes, shape);
  return b.broadcast(b.reshape(reduced, reducedShape(shape, axes, true)), shape);
}

const reduced = { axes: listOf(integer, 'integers'), keepDims: optional(flag) };

/** The sizes that are reduced. */
const reducedSizes = (op: string, { shape }: TensorType, attributes: Attributes): readonly Dim[] =>
  axesOf(op, attributes, shape).map((axis) => shape[axis] ?? 1);

const reduction = (name: 'sum' | 'max', doc: string): OpRecord => ({
  name,
  doc,
  kind: 'reduction',
  arity: 1,
  attributes: reduced,
  shape: (inputs, attributes) => [reducedType(name, inputs, attributes)],
  lower({ inputs, attributes }) {
    const x = operand(name, inputs, 0);
    const axes = axesOf(name, attributes, x.shape);
    return planReduce({ combine: name, x: { slot: input(0), ...x }, axes, out: output() });
  },
  cost: perInput(1),
});

export const sum: OpRecord = {
  ...reduction('sum', 'Σ over attribute axes'),
  idle: true,
  vjp(b, { inputs: [x], gradients: [dy], attributes }) {
    return [x === undefined || dy === undefined ? undefined : stretch(b, 'sum', dy, x, attributes)];
  },
};

/**
 * NaN counts as larger than all numbers. The gradient of a maximum is shared evenly by the elements that attain it. There is no largest
 * element of none, unless attribute `orNone` says that −∞ will do.
 */
export const max: OpRecord = {
  ...reduction('max', 'largest element over attribute axes'),
  attributes: { ...reduced, orNone: optional(flag) },
  shape(inputs, attributes) {
    const type = reducedType('max', inputs, attributes);
    const sizes = reducedSizes('max', operand('max', inputs, 0), attributes);
    if (attributes.orNone !== true) for (const size of sizes) requireSome('max', size);
    return [type];
  },
  demands: ({ inputs, attributes }) =>
    attributes.orNone === true
      ? []
      : reducedSizes('max', operand('max', inputs, 0), attributes).map((some) => ({ some })),
  vjp(b, { inputs: [x], outputs: [y], gradients: [dy], attributes }) {
    if (x === undefined || y === undefined || dy === undefined) return [undefined];
    // in f32 also for f16, which cannot count far
    const equals = b.one('cast', [b.one('equal', [x, stretch(b, 'max', y, x, attributes)])], {
      dtype: 'f32',
    });
    // an element that is NaN, which equals nothing, makes the maximum NaN
    const attains = b.where(b.one('equal', [x, x]), equals, b.constant(1));
    const { axes, keepDims = false } = attributes;
    const share = b.div(widen(b, dy), b.one('sum', [attains], { axes: axes ?? [], keepDims }));
    return [b.mul(attains, stretch(b, 'max', share, x, attributes))];
  },
};

export const mean: OpRecord = {
  name: 'mean',
  doc: 'average over attribute axes',
  kind: 'reduction',
  arity: 1,
  attributes: reduced,
  shape(inputs, attributes) {
    expectFloat('mean', operand('mean', inputs, 0));
    return [reducedType('mean', inputs, attributes)];
  },
  expand(b, { inputs: [x], attributes }) {
    const { dtype, shape } = b.typeOf(x as Ref);
    const axes = axesOf('mean', attributes, shape);
    const count = product(axes.map((axis) => shape[axis] ?? 1));
    const divisor = typeof count === 'number' ? count : b.one('size', [], { size: count });
    const average = b.div(b.sum(widen(b, x as Ref), axes, attributes.keepDims === true), divisor);
    return [dtype === 'f16' ? b.one('cast', [average], { dtype }) : average];
  },
};

/** Attribute `size`: a product of dimensions, known when a batch is fed. */
export const size: OpRecord = {
  name: 'size',
  doc: 'attribute size as an f32 scalar, for sizes that are known when a batch is fed',
  kind: 'kernel',
  arity: 0,
  attributes: { size: dim },
  shape: () => [{ dtype: 'f32', shape: [] }],
  lower({ attributes }) {
    const dim = attributes.size;
    if (typeof dim !== 'number' && typeof dim !== 'string') {
      return fail('FROND-S019', 'size: attribute size must be a dimension');
    }
    return planSize(dim, output());
  },
};

/** Attribute `axis`, the last one by default; it is dropped. */
export const argmax: OpRecord = {
  name: 'argmax',
  doc: 'index of the first largest element along attribute axis, i32; NaN counts as the largest',
  kind: 'reduction',
  arity: 1,
  attributes: axis,
  shape(inputs, { axis = -1 }) {
    const { dtype, shape } = operand('argmax', inputs, 0);
    if (dtype === 'bool') fail('FROND-S010', 'argmax: cannot take bool operands', 'convert it with cast');
    const at = axisOf('argmax', Number(axis), shape);
    requireSome('argmax', shape[at] ?? 1);
    return [{ dtype: 'i32', shape: shape.filter((_, i) => i !== at) }];
  },
  demands({ inputs, attributes: { axis = -1 } }) {
    const { shape } = operand('argmax', inputs, 0);
    return [{ some: shape[axisOf('argmax', Number(axis), shape)] ?? 1 }];
  },
  lower({ inputs, attributes: { axis = -1 } }) {
    const { dtype, shape } = operand('argmax', inputs, 0);
    const at = axisOf('argmax', Number(axis), shape);
    const others = shape.filter((_, i) => i !== at);
    const reduced = shape[at] ?? 1;
    const rows = { dtype, outer: product(others), reduced, out: output() };
    if (at === shape.length - 1) return planArgmax({ x: input(0), ...rows });
    const turned: Slot = { kind: 'temporary', name: 'turned', type: { dtype, shape: [...others, reduced] } };
    const copy = planCopy({ from: input(0), to: turned, dtype, dims: moveLast(shape, at) });
    return [...copy, ...planArgmax({ x: turned, ...rows })];
  },
  within: ({ inputs, attributes: { axis = -1 } }) => {
    const { shape } = operand('argmax', inputs, 0);
    return { low: 0, below: shape[axisOf('argmax', Number(axis), shape)] ?? 0 };
  },
  cost: perInput(1),
};
