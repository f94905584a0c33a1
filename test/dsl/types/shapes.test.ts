import { describe, expect, test } from 'vitest';
import {
  add,
  argmax,
  assertShape,
  attention,
  bool,
  broadcastTo,
  cast,
  concat,
  crf,
  crossEntropy,
  type Dim,
  div,
  dropout,
  einsum,
  embedding,
  f16,
  f32,
  gather,
  gelu,
  graph,
  i32,
  layerNorm,
  less,
  linear,
  matmul,
  max,
  mean,
  mul,
  rearrange,
  reshape,
  type Shape,
  slice,
  softmax,
  split,
  sub,
  sum,
  type Tensor,
  transpose,
  where,
  zeros,
} from '../../../src/dsl/index.ts';
import { expectType, type F } from './equality.ts';

/** A size that the compiler knows as `number` only. */
const wide = (size: number): number => size;

/** Builds a graph for what happens in it; the expected types are checked when this file is compiled, the shapes here. */
function building(build: (g: Parameters<Parameters<typeof graph>[1]>[0]) => void): void {
  graph('test', (g) => {
    build(g);
    return {};
  });
}

/** The type says T, and the tensor that was built has that shape. */
const shown = <S extends Shape>(x: Tensor<unknown, S>): string => x.shape.join(' ');

