import { expect, it } from 'vitest';
import { RANDOM_KEY } from '../../../src/dsl/dropout.ts';
import { attention, dropout, f32, graph, matmul } from '../../../src/dsl/index.ts';
import { compile } from '../../../src/runtime/compile.ts';
import type { Feeds, TensorValue } from '../../../src/runtime/feeds.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { openOracle } from './devices.ts';
import { onEveryDevice } from './everyDevice.ts';

const HEADS = 2;
const TIME = 37;

/**
 * Dropout by itself, behind a product that it is fused with, and in attention: equal scores and values that are the identity leave
 * the mask of each head in its part of the result.
 */
const masks = graph(
  'masks',
  (g) => {
    const ones = g.input('ones', f32, ['rows', 'columns']);
    const zeros = g.input('zeros', f32, ['batch', TIME, TIME * HEADS]);
    const identity = g.input('identity', f32, ['batch', TIME, TIME * HEADS]);
    const column = g.input('column', f32, ['rows', 1]);
    const row = g.input('row', f32, [1, 70]);
    return {
      alone: dropout(ones, 0.3),
      fused: dropout(matmul(column, row), 0.5),
      attended: attention(zeros, zeros, identity, { heads: HEADS, dropout: 0.2 }),
    };
  },
  { training: true },
).ir;

const tensor = (shape: readonly number[], element: (i: number) => number): TensorValue => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => element(i)),
});

const width = TIME * HEADS;
const feeds: Feeds = {
  ones: tensor([67, 129], () => 1),
  zeros: tensor([3, TIME, width], () => 0),
  identity: tensor([3, TIME, width], (i) => +(Math.floor(i / width) % TIME === (i % width) % TIME)),
  column: tensor([67, 1], () => 1),
  row: tensor([1, 70], () => 1),
  [RANDOM_KEY]: { dtype: 'u32', shape: [2], data: Uint32Array.of(7, 4_000_000_000) },
};

/** Which elements are kept, per output. */
async function kept(device: Parameters<typeof compile>[1]['device']): Promise<Record<string, string>> {
  const { executable } = await compile(masks, { device });
  const results = await executable.run(feeds);
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data, (x) => +(x !== 0)).join('')]),
  );
}

onEveryDevice((device) => {
  it('draws the same dropout masks, element by element', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const wanted = await kept(openOracle());
    for (const mask of Object.values(wanted)) expect(mask).toMatch(/01|10/);
    expect(await kept(opened)).toEqual(wanted);
  });
});
