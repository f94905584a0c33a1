import { expect, it } from 'vitest';
import * as frond from '../../src/index.ts';

const draws = frond.graph(
  'draws',
  (_, { x }) => ({
    uniform: frond.uniformLike(x),
    normal: frond.normalLike(x),
    other: frond.scope('other', () => frond.normalLike(x)),
    coin: frond.bernoulliLike(x, 0.3),
  }),
  { inputs: { x: frond.declare('f32', ['n']) } },
);
const count = 100_000;
const feeds = (seed: number, step: number) =>
  ({
    x: { dtype: 'f32', shape: [count], data: new Float32Array(count) },
    'random.key': { dtype: 'u32', shape: [2], data: Uint32Array.of(seed, step) },
  }) as const;
const mean = (data: ArrayLike<number>, of: (value: number, i: number) => number): number =>
  Array.from(data, of).reduce((sum, value) => sum + value, 0) / data.length;

it('random numbers have their distributions, differ by scope and by step, and repeat with the key', async () => {
  const device = frond.wasmDevice();
  const { executable } = await frond.compile(draws, { device });
  const { uniform, normal, other, coin } = await executable.run(feeds(1, 0));
  // six standard errors of each mean
  const within = (found: number, expected: number, variance: number): void =>
    expect(Math.abs(found - expected)).toBeLessThan(6 * Math.sqrt(variance / count));
  within(
    mean(uniform.data, (u) => u),
    1 / 2,
    1 / 12,
  );
  within(
    mean(uniform.data, (u) => u * u),
    1 / 3,
    4 / 45,
  );
  expect(Array.from(uniform.data).every((u) => u > 0 && u < 1)).toBe(true);
  within(
    mean(normal.data, (z) => z),
    0,
    1,
  );
  within(
    mean(normal.data, (z) => z * z),
    1,
    2,
  );
  within(
    mean(normal.data, (z) => z ** 4),
    3,
    96,
  );
  within(
    mean(normal.data, (z, i) => z * (normal.data[i + 1] ?? 0)),
    0,
    1,
  );
  within(
    mean(normal.data, (z, i) => z * (other.data[i] ?? 0)),
    0,
    1,
  );
  within(
    mean(coin.data, (heads) => heads),
    0.3,
    0.21,
  );
  const again = await executable.run(feeds(1, 0));
  expect(again.normal.data).toEqual(normal.data);
  const next = await executable.run(feeds(1, 1));
  within(
    mean(normal.data, (z, i) => z * (next.normal.data[i] ?? 0)),
    0,
    1,
  );
  await device.close();
});
