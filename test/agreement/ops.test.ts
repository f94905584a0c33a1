import { validSamples } from '../../src/ops/all.samples.ts';
import type { Sample } from '../../src/ops/sample.ts';
import { type Case, expectAgreement } from './agree.ts';
import { midGraph, subgraphOf } from './midGraph.ts';

const ofOp = (op: string): Sample[] => validSamples.filter((sample) => sample.op === op);
/** One of the larger samples of each op: what the quick suite runs on a GPU. */
const quick = new Set(
  [...new Set(validSamples.map(({ op }) => op))].map((op) => ofOp(op).slice(0, 4).at(-1)),
);

/** Every sample of every op in the middle of a graph, with its gradients. */
const cases = validSamples.map((sample): Case => {
  const { graph, feeds } = midGraph(subgraphOf(sample));
  const shapes = sample.inputs.map(({ shape }) => `[${shape}]`).join(' ');
  return {
    name: `${sample.op} ${shapes} ${JSON.stringify(sample.attributes ?? {})}`,
    long: !quick.has(sample),
    graph,
    feeds: [feeds()],
  };
});

expectAgreement(cases);
