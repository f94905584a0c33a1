import * as frond from '../../../src/index.ts';
import * as elementwise from '../../../src/ops/elementwise.ts';
import type { Call, Row, Rows } from './row.ts';

const { bool, f32, i32 } = frond;

/** A call within a graph under construction. */
const building =
  (row: (g: frond.GraphContext, call: Call) => unknown): Row =>
  (call) =>
    frond.graph('called', (g) => {
      row(g, call);
      return {};
    });

const x = (g: frond.GraphContext) => g.input('x', f32, ['batch', 4, 8]);
const y = (g: frond.GraphContext) => g.input('y', f32, ['batch', 4, 8]);
const ids = (g: frond.GraphContext) => g.input('ids', i32, ['batch', 4]);
const yes = (g: frond.GraphContext, name = 'yes') => g.input(name, bool, ['batch', 4]);

const unary = (fn: (...args: never[]) => unknown): Row => building((g, call) => call(fn, x(g)));
const binary = (fn: (...args: never[]) => unknown): Row => building((g, call) => call(fn, x(g), y(g)));
const logic = (fn: (...args: never[]) => unknown): Row =>
  building((g, call) => call(fn, yes(g), yes(g, 'other')));
const reduction = (fn: (...args: never[]) => unknown): Row =>
  building((g, call) => call(fn, x(g), [1, -1], { keepDims: true }));

const chain = (g: frond.GraphContext) => ({
  transitions: g.input('transitions', f32, [8, 8]),
  start: g.input('start', f32, [8]),
  stop: g.input('stop', f32, [8]),
});
const lengths = (g: frond.GraphContext) => g.input('lengths', i32, ['batch']);

type Function = (...args: never[]) => unknown;

/** Rows of the functions of frond with the names of `table`. */
const named = (make: (fn: Function) => Row, table: object): Rows =>
  Object.fromEntries(
    Object.keys(table).flatMap((name) => {
      const fn: unknown = Reflect.get(frond, name);
      return typeof fn === 'function' ? [[name, make(fn as Function)]] : [];
    }),
  );

type Takes = { readonly doc: string; readonly takes?: string };
const takingBool = (table: Readonly<Record<string, Takes>>, bool: boolean): object =>
  Object.fromEntries(Object.entries(table).filter(([, { takes }]) => (takes === 'bool') === bool));

/** Takes out what a call defined, whatever its name is. */
const forgetting = (made: () => unknown): unknown => {
  const known = new Set(frond.ops.keys());
  try {
    return made();
  } finally {
    for (const name of [...frond.ops.keys()]) if (!known.has(name)) frond.forgetOp(name);
  }
};
const ownOp = () => ({
  name: 'own',
  doc: '2 x',
  operands: ['x'],
  results: ['out'],
  attributes: { factor: 2 },
  emit: (k: frond.KernelBuilder, { x: value }: { readonly x: frond.Value }) => k.mul(value, 2),
  flops: 1,
});

