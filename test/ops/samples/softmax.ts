import {
  along,
  atAxis,
  get,
  logSum,
  one,
  type Reference,
  type Tensor,
  tensor,
  total,
} from '../../support/tensor.ts';
import { f32, type InvalidSample, type OpSamples, type Sample, type } from './sample.ts';

const sampled = (op: string, axis: number, ...shape: readonly number[]): Sample => ({
  op,
  inputs: op === 'softmaxGradient' ? [f32(...shape), f32(...shape)] : [f32(...shape)],
  attributes: { axis },
});

const refused = (op: string): InvalidSample[] => [
  {
    op,
    inputs: [type('f32', 'batch', 'time', 128)],
    attributes: { axis: 3 },
    code: 'FROND-S012',
    summary: `${op}: axis 3 is out of range for shape [batch, time, 128]`,
  },
  { op, inputs: [type('i32', 3)], code: 'FROND-S010', summary: `${op}: cannot take i32 operands` },
];

const softmax = (x: Tensor, axis: number): Tensor => {
  const at = atAxis(axis, x.shape.length);
  return along(x, at, (row, index) => Math.exp((row[index[at] ?? 0] ?? 0) - logSum(row)));
};

const references: Readonly<Record<string, Reference>> = {
  softmax: one((x, { axis = -1 }) => softmax(x, Number(axis))),
  softmaxGradient: ([y, dy], { axis = -1 }) => {
    const [result, upstream] = [y as Tensor, dy as Tensor];
    const products = tensor(result.shape, (index) => get(result, index) * get(upstream, index));
    const sums = along(products, Number(axis), total);
    return [tensor(result.shape, (index) => get(result, index) * (get(upstream, index) - get(sums, index)))];
  },
  logSoftmax: one((x, { axis = -1 }) => {
    const probabilities = softmax(x, Number(axis));
    return { ...x, data: Array.from(probabilities.data, Math.log) };
  }),
};

export const softmaxSamples: OpSamples = {
  references,
  // its first operand lies between 0 and 1: the ends of f32 reach it as a part of softmax
  parts: ['softmaxGradient'],
  valid: ['softmax', 'softmaxGradient', 'logSoftmax'].flatMap((op) => [
    sampled(op, -1, 3, 5),
    sampled(op, 1, 2, 4, 3),
    sampled(op, 0, 5),
    sampled(op, 2, 2, 2, 1),
    sampled(op, 0, 4, 3),
  ]),
  invalid: ['softmax', 'logSoftmax'].flatMap(refused),
};
