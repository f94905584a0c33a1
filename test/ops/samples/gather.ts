import { get, indexOf, type Reference, type Tensor, tensor, total } from '../../support/tensor.ts';
import { f32, i32, type OpSamples, type } from './sample.ts';

const within = (low: number, below: number) => ({ low, below: [below], report: 'ids' });

const references: Readonly<Record<string, Reference>> = {
  gather: ([table, ids]) => {
    const [rows, picks] = [table as Tensor, ids as Tensor];
    const rank = picks.shape.length;
    return [
      tensor([...picks.shape, ...rows.shape.slice(1)], (index) =>
        get(rows, [get(picks, index.slice(0, rank)), ...index.slice(rank)]),
      ),
    ];
  },
  clampIndex: ([ids], { low, below }) => [
    tensor((ids as Tensor).shape, (index) =>
      Math.max(Math.min(get(ids as Tensor, index), Number((below as number[])[0]) - 1), Number(low)),
    ),
  ],
  gatherGradient: ([dy, ids], { shape }) => {
    const [upstream, picks] = [dy as Tensor, ids as Tensor];
    return [
      tensor(shape as number[], ([row, ...rest]) =>
        total(
          Array.from(picks.data, (id, i) =>
            id === row ? get(upstream, [...indexOf(i, picks.shape), ...rest]) : 0,
          ),
        ),
      ),
    ];
  },
};

export const gatherSamples: OpSamples = {
  references,
  valid: [
    { op: 'gather', inputs: [f32(6, 3), i32([2, 0, 2, 5, 2], 5)] },
    { op: 'gather', inputs: [f32(4, 2), i32([3, 1, 1, 0, 3, 3], 2, 3)] },
    { op: 'gather', inputs: [f32(5), i32([4, 4, 0], 3)] },
    { op: 'gather', inputs: [f32(3, 2, 2), i32([1])] },
    { op: 'gatherGradient', inputs: [f32(5, 3), i32([2, 0, 2, 3, 2], 5)], attributes: { shape: [4, 3] } },
    { op: 'gatherGradient', inputs: [f32(2, 2), i32([1, 1], 2)], attributes: { shape: [2, 2] } },
    { op: 'clampIndex', inputs: [i32([2, -7, 3, 900, 0], 5)], attributes: within(0, 3) },
    { op: 'clampIndex', inputs: [i32([-2, 2, -1, 0], 2, 2), i32([2, 1], 2)], attributes: within(-1, 2) },
  ],
  invalid: [
    {
      op: 'gather',
      inputs: [type('f32', 100, 8), type('f32', 'batch')],
      code: 'FROND-S010',
      summary: 'gather: the ids must be i32, not f32',
    },
    {
      op: 'gather',
      inputs: [type('f32'), type('i32', 'batch')],
      code: 'FROND-S013',
      summary: 'gather: the table needs 1 or more dimensions, has []',
    },
    {
      op: 'gather',
      inputs: [type('i32', 5, 2), type('i32', 'batch')],
      code: 'FROND-S010',
      summary: 'gather: cannot take i32 operands',
    },
    {
      op: 'clampIndex',
      inputs: [type('f32', 5)],
      attributes: within(0, 3),
      code: 'FROND-S010',
      summary: 'clampIndex: the ids must be i32, not f32',
    },
  ],
};
