import { expect, it } from 'vitest';
import { defined } from '../../../src/base/errors.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { runs } from '../../support/counts.ts';
import { type Case, LONG_SUMS, type Outcome, outcomesOn } from './agree.ts';
import { expectAgreement } from './everyDevice.ts';
import { midGraph } from './midGraph.ts';
import { sizedOps } from './sized.ts';
import { sizesAround } from './tiles.ts';

/** What the quick suite runs on a GPU too. */
const QUICK = ['softmax', 'max of rows', 'argmax', 'transpose', 'a column'];

const cases = sizedOps.map((sized, at): Case => {
  const { graph, feeds } = midGraph(sized);
  // all in the long suite, one in three in the quick one, others for each kernel
  const around = sizesAround(graph, sized.sizes).filter((_, i) => (i + at) % runs(1, 3) === 0);
  const sizedRuns = around.map((sizes) => ({
    name: JSON.stringify(sizes),
    feeds: feeds({ sizes }),
    tolerance: LONG_SUMS,
  }));
  return { name: sized.name, long: !QUICK.includes(sized.name), graph, runs: sizedRuns };
});

expectAgreement(new Map(cases.map((one) => [one.name, [one]])));

/** Where two outcomes are not the same bytes. */
function otherBytes(one: Outcome, other: Outcome): string | undefined {
  if (typeof one === 'string' || typeof other === 'string') return one === other ? undefined : 'its outcome';
  return Object.entries(one).find(([name, { data }]) => {
    const values = other[name]?.data ?? [];
    return !Array.from(data).every((value, i) => Object.is(value, values[i]));
  })?.[0];
}

it('wasm gives the same bytes on one thread and on two, at all of these sizes', async () => {
  const [single, double] = [wasmDevice({ threads: 1 }), wasmDevice({ threads: 2 })];
  for (const { name, graph, runs: all } of cases) {
    const feeds = all.map((run) => run.feeds);
    const alone = await outcomesOn(single, graph, feeds);
    const shared = await outcomesOn(double, graph, feeds);
    alone.forEach((outcome, i) => {
      const other = otherBytes(outcome, defined(shared[i], 'outcome'));
      if (other !== undefined) expect.fail(`${name}, ${all[i]?.name}: ${other}`);
    });
  }
  await Promise.all([single.close(), double.close()]);
});
