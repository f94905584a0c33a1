import {
  add,
  crossEntropy,
  type Dim,
  embedding,
  gelu,
  graph,
  i32,
  layerNorm,
  linear,
  matmul,
  mul,
  rearrange,
  type Shape,
  softmax,
  type Tensor,
  transpose,
} from '../../../../src/dsl/index.ts';

// The largest example: twelve layers written out, each a function generic in batch, time and width, and two heads.
// How much work the compiler has with it is pinned by budget.test.ts.

type F<S extends Shape> = Tensor<'f32', S>;

function attend<B extends Dim, T extends Dim, W extends Dim>(
  x: F<[B, T, W]>,
  mask: F<[B, 1, 1, T]>,
): F<[B, T, W]> {
  const width = x.shape[2];
  const q = rearrange(linear(x, width, { name: 'query' }), 'b t (h d) -> b h t d', { h: 8 });
  const k = rearrange(linear(x, width, { name: 'key' }), 'b t (h d) -> b h t d', { h: 8 });
  const v = rearrange(linear(x, width, { name: 'value' }), 'b t (h d) -> b h t d', { h: 8 });
  const scores = mul(matmul(q, transpose(k, [0, 1, 3, 2])), 0.125);
  const mixed = matmul(softmax(add(scores, mask), -1), v);
  return linear(rearrange(mixed, 'b h t d -> b t (h d)'), width, { name: 'output' });
}

function block<B extends Dim, T extends Dim, W extends Dim>(
  x: F<[B, T, W]>,
  mask: F<[B, 1, 1, T]>,
): F<[B, T, W]> {
  const y = add(x, attend(layerNorm(x, { name: 'attentionNorm' }), mask));
  const inner = gelu(linear(layerNorm(y, { name: 'feedForwardNorm' }), 2048, { name: 'inner' }));
  return add(y, linear(inner, y.shape[2], { name: 'outer' }));
}

export const model = graph('model', (g) => {
  const tokens = g.input('tokens', i32, ['batch', 'time']);
  const mask = g.input('mask', 'f32', ['batch', 1, 1, 'time']);
  const x0 = embedding(tokens, 30000, 512);
  const x1 = g.scope('layer.0', () => block(x0, mask));
  const x2 = g.scope('layer.1', () => block(x1, mask));
  const x3 = g.scope('layer.2', () => block(x2, mask));
  const x4 = g.scope('layer.3', () => block(x3, mask));
  const x5 = g.scope('layer.4', () => block(x4, mask));
  const x6 = g.scope('layer.5', () => block(x5, mask));
  const x7 = g.scope('layer.6', () => block(x6, mask));
  const x8 = g.scope('layer.7', () => block(x7, mask));
  const x9 = g.scope('layer.8', () => block(x8, mask));
  const x10 = g.scope('layer.9', () => block(x9, mask));
  const x11 = g.scope('layer.10', () => block(x10, mask));
  const x12 = g.scope('layer.11', () => block(x11, mask));
  const labels = g.input('labels', i32, ['batch', 'time']);
  const loss = crossEntropy(linear(x12, 120, { name: 'slots' }), labels);
  const intents: F<['batch', 'time', 20]> = linear(x12, 20, { name: 'intents' });
  return { loss, intents };
});
