import { type Case, LONG_SUMS } from './agree.ts';
import { expectAgreement } from './everyDevice.ts';
import { midGraph } from './midGraph.ts';
import { sizedOps } from './sized.ts';
import { sizesAround } from './tiles.ts';

/** What the quick suite runs on a GPU: one of each kind of kernel. */

/** What the quick suite runs on a GPU too. */
const QUICK = ['softmax', 'max of rows', 'argmax', 'transpose', 'a column'];

const cases = sizedOps.map((sized): Case => {
  const { graph, feeds } = midGraph(sized);
  const runs = sizesAround(graph, sized.sizes).map((sizes) => ({
    name: JSON.stringify(sizes),
    feeds: feeds({ sizes }),
    tolerance: LONG_SUMS,
  }));
  return { name: sized.name, long: !QUICK.includes(sized.name), graph, runs };
});

expectAgreement(new Map(cases.map((one) => [one.name, [one]])));
