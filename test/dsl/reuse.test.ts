import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  dropout,
  f32,
  type GraphContext,
  graph,
  linear,
  normal,
  scope,
  sum,
  type Tensor,
  tanh,
  zeros,
} from '../../src/dsl/index.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { encoder } from '../../src/nn/index.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { runs } from '../support/counts.ts';
import { fed } from '../support/goldens.ts';
import { runGraph } from '../support/run.ts';

const parametersOf = ({ ir }: ReturnType<typeof graph>): string[] =>
  Object.values(ir.nodes)
    .filter(({ op }) => op === 'parameter')
    .map(({ id }) => id);

describe('a scope that is entered again with reuse', () => {
  test('gives the same parameters, also in scopes inside and to layers', () => {
    const model = graph('model', (g) => {
      const encode = (name: string) =>
        encoder(g.input(name, f32, ['batch', 'time', 8]), { layers: 2, heads: 2, inner: 4 });
      const left = g.scope('shared', () => encode('left'));
      const right = scope('shared', () => encode('right'), { reuse: true });
      return { left, right };
    });
    const names = parametersOf(model);
    expect(names).toHaveLength(34);
    expect(names.every((name) => name.startsWith('shared/encoder/'))).toBe(true);
  });

  test('ends with its function, also when that throws', () => {
    const model = graph('model', (g) => {
      g.scope('a', () => g.parameter('w', f32, [2], zeros()));
      expect(() => g.scope('a', () => g.parameter('v', f32, [2], zeros()), { reuse: true })).toThrow(
        'parameter a/v is reused, but was not declared before',
      );
      return { v: g.scope('a', () => g.parameter('v', f32, [2], zeros())) };
    });
    expect(parametersOf(model)).toEqual(['a/w', 'a/v']);
  });

  test('refuses a parameter that was declared otherwise', () => {
    const again = (build: (g: GraphContext) => unknown) => () =>
      graph('model', (g) => {
        g.scope('a', () => g.parameter('w', f32, [2], zeros()));
        g.scope('a', () => build(g), { reuse: true });
        return {};
      });
    expect(again((g) => g.parameter('w', f32, [3], zeros()))).toThrow('its shape is [2], reused as [3]');
    expect(again((g) => g.parameter('w', f32, [2], zeros(), { trainable: false }))).toThrow(
      'its trainable is true, reused as false',
    );
    expect(again((g) => g.parameter('w', f32, [2], zeros(), { decays: true }))).toThrow(
      'its decays is undefined, reused as true',
    );
    expect(again((g) => g.parameter('w', f32, [2], normal(1)))).not.toThrow();
  });

  test('draws another mask each time', () => {
    const { ir } = graph(
      'model',
      (g) => {
        const drop = (x: Tensor<'f32', [4]>) => dropout(x, 0.5);
        const x = g.input('x', f32, [4]);
        return { a: scope('s', () => drop(x)), b: scope('s', () => drop(x), { reuse: true }) };
      },
      { training: true },
    );
    const streams = Object.values(ir.nodes).flatMap(({ attributes }) => attributes.stream ?? []);
    expect(new Set(streams).size).toBe(2);
  });

  test('adds up the gradients of every use', async () => {
    /** Uses of one layer, or of as many layers with the same weights; outputs: the gradients of all weights. */
    const gradients = (count: number, reuse: boolean): Graph => {
      const { ir } = graph('model', (g) => {
        const losses = Array.from({ length: count }, (_, i) => {
          const x = g.input(`x${i}`, f32, [3, 4]);
          const name = reuse ? 'layer' : `layer.${i}`;
          return scope(name, () => sum(tanh(linear(x, 2))), { reuse: reuse && i > 0 });
        });
        return { loss: losses.reduce((a, b) => add(a, b)) };
      });
      const wrt = Object.keys(ir.nodes).filter((id) => id.endsWith('weight'));
      const { graph: both, gradients: found } = differentiate(fed(ir), ops, {
        loss: 'loss',
        wrt,
        parameters: [],
      });
      const builder = new GraphBuilder('gradients', ops, both);
      for (const id of wrt) builder.output(`d.${id}`, found[id] ?? '');
      return builder.finish();
    };
    const run = async (model: Graph, seed: number): Promise<number[][]> => {
      const feeds = model.inputs.map((id) => {
        const shape = model.nodes[id]?.types[0]?.shape.map(Number) ?? [];
        const phase = id.startsWith('x') ? seed + Number(id.slice(1)) : seed * shape.length;
        const data = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
          Math.sin(phase + 3 * i),
        );
        return [id, { dtype: f32, shape, data }] as const;
      });
      const results = await runGraph(model, Object.fromEntries(feeds), { precision: 'f64' });
      return Object.entries(results)
        .filter(([name]) => name.startsWith('d.'))
        .map(([, { data }]) => Array.from(data, Number));
    };
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.nat(1000), async (count, seed) => {
      const [shared = [], ...none] = await run(gradients(count, true), seed);
      const apart = await run(gradients(count, false), seed);
      expect(none).toEqual([]);
      expect(apart).toHaveLength(count);
      for (const [i, value] of shared.entries())
        expect(value).toBeCloseTo(
          apart.reduce((total, each) => total + (each[i] ?? Number.NaN), 0),
          12,
        );
    });
    await fc.assert(property, { numRuns: runs(200, 10) });
  });
});
