import { validSamples } from '../../src/ops/all.samples.ts';
import { type Case, expectAgreement } from './agree.ts';
import { midGraph, subgraphOf } from './midGraph.ts';

/** Every sample of every op in the middle of a graph, with its gradients. */
const cases = validSamples.map((sample): Case => {
  const { graph, feeds } = midGraph(subgraphOf(sample));
  const shapes = sample.inputs.map(({ shape }) => `[${shape}]`).join(' ');
  return {
    name: `${sample.op} ${shapes} ${JSON.stringify(sample.attributes ?? {})}`,
    graph,
    feeds: [feeds()],
  };
});

expectAgreement(cases);
