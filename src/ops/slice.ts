import { partOf, planCopy, wholeOf } from '../../kernels/copy.ts';
import { type Dim, isDim, minus, normalDim, plus, type Shape } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { LaunchPlan, Slot } from '../ir/record.ts';
import { defineOp } from './define.ts';
import { axisOf, dim, fail } from './rules.ts';

/** Negative numbers count from the right; 'end' is the size. */
const bound = is.kind<Dim>('a position', (value) => typeof value === 'number' || isDim(value));

const ranges = {
  axis: is.integer,
  from: is.optional(bound),
  to: is.optional(bound),
  length: is.optional(dim),
};

/** Position counted from the left. */
function position(value: Dim, size: Dim): Dim {
  if (typeof value === 'string') return value === 'end' ? size : normalDim(value);
  if (!Number.isInteger(value))
    fail('FROND-S019', `slice: a bound must be a position, not ${value}`, 'positions are whole numbers');
  return value < 0 ? minus(size, -value) : value;
}

const isNegative = (dim: Dim): boolean => typeof dim === 'number' && dim < 0;

/** A range of one axis, by default from 0 to the end, and what is left of the axis behind it. */
function rangeOf(shape: Shape, { from = 0, to = 'end', ...given }: is.OptionsOf<typeof ranges>) {
  const axis = axisOf('slice', given.axis, shape);
  const size = shape[axis] ?? 1;
  const start = position(from, size);
  if (given.length !== undefined) {
    const length = normalDim(given.length);
    return { axis, start, length, rest: restOf('slice', size, start, length) };
  }
  const end = position(to, size);
  const length = minus(end, start);
  const rest = minus(size, end);
  if ([length, start, rest].some(isNegative))
    fail('FROND-S017', `slice: ${from}..${to} does not fit dimension ${size}`);
  return { axis, start, length, rest };
}

/** What is left of `size` behind a part. @throws FROND-S017 for less than nothing */
function restOf(op: string, size: Dim, start: Dim, length: Dim): Dim {
  const rest = minus(size, plus(start, length));
  if (isNegative(rest) || isNegative(start))
    fail('FROND-S017', `${op}: ${length} from ${start} on does not fit dimension ${size}`);
  return rest;
}

export const slice = defineOp({
  name: 'slice',
  doc: 'positions from … to of one axis; negative positions count from the end',
  operands: ['x'],
  attributes: ranges,
  shape({ x: { dtype, shape } }, attributes) {
    const { axis, length } = rangeOf(shape, attributes);
    return [{ dtype, shape: shape.with(axis, length) }];
  },
  vjp(b, { x, dout }, attributes) {
    const { shape } = b.typeOf(x);
    const { axis, start } = rangeOf(shape, attributes);
    return [b.one('sliceGradient', [dout], { axis, start, size: shape[axis] ?? 1 })];
  },
  lower({ x: { dtype, shape }, out }, { slots, attributes }) {
    const { axis, start } = rangeOf(shape, attributes);
    const from = partOf(slots.x, shape, axis, start);
    return planCopy(dtype, out.shape, { from, to: wholeOf(slots.out, out.shape) });
  },
  demands: ({ x }, attributes) => [rangeOf(x.shape, attributes).rest],
  flops: 0,
});

/** Attributes `axis`, `start` and `size`: the part placed at `start` in zeros of that size. */
export const sliceGradient = defineOp({
  name: 'sliceGradient',
  doc: 'a tensor placed in zeros along one axis: gradient of slice',
  operands: ['part'],
  results: ['whole'],
  attributes: { axis: is.integer, start: dim, size: dim },
  shape({ part: { dtype, shape } }, { start, ...attributes }) {
    const size = normalDim(attributes.size);
    const axis = axisOf('sliceGradient', attributes.axis, shape);
    restOf('sliceGradient', size, start, shape[axis] ?? 1);
    return [{ dtype, shape: shape.with(axis, size) }];
  },
  vjp(b, { part, dwhole }, { axis, start }) {
    return [b.one('slice', [dwhole], { axis, from: start, length: b.typeOf(part).shape.at(axis) ?? 1 })];
  },
  /** Zeros before, the part, zeros after: each element is written once. */
  lower({ part, whole }, { slots, attributes: { start, ...attributes } }) {
    const axis = axisOf('sliceGradient', attributes.axis, part.shape);
    const place = (from: Slot | undefined, at: Dim, shape: Shape): readonly LaunchPlan[] =>
      planCopy(part.dtype, shape, {
        from: wholeOf(from, shape),
        to: partOf(slots.whole, whole.shape, axis, at),
      });
    const clear = (at: Dim, length: Dim) => place(undefined, at, whole.shape.with(axis, length));
    const end = plus(start, part.shape[axis] ?? 1);
    return [
      ...clear(0, start),
      ...place(slots.part, start, part.shape),
      ...clear(end, minus(whole.shape[axis] ?? 1, end)),
    ];
  },
  demands: ({ part, whole }, { axis, start }) => [
    restOf('sliceGradient', whole.shape.at(axis) ?? 1, start, part.shape.at(axis) ?? 1),
  ],
  flops: 0,
});
