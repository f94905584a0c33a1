import { defined } from '../base/errors.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { type Graph, makeRef, type Node, type Ref, type TensorType } from '../ir/graph.ts';
import { ops } from '../ops/index.ts';
import { passes } from '../passes/index.ts';
import { compile, executionOrder } from './compile.ts';
import type { Feeds, TensorValue } from './feeds.ts';
import type { LoweredProgram } from './lower.ts';
import type { ModelState } from './state.ts';

/** A result of a node, as a run gave it. */
export interface Observed {
  readonly node: Node;
  /** which of the node's results */
  readonly result: number;
  readonly ref: Ref;
  readonly value: TensorValue;
}

/** All passes but those that every graph needs: others join nodes, or drop one of two equal ones. */
const optionalPasses = (): string[] =>
  passes.map(({ name }) => name).filter((name) => name !== 'expand' && name !== 'removeDeadNodes');

const outputName = (i: number): string => `observed.${i}`;

/** The graph without its updates, which observing must not run, and with each of `refs` as an output. */
function observable(graph: Graph, order: readonly Node[], refs: readonly Ref[]): Graph {
  const nodes = Object.fromEntries(order.map((node) => [node.id, node]));
  const inputs = graph.inputs.filter((id) => Object.hasOwn(nodes, id));
  const builder = new GraphBuilder(graph.name, ops, { ...graph, nodes, inputs, outputs: {}, effects: [] });
  refs.forEach((ref, i) => {
    builder.output(outputName(i), ref);
  });
  return builder.finish();
}

/**
 * Runs a graph once, unfused and without its updates, and gives all results of its nodes in the order in which they run. Weights are
 * read, never written.
 */
export async function observe(
  graph: Graph,
  state: ModelState,
  feedsOf: (program: LoweredProgram) => Feeds,
  wanted: (type: TensorType) => boolean = () => true,
): Promise<Observed[]> {
  const order = executionOrder(graph).filter(({ phase }) => phase !== 'update');
  const results = order.flatMap((node) =>
    node.types.flatMap((type, result) =>
      wanted(type) ? [{ node, result, ref: makeRef(node.id, result) }] : [],
    ),
  );
  const observed = observable(
    graph,
    order,
    results.map(({ ref }) => ref),
  );
  const { executable } = await compile(observed, { state, disable: optionalPasses() });
  try {
    const values = await executable.run(feedsOf(executable.program));
    return results.map((each, i) => ({ ...each, value: defined(values[outputName(i)], each.ref) }));
  } finally {
    await executable.free();
  }
}
