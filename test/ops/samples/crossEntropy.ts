import { get, levelOf, logSum, type Reference, type Tensor, tensor } from '../../support/tensor.ts';
import { f32, i32, type OpSamples, type } from './sample.ts';

function crossEntropy([logits, labels]: readonly Tensor[]): readonly Tensor[] {
  const [x, y] = [logits as Tensor, labels as Tensor];
  const row = (index: readonly number[]): number[] =>
    Array.from({ length: x.shape.at(-1) ?? 1 }, (_, c) => get(x, [...index, c]));
  const loss = tensor(y.shape, (index) => {
    const label = get(y, index);
    return label < 0 ? 0 : logSum(row(index)) - (row(index)[label] ?? Number.NaN);
  });
  const levels = tensor([2, ...y.shape], ([line = 0, ...index]) => levelOf(row(index), line));
  return [loss, levels];
}

const references: Readonly<Record<string, Reference>> = {
  crossEntropy,
};

export const crossEntropySamples: OpSamples = {
  references,
  elsewhere: { crossEntropyGradient: 'finite differences of crossEntropy' },
  valid: [
    { op: 'crossEntropy', inputs: [f32(4, 5), i32([0, 4, -1, 2], 4)] },
    { op: 'crossEntropy', inputs: [f32(2, 3, 4), i32([0, 1, 2, 3, -1, 0], 2, 3)] },
    { op: 'crossEntropy', inputs: [f32(7), i32([6])] },
    { op: 'crossEntropy', inputs: [f32(3, 1), i32([0, -1, 0], 3)] },
  ],
  invalid: [
    {
      op: 'crossEntropy',
      inputs: [type('f32', 'batch', 'time', 30), type('i32', 'batch')],
      code: 'FROND-S014',
      summary: 'crossEntropy: labels must be [batch, time], not [batch]',
    },
    {
      op: 'crossEntropy',
      inputs: [type('f32', 'batch', 30), type('f32', 'batch')],
      code: 'FROND-S010',
      summary: 'crossEntropy: labels must be i32, not f32',
    },
    {
      op: 'crossEntropy',
      inputs: [type('f32'), type('i32')],
      code: 'FROND-S013',
      summary: 'crossEntropy: the input is a scalar',
    },
  ],
};
