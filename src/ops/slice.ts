import { type CopyDim, contiguousStrides, planCopy } from '../../kernels/copy.ts';
import { type Dim, minus, plus, type Shape, times } from '../base/dim.ts';
import { either, integer, optional } from '../base/kinds.ts';
import type { Attribute, Attributes } from '../ir/graph.ts';
import type { LaunchPlan, OpRecord } from '../ir/record.ts';
import { dim } from './attributes.ts';
import { axisOf, difference, fail, numberOf, operand, perElement } from './rules.ts';
import { input, output } from './slots.ts';

/** Negative numbers count from the right; 'end' is the size. */
const bound = { ...either(integer, dim), what: 'a position' };

/** A stretch of one axis. */
interface Range {
  readonly axis: number;
  readonly start: Dim;
  readonly length: Dim;
  /** what is left of the axis behind it */
  readonly rest: Dim;
}

const isDim = (value: Attribute | undefined): value is Dim =>
  typeof value === 'number' || typeof value === 'string';

/** Position counted from the left; negative numbers count from the right, 'end' is the size. */
function position(value: Attribute | undefined, size: Dim): Dim {
  if (value === 'end' || value === undefined) return size;
  if (typeof value === 'string') return value;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return fail(
      'FROND-S019',
      `slice: a bound must be a position, not ${String(value)}`,
      'positions are whole numbers',
    );
  }
  return value < 0 ? minus(size, -value) : value;
}

/** Attributes `axis`, `from` (0 by default), and `to` ('end' by default) or `length`. */
function rangeOf(shape: Shape, attributes: Attributes): Range {
  const axis = axisOf('slice', numberOf('slice', attributes, 'axis'), shape);
  const size = shape[axis] ?? 1;
  const { from = 0, to = 'end' } = attributes;
  const start = position(from, size);
  // names do not cancel: who knows the length says so
  if (isDim(attributes.length)) {
    const { length } = attributes;
    return { axis, start, length, rest: restOf('slice', size, start, length) };
  }
  const end = position(to, size);
  const length = lengthOf(from, to, start, end, size);
  const bad =
    (typeof length === 'number' && length < 0) ||
    (typeof start === 'number' && start < 0) ||
    (typeof end === 'number' && typeof size === 'number' && end > size);
  if (bad) fail('FROND-S017', `slice: ${String(from)}..${String(to)} does not fit dimension ${size}`);
  return { axis, start, length, rest: difference(size, end) };
}

/** What is left of `size` behind a part; names do not cancel: whoever binds them sees. @throws FROND-S017 for less than nothing */
function restOf(op: string, size: Dim, start: Dim, length: Dim): Dim {
  const rest = difference(size, plus(start, length));
  if ((typeof rest === 'number' && rest < 0) || (typeof start === 'number' && start < 0))
    fail('FROND-S017', `${op}: ${length} from ${start} on does not fit dimension ${size}`);
  return rest;
}

function lengthOf(from: Attribute, to: Attribute, start: Dim, end: Dim, size: Dim): Dim {
  // both ends counted from the right: the size cancels out
  if (typeof size === 'string' && typeof from === 'number' && from < 0) {
    if (to === 'end') return -from;
    if (typeof to === 'number' && to < 0) return to - from;
  }
  return difference(end, start);
}

const outputShape = (shape: Shape, { axis, length }: Range): Shape =>
  shape.map((dim, i) => (i === axis ? length : dim));

/** Dims of a copy between a whole tensor and a part of it that is narrower along one axis. */
function partDims(whole: Shape, part: Shape, towards: 'part' | 'whole'): readonly CopyDim[] {
  const [wide, narrow] = [contiguousStrides(whole), contiguousStrides(part)];
  return part.map((size, i) => {
    const [a, b] = [wide[i] ?? 1, narrow[i] ?? 1];
    return towards === 'part' ? { size, from: a, to: b } : { size, from: b, to: a };
  });
}

const innerSize = (shape: Shape, axis: number): Dim => contiguousStrides(shape)[axis] ?? 1;

