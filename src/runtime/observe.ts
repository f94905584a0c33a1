import { GraphBuilder } from '../ir/builder.ts';
import type { Graph, Node, Ref } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { passes } from '../passes/index.ts';
import type { TensorValue } from './feeds.ts';

/** All passes but those that every graph needs: others join nodes, or drop one of two equal ones. */
export const optionalPasses = (): string[] =>
  passes.map(({ name }) => name).filter((name) => name !== 'expand' && name !== 'removeDeadNodes');

/** Nodes in an order in which they can run, without the updates: watching changes no weights. */
export const withoutUpdates = (order: readonly Node[]): Node[] =>
  order.filter((node) => node.phase !== 'update');

const outputName = (i: number): string => `watched.${i}`;

/** A graph of the nodes of `order` whose outputs are the tensors `refs`. */
export function watch(
  graph: Graph,
  order: readonly Node[],
  refs: readonly Ref[],
  registry: OpRegistry,
): Graph {
  const builder = new GraphBuilder(graph.name, registry, {
    ...graph,
    nodes: Object.fromEntries(order.map((node) => [node.id, node])),
    inputs: graph.inputs.filter((id) => order.some((node) => node.id === id)),
    outputs: {},
    effects: [],
  });
  refs.forEach((ref, i) => {
    builder.output(outputName(i), ref);
  });
  return builder.finish();
}

/** What a run of a watched graph gave for its tensor `i`. */
export const watched = (values: Readonly<Record<string, TensorValue>>, i: number): TensorValue | undefined =>
  values[outputName(i)];
