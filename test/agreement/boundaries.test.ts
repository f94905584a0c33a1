import { type Case, expectAgreement, LONG_SUMS } from './agree.ts';
import { midGraph } from './midGraph.ts';
import { sizedOps } from './sized.ts';
import { sizesAround } from './tiles.ts';

const cases = sizedOps.map((sized): Case => {
  const { graph, feeds } = midGraph(sized);
  return { name: sized.name, graph, feeds: sizesAround(graph, sized.sizes).map((sizes) => feeds(sizes)) };
});

expectAgreement(cases, LONG_SUMS);
