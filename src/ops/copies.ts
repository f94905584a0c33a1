import { partOf, planCopy, turned, wholeOf } from '../../kernels/copy.ts';
import { planElementwise } from '../../kernels/elementwise.ts';
import { type Dim, normalDim, plus, printShape, type Shape } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp } from './define.ts';
import { axisOf, dims, expectSame, fail } from './rules.ts';

const axes = is.listOf(is.natural, 'axes');
const permutationOf = (attributes: { readonly permutation?: unknown }): readonly number[] =>
  axes.holds(attributes.permutation) ? attributes.permutation : [];

/** Attribute `permutation`: axis i of the result is axis permutation[i] of the operand. */
export const transpose = defineOp({
  name: 'transpose',
  doc: 'the same elements with the axes in another order',
  operands: ['x'],
  attributes: { permutation: axes },
  shape({ x: { dtype, shape } }, { permutation }) {
    if (permutation.length !== shape.length) {
      fail('FROND-S016', `transpose: ${permutation.length} axes given for rank ${shape.length}`);
    }
    const missing = shape.findIndex((_, axis) => !permutation.includes(axis));
    if (missing >= 0) fail('FROND-S016', `transpose: permutation lacks axis ${missing}`);
    return [{ dtype, shape: permutation.map((axis) => shape[axis] ?? 1) }];
  },
  vjp(b, { dout }, { permutation }) {
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [b.transpose(dout, inverse)];
  },
  lower: ({ x: { dtype, shape }, out }, { slots, attributes: { permutation } }) =>
    planCopy(dtype, out.shape, {
      from: turned(slots.x, shape, permutation),
      to: wholeOf(slots.out, out.shape),
    }),
  permutation: permutationOf,
  compose(outer, inner) {
    const first = permutationOf(inner);
    return { permutation: permutationOf(outer).map((axis) => first[axis] ?? axis) };
  },
  flops: 0,
});

/** Right-aligned, every dim must be equal or 1. */
export const broadcast = defineOp({
  name: 'broadcast',
  doc: 'repeats a tensor along new dimensions and dimensions of size 1',
  operands: ['x'],
  attributes: { shape: dims },
  shape({ x }, attributes) {
    const shape = attributes.shape.map(normalDim);
    const offset = shape.length - x.shape.length;
    const bad = x.shape.find((dim, i) => dim !== 1 && dim !== shape[i + offset]);
    if (offset < 0 || bad !== undefined) {
      fail('FROND-S011', `broadcast: ${printShape(x.shape)} does not stretch to ${printShape(shape)}`);
    }
    return [{ dtype: x.dtype, shape }];
  },
  vjp: (b, { x, dout }) => [b.unbroadcast(dout, b.typeOf(x).shape)],
  lower: ({ x, out }, { slots }) =>
    planElementwise({
      name: 'broadcast',
      key: 'x',
      inputs: [{ slot: slots.x, ...x }],
      results: [{ slot: slots.out, ...out }],
      apply: (_k, [value]) => defined(value, 'operand'),
    }),
  idle: true,
  broadcasts: true,
  compose: (outer) => outer,
  flops: 0,
});

export const copy = defineOp({
  name: 'copy',
  doc: 'the same tensor in memory of its own',
  operands: ['x'],
  attributes: {},
  shape: ({ x }) => [x],
  vjp: (_b, { dout }) => [dout],
  lower: ({ x: { dtype, shape } }, { slots }) =>
    planCopy(dtype, shape, { from: wholeOf(slots.x, shape), to: wholeOf(slots.out, shape) }),
  flops: 0,
});

/** Where each part begins along the axis, and last where they all end. */
function offsetsOf(parts: readonly TensorType[], axis: number): readonly Dim[] {
  const offsets: Dim[] = [0];
  for (const { shape } of parts) offsets.push(plus(offsets.at(-1) ?? 0, shape[axis] ?? 1));
  return offsets;
}

/** @throws FROND-S012 where `other` does not have the axis, FROND-S014 where another one differs */
function expectBeside(first: Shape, other: Shape, axis: number, given: number): void {
  const [own, its] = [first.toSpliced(axis, 1), other.toSpliced(axisOf('concat', given, other), 1)];
  const at = own.findIndex((dim, i) => i >= its.length || dim !== its[i]);
  if (at < 0 && own.length === its.length) return;
  const difference = at < 0 || at >= its.length ? 'rank' : `${own[at]} and ${its[at]}`;
  fail('FROND-S014', `concat: other dimensions differ: ${difference}`);
}

export const concat = defineOp({
  name: 'concat',
  doc: 'tensors one after the other along an axis',
  operands: ['first', '...others'],
  attributes: { axis: is.integer },
  shape({ first, others }, attributes) {
    const axis = axisOf('concat', attributes.axis, first.shape);
    for (const other of others) {
      expectSame('concat', first, other);
      expectBeside(first.shape, other.shape, axis, attributes.axis);
    }
    const length = offsetsOf([first, ...others], axis).at(-1) ?? 0;
    return [{ dtype: first.dtype, shape: first.shape.with(axis, length) }];
  },
  vjp(b, { first, others, dout, needs }, attributes) {
    const types = [first, ...others].map((ref) => b.typeOf(ref));
    const axis = axisOf('concat', attributes.axis, b.typeOf(first).shape);
    const offsets = offsetsOf(types, axis);
    return [needs.first, ...needs.others].map((isNeeded, i) =>
      isNeeded
        ? b.one('slice', [dout], { axis, from: offsets[i] ?? 0, length: types[i]?.shape[axis] ?? 1 })
        : undefined,
    );
  },
  lower({ first, others, out }, { slots, attributes }) {
    const axis = axisOf('concat', attributes.axis, out.shape);
    const parts = [first, ...others];
    const offsets = offsetsOf(parts, axis);
    return [slots.first, ...slots.others].flatMap((from, i) => {
      const { shape, dtype } = defined(parts[i], 'type of a part');
      const to = partOf(slots.out, out.shape, axis, offsets[i] ?? 0);
      return planCopy(dtype, shape, { from: wholeOf(from, shape), to });
    });
  },
  flops: 0,
});
