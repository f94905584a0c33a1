import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import {
  add,
  attention,
  concat,
  constant,
  type Dim,
  declare,
  dropout,
  f32,
  type GraphContext,
  graph,
  i32,
  layerNorm,
  linear,
  matmul,
  normal,
  ones,
  RANDOM_KEY,
  rearrange,
  reshape,
  type Shape,
  scope,
  slice,
  softmax,
  sum,
  type Tensor,
  transpose,
  truncatedNormal,
  u32,
  uniform,
  xavier,
  zeros,
} from '../../src/dsl/index.ts';
import { checkGraph } from '../../src/ir/check.ts';
import { ops } from '../../src/ops/index.ts';
import { expectType } from './types/equality.ts';

const parametersOf = (built: ReturnType<typeof graph>) =>
  Object.values(built.ir.nodes)
    .filter(({ op }) => op === 'parameter')
    .map(({ attributes }) => attributes.name);

/** The error that building throws. */
function failure(build: (g: GraphContext) => unknown): FrondError {
  try {
    graph('wrong', (g) => {
      build(g);
      return {};
    });
  } catch (error) {
    if (error instanceof FrondError) return error;
    throw error;
  }
  throw new Error('the graph was built');
}

describe('graph', () => {
  test('gives the checked graph with its inputs and outputs typed', () => {
    const model = graph(
      'model',
      (_g, { tokens, x }) => {
        expectType<Tensor<'i32', ['batch', 'time']>>()(tokens, 0);
        return { y: linear(x, 3), tokens };
      },
      { inputs: { tokens: declare(i32, ['batch', 'time']), x: declare(f32, ['batch', 4]) } },
    );
    checkGraph(model.ir, ops);
    expectType<['batch', 'time']>()(model.inputs.tokens.shape, 0);
    expect(model.inputs).toEqual({
      tokens: { dtype: 'i32', shape: ['batch', 'time'] },
      x: { dtype: 'f32', shape: ['batch', 4] },
    });
    const { y } = model.outputs;
    expectType<'f32'>()(y.dtype, 0);
    expectType<['batch', 3]>()(y.shape, 0);
    expect(model.outputs).toEqual({
      y: { dtype: 'f32', shape: ['batch', 3] },
      tokens: { dtype: 'i32', shape: ['batch', 'time'] },
    });
    expect(model.ir.inputs).toEqual(['tokens', 'x']);
  });

  test('names parameters by scope path and given name', () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 4]);
      const y = scope('encoder', () =>
        scope('layer.0', () => layerNorm(linear(x, 4, { name: 'query' }), { name: 'norm' })),
      );
      const z = g.scope('head/slots', () => linear(y, 2, { bias: false }));
      return { z: add(z, g.parameter('shift', f32, [2], zeros(), { trainable: false })) };
    });
    expect(parametersOf(model)).toEqual([
      'encoder/layer.0/query/weight',
      'encoder/layer.0/query/bias',
      'encoder/layer.0/norm/gamma',
      'encoder/layer.0/norm/beta',
      'head/slots/linear/weight',
      'shift',
    ]);
    expect(model.ir.nodes.shift?.attributes.trainable).toBe(false);
    expect(model.ir.nodes['encoder/layer.0/query/weight']?.attributes.trainable).toBe(true);
    const scopes = Object.values(model.ir.nodes).filter(({ op }) => op === 'linear');
    expect(scopes.map((node) => node.scope)).toEqual(['encoder/layer.0/query', 'head/slots/linear']);
  });

  test('a scope ends with its function, also when that throws', () => {
    const model = graph('model', (g) => {
      expect(() =>
        scope('broken', () => {
          throw new Error('no');
        }),
      ).toThrow('no');
      return { p: g.parameter('p', f32, [1], zeros()) };
    });
    expect(parametersOf(model)).toEqual(['p']);
    expect(() => scope('outside', () => 1)).toThrow('[FROND-S022] scope outside: no graph is being built');
  });

  test('initialisers are plain data', () => {
    const makers = [zeros(), ones(), constant(3), normal(0.02), truncatedNormal(0.1), uniform(0.5), xavier()];
    const model = graph('model', (g) => {
      makers.forEach((maker, i) => {
        g.parameter(`p${i}`, f32, [2, 3], maker);
      });
      return {};
    });
    expect(Object.values(model.ir.nodes).map(({ attributes }) => attributes.initializer)).toEqual([
      { kind: 'zeros' },
      { kind: 'ones' },
      { kind: 'constant', value: 3 },
      { kind: 'normal', deviation: 0.02 },
      { kind: 'truncatedNormal', deviation: 0.1 },
      { kind: 'uniform', limit: 0.5 },
      { kind: 'xavier' },
    ]);
  });

  test('plain numbers become constants of the tensor’s type', () => {
    const model = graph('model', (g) => {
      const ids = g.input('ids', i32, ['batch']);
      return { y: add(ids, 2), z: add(g.constant(0.5), 1.5) };
    });
    const constants = Object.values(model.ir.nodes).filter(({ op }) => op === 'constant');
    expect(constants.map(({ attributes, types }) => [attributes.value, types[0]?.dtype])).toEqual([
      [2, 'i32'],
      [0.5, 'f32'],
      [1.5, 'f32'],
    ]);
  });

  test('every node knows the user’s line, also inside a layer', () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 4]);
      return { y: layerNorm(x) };
    });
    const place = model.ir.nodes.layerNorm?.source;
    expect(place?.file).toMatch(/test\/dsl\/graph\.test\.ts$/);
    expect(model.ir.nodes['layerNorm/gamma']?.source?.line).toBe(place?.line);
    expect(model.ir.nodes.x?.source?.line).toBe((place?.line ?? 0) - 1);
  });
});