describe('literal, named and wide dimensions', () => {
  test('declarations need no `as const`', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      expectType<F<['batch', 'time', 128]>>()(x, 0);
      const n = wide(7);
      expectType<F<[number, 'time', 128]>>()(g.input('n', f32, [n, 'time', 128]), 0);
      expectType<F<[2]>>()(g.parameter('p', f32, [2], zeros()), 0);
      expectType<Tensor<'f16', [2]>>()(g.input('h', f16, [2]), 0);
      expectType<F<[]>>()(g.constant(1), 0);
      expectType<Tensor<'i32', [2, 2]>>()(g.constant([1, 2, 3, 4], i32, [2, 2]), 0);
    }));

  test('element-wise operations broadcast', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      const n = g.input('n', f32, [wide(1), 'time', 128]);
      expectType<F<['batch', 'time', 128]>>()(add(x, g.constant(1)), 0);
      expectType<F<['batch', 'time', 128]>>()(mul(x, 2), 0);
      expectType<F<['batch', 'time', 128]>>()(sub(x, n), 0);
      const row = g.input('row', f32, [128]);
      expectType<F<['batch', 'time', 128]>>()(div(row, x), 0);
      expectType<F<[3, 'batch', 1, 128]>>()(
        add(g.input('a', f32, [3, 1, 1, 128]), g.input('b', f32, ['batch', 1, 1])),
        0,
      );
      expectType<Tensor<'bool', ['batch', 'time', 128]>>()(less(x, row), 0);
      expectType<F<['batch', 'time', 128]>>()(where(less(x, row), x, 0), 0);
      expectType<F<['batch', 'time', 128]>>()(where(less(x, 0), row, row), 0);
      expectType<Tensor<'i32', ['batch', 'time', 128]>>()(cast(x, i32), 0);
      expectType<F<['batch', 'time', 128]>>()(dropout(gelu(x), 0.1), 0);
    }));

  test('matmul, linear, gather', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      const weight = g.input('w', f32, [128, 256]);
      const q = g.input('q', f32, ['batch', 8, 'time', 64]);
      const k = g.input('k', f32, ['batch', 1, 64, 'memory']);
      expectType<F<['batch', 'time', 256]>>()(matmul(x, weight), 0);
      expectType<F<['batch', 8, 'time', 'memory']>>()(matmul(q, k), 0);
      expectType<F<['batch', 8, 'time', 'memory']>>()(softmax(matmul(q, k), -1), 0);
      expectType<F<[256]>>()(matmul(g.input('v', f32, [128]), weight), 0);
      expectType<F<['batch', 'time', 512]>>()(linear(x, 512), 0);
      expectType<F<['batch', 'time', number]>>()(linear(x, wide(3), { name: 'wide' }), 0);
      const ids = g.input('ids', i32, ['batch', 'time']);
      expectType<F<['batch', 'time', 256]>>()(gather(weight, ids), 0);
      expectType<F<['batch', 'time', 64]>>()(embedding(ids, 1000, 64), 0);
      expectType<F<['batch', 'time', 128]>>()(layerNorm(x), 0);
    }));

  test('reductions', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      expectType<F<['batch', 'time']>>()(sum(x, -1), 0);
      expectType<F<['batch', 'time', 1]>>()(sum(x, -1, { keepDims: true }), 0);
      expectType<F<['time']>>()(max(x, [0, -1]), 0);
      expectType<F<[1, 'time', 1]>>()(mean(x, [0, 2], { keepDims: true }), 0);
      expectType<F<[]>>()(mean(x), 0);
      expectType<F<[1, 1, 1]>>()(sum(x, undefined, { keepDims: true }), 0);
      expectType<Tensor<'i32', ['batch', 'time']>>()(argmax(x), 0);
      expectType<Tensor<'i32', ['batch', 128]>>()(argmax(x, 1), 0);
      expect(shown(argmax(x, 1))).toBe('batch 128');
      expectType<F<['batch', 'time']>>()(crossEntropy(x, g.input('labels', i32, ['batch', 'time'])), 0);
    }));

  test('concat and slice', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      expectType<F<['batch', 'time', 384]>>()(concat([x, g.input('y', f32, ['batch', 'time', 256])], -1), 0);
      const longer = concat([x, g.input('z', f32, ['batch', 'memory', 128])], 1);
      expectType<F<['batch', 'memory+time', 128]>>()(longer, 0);
      expect(shown(longer)).toBe('batch memory+time 128');
      expectType<F<['batch', 'time', 28]>>()(slice(x, -1, 100), 0);
      expectType<F<['batch', 'time', 10]>>()(slice(x, 2, 0, 10), 0);
      expectType<F<['batch', 'time', 127]>>()(slice(x, 2, 0, -1), 0);
      expectType<F<['batch', 'time-1', 128]>>()(slice(x, 1, 1), 0);
      const [left, right] = split(x, -1, [96, 32]);
      expectType<F<['batch', 'time', 96]>>()(left, 0);
      expectType<F<['batch', 'time', 32]>>()(right, 0);
      expect(shown(right)).toBe('batch time 32');
      const shorter = slice(x, 1, 0, -1);
      expectType<F<['batch', 'time-1', 128]>>()(shorter, 0);
      expect(shown(shorter)).toBe('batch time-1 128');
      expectType<F<['batch', 1, 128]>>()(slice(x, 1, 0, 1), 0);
      expectType<F<['batch', 2, 128]>>()(slice(x, 1, -2), 0);
    }));

  test('transpose, reshape, broadcastTo, rearrange', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      const n = g.input('n', f32, [wide(2), 'time', 128]);
      const k = g.input('k', f32, ['batch', 1, 64, 'memory']);
      expectType<F<['batch', 'memory', 64, 1]>>()(transpose(k, [0, 3, 2, 1]), 0);
      expectType<F<['batch', 'time', 4, 32]>>()(reshape(x, ['batch', 'time', 4, 32]), 0);
      expectType<F<['batch', 'time', 4, 32]>>()(reshape(x, ['batch', 'time', 4, -1]), 0);
      expectType<F<['time', 'batch', 4, 32]>>()(reshape(x, ['time', 'batch', 4, 32]), 0);
      expectType<F<[number, 'time', 4, 32]>>()(reshape(n, [wide(2), 'time', 4, 32]), 0);
      const flat = reshape(x, [-1, 128]);
      expectType<F<['batch*time', 128]>>()(flat, 0);
      expect(shown(flat)).toBe('batch*time 128');
      expectType<F<['batch', 'time', 128]>>()(reshape(flat, ['batch', 'time', 128]), 0);
      expectType<F<['batch', 'time', 128]>>()(
        broadcastTo(g.input('row', f32, [1, 128]), ['batch', 'time', 128]),
        0,
      );
      const heads = rearrange(x, 'b t (h d) -> b h t d', { h: 4 });
      expectType<F<['batch', 4, 'time', 32]>>()(heads, 0);
      expect(shown(heads)).toBe('batch 4 time 32');
      expectType<F<['batch', 'time', 128]>>()(rearrange(heads, 'b h t d -> b t (h d)'), 0);
      expectType<F<['batch*time', 128]>>()(rearrange(x, 'b t d -> (b t) d'), 0);
      expectType<F<[4, 'batch', 'time', 32]>>()(rearrange(x, '... (h d) -> h ... d', { h: 4 }), 0);
      expectType<F<['batch', 1, 1, 'time']>>()(
        rearrange(g.input('m', f32, ['batch', 'time']), 'b t -> b 1 1 t'),
        0,
      );
      const pieces = rearrange(g.input('t', f32, ['batch', 'time']), 'b (t p) -> b t p', { p: 4 });
      expectType<F<['batch', 'time/4', 4]>>()(pieces, 0);
      expect(shown(pieces)).toBe('batch time/4 4');
      expectType<F<['batch', 'time']>>()(rearrange(pieces, 'b t p -> b (t p)'), 0);
      expect(shown(rearrange(pieces, 'b t p -> b (t p)'))).toBe('batch time');
    }));

  test('attention and the chain', () =>
    building((g) => {
      const q = g.input('q', f32, ['batch', 'time', 128]);
      const k = g.input('k', f32, ['batch', 'memory', 128]);
      const mask = g.input('mask', bool, ['batch', 'memory']);
      expectType<F<['batch', 'time', 128]>>()(attention(q, k, k, { heads: 4, mask }), 0);
      const emissions = g.input('e', f32, ['batch', 'time', 30]);
      const tags = g.input('tags', i32, ['batch', 'time']);
      const lengths = g.input('lengths', i32, ['batch']);
      const scores = {
        transitions: g.parameter('transitions', f32, [30, 30], zeros()),
        start: g.parameter('start', f32, [30], zeros()),
        stop: g.parameter('stop', f32, [30], zeros()),
      };
      expectType<F<['batch']>>()(crf.logLikelihood(emissions, tags, lengths, scores), 0);
      expectType<Tensor<'i32', ['batch', 'time']>>()(crf.decode(emissions, lengths, scores), 0);
    }));
});

