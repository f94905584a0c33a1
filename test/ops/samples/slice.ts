import type { Attributes } from '../../../src/ir/graph.ts';
import { atAxis, get, one, type Reference, type Tensor, tensor } from '../../support/tensor.ts';
import { f32, type InvalidSample, type OpSamples, type Sample, type } from './sample.ts';

const cut = (shape: readonly number[], attributes: Attributes): Sample => ({
  op: 'slice',
  inputs: [f32(...shape)],
  attributes,
});

const refused = (axis: number, from: number, to: number | 'end', summary: string): InvalidSample => ({
  op: 'slice',
  inputs: [type('f32', 'batch', 'time', 128)],
  attributes: { axis, from, to },
  code: summary.includes('axis') ? 'FROND-S012' : 'FROND-S017',
  summary,
});

function slice(x: Tensor, { axis, from = 0, to = 'end' }: Attributes): Tensor {
  const at = atAxis(Number(axis), x.shape.length);
  const data = Array.from({ length: x.shape[at] ?? 1 }, (_, i) => i);
  const picked = data.slice(Number(from), to === 'end' ? undefined : Number(to));
  const shape = x.shape.with(at, picked.length);
  return tensor(shape, (index) => get(x, index.with(at, picked[index[at] ?? 0] ?? 0)));
}

const references: Readonly<Record<string, Reference>> = {
  slice: one(slice),
  sliceGradient: one((x, { axis, start, size }) => {
    const at = Number(axis);
    return tensor(x.shape.with(at, Number(size)), (index) => {
      const place = (index[at] ?? 0) - Number(start);
      return place >= 0 && place < (x.shape[at] ?? 1) ? get(x, index.with(at, place)) : 0;
    });
  }),
};

export const sliceSamples: OpSamples = {
  references,
  valid: [
    cut([5, 3], { axis: 0, from: 1, to: 4 }),
    cut([2, 7], { axis: -1, from: -3, to: 'end' }),
    cut([2, 5, 3], { axis: 1, from: 0, to: 2 }),
    cut([4, 3], { axis: 0, from: 1, to: -1 }),
    cut([4], { axis: 0, from: 2, to: 2 }),
    cut([1, 6, 1], { axis: 1 }),
    { op: 'sliceGradient', inputs: [f32(2, 3)], attributes: { axis: 0, start: 1, size: 5 } },
    { op: 'sliceGradient', inputs: [f32(2, 3)], attributes: { axis: 1, start: 0, size: 4 } },
    { op: 'sliceGradient', inputs: [f32(3)], attributes: { axis: 0, start: 2, size: 5 } },
  ],
  invalid: [
    refused(-1, 100, 200, 'slice: 100..200 does not fit dimension 128'),
    refused(-1, 5, 3, 'slice: 5..3 does not fit dimension 128'),
    refused(-1, -200, 'end', 'slice: -200..end does not fit dimension 128'),
    refused(1, -1, -3, 'slice: -1..-3 does not fit dimension time'),
    refused(3, 0, 1, 'slice: axis 3 is out of range for shape [batch, time, 128]'),
    {
      op: 'slice',
      inputs: [type('f32', 4)],
      attributes: {},
      code: 'FROND-S019',
      summary: 'slice: attribute axis must be a whole number, not absent',
    },
  ],
};
