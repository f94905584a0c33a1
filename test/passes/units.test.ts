import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Node, Ref, TensorType } from '../../src/ir/graph.ts';
import type { OpRegistry } from '../../src/ir/record.ts';
import { ops } from '../../src/ops/index.ts';
import { expand } from '../../src/passes/expand.ts';
import { foldConstants } from '../../src/passes/foldConstants.ts';
import { fuseColumnSums } from '../../src/passes/fuseColumnSums.ts';
import { fuseElementwise } from '../../src/passes/fuseElementwise.ts';
import { fuseEpilogue } from '../../src/passes/fuseEpilogue.ts';
import { hoistDerivatives } from '../../src/passes/hoistDerivatives.ts';
import { differentiate, runPasses } from '../../src/passes/index.ts';
import { removeDeadNodes } from '../../src/passes/rewrite.ts';
import { shareCommonSubexpressions } from '../../src/passes/shareCommonSubexpressions.ts';
import { simplify } from '../../src/passes/simplify.ts';
import { testOps } from '../support/testOps.ts';

const f32 = (...shape: (number | string)[]): TensorType => ({ dtype: 'f32', shape });
const opsOf = (graph: Graph): string[] => Object.values(graph.nodes).map((node) => node.op);
const node = (graph: Graph, output: string): Node => graph.nodes[graph.outputs[output] ?? ''] as Node;

/** A graph whose output `y` is what `make` builds of x: f32[batch, 4]. */
function graphOf(make: (b: GraphBuilder, x: Ref) => Ref, type = f32('batch', 4)): Graph {
  const b = new GraphBuilder('g', testOps);
  b.output('y', make(b, b.input('x', type)));
  return b.finish();
}

describe('expand', () => {
  test('rewrites convenience ops, nested ones too, in the scope and phase of the op', () => {
    const nested: OpRegistry = new Map([
      ...testOps,
      [
        'twice',
        {
          name: 'twice',
          doc: 'linear, twice',
          kind: 'kernel',
          arity: 3,
          shape: ([x = f32()]) => [x],
          expand: (b, { inputs: [x = '', w = '', bias = ''] }) => [
            b.one('linear', [b.one('linear', [x, w, bias]), w, bias]),
          ],
        },
      ],
    ]);
    const b = new GraphBuilder('g', nested);
    const [x, w, bias] = [b.input('x', f32(2, 4)), b.input('w', f32(4, 4)), b.input('bias', f32(4))];
    b.scope = 'head';
    b.output('y', b.one('twice', [x, w, bias]));
    const graph = expand(b.finish(), nested);
    expect(opsOf(graph)).toEqual(['input', 'input', 'input', 'matmul', 'add', 'matmul', 'add']);
    expect(node(graph, 'y').scope).toBe('head');
  });

  test('an op that expands into itself is an error, not a hang', () => {
    const endless: OpRegistry = new Map([
      [
        'loop',
        {
          name: 'loop',
          doc: '',
          kind: 'kernel',
          arity: 1,
          shape: ([x = f32()]) => [x],
          expand: (b, { inputs }) => b.op('loop', inputs),
        },
      ],
    ]);
    const b = new GraphBuilder('g', endless);
    b.output('y', b.one('loop', [b.input('x', f32())]));
    expect(() => expand(b.finish(), endless)).toThrow(
      /FROND-P006\] loop expands into ops that expand without end/,
    );
  });
});

describe('removeDeadNodes', () => {
  test('drops what nothing depends on and keeps inputs, parameters and effects', () => {
    const b = new GraphBuilder('g', testOps);
    const x = b.input('x', f32(2));
    b.parameter('w', f32(2), { initializer: 'zeros' });
    b.exp(b.neg(x));
    b.effect(b.sqrt(x));
    b.output('y', b.log(x));
    expect(opsOf(removeDeadNodes(b.finish()))).toEqual(['input', 'parameter', 'sqrt', 'log']);
  });

  test('gives the same graph back when there is nothing to do', () => {
    const graph = graphOf((b, x) => b.neg(x));
    expect(removeDeadNodes(graph)).toBe(graph);
  });
});

