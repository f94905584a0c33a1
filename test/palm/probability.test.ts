import { expect, test } from 'vitest';
import { palm } from '../../src/index.ts';

const over = Math.fround(1.0000015);
const tensor = (data: Float32Array | Int32Array, ...shape: number[]) => ({
  dtype: data instanceof Int32Array ? ('i32' as const) : ('f32' as const),
  shape,
  data,
});

test('no head reports a probability above 1, whatever the device rounds', () => {
  const classified = palm.head
    .classify({ classes: ['a', 'b'] })
    .decode({ probabilities: tensor(Float32Array.of(0, over), 1, 2) }, {});
  expect(classified).toEqual([{ label: 'b', probability: 1 }]);
  const tagged = palm.head
    .sequenceLabel({ labels: ['O', 'B-x'] })
    .decode(
      { tags: tensor(Int32Array.of(1, 0), 1, 2), probability: tensor(Float32Array.of(over), 1) },
      { lengths: tensor(Int32Array.of(2), 1) },
    );
  expect(tagged).toEqual([{ tags: ['B-x', 'O'], probability: 1 }]);
});