// ---- functions generic in dimensions; their bodies are checked once, for all sizes

function block<B extends Dim, T extends Dim>(x: F<[B, T, 128]>, mask: F<[B, 1, 1, T]>): F<[B, T, 128]> {
  const normed = layerNorm(x);
  const q = rearrange(linear(normed, 128, { name: 'q' }), 'b t (h d) -> b h t d', { h: 4 });
  expectType<F<[B, 4, T, 32]>>()(q, 0);
  const scores = mul(matmul(q, transpose(q, [0, 1, 3, 2])), 0.1);
  expectType<F<[B, 4, T, T]>>()(scores, 0);
  expectType<F<[B, 4, T, T]>>()(einsum('b h t d, b h s d -> b h t s', q, q), 0);
  const weights = softmax(add(scores, mask), -1);
  expectType<F<[B, 4, T, T]>>()(weights, 0);
  const mixed = rearrange(matmul(weights, q), 'b h t d -> b t (h d)');
  const y = add(x, linear(mixed, 128, { name: 'o' }));
  expectType<F<[B, T, 4, 32]>>()(reshape(y, [y.shape[0], y.shape[1], 4, 32]), 0);
  expectType<F<[B, T, 4, 32]>>()(reshape(y, [y.shape[0], y.shape[1], 4, -1]), 0);
  expectType<F<[B, T, 256]>>()(concat([x, y], -1), 0);
  const [q1] = split(x, -1, [64, 64]);
  expectType<F<[B, T, 64]>>()(q1, 0);
  expectType<F<[B, 1, 128]>>()(slice(x, 1, 0, 1), 0);
  expectType<F<[B, 128]>>()(mean(x, 1), 0);
  expectType<F<[1, T, 1]>>()(mean(x, [-1, 0], { keepDims: true }), 0);
  expectType<F<[B, T, 128]>>()(attention(x, y, y, { heads: 4 }), 0);
  return add(y, linear(gelu(linear(y, 512, { name: 'f1' })), 128, { name: 'f2' }));
}

function dense<S extends Shape, In extends Dim, Out extends Dim>(
  x: F<[...S, In]>,
  weight: F<[In, Out]>,
  bias: F<[Out]>,
): F<[...S, Out]> {
  const product = matmul(x, weight);
  expectType<F<[...S, Out]>>()(product, 0);
  expectType<F<[...S, Out]>>()(einsum('... d, d h -> ... h', x, weight), 0);
  const centre = mean(x, -1, { keepDims: true });
  expectType<F<[...S, 1]>>()(centre, 0);
  expectType<F<[...S, In]>>()(add(x, centre), 0);
  return add(product, bias);
}

function anyWidth<B extends Dim, T extends Dim, D extends Dim>(
  x: F<[B, T, D]>,
  mask: F<[B, 1, 1, T]>,
): F<[B, T, D]> {
  const q = rearrange(x, 'b t (h d) -> b h t d', { h: 8 });
  const weights = softmax(add(matmul(q, transpose(q, [0, 1, 3, 2])), mask), -1);
  expectType<F<[B, 8, T, T]>>()(weights, 0);
  return add(x, rearrange(matmul(weights, q), 'b h t d -> b t (h d)'));
}

function anyHeads<B extends Dim, T extends Dim, D extends Dim, H extends Dim>(
  x: F<[B, T, D]>,
  h: H,
): F<[B, T, D]> {
  return add(x, rearrange(rearrange(x, 'b t (h d) -> b h t d', { h }), 'b h t d -> b t (h d)'));
}

function anyRank<S extends Shape, K extends Dim>(x: F<[...S, K]>): F<[...S, K]> {
  return mul(sub(x, mean(x, -1, { keepDims: true })), x);
}