describe('shareCommonSubexpressions', () => {
  const share = (graph: Graph): Graph => shareCommonSubexpressions(graph, testOps);

  test('joins equal nodes, also those that become equal', () => {
    const graph = graphOf((b, x) => b.add(b.exp(b.neg(x)), b.exp(b.neg(x))));
    expect(opsOf(share(graph))).toEqual(['input', 'neg', 'exp', 'add']);
  });

  test('tells attributes, types and signed zeros apart', () => {
    const graph = graphOf((b, x) => {
      const zeros = b.add(b.constant(0), b.constant(-0));
      const wide = b.add(b.constant(1), b.constant(1, f32(4)));
      return b.add(b.add(b.sum(x, [1], true), b.sum(x, [0], true)), b.add(zeros, wide));
    });
    expect(share(graph)).toBe(graph);
  });

  test('what a forward node shares with a backward one is forward', () => {
    const b = new GraphBuilder('g', testOps);
    const x = b.input('x', f32(2));
    b.phase = 'backward';
    const late = b.exp(x);
    b.phase = 'forward';
    b.output('y', b.exp(x));
    b.output('z', late);
    const graph = share(b.finish());
    expect(node(graph, 'y').phase).toBe('forward');
    expect(graph.outputs.y).toBe(graph.outputs.z);
  });
});

describe('foldConstants', () => {
  const fold = (graph: Graph): Graph => foldConstants(graph, testOps);

  test('computes functions of constants, element by element where they differ', () => {
    const graph = fold(
      graphOf((b, x) => {
        const row = b.constant([1, 2, 3, 4], f32(4));
        return b.mul(x, b.exp(b.add(row, b.constant(0.5))));
      }),
    );
    const folded = Object.values(graph.nodes).find(({ op }) => op === 'constant');
    expect(opsOf(graph)).toEqual(['input', 'constant', 'mul']);
    expect(folded?.attributes.value).toEqual([1.5, 2.5, 3.5, 4.5].map((x) => Math.fround(Math.exp(x))));
  });

  test('computes in the types of the graph: integers wrap and saturate, floats round at every step', () => {
    const b = new GraphBuilder('g', ops);
    const whole = (value: number): Ref => b.constant(value, { dtype: 'i32', shape: [] });
    const half = (value: number): Ref => b.constant(value, { dtype: 'f16', shape: [] });
    const cast = (x: Ref, dtype: string): Ref => b.one('cast', [x], { dtype });
    const wanted: Record<string, readonly [Ref, number]> = {
      product: [b.mul(whole(2 ** 30), whole(5)), 2 ** 30],
      quotient: [b.div(whole(7), whole(0)), 0],
      cut: [cast(b.constant(3e9), 'i32'), 2 ** 31 - 1],
      overflow: [
        b.div(b.mul(b.constant(1e30), b.constant(1e30)), b.constant(1e30)),
        Number.POSITIVE_INFINITY,
      ],
      whole: [cast(b.add(b.constant(2 ** 24), b.constant(1)), 'i32'), 2 ** 24],
      halves: [b.add(half(2048), half(1)), 2048],
      large: [b.add(half(65504), half(16)), Number.POSITIVE_INFINITY],
    };
    for (const [name, [ref]] of Object.entries(wanted)) b.output(name, ref);
    const { nodes, outputs } = foldConstants(b.finish(), ops);
    for (const [name, [, value]] of Object.entries(wanted))
      expect(nodes[outputs[name] ?? '']?.attributes.value, name).toBe(value);
  });

  test('views of equal elements fold, large ones stay', () => {
    const small = fold(graphOf((b, x) => b.mul(x, b.reshape(b.constant(3, f32(2, 2)), [4]))));
    expect(opsOf(small)).toEqual(['input', 'constant', 'mul']);
    const large = graphOf((b, x) => b.mul(x, b.reshape(b.constant(3, f32('batch', 2, 2)), ['batch', 4])));
    expect(fold(large)).toBe(large);
  });
});

