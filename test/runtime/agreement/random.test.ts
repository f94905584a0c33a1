import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ops } from '../../../src/ops/index.ts';
import { differentiate } from '../../../src/passes/index.ts';
import { runs } from '../../support/counts.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { randomGraph } from '../../support/randomGraph.ts';
import { type Case, faultOf } from './agree.ts';
import { onEveryDevice } from './everyDevice.ts';

const choices = fc.array(fc.nat(1_000_000), { minLength: 4, maxLength: 160, size: 'max' });

/** A random graph with all of its gradients as outputs. */
function caseOf(list: readonly number[], i: number): Case {
  const { graph, feeds } = randomGraph(list, ops, { inputsOnly: true });
  const backward = differentiate(graph, ops, { loss: 'loss', wrt: Object.keys(feeds) });
  const named = Object.entries(backward.gradients).map(([name, ref]) => [`d_${name}`, ref]);
  const fed = Object.entries(feeds).map(([name, { shape, data }]) => [
    name,
    { dtype: 'f32' as const, shape, data: Float32Array.from(data) },
  ]);
  return {
    name: `random graph ${i}`,
    graph: { ...backward.graph, outputs: { ...graph.outputs, ...Object.fromEntries(named) } },
    runs: [{ name: 'once', feeds: Object.fromEntries(fed) }],
  };
}

const COUNT = runs(300, 80);
const cases = fc.sample(choices, { seed: 23, numRuns: COUNT }).map(caseOf);

onEveryDevice((device, { gpu }) => {
  it('agrees in random graphs and their gradients', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    for (const one of cases.slice(0, gpu ? runs(COUNT, 10) : COUNT)) {
      const fault = await faultOf(opened, one, gpu);
      if (fault !== undefined) expect.fail(fault);
    }
  });
});
