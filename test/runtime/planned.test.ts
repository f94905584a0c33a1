import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ops } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { runs } from '../support/counts.ts';
import { randomGraph } from '../support/randomGraph.ts';
import { bytes, f32Value, numbers } from './support.ts';
import { classifier, feedsFor, trainedWeights } from './training.ts';
import { runUnshared } from './unshared.ts';

describe('the memory plan changes nothing', () => {
  it('in random graphs', async () => {
    const choices = fc.array(fc.nat(1_000_000), { minLength: 20, maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(choices, fc.boolean(), async (list, fused) => {
        const { graph, feeds } = randomGraph(list, ops, { inputsOnly: true });
        const disable = fused ? [] : ['fuseElementwise', 'fuseEpilogue'];
        const { executable } = await compile(graph, { device: interpreterDevice(), disable });
        const fed = Object.fromEntries(
          Object.entries(feeds).map(([name, { shape, data }]) => [name, f32Value(shape, data)]),
        );
        const shared = await executable.run(fed);
        const apart = await runUnshared(executable, fed);
        for (const [name, values] of Object.entries(apart)) {
          expect(bytes(numbers(shared[name])), name).toBe(bytes(values));
        }
      }),
      { seed: 11, numRuns: runs(300, 30) },
    );
  });

  it('in training steps', async () => {
    const weights: string[] = [];
    for (const unshared of [false, true]) {
      const { executable } = await classifier();
      for (let step = 0; step < 3; step++) {
        const feeds = feedsFor(step, 5 + step);
        if (unshared) await runUnshared(executable, feeds);
        else await executable.run(feeds);
      }
      weights.push(await trainedWeights(executable.state));
    }
    expect(weights[0]).toBe(weights[1]);
  });
});
