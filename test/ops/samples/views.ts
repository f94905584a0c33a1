import { one, type Reference } from '../../support/tensor.ts';
import { f32, type OpSamples, type } from './sample.ts';

const references: Readonly<Record<string, Reference>> = {
  reshape: one((x, { shape }) => {
    const wanted = shape as number[];
    const known = wanted.filter((size) => size >= 0).reduce((a, b) => a * b, 1);
    return { ...x, shape: wanted.map((size) => (size < 0 ? x.data.length / known : size)) };
  }),
};

export const viewSamples: OpSamples = {
  references,
  valid: [
    { op: 'reshape', inputs: [f32(2, 6)], attributes: { shape: [3, 4] } },
    { op: 'reshape', inputs: [f32(2, 3, 4)], attributes: { shape: [6, -1] } },
    { op: 'reshape', inputs: [f32(1)], attributes: { shape: [] } },
    { op: 'reshape', inputs: [f32(5)], attributes: { shape: [1, 5, 1] } },
  ],
  invalid: [
    {
      op: 'reshape',
      inputs: [type('f32', 'batch', 'time', 128)],
      attributes: { shape: ['batch', 'time', 5, 32] },
      code: 'FROND-S018',
      summary:
        'reshape: [batch, time, 128] has 128*batch*time elements, [batch, time, 5, 32] has 160*batch*time',
    },
    {
      op: 'reshape',
      inputs: [type('f32', 'batch', 'time', 128)],
      attributes: { shape: ['batch', 128] },
      code: 'FROND-S018',
      summary: 'reshape: [batch, time, 128] has 128*batch*time elements, [batch, 128] has 128*batch',
    },
    {
      op: 'reshape',
      inputs: [type('f32', 'batch', 30)],
      attributes: { shape: ['batch', 4, -1] },
      code: 'FROND-S018',
      summary: 'reshape: 30*batch is not divisible by 4*batch',
    },
    {
      op: 'reshape',
      inputs: [type('f32', 4, 4)],
      attributes: { shape: [-1, -1] },
      code: 'FROND-S018',
      summary: 'reshape: only one dimension may be -1',
    },
    {
      op: 'reshape',
      inputs: [type('f32', 4)],
      attributes: {},
      code: 'FROND-S019',
      summary: 'reshape: attribute shape must be a list of dimensions, not absent',
    },
  ],
};