describe('dropout', () => {
  const build = (training: boolean, rate: number) =>
    graph(
      'model',
      (g) => {
        const x = g.input('x', f32, ['batch', 'time', 8]);
        return { y: dropout(dropout(attention(x, x, x, { heads: 2, dropout: rate }), rate), rate) };
      },
      { training },
    );

  test('is the identity outside training graphs and at rate 0', () => {
    for (const model of [build(false, 0.5), build(true, 0)]) {
      expect(Object.values(model.ir.nodes).map(({ op }) => op)).toEqual(['input', 'attention']);
      expect(model.inputs[RANDOM_KEY]).toBeUndefined();
    }
  });

  test('declares the random key once and draws every mask from a stream of its own', () => {
    const model = build(true, 0.5);
    expect(model.ir.inputs).toEqual(['x', 'random.key']);
    expect(model.inputs[RANDOM_KEY]).toEqual({ dtype: u32, shape: [2] });
    const drawing = Object.values(model.ir.nodes).filter(({ attributes }) => attributes.rate === 0.5);
    expect(drawing.map(({ op }) => op)).toEqual(['attention', 'dropout', 'dropout']);
    expect(drawing.every(({ inputs }) => inputs.includes('random.key'))).toBe(true);
    expect(new Set(drawing.map(({ attributes }) => attributes.stream)).size).toBe(3);
  });

  test('a layer that is added elsewhere changes no stream', () => {
    const streams = (extra: boolean): unknown[] => {
      const model = graph(
        'model',
        (g) => {
          const x = g.input('x', f32, [4, 8]);
          const first = extra ? scope('extra', () => dropout(x, 0.5)) : x;
          return { y: scope('a', () => dropout(dropout(first, 0.5), 0.5)), z: dropout(x, 0.5) };
        },
        { training: true },
      );
      const drawing = Object.values(model.ir.nodes).filter(({ op }) => op === 'dropout');
      return drawing.map(({ attributes }) => attributes.stream);
    };
    expect(streams(true).slice(1)).toEqual(streams(false));
    expect(new Set(streams(true)).size).toBe(4);
  });

  test('refuses rates that are no fractions', () => {
    expect(failure((g) => dropout(g.input('x', f32, [1]), 1)).message).toMatch(
      /^\[FROND-S024\] dropout: the dropout rate is 1\n {2}at .*graph\.test\.ts:\d+:\d+\n {2}hint: it is a fraction/,
    );
    expect(failure((g) => dropout(g.input('x', f32, [1]), Number.NaN)).summary).toContain('NaN');
  });
});

