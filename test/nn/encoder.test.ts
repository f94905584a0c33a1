import { describe, expect, test } from 'vitest';
import {
  bool,
  type Dim,
  f32,
  type GraphContext,
  graph,
  i32,
  type Tensor,
  type TypedGraph,
  truncatedNormal,
} from '../../src/dsl/index.ts';
import { checkGraph } from '../../src/ir/check.ts';
import {
  encoder,
  feedForward,
  learnedPositions,
  prependSentence,
  prependVisible,
  selfAttention,
  sentenceOf,
  tokensOf,
} from '../../src/nn/index.ts';
import { ops } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Feeds } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { expectType, type F } from '../dsl/types/equality.ts';

const parametersOf = ({ ir }: TypedGraph) =>
  Object.values(ir.nodes).flatMap(({ op, attributes, types }) =>
    op === 'parameter' ? [`${attributes.name} ${types[0]?.shape.join('x')}`] : [],
  );

/** Runs a graph with seeded weights in f64. */
async function run(model: TypedGraph, feeds: Feeds) {
  checkGraph(model.ir, ops);
  const { executable } = await compile(model.ir, { device: interpreterDevice({ precision: 'f64' }) });
  await executable.state.initialize(3);
  return executable.run(feeds);
}

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => Math.sin(i * i + 1));

describe('encoder', () => {
  const build = (training: boolean) =>
    graph(
      'model',
      (g) => {
        const x = g.input('x', f32, ['batch', 'time', 8]);
        const mask = g.input('mask', bool, ['batch', 'time']);
        const y = encoder(x, { layers: 2, heads: 2, inner: 16, mask, dropout: 0.1, attentionDropout: 0.2 });
        expectType<F<['batch', 'time', 8]>>()(y, 0);
        return { y };
      },
      { training },
    );

  test('names its parameters by layer and part', () => {
    const layer = (i: number) =>
      [
        'attentionNorm/gamma 8',
        'attentionNorm/beta 8',
        ...['query', 'key', 'value', 'output'].flatMap((part) => [
          `attention/${part}/weight 8x8`,
          `attention/${part}/bias 8`,
        ]),
        'feedForwardNorm/gamma 8',
        'feedForwardNorm/beta 8',
        'feedForward/inner/weight 8x16',
        'feedForward/inner/bias 16',
        'feedForward/outer/weight 16x8',
        'feedForward/outer/bias 8',
      ].map((name) => `encoder/layer.${i}/${name}`);
    const names = parametersOf(build(false));
    expect(names).toEqual([...layer(0), ...layer(1), 'encoder/norm/gamma 8', 'encoder/norm/beta 8']);
    expect(parametersOf(build(true))).toEqual(names);
  });

  test('drops out three times a layer, in training graphs only', () => {
    const rates = (model: TypedGraph) =>
      Object.values(model.ir.nodes).flatMap(({ attributes }) => attributes.rate ?? []);
    expect(rates(build(true))).toEqual([0.2, 0.1, 0.1, 0.2, 0.1, 0.1]);
    expect(rates(build(false))).toEqual([]);
  });

  test('drops out behind the activation where that is asked for', () => {
    const model = graph(
      'model',
      (g) => {
        const x = g.input('x', f32, ['batch', 'time', 8]);
        return { y: encoder(x, { layers: 1, heads: 2, inner: 16, dropout: 0.1, activationDropout: 0.3 }) };
      },
      { training: true },
    );
    const rates = Object.values(model.ir.nodes).flatMap(({ attributes }) => attributes.rate ?? []);
    expect(rates).toEqual([0.1, 0.1, 0.3, 0.1]);
  });

  test('hands its initializer to the weights of all linear maps', () => {
    const initializer = truncatedNormal(0.02);
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 'time', 8]);
      return { y: encoder(x, { layers: 1, heads: 2, inner: 16, norm: 'post', initializer }) };
    });
    const drawn = Object.values(model.ir.nodes).flatMap(({ op, attributes, types }) =>
      op === 'parameter' && types[0]?.shape.length === 2 ? [attributes.initializer] : [],
    );
    expect(drawn).toEqual(Array(6).fill(initializer));
  });

  test('masked positions change nothing at the others', async () => {
    const feed = (x: number[]): Feeds => ({
      x: { dtype: f32, shape: [1, 4, 8], data: x },
      mask: { dtype: bool, shape: [1, 4], data: [1, 1, 1, 0] },
    });
    const x = numbers(32);
    const { y } = await run(build(false), feed(x));
    const { y: other } = await run(build(false), feed([...x.slice(0, 24), ...numbers(8).map((v) => 5 * v)]));
    const visible = (tensor: typeof y) => Array.from(tensor?.data ?? []).slice(0, 24);
    expect(visible(y)).toHaveLength(24);
    expect(visible(y)).toEqual(visible(other));
    expect(Array.from(y?.data ?? [])).not.toEqual(Array.from(other?.data ?? []));
    // the last layer norm starts with gamma 1 and beta 0: every position has mean 0
    const first = visible(y).slice(0, 8);
    expect(first.reduce((sum, v) => sum + v, 0)).toBeCloseTo(0, 10);
  });

  test('a causal encoder never looks ahead', async () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 'time', 8]);
      return { y: encoder(x, { layers: 1, heads: 2, inner: 8, causal: true }) };
    });
    const data = numbers(32);
    const { y } = await run(model, { x: { dtype: f32, shape: [1, 4, 8], data } });
    const { y: short } = await run(model, { x: { dtype: f32, shape: [1, 2, 8], data: data.slice(0, 16) } });
    const [whole, start] = [Array.from(y?.data ?? []), Array.from(short?.data ?? [])];
    start.forEach((value, i) => {
      expect(value).toBeCloseTo(whole[i] ?? Number.NaN, 12);
    });
    expect(start).toHaveLength(16);
  });

  test('parts and names of one’s own', () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 'time', 6]);
      const y = selfAttention(x, { heads: 3, name: 'mix' });
      return { z: feedForward(y, { inner: 4, name: 'map' }) };
    });
    expect(parametersOf(model).filter((name) => name.includes('weight'))).toEqual([
      'mix/query/weight 6x6',
      'mix/key/weight 6x6',
      'mix/value/weight 6x6',
      'mix/output/weight 6x6',
      'map/inner/weight 6x4',
      'map/outer/weight 4x6',
    ]);
  });
});