describe('simplify', () => {
  const simple = (make: (b: GraphBuilder, x: Ref) => Ref, type?: TensorType): string[] =>
    opsOf(simplify(graphOf(make, type), testOps));

  test.each<[string, (b: GraphBuilder, x: Ref) => Ref]>([
    ['x + −0', (b, x) => b.add(x, b.constant(-0))],
    ['−0 + x', (b, x) => b.add(b.constant(-0), x)],
    ['x − 0', (b, x) => b.sub(x, b.constant(0))],
    ['1 · x', (b, x) => b.mul(b.constant(1), x)],
    ['x / 1', (b, x) => b.div(x, b.constant(1))],
    ['−−x', (b, x) => b.neg(b.neg(x))],
    ['−−−−x', (b, x) => b.neg(b.neg(b.neg(b.neg(x))))],
    ['reshape and back', (b, x) => b.reshape(b.reshape(x, ['batch*4']), ['batch', 4])],
    ['transpose and back', (b, x) => b.transpose(b.transpose(x, [1, 0]), [1, 0])],
    ['sum over nothing', (b, x) => b.sum(x, [])],
  ])('%s is x', (_, make) => {
    expect(simple(make)).toEqual(['input']);
  });

  test.each<[string, (b: GraphBuilder, x: Ref) => Ref]>([
    ['0 − x', (b, x) => b.sub(b.constant(0), x)],
    ['1 / x', (b, x) => b.div(b.constant(1), x)],
    ['x · 0, which may be NaN', (b, x) => b.mul(x, b.constant(0))],
    ['x + 0, which makes −0 of x positive', (b, x) => b.add(x, b.constant(0))],
    ['x + −0 that makes x wider', (b, x) => b.add(x, b.constant(-0, f32(3, 'batch', 4)))],
  ])('%s stays', (_, make) => {
    const graph = graphOf(make);
    expect(simplify(graph, testOps)).toBe(graph);
  });

  test('reads under a broadcast that the op does anyway', () => {
    const graph = simplify(
      graphOf((b, x) => b.mul(x, b.broadcast(b.sum(x, [1], true), ['batch', 4]))),
      testOps,
    );
    expect(opsOf(graph)).toEqual(['input', 'sum', 'mul']);
    // alone, the broadcast gives the shape
    const alone = graphOf((b, x) => b.exp(b.broadcast(b.sum(x, [1], true), ['batch', 4])));
    expect(simplify(alone, testOps)).toBe(alone);
  });

  test('matmul takes a transposed operand as it is, unless more than its last two dims move', () => {
    const graph = simplify(
      graphOf((b, x) => b.matmul(b.transpose(x, [1, 0]), x)),
      testOps,
    );
    expect(opsOf(graph)).toEqual(['input', 'matmul']);
    expect(node(graph, 'y').attributes).toEqual({ transposeX: true });
    const undone = simplify(
      graphOf((b, x) => b.matmul(b.transpose(x, [1, 0]), x, { transposeX: true }), f32(4, 4)),
      testOps,
    );
    expect(node(undone, 'y').attributes).toEqual({});
    const batched = graphOf((b, x) => b.matmul(b.transpose(x, [1, 0, 2]), x), f32(3, 3, 3));
    expect(simplify(batched, testOps)).toBe(batched);
  });

  test('leaves a transpose that the product could not do without', () => {
    // joined to the rows, x's last outer dim needs no grid dimension of its own; transposed, it would be a third one
    const b = new GraphBuilder('g', ops);
    const x = b.transpose(b.input('x', f32(2, 1, 4, 5, 3)), [0, 1, 2, 4, 3]);
    b.output('y', b.matmul(x, b.input('w', f32(3, 1, 5, 6))));
    const graph = b.finish();
    expect(simplify(graph, ops)).toBe(graph);
  });
});

