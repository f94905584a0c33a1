import type { Attributes } from '../../../src/ir/graph.ts';
import { broadcastShape, get, type Reference, type Tensor, tensor, total } from '../../support/tensor.ts';
import { f32, type OpSamples, type Sample, type } from './sample.ts';

const product = (x: readonly number[], y: readonly number[], attributes = {}): Sample => ({
  op: 'matmul',
  inputs: [f32(...x), f32(...y)],
  attributes,
});

function matmul(x: Tensor, y: Tensor, attributes: Attributes): Tensor {
  const swap = ({ shape, data }: Tensor, yes: boolean): Tensor =>
    yes
      ? tensor([...shape.slice(0, -2), shape.at(-1) ?? 1, shape.at(-2) ?? 1], (index) =>
          get({ shape, data }, [...index.slice(0, -2), index.at(-1) ?? 0, index.at(-2) ?? 0]),
        )
      : { shape, data };
  const [a, b] = [swap(x, attributes.transposeX === true), swap(y, attributes.transposeY === true)];
  const vector = a.shape.length === 1;
  const left = vector ? { ...a, shape: [1, ...a.shape] } : a;
  const outer = broadcastShape([left.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const shape = [...outer, left.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1];
  const product = tensor(shape, (index) => {
    const [batch, row, column] = [index.slice(0, -2), index.at(-2) ?? 0, index.at(-1) ?? 0];
    const terms = Array.from(
      { length: left.shape.at(-1) ?? 1 },
      (_, k) => get(left, [...batch, row, k]) * get(b, [...batch, k, column]),
    );
    return total(terms);
  });
  return vector ? { ...product, shape: shape.slice(1) } : product;
}

const references: Readonly<Record<string, Reference>> = {
  matmul: ([x, y], attributes) => [matmul(x as Tensor, y as Tensor, attributes)],
  linear: ([x, weight, bias]) => {
    const y = matmul(x as Tensor, weight as Tensor, {});
    return [tensor(y.shape, (index) => get(y, index) + (bias ? get(bias, index) : 0))];
  },
};

export const matmulSamples: OpSamples = {
  references,
  valid: [
    product([3, 4], [4, 5]),
    product([2, 3, 5], [5, 4]),
    product([4], [4, 3]),
    product([2, 1, 3, 4], [5, 4, 2]),
    product([1, 7], [7, 1]),
    product([3, 4], [2, 4, 5]),
    product([4, 3], [4, 5], { transposeX: true }),
    product([3, 4], [5, 4], { transposeY: true }),
    product([2, 4, 3], [2, 5, 4], { transposeX: true, transposeY: true }),
    product([2, 4, 3], [4, 5], { transposeX: true }),
    product([2, 3, 1, 4], [5, 4], { transposeY: true }),
    product([2, 0], [0, 3]),
    product([0, 2, 4], [4, 3]),
    product([2, 0, 3], [2, 3, 5]),
    { op: 'linear', inputs: [f32(2, 3, 4), f32(4, 5), f32(5)] },
    { op: 'linear', inputs: [f32(3), f32(3, 2)] },
    { op: 'linear', inputs: [f32(5, 1), f32(1, 3), f32(3)] },
  ],
  invalid: [
    {
      op: 'matmul',
      inputs: [type('f32', 'batch', 'time', 128), type('f32', 256, 64)],
      code: 'FROND-S015',
      summary: 'matmul: inner dimensions differ: 128 and 256 in [batch, time, 128] x [256, 64]',
    },
    {
      op: 'matmul',
      inputs: [type('f32', 'batch', 8, 'time', 64), type('f32', 'batch', 4, 64, 'keys')],
      code: 'FROND-S011',
      summary: 'matmul batch: cannot broadcast 8 with 4',
    },
    {
      op: 'matmul',
      inputs: [type('f32', 3, 4), type('f32', 4)],
      code: 'FROND-S013',
      summary: 'matmul: right operand needs 2 or more dimensions, has [4]',
    },
    {
      op: 'matmul',
      inputs: [type('f32', 4), type('f32', 2, 4, 5)],
      code: 'FROND-S013',
      summary: 'matmul: left operand needs 2 or more dimensions, has [4]',
    },
    {
      op: 'matmul',
      inputs: [type('f32'), type('f32', 4, 5)],
      code: 'FROND-S013',
      summary: 'matmul: left operand is a scalar',
    },
    {
      op: 'matmul',
      inputs: [type('i32', 3, 4), type('i32', 4, 5)],
      code: 'FROND-S010',
      summary: 'matmul: cannot take i32 operands',
    },
    {
      op: 'matmul',
      inputs: [type('f32', 3, 4), type('i32', 4, 5)],
      code: 'FROND-S010',
      summary: 'matmul: operands are f32 and i32',
    },
    {
      op: 'matmul',
      inputs: [type('f32', 2, 1, 3, 5, 4), type('f32', 1, 4, 3, 4, 6)],
      code: 'FROND-S013',
      summary:
        'matmul: 3 outer dimensions are left after joining in [2, 1, 3, 5, 4] x [1, 4, 3, 4, 6], two are possible',
    },
    {
      op: 'linear',
      inputs: [type('f32', 'batch', 3), type('f32', 4, 5)],
      code: 'FROND-S015',
      summary: 'linear: inner dimensions differ: 3 and 4 in [batch, 3] x [4, 5]',
    },
    {
      op: 'linear',
      inputs: [type('f32', 'batch', 4), type('f32', 4, 5), type('f32', 4)],
      code: 'FROND-S014',
      summary: 'linear: the bias must be [5], not [4]',
    },
    {
      op: 'linear',
      inputs: [type('f32'), type('f32', 4, 5)],
      code: 'FROND-S013',
      summary: 'linear: the input is a scalar',
    },
    {
      op: 'linear',
      inputs: [type('f32', 4), type('f32', 4)],
      code: 'FROND-S013',
      summary: 'linear: the weight needs 2 dimensions, has [4]',
    },
  ],
};
