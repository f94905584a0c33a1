import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Ref, TensorType } from '../../src/ir/graph.ts';
import { topologicalOrder } from '../../src/ir/order.ts';
import type { OpRecord } from '../../src/ir/record.ts';
import { differentiate } from '../../src/passes/differentiate.ts';
import { evaluateGraph, get, type Value } from '../support/evaluate.ts';
import { testOps } from '../support/testOps.ts';

const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape });
const tensor = (shape: number[], f: (i: number) => number): Value => ({
  shape,
  data: Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => f(i)),
});
const normal = { initializer: 'normal' };

/** Central differences of Σ upstream · y against the gradients that the pass builds. */
function checkNumerically(graph: Graph, output: string, wrt: Ref[], feeds: Record<string, Value>): void {
  const { graph: full, gradients } = differentiate(graph, testOps, {
    loss: output,
    wrt,
    upstream: 'upstream',
  });
  const values = evaluateGraph(full, feeds);
  const loss = (): number => {
    const y = get(evaluateGraph(graph, feeds), graph.outputs[output] ?? '');
    return y.data.reduce((sum, v, i) => sum + v * (feeds.upstream?.data[i] ?? 0), 0);
  };
  for (const ref of wrt) {
    const data = feeds[ref]?.data as number[];
    const gradient = get(values, gradients[ref] ?? '').data;
    data.forEach((value, i) => {
      const eps = 1e-6;
      data[i] = value + eps;
      const above = loss();
      data[i] = value - eps;
      const below = loss();
      data[i] = value;
      const numeric = (above - below) / (2 * eps);
      expect(Math.abs((gradient[i] ?? Number.NaN) - numeric)).toBeLessThanOrEqual(
        1e-7 + 1e-5 * Math.abs(numeric),
      );
    });
  }
}

