import type { TensorType } from '../../src/ir/graph.ts';
import type { OpRecord, OpRegistry } from '../../src/ir/record.ts';
import { ops } from '../../src/ops/index.ts';
import { each, get, type Reference, tensor } from './tensor.ts';

/*
 * Ops that frond does not have, for what its own cannot show of graphs and passes: one without a gradient, one with two results that
 * both have one.
 */

const first = (types: readonly TensorType[]): TensorType => types[0] ?? { dtype: 'f32', shape: [] };

/** Differentiable mathematically, yet without a rule. */
const mystery: OpRecord = {
  name: 'mystery',
  doc: '|x|, without a gradient',
  kind: 'elementwise',
  arity: 1,
  shape: (inputs) => [first(inputs)],
  emit: (k, [x]) => k.map('abs', x ?? 0),
};

const halves: OpRecord = {
  name: 'halves',
  doc: 'both halves of the last axis',
  kind: 'kernel',
  arity: 1,
  shape(inputs) {
    const { dtype, shape } = first(inputs);
    const half: TensorType = { dtype, shape: [...shape.slice(0, -1), Number(shape.at(-1)) / 2] };
    return [half, half];
  },
  vjp(b, { inputs: [x = ''], outputs, gradients }) {
    const parts = outputs.map((out, i) => gradients[i] ?? b.broadcast(b.constant(0), b.typeOf(out).shape));
    return [b.reshape(b.one('concat', parts, { axis: -1 }), b.typeOf(x).shape)];
  },
};

export const testOps: OpRegistry = new Map([
  ...ops,
  ...[mystery, halves].map((record) => [record.name, record] as const),
]);

/** The meaning of the ops above. */
export const testReferences: Readonly<Record<string, Reference>> = {
  mystery: each(Math.abs),
  halves: ([x = { shape: [], data: [] }]) => {
    const half = (x.shape.at(-1) ?? 0) / 2;
    const shape = [...x.shape.slice(0, -1), half];
    return [0, half].map((from) =>
      tensor(shape, (index) => get(x, index.with(-1, (index.at(-1) ?? 0) + from))),
    );
  },
};