describe('positions and the sentence vector', () => {
  function around<B extends Dim, T extends Dim>(
    g: GraphContext,
    x: F<[B, T, 4]>,
    mask: Tensor<'bool', [B, T]>,
  ) {
    const longer = prependSentence(g, x);
    return { longer, visible: prependVisible(g, mask) };
  }

  test('the vector stands in front and comes off again', async () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 'time', 4]);
      const { longer, visible } = around(g, x, g.input('mask', bool, ['batch', 'time']));
      expectType<F<['batch', 'time+1', 4]>>()(longer, 0);
      expectType<Tensor<'bool', ['batch', 'time+1']>>()(visible, 0);
      const tokens = tokensOf(longer);
      expectType<F<['batch', 'time', 4]>>()(tokens, 0);
      const sentence = sentenceOf(longer);
      expectType<F<['batch', 4]>>()(sentence, 0);
      return { longer, visible, tokens, sentence };
    });
    expect(parametersOf(model)).toEqual(['sentence/weight 1x1x4']);
    const x = { dtype: f32, shape: [2, 3, 4], data: numbers(24) };
    const mask = { dtype: bool, shape: [2, 3], data: [1, 1, 0, 1, 0, 0] };
    const results = await run(model, { x, mask });
    expect(results.longer?.shape).toEqual([2, 4, 4]);
    expect(Array.from(results.visible?.data ?? [])).toEqual([1, 1, 1, 0, 1, 1, 0, 0]);
    expect(Array.from(results.tokens?.data ?? [])).toEqual(numbers(24));
    const [a, b] = [0, 4].map((at) => Array.from(results.sentence?.data ?? []).slice(at, at + 4));
    expect(a).toEqual(b);
    expect(a).toEqual(Array.from(results.longer?.data ?? []).slice(0, 4));
    expect(Math.max(...(a ?? []).map(Math.abs))).toBeGreaterThan(0);
  });

  test('learned positions add the same vector wherever the position is the same', async () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 'time', 4]);
      const positions = g.input('positions', i32, ['batch', 'time']);
      return { y: learnedPositions(g, x, positions, { max: 8 }) };
    });
    expect(parametersOf(model)).toEqual(['positions/weight 8x4']);
    const x = { dtype: f32, shape: [1, 3, 4], data: Array.from({ length: 12 }, () => 0) };
    const { y } = await run(model, { x, positions: { dtype: i32, shape: [1, 3], data: [5, 2, 5] } });
    const rows = [0, 4, 8].map((at) => Array.from(y?.data ?? []).slice(at, at + 4));
    expect(rows[0]).toEqual(rows[2]);
    expect(rows[0]).not.toEqual(rows[1]);
  });
});
