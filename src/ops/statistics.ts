import { requireSome } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { Ref, TensorType } from '../ir/graph.ts';
import type { Build } from '../ir/record.ts';
import { defineOp } from './define.ts';
import { axesOf, expectFloat, fail, type Reduced, reduced, reducedType } from './rules.ts';

/*
 * Reductions that are made of others before anything is lowered.
 */

/** −x of floats, −1 − x of integers: the largest becomes the smallest, and nothing overflows. */
const turned = (b: Build, x: Ref): Ref =>
  b.neg(b.typeOf(x).dtype === 'i32' || b.typeOf(x).dtype === 'u32' ? b.add(x, 1) : x);

/** There is no smallest element of none. @throws FROND-S028 */
function requireAny(op: string, { shape }: TensorType, axes: readonly number[]): void {
  for (const axis of axesOf(op, axes, shape)) requireSome(op, shape[axis] ?? 1);
}

export const min = defineOp({
  name: 'min',
  doc: 'smallest element over attribute axes; NaN where one is',
  kind: 'reduction',
  operands: ['x'],
  attributes: reduced,
  shape({ x }, attributes) {
    requireAny('min', x, attributes.axes);
    return [reducedType('min', x, attributes)];
  },
  expand: (b, { x }, attributes) => [turned(b, b.one('max', [turned(b, x)], attributes))],
});

export const argmin = defineOp({
  name: 'argmin',
  doc: 'index of the first smallest element along attribute axis, i32; NaN counts as the smallest',
  kind: 'reduction',
  operands: ['x'],
  attributes: { axis: is.optional(is.integer) },
  shape({ x }, { axis = -1 }) {
    requireAny('argmin', x, [axis]);
    return [{ dtype: 'i32', shape: reducedType('argmin', x, { axes: [axis] }).shape }];
  },
  expand: (b, { x }, attributes) => [b.one('argmax', [turned(b, x)], attributes)],
});

export const variance = defineOp({
  name: 'variance',
  doc: 'mean of (x − mean x)² over attribute axes: of the whole, not of a sample',
  kind: 'reduction',
  operands: ['x'],
  attributes: reduced,
  shape({ x }, attributes) {
    expectFloat('variance', x);
    return [reducedType('variance', x, attributes)];
  },
  // about the mean: nothing cancels
  expand(b, { x }, { axes, keepDims = false }) {
    const deviation = b.sub(x, b.one('mean', [x], { axes, keepDims: true }));
    return [b.one('mean', [b.mul(deviation, deviation)], { axes, keepDims })];
  },
});

export const logSumExp = defineOp({
  name: 'logSumExp',
  doc: 'log Σ e^x over attribute axes, with the largest element taken out first: nothing overflows',
  kind: 'reduction',
  operands: ['x'],
  attributes: reduced,
  shape({ x }, attributes) {
    expectFloat('logSumExp', x);
    return [reducedType('logSumExp', x, attributes)];
  },
  expand(b, { x }, { axes, keepDims = false }) {
    const most = b.one('max', [x], { axes, keepDims: true, orNone: true });
    // an infinity taken out of itself would be NaN
    const offset = b.where(b.one('isFinite', [most]), most, 0);
    const sums = b.sum(b.exp(b.sub(x, offset)), axes, keepDims);
    const back = keepDims ? offset : b.reshape(offset, b.typeOf(sums).shape);
    return [b.add(b.log(sums), back)];
  },
});

/** The elements that are true, counted: none is more than 0 where the axes are empty. */
const count = (b: Build, x: Ref, attributes: Reduced) =>
  b.sum(b.one('cast', [x], { dtype: 'i32' }), attributes.axes, attributes.keepDims);

const overBools = (name: 'any' | 'all', doc: string, rule: (b: Build, x: Ref, attributes: Reduced) => Ref) =>
  defineOp({
    name,
    doc,
    kind: 'reduction',
    operands: ['x'],
    attributes: reduced,
    shape({ x }, attributes) {
      if (x.dtype !== 'bool') fail('FROND-S010', `${name}: cannot take ${x.dtype} operands`, 'it takes bool');
      return [{ dtype: 'bool', shape: reducedType(name, { ...x, dtype: 'i32' }, attributes).shape }];
    },
    expand: (b, { x }, attributes) => [rule(b, x, attributes)],
  });

export const any = overBools(
  'any',
  'whether an element is true over attribute axes; of none: false',
  (b, x, attributes) => b.one('less', [0, count(b, x, attributes)]),
);
export const all = overBools(
  'all',
  'whether all elements are true over attribute axes; of none: true',
  (b, x, attributes) => b.one('equal', [count(b, b.one('not', [x]), attributes), 0]),
);