export const dslRows: Rows = {
  defineOp: (call) => forgetting(() => call(frond.defineOp, ownOp())),
  forgetOp: (call) =>
    forgetting(() => {
      frond.defineOp(ownOp());
      return call(frond.forgetOp, 'own');
    }),
  rowsOf: (call) => call(frond.rowsOf, 'own', { dtype: f32, shape: [2, 3] }),
  ...named(unary, takingBool(elementwise.unary, false)),
  ...named(binary, takingBool(elementwise.binary, false)),
  ...named(logic, takingBool(elementwise.binary, true)),
  ...named(reduction, { sum: 0, mean: 0, max: 0, min: 0, variance: 0, logSumExp: 0 }),
  any: building((g, call) => call(frond.any, yes(g), [1], { keepDims: true })),
  all: building((g, call) => call(frond.all, yes(g), [1], { keepDims: true })),
  argmin: building((g, call) => call(frond.argmin, x(g), 1)),
  huber: building((g, call) => call(frond.huber, x(g), y(g), 0.5)),
  clamp: building((g, call) => call(frond.clamp, x(g), -1, 1)),
  not: building((g, call) => call(frond.not, yes(g))),
  argmax: building((g, call) => call(frond.argmax, x(g), 1)),
  cast: building((g, call) => call(frond.cast, x(g), i32)),
  where: building((g, call) => call(frond.where, g.input('c', bool, ['batch', 4, 8]), x(g), y(g))),
  dropout: building((g, call) => call(frond.dropout, x(g), 0.5)),
  conv1d: building((g, call) =>
    call(frond.conv1d, x(g), 4, { size: 3, stride: 1, dilation: 1, padding: 'same', name: 'c', bias: true }),
  ),
  maxPool1d: building((g, call) => call(frond.maxPool1d, x(g), { size: 2, stride: 1 })),
  meanPool1d: building((g, call) => call(frond.meanPool1d, x(g), { size: 2, stride: 1 })),
  positions: building((g, call) => call(frond.positions, x(g), 1)),
  uniformLike: building((g, call) => call(frond.uniformLike, x(g))),
  normalLike: building((g, call) => call(frond.normalLike, x(g))),
  bernoulliLike: building((g, call) => call(frond.bernoulliLike, x(g), 0.5)),
  attention: building((g, call) =>
    call(frond.attention, x(g), y(g), g.input('v', f32, ['batch', 4, 8]), {
      heads: 2,
      mask: yes(g),
      causal: true,
      window: 3,
      alibi: true,
      dropout: 0.1,
    }),
  ),
  'crf.logLikelihood': building((g, call) =>
    call(frond.crf.logLikelihood, x(g), ids(g), lengths(g), chain(g)),
  ),
  'crf.decode': building((g, call) => call(frond.crf.decode, x(g), lengths(g), chain(g))),
  crossEntropy: building((g, call) => call(frond.crossEntropy, x(g), ids(g))),
  einsum: building((g, call) => call(frond.einsum, 'b t d, d h -> b t h', x(g), g.input('w', f32, [8, 3]))),
  rearrange: building((g, call) => call(frond.rearrange, x(g), 'b t (h d) -> b h t d', { h: 2 })),
  matmul: building((g, call) => call(frond.matmul, x(g), g.input('w', f32, [8, 3]))),
  linear: building((g, call) =>
    call(frond.linear, x(g), 3, { name: 'map', initializer: frond.normal(0.1), bias: true }),
  ),
  gather: building((g, call) => call(frond.gather, g.input('table', f32, [8, 3]), ids(g))),
  embedding: building((g, call) =>
    call(frond.embedding, ids(g), 8, 3, { name: 'words', initializer: frond.normal(0.1) }),
  ),
  softmax: building((g, call) => call(frond.softmax, x(g), 1)),
  logSoftmax: building((g, call) => call(frond.logSoftmax, x(g), 1)),
  layerNorm: building((g, call) => call(frond.layerNorm, x(g), { name: 'norm', epsilon: 1e-5 })),
  reshape: building((g, call) => call(frond.reshape, x(g), ['batch', -1])),
  transpose: building((g, call) => call(frond.transpose, x(g), [2, 0, 1])),
  broadcastTo: building((g, call) => call(frond.broadcastTo, g.input('r', f32, [4, 1]), [2, 4, 8])),
  concat: building((g, call) => call(frond.concat, [x(g), y(g)], 1)),
  slice: building((g, call) => call(frond.slice, x(g), 1, 0, 2)),
  split: building((g, call) => call(frond.split, x(g), 2, [3, 5])),
  assertShape: building((g, call) => call(frond.assertShape, x(g), ['batch', 4, 8])),
  scope: building((_, call) => call(frond.scope, 'block', () => 1, { reuse: true })),
  isTensor: building((g, call) => call(frond.isTensor, x(g))),
  declare: (call) => call(frond.declare, f32, ['batch', 4]),
  graph: (call) =>
    call(frond.graph, 'called', (g: frond.GraphContext) => ({ x: x(g) }), {
      training: true,
      inputs: { a: frond.declare(f32, ['batch', 4]) },
    }),
  constant: (call) => call(frond.constant, 1),
  normal: (call) => call(frond.normal, 1),
  truncatedNormal: (call) => call(frond.truncatedNormal, 1),
  uniform: (call) => call(frond.uniform, 1),
  ones: (call) => call(frond.ones),
  zeros: (call) => call(frond.zeros),
  xavier: (call) => call(frond.xavier),
  'GraphContext#input': building((g, call) => call(g.input, 'a', f32, ['batch', 4])),
  'GraphContext#parameter': building((g, call) =>
    call(g.parameter, 'a', f32, [2, 4], frond.normal(0.1), { trainable: false }),
  ),
  'GraphContext#constant': building((g, call) => call(g.constant, [1, 2], f32, [2])),
  'GraphContext#scope': building((g, call) => call(g.scope, 'block', () => 1, { reuse: true })),
};

