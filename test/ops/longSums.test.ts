import { describe, expect, it } from 'vitest';
import type { Dim } from '../../src/base/dim.ts';
import { defined } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';

/** Equal summands show a bias of rounding that random ones hide. */
const TENTH = Math.fround(0.1);
const LONG = 300_000;
/** relative error that docs/numerics.md promises */
const PROMISED = 1e-6;

interface Case {
  readonly name: string;
  /** `f` makes inputs of tenths */
  build(b: GraphBuilder, f: (...shape: readonly Dim[]) => Ref): Readonly<Record<string, Ref>> | Graph;
  readonly sizes: Readonly<Record<string, number>>;
  readonly exact: Readonly<Record<string, number>>;
}

const overAxis = (op: string, sizes: { m: number; n: number }, axis: number): Case => ({
  name: `${op} over axis ${axis} of [${sizes.m}, ${sizes.n}]`,
  build: (b, f) => ({ y: b.one(op, [f('m', 'n')], { axes: [axis] }) }),
  sizes,
  exact: { y: op === 'sum' ? TENTH * (axis === 0 ? sizes.m : sizes.n) : TENTH },
});

const product = (inner: Dim, rows: number, columns: number): Case => ({
  name: `[${rows}, ${inner}] × [${inner}, ${columns}]`,
  build: (b, f) => ({ y: b.one('matmul', [f(rows, inner), f(inner, columns)]) }),
  sizes: { k: LONG },
  exact: { y: TENTH * TENTH * LONG },
});

const CASES: readonly Case[] = [
  {
    name: 'the sum of ten million',
    build: (b, f) => ({ y: b.sum(f('n'), [0]) }),
    sizes: { n: 10_000_000 },
    exact: { y: TENTH * 10_000_000 },
  },
  overAxis('sum', { m: 3, n: LONG }, 1),
  overAxis('sum', { m: LONG, n: 3 }, 0),
  overAxis('mean', { m: 3, n: LONG }, 1),
  {
    name: 'sum over the middle',
    build: (b, f) => ({ y: b.sum(f(2, 'm', 3), [1]) }),
    sizes: { m: LONG },
    exact: { y: TENTH * LONG },
  },
  {
    name: 'the denominators of softmax, logSoftmax and cross-entropy',
    build: (b, f) => {
      const x = f(2, 'n');
      const labels = b.one('cast', [b.one('slice', [x], { axis: 1, from: 0, to: 1 })], { dtype: 'i32' });
      return {
        softmax: b.one('softmax', [x]),
        logSoftmax: b.one('logSoftmax', [x]),
        loss: defined(b.op('crossEntropy', [x, b.reshape(labels, [2])])[0], 'loss'),
      };
    },
    sizes: { n: LONG },
    exact: { softmax: 1 / LONG, logSoftmax: -Math.log(LONG), loss: Math.log(LONG) },
  },
  {
    name: 'the statistics of layer norm',
    build: (b, f) => {
      const [, mean, rstd] = b.op('layerNorm', [f(2, 'n'), f('n'), f('n')], { epsilon: 4 });
      return { mean: defined(mean, 'mean'), rstd: defined(rstd, 'rstd') };
    },
    sizes: { n: LONG },
    exact: { mean: TENTH, rstd: 0.5 },
  },
  product(LONG, 1, 1),
  product(LONG, 1, 5),
  product(LONG, 6, 9),
  {
    name: 'gradients of a weight and a bias',
    build: (b, f) => {
      const [x, w, bias, upstream] = [f('n', 2), f(2, 3), f(3), f('n', 3)];
      const loss = b.one('linear', [x, w, bias]);
      b.output('y', loss);
      const { graph, gradients } = differentiate(b.finish(), ops, { loss, wrt: [w, bias], upstream });
      const [weight, own] = [w, bias].map((ref) => defined(gradients[ref], 'gradient'));
      return { ...graph, outputs: { weight: defined(weight, 'weight'), bias: defined(own, 'bias') } };
    },
    sizes: { n: LONG },
    exact: { weight: TENTH * TENTH * LONG, bias: TENTH * LONG },
  },
];

describe.each([
  ['interpreter', () => interpreterDevice()],
  ['wasm', () => wasmDevice({ threads: 1 })],
] as const)('on %s', (_name, open) => {
  it.each(CASES)('$name is within a millionth', async ({ build, sizes, exact }) => {
    const b = new GraphBuilder('sum', ops);
    const shapes = new Map<string, readonly number[]>();
    const built = build(b, (...shape) => {
      const name = `x${shapes.size}`;
      shapes.set(
        name,
        shape.map((dim) => (typeof dim === 'number' ? dim : defined(sizes[dim], dim))),
      );
      return b.input(name, { dtype: 'f32', shape });
    });
    const isGraph = (one: typeof built): one is Graph => 'nodes' in one;
    const graph = isGraph(built) ? built : { ...b.finish(), outputs: built };
    const feeds = [...shapes].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((x, y) => x * y, 1)).fill(TENTH);
      return [name, { dtype: 'f32', shape, data }] as const;
    });
    const device = open();
    const { executable } = await compile(graph, { device });
    const results = await executable.run(Object.fromEntries(feeds));
    for (const [name, wanted] of Object.entries(exact)) {
      const off = Math.max(
        ...Array.from(defined(results[name], name).data, (x) => Math.abs(x / wanted - 1)).slice(0, 100),
      );
      expect(off, name).toBeLessThan(PROMISED);
    }
    await executable.free();
    await device.close();
  });
});
