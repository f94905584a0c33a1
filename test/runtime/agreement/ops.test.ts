import { validSamples } from '../../ops/samples/all.ts';
import type { Sample } from '../../ops/samples/sample.ts';
import type { Case } from './agree.ts';
import { expectAgreement } from './everyDevice.ts';
import { extremeRuns } from './extremes.ts';
import { midGraph, subgraphOf } from './midGraph.ts';

/** Every sample of every op in the middle of a graph, with its gradients: ordinary numbers, and the edges of f32. */
function caseOf(sample: Sample, long: boolean): Case {
  const middle = midGraph(subgraphOf(sample));
  const shapes = sample.inputs.map(({ shape }) => `[${shape}]`).join(' ');
  return {
    name: `${shapes} ${JSON.stringify(sample.attributes ?? {})}`,
    long,
    graph: middle.graph,
    runs: [{ name: 'ordinary numbers', feeds: middle.feeds() }, ...extremeRuns(sample, middle)],
  };
}

/** The quick suite runs one of the larger samples of every fifth op on a GPU. */
const QUICK = 3;

const groups = new Map<string, Case[]>();
for (const { op } of validSamples) {
  if (groups.has(op)) continue;
  const samples = validSamples.filter((sample) => sample.op === op);
  const quick = groups.size % 5 === 0 ? Math.min(QUICK, samples.length - 1) : undefined;
  groups.set(
    op,
    samples.map((sample, i) => caseOf(sample, i !== quick)),
  );
}

expectAgreement(groups);
