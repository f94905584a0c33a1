import { f32, type InvalidSample, type OpSamples, type Sample, type } from './sample.ts';

const along = (op: string, axis: number, ...shape: readonly number[]): Sample => ({
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

export const softmaxSamples: OpSamples = {
  valid: ['softmax', 'softmaxGradient', 'logSoftmax'].flatMap((op) => [
    along(op, -1, 3, 5),
    along(op, 1, 2, 4, 3),
    along(op, 0, 5),
    along(op, 2, 2, 2, 1),
    along(op, 0, 4, 3),
  ]),
  invalid: ['softmax', 'logSoftmax'].flatMap(refused),
};