const triple = (g: frond.GraphContext) => ({
  transitions: g.input('transitions', f32, [3, 3]),
  start: g.input('start', f32, [3]),
  stop: g.input('stop', f32, [3]),
});

export const nnRows: Rows = {
  'nn.chainConstraints': (call) => call(frond.nn.chainConstraints, ['O', 'B-a', 'I-a'], 'BIO'),
  'nn.constrain': building((g, call) => call(frond.nn.constrain, g, triple(g), ['O', 'B-a', 'I-a'], 'BIO')),
  'nn.readTag': (call) => call(frond.nn.readTag, 'B-a'),
  'nn.schemeOf': (call) => call(frond.nn.schemeOf, ['O', 'B-a']),
  'nn.crfLayer': building((g, call) =>
    call(frond.nn.crfLayer, g, ['O', 'B-a', 'I-a'], { scheme: 'BIO', name: 'c' }),
  ),
  'nn.encoder': building((g, call) =>
    call(frond.nn.encoder, x(g), {
      layers: 1,
      heads: 2,
      inner: 8,
      mask: yes(g),
      causal: true,
      dropout: 0.1,
      attentionDropout: 0.1,
      activationDropout: 0.1,
      norm: 'post',
      activation: 'relu',
      epsilon: 1e-12,
      initializer: frond.truncatedNormal(0.02),
      name: 'e',
    }),
  ),
  'nn.encoderBlock': building((g, call) =>
    call(frond.nn.encoderBlock, x(g), {
      heads: 2,
      inner: 8,
      mask: yes(g),
      causal: true,
      dropout: 0.1,
      attentionDropout: 0.1,
      activationDropout: 0.1,
      norm: 'post',
      activation: 'tanh',
      epsilon: 1e-12,
      initializer: frond.truncatedNormal(0.02),
    }),
  ),
  'nn.feedForward': building((g, call) =>
    call(frond.nn.feedForward, x(g), {
      inner: 8,
      dropout: 0.1,
      name: 'f',
      activation: 'geluTanh',
      initializer: frond.truncatedNormal(0.02),
    }),
  ),
  'nn.selfAttention': building((g, call) =>
    call(frond.nn.selfAttention, x(g), {
      heads: 2,
      mask: yes(g),
      causal: true,
      dropout: 0.1,
      name: 's',
      initializer: frond.truncatedNormal(0.02),
    }),
  ),
  'nn.learnedPositions': building((g, call) =>
    call(frond.nn.learnedPositions, g, x(g), ids(g), { max: 9, name: 'p' }),
  ),
  'nn.prependSentence': building((g, call) => call(frond.nn.prependSentence, g, x(g), { name: 's' })),
  'nn.prependVisible': building((g, call) => call(frond.nn.prependVisible, g, yes(g))),
  'nn.sentenceOf': building((g, call) => call(frond.nn.sentenceOf, x(g))),
  'nn.tokensOf': building((g, call) => call(frond.nn.tokensOf, x(g))),
};
