import { atAxis, one, type Reference, reduce, type Tensor, total } from '../../support/tensor.ts';
import { bool, f32, i32, type OpSamples, type Sample, type, u32 } from './sample.ts';

const over = (op: string, shape: readonly number[], axes: readonly number[], keepDims = false): Sample => ({
  op,
  inputs: [f32(...shape)],
  attributes: { axes, keepDims },
});

const reductions = (op: string): Sample[] => [
  over(op, [3, 5], [1]),
  over(op, [5, 3], [0]),
  over(op, [2, 3, 4], [0, 1, 2]),
  over(op, [2, 3, 4], [1], true),
  over(op, [2, 3, 2, 3], [0, 2]),
  over(op, [2, 3, 2, 3], [-1, 1], true),
  over(op, [1, 4, 1], [0, 2]),
  over(op, [7], []),
];

const references: Readonly<Record<string, Reference>> = {
  sum: ([x], attributes) => reduce(x as Tensor, attributes, total),
  mean: ([x], attributes) => reduce(x as Tensor, attributes, (values) => total(values) / values.length),
  max: ([x], attributes) => reduce(x as Tensor, attributes, (values) => Math.max(...values)),
  min: ([x], attributes) => reduce(x as Tensor, attributes, (values) => Math.min(...values)),
  variance: ([x], attributes) =>
    reduce(x as Tensor, attributes, (values) => {
      const mean = total(values) / values.length;
      return total(values.map((value) => (value - mean) ** 2)) / values.length;
    }),
  logSumExp: ([x], attributes) =>
    reduce(x as Tensor, attributes, (values) => Math.log(total(values.map(Math.exp)))),
  any: ([x], attributes) => reduce(x as Tensor, attributes, (values) => +values.some((value) => value !== 0)),
  all: ([x], attributes) =>
    reduce(x as Tensor, attributes, (values) => +values.every((value) => value !== 0)),
  argmin: one((x, { axis = -1 }) => {
    const at = atAxis(Number(axis), x.shape.length);
    const [least] = reduce(x, { axes: [at] }, (values) => values.indexOf(Math.min(...values)));
    return least as Tensor;
  }),
  argmax: one((x, { axis = -1 }) => {
    const at = atAxis(Number(axis), x.shape.length);
    const [all] = reduce(x, { axes: [at] }, (values) => values.indexOf(Math.max(...values)));
    return all as Tensor;
  }),
};

export const reductionSamples: OpSamples = {
  references,
  valid: [
    ...['sum', 'mean', 'max', 'min', 'variance', 'logSumExp'].flatMap(reductions),
    { op: 'min', inputs: [i32([-7, 2147483647, -2147483648], 3)], attributes: { axes: [0] } },
    { op: 'min', inputs: [u32([7, 4294967295, 3], 3)], attributes: { axes: [0] } },
    { op: 'any', inputs: [bool([0, 0, 1, 0, 0, 0], 2, 3)], attributes: { axes: [1] } },
    { op: 'all', inputs: [bool([1, 1, 1, 0, 1, 1], 2, 3)], attributes: { axes: [1], keepDims: true } },
    { op: 'any', inputs: [bool([1], 2, 0)], attributes: { axes: [1] } },
    { op: 'all', inputs: [bool([1], 2, 0)], attributes: { axes: [1] } },
    { op: 'argmin', inputs: [f32(3, 5)] },
    { op: 'argmin', inputs: [i32([1, -3, -3, 2], 2, 4)], attributes: { axis: -1 } },
    over('sum', [0, 3], [0]),
    over('sum', [2, 0], [1], true),
    { op: 'sum', inputs: [i32([1, -2, 3], 2, 3)], attributes: { axes: [1] } },
    { op: 'max', inputs: [i32([-7, -2, -3], 2, 3)], attributes: { axes: [0, 1] } },
    { op: 'argmax', inputs: [f32(3, 5)] },
    { op: 'argmax', inputs: [i32([1, 3, 3, -1], 2, 4)], attributes: { axis: -1 } },
    { op: 'argmax', inputs: [f32(3, 5, 2)], attributes: { axis: 1 } },
  ],
  invalid: [
    {
      op: 'sum',
      inputs: [type('f32', 'batch', 'time', 128)],
      attributes: { axes: [0, 5] },
      code: 'FROND-S012',
      summary: 'sum: axis 5 is out of range for shape [batch, time, 128]',
    },
    {
      op: 'mean',
      inputs: [type('f32')],
      attributes: { axes: [0] },
      code: 'FROND-S012',
      summary: 'mean: axis 0 is out of range for shape []',
    },
    {
      op: 'mean',
      inputs: [type('i32', 3)],
      attributes: { axes: [0] },
      code: 'FROND-S010',
      summary: 'mean: cannot take i32 operands',
    },
    {
      op: 'max',
      inputs: [type('bool', 3)],
      attributes: { axes: [0] },
      code: 'FROND-S010',
      summary: 'max: cannot take bool operands',
    },
    {
      op: 'max',
      inputs: [type('f32', 3)],
      attributes: { axes: ['time'] },
      code: 'FROND-S019',
      summary: 'max: attribute axes must be a list of integers, not ["time"]',
    },
    {
      op: 'max',
      inputs: [type('f32', 3, 0)],
      attributes: { axes: [1] },
      code: 'FROND-S028',
      summary: 'max: the dimension it reduces has 0 elements, and so no largest',
    },
    {
      op: 'argmax',
      inputs: [type('f32', 0, 3)],
      attributes: { axis: 0 },
      code: 'FROND-S028',
      summary: 'argmax: the dimension it reduces has 0 elements, and so no largest',
    },
    {
      op: 'argmax',
      inputs: [type('f32', 3, 4)],
      attributes: { axis: 2 },
      code: 'FROND-S012',
      summary: 'argmax: axis 2 is out of range for shape [3, 4]',
    },
    {
      op: 'argmax',
      inputs: [type('bool', 3)],
      code: 'FROND-S010',
      summary: 'argmax: cannot take bool operands',
    },
  ],
};
