import { f32, i32, type OpSamples, type } from './sample.ts';

export const crossEntropySamples: OpSamples = {
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