describe('fuseElementwise', () => {
  const fuse = (graph: Graph): Graph => fuseElementwise(graph, testOps);

  test('joins a DAG into one kernel, constants as literals, each operand once', () => {
    const graph = fuse(
      graphOf((b, x) => {
        const half = b.mul(x, b.constant(0.5));
        return b.add(b.one('tanh', [half]), b.mul(half, b.sum(x, [1], true)));
      }),
    );
    expect(opsOf(graph)).toEqual(['input', 'sum', 'pointwise']);
    expect(node(graph, 'y').inputs).toEqual(['x', 'sum']);
    expect(node(graph, 'y').attributes.expression).toEqual([
      { op: 'constant', args: [], attributes: { value: 0.5, dtype: 'f32' } },
      { op: 'mul', args: [0, 2] },
      { op: 'tanh', args: [3] },
      { op: 'mul', args: [3, 1] },
      { op: 'add', args: [4, 5] },
    ]);
  });

  test('leaves alone what is read elsewhere, is an output, has another shape or another phase', () => {
    const read = graphOf((b, x) => b.mul(b.exp(x), b.broadcast(b.sum(b.exp(x), [1], true), ['batch', 4])));
    expect(opsOf(fuse(shareCommonSubexpressions(read, testOps)))).toContain('exp');
    const b = new GraphBuilder('g', testOps);
    const x = b.input('x', f32(2, 4));
    const kept = b.exp(x);
    b.output('kept', kept);
    const row = b.neg(b.input('row', f32(4)));
    b.phase = 'backward';
    b.output('y', b.add(b.neg(kept), row));
    const graph = fuse(b.finish());
    expect(opsOf(graph)).toEqual(['input', 'exp', 'input', 'neg', 'pointwise']);
  });

  test('never reads more than seven tensors in one kernel', () => {
    const b = new GraphBuilder('g', testOps);
    const inputs = Array.from({ length: 20 }, (_, i) => b.input(`x${i}`, f32(8)));
    b.output(
      'y',
      inputs.reduce((sum, x) => b.add(sum, x)),
    );
    const graph = fuse(b.finish());
    const kernels = Object.values(graph.nodes).filter(({ op }) => op === 'pointwise');
    expect(kernels.map(({ inputs }) => inputs.length)).toEqual([7, 7, 7]);
    expect(opsOf(graph).filter((op) => op === 'add')).toHaveLength(1);
  });

  test('a literal must not take the shape away', () => {
    const graph = graphOf((b, x) => b.mul(b.sum(x, [0, 1]), b.constant(2, f32(3))));
    expect(opsOf(fuse(graph))).toEqual(['input', 'sum', 'constant', 'mul']);
  });
});

