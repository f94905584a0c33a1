import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkGraph } from '../../src/ir/check.ts';
import type { Graph, Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate, passes, runPasses } from '../../src/passes/index.ts';
import { runs } from '../support/counts.ts';
import { evaluateGraph, get } from '../support/evaluate.ts';
import { type RandomGraph, randomGraph } from '../support/randomGraph.ts';

const choices = fc.array(fc.integer({ min: 0, max: 1_000_000 }), {
  minLength: 4,
  maxLength: 240,
  size: 'max',
});

/** Every output of two graphs, element by element, in f64. */
function expectEqualOutputs(before: Graph, after: Graph, feeds: RandomGraph['feeds']): void {
  expect(Object.keys(after.outputs)).toEqual(Object.keys(before.outputs));
  const [x, y] = [evaluateGraph(before, feeds), evaluateGraph(after, feeds)];
  for (const [name, ref] of Object.entries(before.outputs)) {
    const [wanted, got] = [get(x, ref), get(y, after.outputs[name] ?? '')];
    expect(got.shape).toEqual(wanted.shape);
    wanted.data.forEach((value, i) => {
      const error = Math.abs(value - (got.data[i] ?? Number.NaN));
      if (!(error <= 1e-11 * Math.max(1, Math.abs(value)))) {
        throw new Error(`${name}[${i}] is ${got.data[i]}, expected ${value}`);
      }
    });
  }
}

/** The graph with every gradient as an output. */
function withGradients({ graph, feeds }: RandomGraph, wrt: readonly Ref[] = Object.keys(feeds)): Graph {
  const backward = differentiate(graph, ops, { loss: 'loss', wrt });
  const named = Object.entries(backward.gradients).map(([name, ref]) => [`d_${name}`, ref]);
  return { ...backward.graph, outputs: { ...graph.outputs, ...Object.fromEntries(named) } };
}

describe('passes on random graphs', () => {
  test('all on = all off, forward and gradients; the checker finds nothing after any pass', () => {
    fc.assert(
      fc.property(choices, (list) => {
        const random = randomGraph(list, ops);
        checkGraph(random.graph, ops);
        const full = withGradients(random);
        const { graph } = runPasses(full, ops, { check: true });
        expectEqualOutputs(full, graph, random.feeds);
      }),
      { numRuns: runs(300, 40), seed: 7 },
    );
  });

  test.each(passes.map((pass) => pass.name))('without %s the rest still agrees', (name) => {
    fc.assert(
      fc.property(choices, (list) => {
        const random = randomGraph(list, ops);
        const full = withGradients(random);
        const { graph, log } = runPasses(full, ops, { check: true, disable: [name] });
        expect(log.map((entry) => entry.pass)).not.toContain(name);
        expectEqualOutputs(full, graph, random.feeds);
      }),
      { numRuns: runs(300, 10), seed: 11 },
    );
  });

  test('the passes do something: most graphs get smaller, and fused kernels appear', () => {
    let smaller = 0;
    const seen = { pointwise: 0, epilogue: 0, several: 0 };
    const samples = fc.sample(choices, { numRuns: 60, seed: 3 });
    for (const list of samples) {
      const full = withGradients(randomGraph(list, ops));
      const { graph } = runPasses(full, ops);
      if (Object.keys(graph.nodes).length < Object.keys(full.nodes).length) smaller++;
      for (const node of Object.values(graph.nodes)) {
        if (node.op === 'pointwise') seen.pointwise++;
        if (node.attributes.epilogue !== undefined) seen.epilogue++;
        if (node.attributes.results !== undefined) seen.several++;
      }
    }
    expect(smaller).toBeGreaterThan(50);
    expect(seen.pointwise).toBeGreaterThan(60);
    expect(seen.epilogue).toBeGreaterThan(10);
    expect(seen.several).toBeGreaterThan(20);
  });
});