describe('what types cannot decide is found when the graph is built, in the same words', () => {
  const wide = (size: number): number => size;
  const named = (name: string): string => name;
  const dims = (...shape: Dim[]): Dim[] => shape;

  const cases: readonly [string, (g: GraphContext) => unknown][] = [
    [
      'matmul: inner dimensions differ: 128 and 256 in [batch, 128] x [256, 64]',
      (g) => matmul(g.input('x', f32, ['batch', wide(128)]), g.input('w', f32, [256, 64])),
    ],
    ['add: cannot broadcast 3 with 4', (g) => add(g.input('x', f32, [wide(3)]), g.input('y', f32, [4]))],
    [
      'add: cannot broadcast batch with other',
      (g) => add(g.input('x', f32, ['batch']), g.input('y', f32, [named('other')])),
    ],
    [
      'softmax: axis 3 is out of range for shape [batch, 4]',
      (g) => softmax(g.input('x', f32, ['batch', 4]), wide(3)),
    ],
    [
      'sum: axis 2 is out of range for shape [batch, 4]',
      (g) => sum(g.input('x', f32, ['batch', 4]), [0, wide(2)]),
    ],
    [
      'concat: other dimensions differ: 3 and 4',
      (g) => concat([g.input('x', f32, [2, wide(3)]), g.input('y', f32, [2, 4])], 0),
    ],
    ['slice: 5..9 does not fit dimension 8', (g) => slice(g.input('x', f32, [wide(8)]), 0, 5, 9)],
    ['transpose: permutation lacks axis 0', (g) => transpose(g.input('x', f32, [2, 3]), [1, wide(1)])],
    [
      'reshape: [4, 6] has 24 elements, [5, 5] has 25',
      (g) => reshape(g.input('x', f32, [4, wide(6)]), [5, 5]),
    ],
    [
      'reshape: [batch, 6] has 6*batch elements, [time, 6] has 6*time',
      (g) => reshape(g.input('x', f32, ['batch', 6]), dims('time', 6)),
    ],
    [
      'rearrange: 128 is not divisible by 5 in (h d)',
      (g) => rearrange(g.input('x', f32, ['batch', 128]), 'b (h d) -> b h d', { h: wide(5) }),
    ],
    [
      'attention: 128 is not divisible by 5 heads',
      (g) => {
        const x = g.input('x', f32, ['batch', 'time', 128]);
        return attention(x, x, x, { heads: wide(5) });
      },
    ],
    ['layerNorm: the input is a scalar', (g) => layerNorm(g.constant(1) as Tensor<'f32', Shape>)],
  ];

  test.each(cases)('%s', (summary, build) => {
    const error = failure(build);
    expect(error.summary).toBe(summary);
    expect(error.details.place?.file).toMatch(/test\/dsl\/graph\.test\.ts$/);
    expect(error.details.place?.line).toBeGreaterThan(200);
  });

  test('in functions generic in a width, too', () => {
    const heads = <W extends Dim>(x: Tensor<'f32', ['batch', W]>) =>
      rearrange(x, 'b (h d) -> b h d', { h: 8 });
    const error = failure((g) => heads(g.input('x', f32, ['batch', 130])));
    expect(error.summary).toBe('rearrange: 130 is not divisible by 8 in (h d)');
  });
});

describe('wrong use', () => {
  const cases: readonly [string, string, (g: GraphContext) => unknown][] = [
    [
      'FROND-S020',
      'add: operand 2 is undefined, not a tensor',
      (g) => add(g.constant(1), JSON.parse('{}').y),
    ],
    ['FROND-S020', 'layerNorm: operand 1 is an object, not a tensor', () => layerNorm(JSON.parse('{}'))],
    ['FROND-S021', 'add: operands come from two graphs', (g) => add(g.constant(1), strayTensor())],
    ['FROND-S023', 'input x: "two words" is not a dimension', (g) => g.input('x', f32, ['two words'])],
    ['FROND-S023', 'parameter p: 1.5 is not a dimension', (g) => g.parameter('p', f32, [1.5], zeros())],
    ['FROND-S023', 'input x: "a+" is not a dimension', (g) => g.input('x', f32, ['a+'])],
    ['FROND-S023', 'input x: "(a" is not a dimension', (g) => g.input('x', f32, ['(a'])],
    ['FROND-S018', 'constant: 3 elements given for [2, 2]', (g) => g.constant([1, 2, 3], f32, [2, 2])],
    ['FROND-S010', 'add: operands are i32 and 0.5', (g) => add(g.input('x', i32, [1]), 0.5)],
    [
      'FROND-S026',
      'linear: the last dimension is width, not a number',
      // @ts-expect-error the compiler says the same
      (g) => linear(g.input('x', f32, ['batch', 'width']), 3),
    ],
    [
      'FROND-I008',
      'two parameters are called p',
      (g) => [g.parameter('p', f32, [1], zeros()), g.parameter('p', f32, [2], zeros())],
    ],
  ];

  function strayTensor(): Tensor<'f32', []> {
    const kept: Tensor<'f32', []>[] = [];
    graph('other', (g) => {
      kept.push(g.constant(2));
      return {};
    });
    return kept[0] as Tensor<'f32', []>;
  }

  test.each(cases)('%s %s', (code, summary, build) => {
    const error = failure(build);
    expect(error.code).toBe(code);
    expect(error.summary).toBe(summary);
    expect(error.details.place?.file).toMatch(/test\/dsl\/graph\.test\.ts$/);
  });
});