describe('fuseElementwise with several results', () => {
  const fuse = (graph: Graph): Graph => fuseElementwise(graph, ops);

  test('functions of one value become one kernel, and the value is no tensor', () => {
    const b = new GraphBuilder('g', ops);
    const sum = b.add(b.input('x', f32('batch', 4)), b.input('bias', f32(4)));
    b.output('y', b.one('gelu', [sum]));
    b.output('slope', b.one('geluSlope', [sum]));
    const graph = fuse(b.finish());
    expect(opsOf(graph)).toEqual(['input', 'input', 'pointwise']);
    const [fused] = Object.values(graph.nodes).filter(({ op }) => op === 'pointwise');
    expect(fused?.types).toEqual([f32('batch', 4), f32('batch', 4)]);
    expect(fused?.attributes.results).toEqual([2, 1]);
    expect(graph.outputs).toEqual({ y: `${fused?.id}#1`, slope: fused?.id });
  });

  test('a value that others read too is a result', () => {
    const b = new GraphBuilder('g', ops);
    const x = b.one('exp', [b.input('x', f32(4, 4))]);
    b.output('y', b.one('tanh', [x]));
    b.output('z', b.matmul(x, x));
    expect(opsOf(fuse(b.finish()))).toEqual(['input', 'pointwise', 'matmul']);
  });

  test('not where a result would have to wait for what depends on it', () => {
    const b = new GraphBuilder('g', ops);
    const x = b.one('exp', [b.input('x', f32(4, 4))]);
    b.output('y', b.add(x, b.matmul(x, x)));
    const graph = b.finish();
    expect(fuse(graph)).toBe(graph);
  });

  test('not where two kernels would wait for each other', () => {
    const b = new GraphBuilder('g', ops);
    const [p, q] = ['p', 'q'].map((name) => b.one('exp', [b.input(name, f32(4, 4))])) as [Ref, Ref];
    // p → product → beside q, and q → product → beside p
    b.output('y', b.add(q, b.matmul(p, p)));
    b.output('z', b.add(p, b.matmul(q, q)));
    expect(opsOf(fuse(b.finish())).filter((op) => op === 'pointwise').length).toBeLessThan(2);
  });
});

describe('hoistDerivatives', () => {
  const gelu = (extra?: (b: GraphBuilder, x: Ref) => void): Graph => {
    const b = new GraphBuilder('g', ops);
    const x = b.matmul(b.input('a', f32(4, 4)), b.input('w', f32(4, 4)));
    const y = b.one('gelu', [x]);
    extra?.(b, x);
    b.output('loss', b.sum(b.mul(y, y), [0, 1]));
    return differentiate(b.finish(), ops, { loss: 'loss', wrt: ['w'] }).graph;
  };
  const phaseOfSlope = (graph: Graph): string | undefined =>
    Object.values(hoistDerivatives(graph, ops).nodes).find(({ op }) => op === 'geluSlope')?.phase;

  test('what the backward part alone would keep an argument for is computed with it', () => {
    expect(phaseOfSlope(gelu())).toBe('forward');
  });

  test('not when the argument is kept anyway', () => {
    expect(phaseOfSlope(gelu((b, x) => b.output('x', x)))).toBe('backward');
  });
});

describe('fuseColumnSums', () => {
  /** xᵀ · dy over all rows, and the sums of dy over all but its last axis */
  function gradients(extra?: (b: GraphBuilder, sums: Ref) => void): Graph {
    const b = new GraphBuilder('g', ops);
    const x = b.input('x', f32('batch', 3, 8));
    const dy = b.input('dy', f32('batch', 3, 4));
    const rows = (ref: Ref, width: number): Ref => b.reshape(ref, ['batch*3', width]);
    const sums = b.sum(dy, [0, 1]);
    extra?.(b, sums);
    b.output('dw', b.matmul(rows(x, 8), rows(dy, 4), { transposeX: true }));
    b.output('db', sums);
    return b.finish();
  }

  test('the product adds the sums up', () => {
    const graph = fuseColumnSums(gradients(), ops);
    expect(opsOf(graph)).toEqual(['input', 'input', 'reshape', 'reshape', 'matmul']);
    const { dw, db } = graph.outputs;
    expect(db).toBe(`${dw}#1`);
    expect(graph.nodes[dw ?? '']?.types).toEqual([f32(8, 4), f32(4)]);
  });

  test('not where it would have to wait for them, and not other sums', () => {
    const b = new GraphBuilder('g', ops);
    const dy = b.input('dy', f32(6, 4));
    const x = b.add(b.input('x', f32(6, 4)), b.sum(dy, [0]));
    b.output('dw', b.matmul(x, dy, { transposeX: true }));
    b.output('columns', b.sum(dy, [1]));
    b.output('kept', b.sum(dy, [0], true));
    const graph = b.finish();
    expect(fuseColumnSums(graph, ops)).toBe(graph);
  });
});