describe('functions generic in dimensions', () => {
  test('give the shapes that their callers see', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 128]);
      const mask = g.input('mask', f32, ['batch', 1, 1, 'time']);
      const y = block(x, mask);
      expectType<F<['batch', 'time', 128]>>()(y, 0);
      expect(shown(y)).toBe('batch time 128');
      expectType<F<['batch', 'time', 128]>>()(anyWidth(x, mask), 0);
      expectType<F<['batch', 'time', 128]>>()(anyHeads(x, 4), 0);
      expectType<F<['batch', 'time', 128]>>()(anyRank(x), 0);
      const z = dense(x, g.input('w', f32, [128, 256]), g.input('b', f32, [256]));
      expectType<F<['batch', 'time', 256]>>()(z, 0);
      expect(shown(z)).toBe('batch time 256');
    }));

  test('assertShape states what types cannot prove', () =>
    building((g) => {
      const x: Tensor<'f32', Shape> = g.input('x', f32, ['batch', 128]);
      expectType<F<['batch', 128]>>()(assertShape(x, ['batch', 128]), 0);
    }));
});

describe('shapes that the compiler does not know', () => {
  /** A tensor whose rank only the build knows. */
  const open = (x: Tensor<'f32', Shape>): Tensor<'f32', Shape> => x;

  test('compile in every operation, and are computed when the graph is built', () =>
    building((g) => {
      const x = open(g.input('x', f32, ['batch', 'time', 8]));
      const w = open(g.input('w', f32, [8, 4]));
      const ids: Tensor<'i32', Shape> = g.input('ids', i32, ['batch', 'time']);
      const twice: F<Shape> = add(x, x);
      expect(shown(add(twice, g.constant(1)))).toBe('batch time 8');
      expect(shown(where(less(x, 0), x, 1))).toBe('batch time 8');
      expectType<F<Shape>>()(matmul(x, w), 0);
      expect(shown(matmul(x, w))).toBe('batch time 4');
      expectType<F<Shape>>()(linear(x, 3), 0);
      expect(shown(linear(x, 3, { name: 'other' }))).toBe('batch time 3');
      expect(shown(layerNorm(softmax(x, -1)))).toBe('batch time 8');
      expectType<F<Shape>>()(sum(x, -1), 0);
      expect(shown(mean(x, [0, -1]))).toBe('time');
      expect(shown(argmax(x, 1))).toBe('batch 8');
      expect(shown(gather(w, ids))).toBe('batch time 4');
      expect(shown(embedding(ids, 10, 2))).toBe('batch time 2');
      expect(shown(crossEntropy(x, ids))).toBe('batch time');
      expect(shown(concat([x, x], -1))).toBe('batch time 16');
      expect(shown(slice(x, 1, 0, 2))).toBe('batch 2 8');
      expect(shown(transpose(x, [2, 0, 1]))).toBe('8 batch time');
      expectType<F<['batch', 'time', 2, 4]>>()(reshape(x, ['batch', 'time', 2, 4]), 0);
      expect(shown(reshape(x, ['batch', 'time', 2, -1]))).toBe('batch time 2 4');
      expect(shown(broadcastTo(w, [3, 8, 4]))).toBe('3 8 4');
      expectType<F<Shape>>()(rearrange(x, 'b t (h d) -> b h t d', { h: 2 }), 0);
      expect(shown(rearrange(x, 'b t (h d) -> b h t d', { h: 2 }))).toBe('batch 2 time 4');
      expectType<F<Shape>>()(einsum('b t d, d h -> b t h', x, w), 0);
      expect(shown(attention(x, x, x, { heads: 2 }))).toBe('batch time 8');
      const pattern: string = 'b t d -> t b d';
      expect(shown(rearrange(x, pattern))).toBe('time batch 8');
    }));

  test('wide axes, permutations and shapes compile, too', () =>
    building((g) => {
      const x = g.input('x', f32, ['batch', 'time', 8]);
      expect(shown(sum(x, wide(1)))).toBe('batch 8');
      expect(shown(max(x, [wide(0)], { keepDims: true }))).toBe('1 time 8');
      expect(shown(softmax(x, wide(2)))).toBe('batch time 8');
      expect(shown(transpose(x, [wide(1), 0, 2]))).toBe('time batch 8');
      expect(shown(slice(x, wide(2), 1))).toBe('batch time 7');
      expect(shown(slice(x, 2, wide(3)))).toBe('batch time 5');
      const shape: Dim[] = ['batch', 'time', 2, 4];
      expect(shown(reshape(x, shape))).toBe('batch time 2 4');
      expect(shown(concat([x, x], wide(2)))).toBe('batch time 16');
    }));
});
