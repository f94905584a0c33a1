import { get, one, type Reference, tensor } from '../../support/tensor.ts';
import { f32, i32, type OpSamples, type Sample, type } from './sample.ts';

const turned = (shape: readonly number[], permutation: readonly number[]): Sample => ({
  op: 'transpose',
  inputs: [f32(...shape)],
  attributes: { permutation },
});

const references: Readonly<Record<string, Reference>> = {
  transpose: one((x, { permutation }) => {
    const order = permutation as number[];
    return tensor(
      order.map((axis) => x.shape[axis] ?? 1),
      (index) =>
        get(
          x,
          x.shape.map((_, axis) => index[order.indexOf(axis)] ?? 0),
        ),
    );
  }),
  broadcast: one((x, { shape }) => tensor(shape as number[], (index) => get(x, index))),
  copy: one((x) => x),
};

export const copySamples: OpSamples = {
  references,
  valid: [
    turned([3, 5], [1, 0]),
    turned([2, 3, 4], [0, 2, 1]),
    turned([2, 3, 4, 2], [2, 0, 3, 1]),
    turned([1, 4, 1, 3], [3, 2, 1, 0]),
    turned([], []),
    turned([0, 3], [1, 0]),
    { op: 'transpose', inputs: [i32([1, 2, 3, 4, 5, 6], 2, 3)], attributes: { permutation: [1, 0] } },
    { op: 'broadcast', inputs: [f32(3, 1)], attributes: { shape: [2, 3, 4] } },
    { op: 'broadcast', inputs: [f32()], attributes: { shape: [5] } },
    { op: 'broadcast', inputs: [f32(2, 1, 3)], attributes: { shape: [2, 4, 3] } },
    { op: 'broadcast', inputs: [i32([7, 8], 2)], attributes: { shape: [3, 2] } },
    { op: 'copy', inputs: [f32(3, 4)] },
    { op: 'copy', inputs: [f32()] },
  ],
  invalid: [
    {
      op: 'transpose',
      inputs: [type('f32', 'batch', 'time', 128)],
      attributes: { permutation: [0, 1, 1] },
      code: 'FROND-S016',
      summary: 'transpose: permutation lacks axis 2',
    },
    {
      op: 'transpose',
      inputs: [type('f32', 'batch', 'time', 128)],
      attributes: { permutation: [1, 0] },
      code: 'FROND-S016',
      summary: 'transpose: 2 axes given for rank 3',
    },
    {
      op: 'broadcast',
      inputs: [type('f32', 'batch', 3)],
      attributes: { shape: ['time', 3] },
      code: 'FROND-S011',
      summary: 'broadcast: [batch, 3] does not stretch to [time, 3]',
    },
    {
      op: 'broadcast',
      inputs: [type('f32', 2, 3)],
      attributes: { shape: [3] },
      code: 'FROND-S011',
      summary: 'broadcast: [2, 3] does not stretch to [3]',
    },
  ],
};