export const slice: OpRecord = {
  name: 'slice',
  doc: 'positions from … to of one axis; negative positions count from the end',
  kind: 'kernel',
  arity: 1,
  attributes: { axis: integer, from: optional(bound), to: optional(bound), length: optional(dim) },
  shape(inputs, attributes) {
    const { dtype, shape } = operand('slice', inputs, 0);
    return [{ dtype, shape: outputShape(shape, rangeOf(shape, attributes)) }];
  },
  vjp(b, { inputs: [x], gradients: [dy], attributes }) {
    if (x === undefined || dy === undefined) return [undefined];
    const { shape } = b.typeOf(x);
    const { axis, start } = rangeOf(shape, attributes);
    return [b.one('sliceGradient', [dy], { axis, start, size: shape[axis] ?? 1 })];
  },
  lower({ inputs, attributes }) {
    const { dtype, shape } = operand('slice', inputs, 0);
    const range = rangeOf(shape, attributes);
    return planCopy({
      from: input(0),
      to: output(),
      dtype,
      dims: partDims(shape, outputShape(shape, range), 'part'),
      fromOffset: times(range.start, innerSize(shape, range.axis)),
    });
  },
  demands: ({ inputs, attributes }) => [rangeOf(operand('slice', inputs, 0).shape, attributes).rest],
  cost: perElement(0),
};

const startOf = ({ start }: Attributes): Dim => (isDim(start) ? start : 0);

/** Attributes `axis`, `start` and `size`: dy placed at `start` in zeros of that size. */
export const sliceGradient: OpRecord = {
  name: 'sliceGradient',
  doc: 'a tensor placed in zeros along one axis: gradient of slice',
  kind: 'kernel',
  arity: 1,
  attributes: { axis: integer, start: dim, size: dim },
  shape(inputs, attributes) {
    const { dtype, shape } = operand('sliceGradient', inputs, 0);
    const axis = axisOf('sliceGradient', numberOf('sliceGradient', attributes, 'axis'), shape);
    const { size } = attributes;
    if (!isDim(size)) return fail('FROND-S019', 'sliceGradient: attribute size must be a dimension');
    restOf('sliceGradient', size, startOf(attributes), shape[axis] ?? 1);
    return [{ dtype, shape: shape.map((dim, i) => (i === axis ? size : dim)) }];
  },
  vjp(b, { inputs: [x], gradients: [dy], attributes }) {
    if (x === undefined || dy === undefined) return [undefined];
    const { axis = 0, start = 0 } = attributes;
    const length = b.typeOf(x).shape.at(Number(axis)) ?? 1;
    return [b.one('slice', [dy], { axis, from: start, length })];
  },
  lower({ inputs, outputs, attributes }) {
    const [part, whole] = [operand('sliceGradient', inputs, 0), operand('sliceGradient', outputs, 0)];
    const axis = axisOf('sliceGradient', Number(attributes.axis), part.shape);
    return placePart(part.shape, whole.shape, axis, startOf(attributes), part.dtype);
  },
  demands({ inputs: [part], outputs: [whole], attributes }) {
    const axis = Number(attributes.axis);
    const [size, length] = [whole, part].map((type) => type?.shape.at(axis) ?? 1) as [Dim, Dim];
    return [restOf('sliceGradient', size, startOf(attributes), length)];
  },
  cost: perElement(0),
};

/** Zeros before, the part, zeros after: each element is written once. */
function placePart(
  part: Shape,
  whole: Shape,
  axis: number,
  start: Dim,
  dtype: 'f32' | 'f16' | 'i32' | 'u32' | 'bool',
): readonly LaunchPlan[] {
  const inner = innerSize(whole, axis);
  const end = plus(start, part[axis] ?? 1);
  const rest = difference(whole[axis] ?? 1, end);
  const clear = (from: Dim, length: Dim): readonly LaunchPlan[] => {
    if (length === 0) return [];
    const region = whole.map((dim, i) => (i === axis ? length : dim));
    return planCopy({
      to: output(),
      dtype,
      dims: partDims(whole, region, 'whole'),
      toOffset: times(from, inner),
    });
  };
  const copied = planCopy({
    from: input(0),
    to: output(),
    dtype,
    dims: partDims(whole, part, 'whole'),
    toOffset: times(start, inner),
  });
  return [...clear(0, start), ...copied, ...clear(end, rest)];
}
