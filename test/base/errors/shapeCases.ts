import { evaluate } from '../../../src/base/dim.ts';
import { defined } from '../../../src/base/errors.ts';
import { describe as describeError, shownError } from '../../../src/cli/failure.ts';
import {
  add,
  attention,
  concat,
  defineOp,
  div,
  dropout,
  einsum,
  f32,
  type GraphContext,
  gather,
  graph,
  i32,
  layerNorm,
  linear,
  matmul,
  max,
  normal,
  rearrange,
  reshape,
  scope,
  slice,
  softmax,
  sub,
  sum,
  transpose,
  zeros,
} from '../../../src/dsl/index.ts';
import { GraphBuilder } from '../../../src/ir/builder.ts';
import { forgetOp, ops } from '../../../src/ops/index.ts';
import type { Case } from './case.ts';

/** Builds a graph in which something is wrong; the types would refuse it, so they are left out. */
const built = (build: (g: GraphContext, loose: Loose) => unknown) => () =>
  graph('model', (g) => {
    build(g, loose);
    return {};
  });

/** The calls of the DSL as people without types have them. */
type Loose = Readonly<Record<keyof typeof calls, (...operands: readonly unknown[]) => never>>;
const calls = {
  add,
  attention,
  concat,
  dropout,
  einsum,
  gather,
  layerNorm,
  linear,
  matmul,
  rearrange,
  reshape,
  slice,
  softmax,
  transpose,
  sub,
  div,
  sum,
  max,
};
const loose = calls as unknown as Loose;

/** Parameters declared without types. */
const loosely = (g: GraphContext) =>
  g as unknown as { parameter(...operands: readonly unknown[]): ReturnType<typeof g.parameter> };

const x = (g: GraphContext, ...shape: readonly (number | string)[]) => g.input('x', f32, shape as ['batch']);
const y = (g: GraphContext, ...shape: readonly (number | string)[]) => g.input('y', f32, shape as ['batch']);

/** An op of one's own whose rule throws what is no error of frond. */
function refusedByItself(): unknown {
  const picky = defineOp({
    name: 'picky',
    operands: ['x'],
    shape() {
      throw new Error('x must have a name in its shape');
    },
    lower: () => [],
  });
  try {
    return graph('model', (g) => ({ y: picky(g.input('x', f32, [3])) }));
  } finally {
    forgetOp('picky');
  }
}

