import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate, fusingPasses, passes, runPasses } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { runs } from '../support/counts.ts';
import { evaluateGraph, get } from '../support/evaluate.ts';
import { type RandomGraph, randomGraph } from '../support/randomGraph.ts';

const choices = fc.array(fc.integer({ min: 0, max: 1_000_000 }), {
  minLength: 4,
  maxLength: 160,
  size: 'max',
});

/** A random graph with all of its gradients as outputs. */
function withGradients(list: readonly number[]): { graph: Graph; feeds: RandomGraph['feeds'] } {
  const { graph, feeds } = randomGraph(list, ops, { inputsOnly: true });
  const backward = differentiate(graph, ops, { loss: 'loss', wrt: Object.keys(feeds) });
  const named = Object.entries(backward.gradients).map(([name, ref]) => [`d_${name}`, ref]);
  return { graph: { ...backward.graph, outputs: { ...graph.outputs, ...Object.fromEntries(named) } }, feeds };
}

async function run(
  graph: Graph,
  feeds: RandomGraph['feeds'],
  precision: 'f32' | 'f64',
  disable: readonly string[],
): Promise<Record<string, readonly number[]>> {
  const device = interpreterDevice({ precision });
  const { executable } = await compile(graph, { device, disable, check: true });
  const fed = Object.entries(feeds).map(([name, { shape, data }]) => [
    name,
    { dtype: 'f32' as const, shape, data: Float64Array.from(data) },
  ]);
  const values = await executable.run(Object.fromEntries(fed));
  return Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, Array.from(data)]));
}

function expectClose(
  got: Record<string, readonly number[]>,
  wanted: (name: string) => readonly number[],
  tolerance: (value: number) => number,
): void {
  for (const [name, data] of Object.entries(got)) {
    const reference = wanted(name);
    expect(data.length, name).toBe(reference.length);
    reference.forEach((value, i) => {
      const error = Math.abs(value - (data[i] ?? Number.NaN));
      if (!(error <= tolerance(value))) throw new Error(`${name}[${i}] is ${data[i]}, expected ${value}`);
    });
  }
}

const names = passes.map((pass) => pass.name);

test('random graphs run alike with passes on, off, and by direct evaluation in f64', async () => {
  await fc.assert(
    fc.asyncProperty(choices, fc.constantFrom(...names), async (list, one) => {
      const { graph, feeds } = withGradients(list);
      const direct = evaluateGraph(graph, feeds);
      const wanted = (name: string): readonly number[] => get(direct, graph.outputs[name] ?? '').data;
      const others = names.filter((name) => name !== 'expand');
      for (const disable of [[], others, one === 'expand' ? [] : [one]]) {
        const got = await run(graph, feeds, 'f64', disable);
        expect(Object.keys(got).sort()).toEqual(Object.keys(graph.outputs).sort());
        expectClose(got, wanted, (value) => 1e-9 * Math.max(1, Math.abs(value)));
      }
    }),
    { numRuns: runs(300, 40), seed: 17 },
  );
}, 600_000);

/** Where the passes reorder f32 arithmetic, the result must not be farther from f64 than before. */
test('optimised f32 results are no farther from f64 than twice the unoptimised ones, and 1e-6', async () => {
  await fc.assert(
    fc.asyncProperty(choices, async (list) => {
      const { graph, feeds } = withGradients(list);
      const others = names.filter((name) => name !== 'expand');
      const exact = await run(graph, feeds, 'f64', others);
      const plain = await run(graph, feeds, 'f32', others);
      const optimised = await run(graph, feeds, 'f32', []);
      for (const [name, values] of Object.entries(exact)) {
        const worst = (data: readonly number[] | undefined): number =>
          values.reduce((most, value, i) => Math.max(most, Math.abs(value - (data?.[i] ?? Number.NaN))), 0);
        const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        expect(worst(optimised[name]), name).toBeLessThanOrEqual(2 * worst(plain[name]) + 1e-6 * scale);
      }
    }),
    { numRuns: runs(300, 20), seed: 19 },
  );
}, 600_000);

test('the sum with what bypasses a layer norm becomes part of its gradient, for short rows and long ones', async () => {
  for (const width of [24, 300]) {
    const b = new GraphBuilder('g', ops);
    const type = (...shape: (number | string)[]) => ({ dtype: 'f32' as const, shape });
    const x = b.input('x', type('batch', 5, width));
    const [gamma, beta] = [b.input('gamma', type(width)), b.input('beta', type(width))];
    const scale = b.input('scale', type(width));
    let y = x;
    for (let block = 0; block < 3; block++) {
      const [normal = y] = b.op('layerNorm', [y, gamma, beta], { epsilon: 1e-5 });
      y = b.add(y, b.mul(b.one('tanh', [normal]), scale));
    }
    b.output('loss', b.sum(b.mul(y, y), [0, 1, 2]));
    const wrt = ['x', 'gamma', 'beta', 'scale'];
    const { graph, gradients } = differentiate(b.finish(), ops, { loss: 'loss', wrt });
    const step = { ...graph, outputs: { ...graph.outputs, ...gradients } };
    const feeds = Object.fromEntries(
      wrt.map((name, i) => {
        const shape = name === 'x' ? [7, 5, width] : [width];
        const length = name === 'x' ? 35 * width : width;
        return [name, { shape, data: Array.from({ length }, (_, at) => Math.sin(at * (i + 1.3)) + 0.1) }];
      }),
    );
    const { graph: fused } = runPasses(step, ops);
    const norms = Object.values(fused.nodes).filter(({ op }) => op === 'layerNormGradient');
    expect(norms.map(({ attributes }) => attributes.epilogue === undefined)).toEqual([false, false, false]);
    // the sum itself, and what the block before makes of it
    expect(norms.some(({ attributes }) => attributes.results !== undefined)).toBe(true);
    const wanted = await run(step, feeds, 'f64', fusingPasses);
    expectClose(
      await run(step, feeds, 'f64', []),
      (name) => wanted[name] ?? [],
      (value) => 1e-10 * Math.max(1, Math.abs(value)),
    );
  }
});
