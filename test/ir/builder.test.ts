import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { TensorType } from '../../src/ir/graph.ts';
import { rootsOf, topologicalOrder, usersOf } from '../../src/ir/order.ts';
import { testOps } from '../support/testOps.ts';

const f32 = (...shape: (number | string)[]): TensorType => ({ dtype: 'f32', shape });
const normal = { initializer: 'normal' };
const builder = (): GraphBuilder => new GraphBuilder('g', testOps);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FrondError) return error.code;
    throw error;
  }
  return 'none';
}

describe('GraphBuilder', () => {
  test('names nodes by input, parameter path, or op and counter', () => {
    const b = builder();
    const x = b.input('tokens', f32('batch', 4));
    b.scope = 'encoder/layer.0';
    const w = b.parameter('weight', f32(4, 4), normal);
    const y = b.matmul(b.matmul(x, w), w);
    const [left, right] = b.op('halves', [y]);
    expect([x, w, y, left, right]).toEqual([
      'tokens',
      'encoder/layer.0/weight',
      'matmul.1',
      'halves',
      'halves#1',
    ]);
    expect(b.typeOf(right ?? '')).toEqual(f32('batch', 2));
  });

  test('goes on counting on a base graph, and a name that is taken by another kind of node gives way', () => {
    const first = builder();
    const x = first.input('exp', f32(2));
    first.output('y', first.exp(x));
    const second = new GraphBuilder('g', testOps, first.finish());
    expect(second.exp(x)).toBe('exp.2');
    expect(Object.keys(second.finish().nodes)).toEqual(['exp', 'exp.1', 'exp.2']);
  });

  test('a parameter is named by its scope and given name, once', () => {
    const b = builder();
    b.scope = 'head';
    b.parameter('bias', f32(2), normal);
    expect(codeOf(() => b.parameter('bias', f32(2), normal))).toBe('FROND-I008');
    b.scope = 'other';
    expect(b.parameter('bias', f32(2), { ...normal, trainable: false })).toBe('other/bias');
    const based = new GraphBuilder('g', testOps, b.finish());
    based.scope = 'head';
    expect(codeOf(() => based.parameter('bias', f32(2), normal))).toBe('FROND-I008');
    expect(b.finish().nodes['other/bias']?.attributes).toEqual({
      name: 'other/bias',
      initializer: 'normal',
      trainable: false,
    });
  });

  test('errors of shape rules say the node and the line', () => {
    const b = builder();
    const x = b.input('x', f32('batch', 128));
    const w = b.input('w', f32(256, 64));
    b.scope = 'encoder/attention';
    b.source = { file: 'examples/ner.ts', line: 41 };
    expect(() => b.matmul(x, w)).toThrowErrorMatchingInlineSnapshot(`
      [FrondError: [FROND-S015] matmul: inner dimensions differ: 128 and 256 in [batch, 128] x [256, 64]
        at node encoder/attention/matmul (examples/ner.ts:41)]
    `);
  });

  test('refuses foreign tensors, unknown ops, wrong arity and names that cannot be printed', () => {
    const b = builder();
    const x = b.input('x', f32(2));
    expect(codeOf(() => b.exp('y'))).toBe('FROND-I001');
    expect(codeOf(() => b.exp('x#1'))).toBe('FROND-I001');
    expect(codeOf(() => b.one('explode', [x]))).toBe('FROND-I004');
    expect(codeOf(() => b.one('add', [x]))).toBe('FROND-I005');
    expect(codeOf(() => b.input('x', f32(2)))).toBe('FROND-I008');
    for (const name of ['', 'a b', '1a', '__proto__', 'a#1', 'é']) {
      expect(codeOf(() => b.input(name, f32(2)))).toBe('FROND-I011');
      expect(codeOf(() => b.output(name, x))).toBe('FROND-I011');
    }
    expect(codeOf(() => b.output('y', 'nothing'))).toBe('FROND-I001');
    b.output('y', x);
    expect(codeOf(() => b.output('y', b.exp(x)))).toBe('FROND-I010');
    expect(codeOf(() => b.one('halves', [x]))).toBe('FROND-X001');
  });

  test('names that every object has are names like others', () => {
    const b = builder();
    for (const name of ['constructor', 'toString', 'hasOwnProperty', 'valueOf']) b.input(name, f32(2));
    b.output('constructor', b.add('constructor', 'toString'));
    expect(topologicalOrder(b.finish())).toHaveLength(5);
  });

  test('views that change nothing make no node', () => {
    const b = builder();
    const x = b.input('x', f32(2, 3));
    expect(b.reshape(x, [2, 3])).toBe(x);
    expect(b.broadcast(x, [2, 3])).toBe(x);
    expect(b.transpose(x, [0, 1])).toBe(x);
    expect(b.unbroadcast(x, [2, 3])).toBe(x);
  });

  test('unbroadcast sums what was stretched', () => {
    const b = builder();
    const x = b.input('x', f32('batch', 5, 3));
    for (const shape of [[3], [5, 3], [1, 3], [5, 1], ['batch', 1, 3], [1, 1, 1], []]) {
      expect(b.typeOf(b.unbroadcast(x, shape))).toEqual(f32(...shape));
    }
  });

  test('effects and outputs are roots; users are listed per tensor', () => {
    const b = builder();
    const x = b.input('x', f32(4));
    const y = b.mul(x, x);
    b.effect(b.exp(y));
    b.output('y', y);
    const graph = b.finish();
    expect(rootsOf(graph)).toEqual(['mul', 'exp']);
    expect(usersOf(Object.values(graph.nodes)).get('x')).toEqual(['mul', 'mul']);
  });
});

describe('topologicalOrder', () => {
  test('keeps the order of a sorted record, and puts operands first in any other', () => {
    const b = builder();
    const x = b.input('x', f32(4));
    const y = b.exp(x);
    b.output('z', b.mul(y, b.neg(x)));
    const graph = b.finish();
    const names = Object.keys(graph.nodes);
    expect(topologicalOrder(graph).map((node) => node.id)).toEqual(names);
    const shuffled = { ...graph, nodes: Object.fromEntries(Object.entries(graph.nodes).toReversed()) };
    expect(topologicalOrder(shuffled).map((node) => node.id)).toEqual(['x', 'exp', 'neg', 'mul']);
    expect(topologicalOrder(graph, ['exp']).map((node) => node.id)).toEqual(['x', 'exp']);
  });

  test('names a cycle along its arrows', () => {
    const b = builder();
    const x = b.input('x', f32(4));
    b.neg(b.exp(b.add(x, x)));
    const { nodes, ...rest } = b.finish();
    const add = { ...nodes.add, inputs: ['x', 'neg'] } as NonNullable<typeof nodes.add>;
    expect(() => topologicalOrder({ ...rest, nodes: { ...nodes, add } })).toThrow(
      /\[FROND-I003\] graph g has a cycle: %exp → %neg → %add → %exp|cycle: %\w+ → %\w+ → %\w+ → %\w+/,
    );
  });
});
