import { type Case, expectAgreement, LONG_SUMS } from './agree.ts';
import { midGraph } from './midGraph.ts';
import { sizedOps } from './sized.ts';
import { sizesAround } from './tiles.ts';

/** What the quick suite runs on a GPU: one of each kind of kernel. */
const QUICK = [
  'xᵀ y',
  'layerNorm',
  'sum of columns',
  'argmax',
  'transpose',
  'gather',
  'a column',
  'attention',
];

const cases = sizedOps.map((sized): Case => {
  const { graph, feeds } = midGraph(sized);
  return {
    name: sized.name,
    long: !QUICK.includes(sized.name),
    graph,
    feeds: sizesAround(graph, sized.sizes).map((sizes) => feeds(sizes)),
  };
});

expectAgreement(cases, LONG_SUMS);
