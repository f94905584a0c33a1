import { describe, expect, test } from 'vitest';
import { einsum, f32, graph, rearrange } from '../../src/dsl/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { expectType, type F } from './types/equality.ts';

interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const values = (...shape: number[]): Values => ({
  shape,
  data: Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => Math.cos(7 * i + shape.length)),
});

const at = ({ shape, data }: Values, labels: string[], place: Record<string, number>): number =>
  data[labels.reduce((sum, label, axis) => sum * (shape[axis] ?? 1) + (place[label] ?? 0), 0)] ?? Number.NaN;

/** The definition: for every place of the result, the sum over all other labels of the product of the operands. */
function defined(pattern: string, operands: readonly Values[]): number[] {
  const [left = '', right = ''] = pattern.split('->');
  const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  const sides = left.split(',').map(words);
  const sizes: Record<string, number> = {};
  sides.forEach((side, i) => {
    side.forEach((label, axis) => {
      sizes[label] = operands[i]?.shape[axis] ?? 1;
    });
  });
  const result = words(right);
  const inner = Object.keys(sizes).filter((label) => !result.includes(label));
  const places = (labels: string[]): Record<string, number>[] =>
    labels.reduce<Record<string, number>[]>(
      (all, label) =>
        all.flatMap((place) =>
          Array.from({ length: sizes[label] ?? 1 }, (_, i) => ({ ...place, [label]: i })),
        ),
      [{}],
    );
  return places(result).map((outer) =>
    places(inner).reduce(
      (sum, place) =>
        sum + operands.reduce((product, x, i) => product * at(x, sides[i] ?? [], { ...outer, ...place }), 1),
      0,
    ),
  );
}

async function computed(pattern: string, operands: readonly Values[]): Promise<number[]> {
  const model = graph('model', (g) => ({
    y: einsum(pattern, ...operands.map((x, i) => g.input(`x${i}`, f32, x.shape))),
  }));
  const { executable } = await compile(model.ir, { device: interpreterDevice({ precision: 'f64' }) });
  const feeds = operands.map((x, i) => [`x${i}`, { dtype: f32, ...x }] as const);
  const { y } = await executable.run(Object.fromEntries(feeds));
  return Array.from(y?.data ?? []);
}

describe('einsum', () => {
  const cases: readonly [string, ...Values[]][] = [
    ['b t d, d h -> b t h', values(2, 3, 4), values(4, 5)],
    ['b h t d, b h s d -> b h t s', values(2, 2, 3, 4), values(2, 2, 5, 4)],
    ['b h t s, b s h d -> b t h d', values(2, 3, 2, 4), values(2, 4, 3, 2)],
    ['b t d -> d b', values(2, 3, 4)],
    ['i, j -> j i', values(3), values(4)],
    ['i, i -> ', values(5), values(5)],
    ['i j, j k, k l -> l i', values(2, 3), values(3, 4), values(4, 5)],
    ['a b c, c b d -> d', values(2, 3, 4), values(4, 3, 5)],
    ['b i, b i -> b i', values(2, 3), values(2, 3)],
  ];
  test.each(cases)('%s is the sum of products', async (pattern, ...operands) => {
    const [result, wanted] = [await computed(pattern, operands), defined(pattern, operands)];
    expect(result).toHaveLength(wanted.length);
    result.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 12);
    });
  });

  test('... stands for any axes, and stretches those of size 1', async () => {
    const [x, w] = [values(2, 3, 4), values(4, 5)];
    expect(await computed('... d, d h -> ... h', [x, w])).toEqual(
      await computed('a b d, d h -> a b h', [x, w]),
    );
    const [p, q] = [values(2, 3, 4), values(1, 4, 5)];
    const stretched = Array.from({ length: 2 }, () => q.data).flat();
    expect(await computed('... i j, ... j k -> ... i k', [p, q])).toEqual(
      await computed('b i j, b j k -> b i k', [p, { shape: [2, 4, 5], data: stretched }]),
    );
  });

  test('computes shapes in the types', () => {
    graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      const w = g.input('w', f32, [128, 256]);
      expectType<F<['batch', 'time', 256]>>()(einsum('b t d, d h -> b t h', x, w), 0);
      expectType<F<['batch', 'time', 256]>>()(einsum('... d, d h -> ... h', x, w), 0);
      const q = rearrange(x, 'b t (h d) -> b h t d', { h: 4 });
      const scores = einsum('b h t d, b h s d -> b h t s', q, q);
      expectType<F<['batch', 4, 'time', 'time']>>()(scores, 0);
      expect(scores.shape).toEqual(['batch', 4, 'time', 'time']);
      expectType<F<[]>>()(einsum('b t d ->', x), 0);
      return {};
    });
  });
});