describe('differentiate', () => {
  test('agrees with finite differences through broadcasting, matmul, halves and reuse', () => {
    const b = new GraphBuilder('mlp', testOps);
    const x = b.input('x', f32(2, 3));
    const w = b.input('w', f32(3, 4));
    const bias = b.input('bias', f32(4));
    b.input('upstream', f32(2, 2));
    const h = b.one('tanh', [b.one('linear', [x, w, bias])]);
    const [left = '', right = ''] = b.op('halves', [h]);
    const mixed = b.mul(b.exp(left), b.where(b.one('less', [left, right]), right, b.mul(left, right)));
    b.output('y', b.div(mixed, b.sqrt(b.add(b.mul(right, right), b.constant(1)))));
    const wave = (phase: number) => (i: number) => Math.sin(i * 1.7 + phase);
    checkNumerically(b.finish(), 'y', [x, w, bias], {
      x: tensor([2, 3], wave(0.1)),
      w: tensor([3, 4], wave(1)),
      bias: tensor([4], wave(2)),
      upstream: tensor([2, 2], wave(3)),
    });
  });

  test('agrees for every transposition and batch pattern of matmul', () => {
    for (const [xShape, yShape, options] of [
      [[2, 3], [3, 2], {}],
      [[3, 2], [3, 2], { transposeX: true }],
      [[2, 3], [2, 3], { transposeY: true }],
      [[3, 2], [2, 3], { transposeX: true, transposeY: true }],
      [[2, 2, 3], [3, 2], {}],
      [[2, 1, 2, 3], [2, 2, 3], { transposeY: true }],
    ] as const) {
      const b = new GraphBuilder('g', testOps);
      const x = b.input('x', f32(...xShape));
      const y = b.input('y', f32(...yShape));
      const z = b.matmul(x, y, options);
      const shape = b.typeOf(z).shape.map(Number);
      b.input('upstream', f32(...shape));
      b.output('z', z);
      checkNumerically(b.finish(), 'z', [x, y], {
        x: tensor([...xShape], (i) => Math.cos(i)),
        y: tensor([...yShape], (i) => Math.sin(2 * i + 1)),
        upstream: tensor(shape, (i) => Math.cos(3 * i)),
      });
    }
  });

  test('gradients of gradients: the second derivative of x³ is 6x', () => {
    const b = new GraphBuilder('cube', testOps);
    const x = b.input('x', f32());
    b.output('y', b.mul(x, b.mul(x, x)));
    const once = differentiate(b.finish(), testOps, { loss: 'y', wrt: [x] });
    const twice = differentiate(once.graph, testOps, { loss: once.gradients.x ?? '', wrt: [x] });
    const values = evaluateGraph(twice.graph, { x: tensor([], () => 5) });
    expect(get(values, once.gradients.x ?? '').data).toEqual([75]);
    expect(get(values, twice.gradients.x ?? '').data).toEqual([30]);
  });

  test('gives gradients of trainable parameters by name, and nothing for frozen ones, integers and dead branches', () => {
    const b = new GraphBuilder('g', testOps);
    const x = b.input('x', f32(2, 3));
    b.scope = 'encoder/layer.0';
    const w = b.parameter('weight', f32(3, 2), normal);
    const frozen = b.parameter('frozen', f32(2), { ...normal, trainable: false });
    const y = b.add(b.matmul(x, w), frozen);
    const unused = b.parameter('unused', f32(2), normal);
    b.output('index', b.one('argmax', [y]));
    b.output('other', b.mul(unused, unused));
    b.output('loss', b.sum(y, [0, 1]));
    const { graph, gradients } = differentiate(b.finish(), testOps, { loss: 'loss' });
    expect(Object.keys(gradients)).toEqual(['encoder/layer.0/weight']);
    const backward = Object.values(graph.nodes).filter((node) => node.phase === 'backward');
    expect(new Set(backward.map((node) => node.scope))).toEqual(new Set(['encoder/layer.0']));
    // 1, its broadcast over the sum, and one matmul: nothing stays for x and for what is frozen
    expect(backward.map((node) => node.op)).toEqual(['constant', 'reshape', 'broadcast', 'matmul']);
  });

  test('backward nodes carry the source line of what they differentiate', () => {
    const b = new GraphBuilder('g', testOps);
    const w = b.parameter('w', f32(2), normal);
    b.source = { file: 'model.ts', line: 7 };
    b.output('loss', b.sum(b.exp(w), [0]));
    const { graph } = differentiate(b.finish(), testOps, { loss: 'loss' });
    for (const node of Object.values(graph.nodes)) {
      if (node.phase === 'backward') expect(node.source).toEqual({ file: 'model.ts', line: 7 });
    }
  });

  test('an op without a gradient rule is an error only where a gradient must pass', () => {
    const b = new GraphBuilder('g', testOps);
    const w = b.parameter('w', f32(2), normal);
    const x = b.input('x', f32(2));
    b.source = { file: 'model.ts', line: 12 };
    b.scope = 'head';
    const odd = b.one('mystery', [w]);
    b.output('bad', b.sum(odd, [0]));
    b.output('good', b.sum(b.mul(b.one('mystery', [x]), w), [0]));
    const graph = b.finish();
    expect(Object.keys(differentiate(graph, testOps, { loss: 'good' }).gradients)).toEqual(['w']);
    expect(() => differentiate(graph, testOps, { loss: 'bad' })).toThrow(
      /\[FROND-P001\] mystery has no gradient, and the loss depends on it\n {2}at node head\/mystery \(model\.ts:12\)/,
    );
  });

  test('refuses a loss that is no scalar, a wrong upstream and an unknown parameter', () => {
    const b = new GraphBuilder('g', testOps);
    const w = b.parameter('w', f32(2), normal);
    const wide = b.input('wide', f32(3));
    b.output('y', b.exp(w));
    const graph = b.finish();
    const code = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        if (error instanceof FrondError) return error.code;
      }
      return 'none';
    };
    expect(code(() => differentiate(graph, testOps, { loss: 'y' }))).toBe('FROND-P002');
    expect(code(() => differentiate(graph, testOps, { loss: 'y', upstream: wide }))).toBe('FROND-P002');
    expect(code(() => differentiate(graph, testOps, { loss: 'y', upstream: w, parameters: ['v'] }))).toBe(
      'FROND-P003',
    );
  });

  test('a rule that gives a gradient of the wrong shape is found at its op', () => {
    const neg = testOps.get('neg') as OpRecord;
    const wrong: OpRecord = { ...neg, vjp: (b, { gradients: [dy = ''] }) => [b.sum(dy, [0])] };
    const b = new GraphBuilder('g', testOps);
    b.source = { file: 'model.ts', line: 3 };
    const w = b.parameter('w', f32(2), normal);
    b.output('loss', b.sum(b.neg(w), [0]));
    expect(() => differentiate(b.finish(), new Map([...testOps, ['neg', wrong]]), { loss: 'loss' })).toThrow(
      /\[FROND-P005\] the gradient rule of neg gives f32\[\] for operand 0, which is f32\[2\]\n {2}at node neg \(model\.ts:3\)/,
    );
  });

  test('takes time in proportion to the graph, also where it is 10,000 nodes deep', () => {
    const b = new GraphBuilder('deep', testOps);
    const w = b.parameter('w', f32(2), normal);
    let x: Ref = w;
    for (let i = 0; i < 10_000; i++) x = b.add(x, w);
    b.output('loss', b.sum(x, [0]));
    const { graph, gradients } = differentiate(b.finish(), testOps, { loss: 'loss' });
    expect(Object.keys(gradients)).toEqual(['w']);
    expect(topologicalOrder(graph)).toHaveLength(Object.keys(graph.nodes).length);
  });
});
