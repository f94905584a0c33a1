import type { Dim } from '../../../src/base/dim.ts';
import type { Attributes } from '../../../src/ir/graph.ts';
import { runs } from '../../support/counts.ts';
import { type Case, LONG_SUMS } from './agree.ts';
import { expectAgreement } from './everyDevice.ts';
import { midGraph } from './midGraph.ts';
import { chain, heads, type Sized, sizedOps } from './sized.ts';

/*
 * Sizes that are known when a graph is compiled choose other schedules than names do: tiles cut to them, split sums, kernels for few
 * rows or narrow heads. So every size makes texts of its own.
 */

/** Around all extents that tiles have. */
const EDGES = [4, 8, 16, 32, 64, 128, 256].flatMap((extent) => [extent - 1, extent, extent + 1]);

const NAMED = sizedOps.filter(({ op }) =>
  ['matmul', 'linear', 'softmax', 'logSoftmax', 'layerNorm', 'crossEntropy', 'sum', 'max', 'argmax'].includes(
    op,
  ),
);

/** A graph of its own for these sizes. */
function caseOf(
  { name, op, operands, attributes = {}, sizes }: Sized,
  changed: Sized['sizes'],
  processorOnly = false,
): Case {
  const known = { ...sizes, ...changed };
  const literal = (dim: Dim): Dim => (typeof dim === 'string' ? (known[dim] ?? dim) : dim);
  const { graph, feeds } = midGraph({
    op,
    attributes: attributes as Attributes,
    operands: operands.map((operand) => ({ ...operand, shape: operand.shape.map(literal) })),
  });
  const run = { name: JSON.stringify(known), feeds: feeds({ sizes: known }), tolerance: LONG_SUMS };
  return { name, long: true, processorOnly, graph, runs: [run] };
}

/** Each size in turn at every edge; the quick suite takes one in eighteen of them, others for each op and size, a GPU one in 36. */
function casesOf(sized: Sized, op: number): Case[] {
  const all = Object.keys(sized.sizes).flatMap((name, at) =>
    [1, 2, ...EDGES].map((size, i) => ({ changed: { [name]: size }, i: i + at + op })),
  );
  return all
    .filter(({ i }) => i % runs(1, 18) === 0)
    .map(({ changed, i }) => caseOf(sized, changed, i % 36 !== 0));
}

/** All in the long suite, every third one in the quick one. */
const sampled = (sizes: readonly number[]): number[] => sizes.filter((_, i) => i % runs(1, 3) === 0);

const widths = sampled([1, 3, 4, 5, 16, 31, 32, 33, 64, 65, 128]).map((width) =>
  heads(`attention of width ${width}`, 2 * width, { heads: 2, causal: width % 2 === 0 }),
);
const labels = sampled([1, 2, 4, 5, 16, 31, 33, 32, 65, 64, 130, 128]).flatMap((count) => [
  chain('crfLogLikelihood', count),
  chain('crfDecode', count),
]);

const groups = new Map<string, Case[]>(NAMED.map((sized, op) => [sized.name, casesOf(sized, op)]));
for (const sized of [...widths, ...labels])
  groups.set(sized.name, [caseOf(sized, {}), caseOf(sized, { b: 1 }, true)]);

expectAgreement(groups);