export const shapeCases: readonly Case[] = [
  ['S001', () => evaluate('batch*time', { batch: 2 })],
  ['S002', () => evaluate('time/4', { time: 6 })],
  ['S002', () => evaluate('time-4', { time: 3 })],
  ['S010', built((g, { add }) => add(x(g, 2), g.input('ids', i32, [2])))],
  ['S010', built((g, { gather }) => gather(x(g, 5, 2), y(g, 'batch')))],
  ['S011', built((g, { add }) => add(x(g, 'batch', 128), y(g, 64)))],
  ['S011', built((g, { add }) => add(x(g, 3, 'batch', 128), y(g, 4, 'time', 64)))],
  ['S012', built((g, { softmax }) => softmax(x(g, 2, 8, 30), 3))],
  ['S013', built((g, { matmul }) => matmul(x(g), y(g, 2, 2)))],
  ['S014', built((g, { concat }) => concat([x(g, 'batch', 3), y(g, 'time', 3)], 1))],
  ['S015', built((g, { matmul }) => matmul(x(g, 'batch', 'time', 128), y(g, 256, 64)))],
  ['S016', built((g, { transpose }) => transpose(x(g, 'batch', 3), [0, 0]))],
  ['S017', built((g, { slice }) => slice(x(g, 'batch', 3), 1, 1, 5))],
  ['S018', built((g, { reshape }) => reshape(x(g, 'batch', 6), ['batch', 4]))],
  [
    'S019',
    () => {
      const b = new GraphBuilder('model', ops);
      b.source = { file: 'model.ts', line: 2 };
      b.one('sum', [b.input('x', { dtype: 'f32', shape: [2] })], { axes: 'all' });
    },
  ],
  ['S020', built((_, { softmax }) => softmax({}))],
  [
    'S021',
    () => {
      let stray: unknown;
      graph('first', (g) => {
        stray = x(g, 2);
        return {};
      });
      built((g, { add }) => add(x(g, 2), stray))();
    },
  ],
  ['S022', () => scope('encoder', () => 1)],
  ['S023', built((g) => x(g, 'two words'))],
  ['S024', built((g, { dropout }) => dropout(x(g, 2), 1.5))],
  ['S025', built((g, { einsum }) => einsum('b t d, d h', x(g, 2, 3, 4), y(g, 4, 5)))],
  ['S025', built((g, { rearrange }) => rearrange(x(g, 'batch', 10), 'b (h d) -> b h d', { h: 4 }))],
  ['S026', built((g, { linear }) => linear(x(g, 'batch', 'width'), 3))],
  [
    'S026',
    built((g, { attention }) => {
      const query = x(g, 'batch', 'time', 'width');
      return attention(query, query, query, { heads: 2 });
    }),
  ],
  [
    'S029',
    built((g) => g.scope('a', () => g.parameter('w', 'f32', [2], { kind: 'zeros' }), { reuse: true })),
  ],
  [
    'S029',
    built((g) => {
      g.scope('a', () => g.parameter('w', 'f32', [2], { kind: 'zeros' }));
      g.scope('a', () => g.parameter('w', 'f32', [3], { kind: 'zeros' }), { reuse: true });
    }),
  ],
  ['S030', () => defineOp({ name: 'exp', operands: ['x'], emit: (_, { x: value }) => value })],
  ['S030', () => defineOp({ name: 'halves', operands: ['x'], shape: ({ x: type }) => type })],
  ['S031', () => refusedByItself()],
  ['S028', built((g, { max }) => max(x(g, 'batch', 0), 1))],
  ['S010', () => graph('model', (g) => ({ w: loosely(g).parameter('w', 'i32', [2], zeros()) }))],
  ['S019', () => graph('model', (g) => ({ w: loosely(g).parameter('w', 'f32', [2], f32) }))],
  ['S019', () => graph('model', (g) => ({ w: loosely(g).parameter('w', 'f32', [2]) }))],
  ['S019', () => graph('model', (g) => ({ w: loosely(g).parameter('w', 'f32', [2], zeros) }))],
  ['S019', () => graph('model', (g) => ({ w: loosely(g).parameter('w', 'f32', [2], 'zeros') }))],
  ['S019', () => graph('model', (g) => ({ w: g.parameter('w', f32, [2], normal(Number.NaN)) }))],
  ['S019', built((g, { linear }) => linear(x(g, 2, 3), 4, { initializer: normal(-1) }))],
  ['S019', built((g, { slice }) => slice(x(g, 'batch', 3), 1, 0.5, 3))],
  ['S019', built((g, { slice }) => slice(x(g, 'batch', 3), 1))],
  ['S019', built((g, { sum }) => sum(x(g, 'batch', 3), [0, -2]))],
  ['S020', built((g, { sub }) => sub(1, x(g, 2)))],
  ['S020', built((g, { div }) => div(1, x(g, 2)))],
  ['S027', () => graph('model', (async () => ({})) as never)],
  ['S027', () => graph('model', (() => undefined) as never)],
  ['S027', () => graph('model', ((g: GraphContext) => x(g, 2)) as never)],
  ['S045', () => graph('model', () => ({}), { train: true } as never)],
  ['S045', () => graph('model', () => ({}), { training: 1 } as never)],
  ['S045', () => graph('model', () => ({}), null as never)],
  ['S045', () => graph('model', undefined as never)],
  ['X001', () => defined(undefined, 'type of %x')],
  [
    'X002',
    () => {
      throw shownError(new TypeError(`${describeError(new RangeError('too long'))}\n  at line 3`));
    },
  ],
];
