import { describe, expect, it } from 'vitest';
import { fillNearNormals, fillUniforms, NEAR, normal, permutation, uniforms } from '../../src/base/random.ts';
import type { Initializer } from '../../src/dsl/initializers.ts';
import { initialValues } from '../../src/runtime/parameters.ts';

/** The first of 16 draws within two deviations. */
function truncated(seed: number, name: string, index: number): number {
  for (let attempt = 0; attempt < 16; attempt++) {
    const draw = normal(seed, name, index * 16 + attempt);
    if (Math.abs(draw) <= 2) return draw;
  }
  return 0;
}

const xavier = Math.sqrt(6 / (24 + 50));

/** What each initialiser gives, one element at a time. */
const CASES: readonly [Initializer, (seed: number, name: string, index: number) => number][] = [
  [{ kind: 'zeros' }, () => 0],
  [{ kind: 'ones' }, () => 1],
  [{ kind: 'constant', value: -2.5 }, () => -2.5],
  [{ kind: 'normal', deviation: 0.02 }, (...at) => 0.02 * normal(...at)],
  [{ kind: 'truncatedNormal', deviation: 0.3 }, (...at) => 0.3 * truncated(...at)],
  [{ kind: 'uniform', limit: 0.1 }, (...at) => 0.1 * (2 * uniforms(...at)[0] - 1)],
  [{ kind: 'xavier' }, (...at) => xavier * (2 * uniforms(...at)[0] - 1)],
];

const bytes = (values: Float32Array): Buffer => Buffer.from(values.buffer, 0, values.byteLength);

describe('initial values', () => {
  it.each(CASES)('of %o are those of each element alone', (initializer, draw) => {
    const shape = [24, 50];
    for (const [seed, name] of [
      [0, ''],
      [1, 'encoder.weight'],
      [2 ** 31 + 7, 'ünïcode'],
      [-3, 'x'],
      [2 ** 40 + 5, 'y'],
    ] as const) {
      for (const length of [0, 1, 511, 512, 513, 40_000]) {
        const entry = { name, shape, length, offset: 0, initializer, trained: true };
        const wanted = Float32Array.from({ length }, (_, index) => draw(seed, name, index));
        expect(bytes(initialValues(entry, seed)).equals(bytes(wanted)), `${length} of ${name}`).toBe(true);
      }
    }
  });

  it('are drawn from the same words for indices beyond 32 bits', () => {
    const indices = Float64Array.of(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 9, 2 ** 45 + 3);
    const [u, v, normals] = [indices.slice(), indices.slice(), indices.slice()];
    fillUniforms(7, 'far', indices, u, v);
    fillNearNormals(7, 'far', indices, normals, indices.slice());
    indices.forEach((index, i) => {
      expect([u[i], v[i]]).toEqual(uniforms(7, 'far', index));
      expect(Math.abs((normals[i] ?? 9) - normal(7, 'far', index))).toBeLessThan(NEAR / 100);
    });
    expect(new Set(u).size).toBe(indices.length);
  });
});

it('a permutation swaps by the uniforms of its stream', () => {
  const order = Array.from({ length: 300 }, (_, i) => i);
  for (let i = 299; i > 0; i--) {
    const j = Math.floor(uniforms(4, 'rows', i)[0] * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  expect([...permutation(300, 4, 'rows')]).toEqual(order);
  expect([...permutation(0, 4, 'rows')]).toEqual([]);
});