describe('fuseEpilogue', () => {
  /** tanh(x · w + bias) + x */
  function layer(extra?: (b: GraphBuilder, product: Ref) => void): Graph {
    const b = new GraphBuilder('g', testOps);
    const x = b.input('x', f32('batch', 4));
    const product = b.matmul(x, b.input('w', f32(4, 4)));
    extra?.(b, product);
    b.output('y', b.add(b.one('tanh', [b.add(product, b.input('bias', f32(4)))]), x));
    return b.finish();
  }
  const fuse = (graph: Graph): Graph => fuseEpilogue(fuseElementwise(graph, testOps), testOps);

  test('bias, activation and residual become the epilogue', () => {
    const graph = fuse(layer());
    expect(opsOf(graph)).toEqual(['input', 'input', 'input', 'matmul']);
    expect(node(graph, 'y').inputs.slice(0, 2)).toEqual(['x', 'w']);
    expect([...node(graph, 'y').inputs.slice(2)].sort()).toEqual(['bias', 'x']);
    const steps = node(graph, 'y').attributes.epilogue as { op: string; args: number[] }[];
    expect(steps.map(({ op }) => op)).toEqual(['add', 'tanh', 'add']);
    expect(steps[0]?.args).toContain(0);
  });

  test('a single element-wise op with a literal too', () => {
    const graph = fuseEpilogue(
      graphOf((b, x) => b.mul(b.constant(0.125), b.matmul(x, x, { transposeY: true }))),
      testOps,
    );
    expect(node(graph, 'y').attributes).toEqual({
      transposeY: true,
      epilogue: [
        { op: 'constant', args: [], attributes: { value: 0.125, dtype: 'f32' } },
        { op: 'mul', args: [1, 0] },
      ],
    });
  });

  test('not when the product is needed itself, or the result is wider', () => {
    const needed = fuse(layer((b, product) => b.output('product', product)));
    expect(opsOf(needed)).toContain('pointwise');
    const wider = graphOf((b, x) => {
      const product = b.matmul(x, b.input('w', f32(4, 4)));
      return b.add(product, b.input('many', f32(3, 'batch', 4)));
    });
    expect(opsOf(fuse(wider))).toContain('add');
  });

  test('one element-wise node goes into one of the products that it reads', () => {
    const graph = fuse(
      graphOf((b, x) => b.add(b.matmul(x, x), b.matmul(x, x, { transposeX: true })), f32(4, 4)),
    );
    expect(opsOf(graph)).toEqual(['input', 'matmul', 'matmul']);
  });
});

describe('runPasses', () => {
  test('logs each pass and refuses names that are none', () => {
    const graph = graphOf((b, x) => b.add(b.exp(x), b.constant(0)));
    const { log } = runPasses(graph, testOps, { disable: ['simplify'] });
    expect(log.map((entry) => entry.pass)).toEqual([
      'expand',
      'removeDeadNodes',
      'foldConstants',
      'shareCommonSubexpressions',
      'hoistDerivatives',
      'fuseColumnSums',
      'fuseElementwise',
      'fuseEpilogue',
    ]);
    expect(log.filter((entry) => entry.changed).map((entry) => entry.pass)).toEqual(['fuseElementwise']);
    expect(() => runPasses(graph, testOps, { disable: ['simplfy'] })).toThrow(
      /FROND-P004\] there is no pass called simplfy/,
    );
  });

  test('effects follow what they were replaced by', () => {
    const b = new GraphBuilder('g', testOps);
    const x = b.exp(b.input('x', f32(2, 4)));
    b.effect(b.add(x, b.constant(-0)));
    b.effect(b.one('linear', [x, b.input('w', f32(4, 4)), b.input('bias', f32(4))]));
    const { graph } = runPasses(b.finish(), testOps, { check: true });
    expect(graph.effects.map((id) => graph.nodes[id]?.op)).toEqual(['exp', 'matmul']);
  });
});
