import { contiguousStrides, planCopy } from '../../kernels/copy.ts';
import { planPointwise } from '../../kernels/pointwise.ts';
import { printShape, type Shape } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import { listOf, natural } from '../base/kinds.ts';
import type { Attributes } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { dims } from './attributes.ts';
import { dimsOf, fail, integersOf, operand, perElement } from './rules.ts';
import { input, output } from './slots.ts';

/** Checks that `permutation` names every axis once. */
function checkPermutation(permutation: readonly number[], shape: Shape): void {
  if (permutation.length !== shape.length) {
    fail('FROND-S016', `transpose: ${permutation.length} axes given for rank ${shape.length}`);
  }
  const missing = shape.findIndex((_, axis) => !permutation.includes(axis));
  if (missing >= 0) fail('FROND-S016', `transpose: permutation lacks axis ${missing}`);
}

const permutationOf = (attributes: Attributes): readonly number[] =>
  integersOf('transpose', attributes, 'permutation');

/** Attribute `permutation`: axis i of the result is axis permutation[i] of the operand. */
export const transpose: OpRecord = {
  name: 'transpose',
  doc: 'the same elements with the axes in another order',
  kind: 'kernel',
  arity: 1,
  attributes: { permutation: listOf(natural, 'axes') },
  shape(inputs, attributes) {
    const { dtype, shape } = operand('transpose', inputs, 0);
    const permutation = permutationOf(attributes);
    checkPermutation(permutation, shape);
    return [{ dtype, shape: permutation.map((axis) => shape[axis] ?? 1) }];
  },
  vjp(b, { gradients: [dy], attributes }) {
    if (dy === undefined) return [undefined];
    const permutation = permutationOf(attributes);
    return [
      b.transpose(
        dy,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ];
  },
  lower({ inputs, outputs, attributes }) {
    const { dtype, shape } = operand('transpose', inputs, 0);
    const permutation = permutationOf(attributes);
    const from = contiguousStrides(shape);
    const to = contiguousStrides(outputs[0]?.shape ?? []);
    const dims = permutation.map((axis, i) => ({
      size: shape[axis] ?? 1,
      from: from[axis] ?? 1,
      to: to[i] ?? 1,
    }));
    return planCopy({ from: input(0), to: output(), dtype, dims });
  },
  permutation: permutationOf,
  compose(outer, inner) {
    const first = permutationOf(inner);
    return { permutation: permutationOf(outer).map((axis) => first[axis] ?? axis) };
  },
  cost: perElement(0),
};

/** Whether `from` stretches to `to`: right-aligned, every dim equal or 1. */
function checkStretch(from: Shape, to: Shape): void {
  const offset = to.length - from.length;
  const bad = from.find((dim, i) => dim !== 1 && dim !== to[i + offset]);
  if (offset < 0 || bad !== undefined) {
    fail('FROND-S011', `broadcast: ${printShape(from)} does not stretch to ${printShape(to)}`);
  }
}

/** Attribute `shape`. */
export const broadcast: OpRecord = {
  name: 'broadcast',
  doc: 'repeats a tensor along new dimensions and dimensions of size 1',
  kind: 'kernel',
  arity: 1,
  attributes: { shape: dims },
  shape(inputs, attributes) {
    const { dtype, shape } = operand('broadcast', inputs, 0);
    const target = dimsOf('broadcast', attributes, 'shape');
    checkStretch(shape, target);
    return [{ dtype, shape: target }];
  },
  vjp(b, { inputs: [x], gradients: [dy] }) {
    return [x === undefined || dy === undefined ? undefined : b.unbroadcast(dy, b.typeOf(x).shape)];
  },
  lower: ({ inputs, outputs }) =>
    planPointwise({
      name: 'broadcast',
      key: 'x',
      inputs: [{ slot: input(0), ...operand('broadcast', inputs, 0) }],
      output: { slot: output(), ...operand('broadcast', outputs, 0) },
      apply: (_k, [x]) => defined(x, 'operand'),
    }),
  idle: true,
  stretches: true,
  compose: (outer) => outer,
  cost: perElement(0),
};

/** Gives a tensor memory of its own. */
export const copy: OpRecord = {
  name: 'copy',
  doc: 'the same tensor in memory of its own',
  kind: 'kernel',
  arity: 1,
  attributes: {},
  shape: (inputs) => [operand('copy', inputs, 0)],
  vjp: (_b, { gradients: [dy] }) => [dy],
  lower({ inputs }) {
    const { dtype, shape } = operand('copy', inputs, 0);
    const strides = contiguousStrides(shape);
    const dims = shape.map((size, i) => ({ size, from: strides[i] ?? 1, to: strides[i] ?? 1 }));
    return planCopy({ from: input(0), to: output(), dtype, dims });
  },
  cost: perElement(0),
};
