import type { Dim, Sizes } from '../../../src/base/dim.ts';
import type { Attributes } from '../../../src/ir/graph.ts';
import type { Operand, Subgraph } from './midGraph.ts';

/** An op whose sizes are names, so that one compilation is fed at all of them. */
export interface Sized extends Subgraph {
  readonly name: string;
  /** what the names stand for while another one is being varied */
  readonly sizes: Sizes;
}

const f32 = (...shape: readonly Dim[]): Operand => ({ dtype: 'f32', shape });
const integers = (element: (i: number, sizes: Sizes) => number, ...shape: readonly Dim[]): Operand => ({
  dtype: 'i32',
  shape,
  element,
});
const mask = (...shape: readonly Dim[]): Operand => ({
  dtype: 'bool',
  shape,
  element: (i) => +(i % 3 !== 1),
});
const key: Operand = { dtype: 'u32', shape: [2], element: (i) => [12345, 678][i] ?? 0 };
const at = (sizes: Sizes, name: string): number => Math.max(1, sizes[name] ?? 1);

const sized = (
  name: string,
  op: string,
  operands: readonly Operand[],
  sizes: Sizes,
  attributes: Attributes = {},
): Sized => ({ name, op, operands, sizes, attributes });

const matrix: Sizes = { m: 3, n: 5 };
const product: Sizes = { m: 3, n: 5, k: 7 };

const products = [
  sized('x y', 'matmul', [f32('m', 'k'), f32('k', 'n')], product),
  sized('x yᵀ', 'matmul', [f32('m', 'k'), f32('n', 'k')], product, { transposeY: true }),
  sized('xᵀ y', 'matmul', [f32('k', 'm'), f32('k', 'n')], product, { transposeX: true }),
  sized('xᵀ yᵀ', 'matmul', [f32('k', 'm'), f32('n', 'k')], product, { transposeX: true, transposeY: true }),
  sized('batches', 'matmul', [f32('b', 'm', 'k'), f32('b', 'k', 'n')], { ...product, b: 2 }),
  sized('one weight', 'matmul', [f32('b', 'm', 'k'), f32('k', 'n')], { ...product, b: 2 }),
  sized('linear', 'linear', [f32('m', 'k'), f32('k', 'n'), f32('n')], product),
  sized('one row', 'linear', [f32('k'), f32('k', 'n'), f32('n')], product),
];

const rows = [
  sized('softmax', 'softmax', [f32('m', 'n')], matrix, { axis: -1 }),
  sized('softmax, first axis', 'softmax', [f32('m', 'n')], matrix, { axis: 0 }),
  sized('logSoftmax', 'logSoftmax', [f32('m', 'n')], matrix, { axis: -1 }),
  sized('layerNorm', 'layerNorm', [f32('m', 'n'), f32('n'), f32('n')], matrix, { epsilon: 1e-3 }),
  sized(
    'crossEntropy',
    'crossEntropy',
    [f32('m', 'n'), integers((i, s) => (i % (at(s, 'n') + 1)) - 1, 'm')],
    matrix,
  ),
  sized('argmax', 'argmax', [f32('m', 'n')], matrix, { axis: -1 }),
  sized('argmax, first axis', 'argmax', [f32('m', 'n')], matrix, { axis: 0 }),
];

const reductions = (['sum', 'mean', 'max'] as const).flatMap((op) => [
  sized(`${op} of rows`, op, [f32('m', 'n')], matrix, { axes: [1] }),
  sized(`${op} of columns`, op, [f32('m', 'n')], matrix, { axes: [0] }),
  sized(`${op} of all`, op, [f32('m', 'n')], matrix, { axes: [0, 1] }),
  sized(`${op} of the middle`, op, [f32('b', 'm', 'n')], { ...matrix, b: 2 }, { axes: [1] }),
]);

const copies = [
  sized('transpose', 'transpose', [f32('m', 'n')], matrix, { permutation: [1, 0] }),
  sized(
    'transpose of three',
    'transpose',
    [f32('b', 'm', 'n')],
    { ...matrix, b: 2 },
    { permutation: [2, 0, 1] },
  ),
  sized('concat', 'concat', [f32('m', 'n'), f32('m', 3)], matrix, { axis: 1 }),
  sized('concat of rows', 'concat', [f32('m', 'n'), f32(2, 'n')], matrix, { axis: 0 }),
  sized('slice', 'slice', [f32('m', 'n')], matrix, { axis: 0, from: 1, to: 'end' }),
  sized('broadcast', 'broadcast', [f32('m', 1), f32('m', 'n')].slice(0, 1), matrix, { shape: ['m', 9] }),
  sized('gather', 'gather', [f32(6, 'n'), integers((i) => (i * i) % 6, 't')], { n: 5, t: 7 }),
  sized('gather from a named table', 'gather', [f32('v', 5), integers((i, s) => (i * 7) % at(s, 'v'), 't')], {
    v: 4,
    t: 7,
  }),
];

const elementwise = [
  sized('bias', 'sub', [f32('m', 'n'), f32('n')], matrix),
  sized('slope of tanh', 'tanhSlope', [f32('m', 'n')], matrix),
  sized('slope of gelu', 'geluSlope', [f32('m', 'n')], matrix),
  sized('a column', 'mul', [f32('m', 'n'), f32('m', 1)], matrix),
  sized('where', 'where', [mask('m', 1), f32('m', 'n'), f32()], matrix),
  sized('dropout', 'dropout', [f32('m', 'n'), key], matrix, { rate: 0.3, stream: 3 }),
];

export const heads = (
  name: string,
  width: number,
  attributes: Attributes,
  ...extra: readonly Operand[]
): Sized =>
  sized(
    name,
    'attention',
    [f32('b', 'q', width), f32('b', 'k', width), f32('b', 'k', width), ...extra],
    { b: 2, q: 3, k: 5 },
    attributes,
  );

const attention = [
  heads('attention', 8, { heads: 2 }),
  heads('causal attention', 12, { heads: 1, causal: true }),
  heads('attention within a window', 8, { heads: 2, window: 4, alibi: true }),
  heads('causal attention within a window', 12, { heads: 1, causal: true, window: 9 }),
  heads(
    'masked attention with dropout',
    8,
    { heads: 2, masked: true, rate: 0.2, stream: 4 },
    mask('b', 'k'),
    key,
  ),
];

export const chain = (op: string, labels: number): Sized =>
  sized(
    `${op} of ${labels} labels`,
    op,
    [
      f32('b', 't', labels),
      ...(op === 'crfDecode' ? [] : [integers((i) => (i * 7) % labels, 'b', 't')]),
      integers((i, s) => Math.max(0, (s.t ?? 0) - (i % 3)), 'b'),
      f32(labels, labels),
      f32(labels),
      f32(labels),
    ],
    { b: 3, t: 4 },
  );

const chains = ['crfLogLikelihood', 'crfDecode'].flatMap((op) => [chain(op, 3), chain(op, 17)]);

export const sizedOps: readonly Sized[] = [
  ...products,
  ...rows,
  ...reductions,
  ...copies,
  ...elementwise,
  ...attention,
  ...chains,
];
