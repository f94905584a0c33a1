import { threefry } from '../../../src/base/random.ts';
import { type Reference, type Tensor, tensor } from '../../support/tensor.ts';
import { f32, type OpSamples, type Sample, type, u32 } from './sample.ts';

const drawn = (op: string, ...shape: readonly number[]): Sample => ({
  op,
  inputs: [f32(...shape), u32([12345, 678], 2)],
  attributes: { stream: 3 },
});

const unit = (word: number): number => ((word >>> 9) + 0.5) / 2 ** 23;

const reference =
  (number: (u: number, v: number) => number): Reference =>
  ([x, key], { stream }) => {
    const { data: keys } = key as Tensor;
    const input = x as Tensor;
    const data = Array.from(input.data, (_, i) => {
      const words = threefry(((keys[0] ?? 0) ^ Number(stream)) >>> 0, keys[1] ?? 0, i, 0);
      return number(unit(words[0]), unit(words[1]));
    });
    return [{ ...input, data }];
  };

export const randomSamples: OpSamples = {
  references: {
    uniform: reference((u) => u),
    position: ([x], { size, inner }) => [
      tensor(x?.shape ?? [], (at) => {
        const flat = (x?.shape ?? []).reduce((index, length, axis) => index * length + (at[axis] ?? 0), 0);
        return Math.floor(flat / Number(inner)) % Number(size);
      }),
    ],
    normal: reference((u, v) => Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v)),
  },
  valid: ['uniform', 'normal']
    .flatMap((op) => [drawn(op, 4, 5), drawn(op, 30), drawn(op, 2, 1, 7)])
    .concat([
      { op: 'position', inputs: [f32(4, 5)], attributes: { size: 5, inner: 1 } },
      { op: 'position', inputs: [f32(4, 5)], attributes: { size: 4, inner: 5 } },
      { op: 'position', inputs: [f32(2, 3, 4)], attributes: { size: 3, inner: 4 } },
    ]),
  invalid: [
    {
      op: 'uniform',
      inputs: [type('f32', 3), type('u32', 3)],
      attributes: { stream: 0 },
      code: 'FROND-S014',
      summary: 'uniform: the key must be [2], not [3]',
    },
    {
      op: 'normal',
      inputs: [type('f32', 'batch', 8), type('u32', 2)],
      attributes: {},
      code: 'FROND-S019',
      summary: 'normal: attribute stream must be a whole number, not absent',
    },
  ],
};
