import type { Graph, Node, NodeId, Ref } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';

/** Which tensor stands in for which; followed to its end, so that a replacement may be replaced in turn. */
export type Replacements = Map<Ref, Ref>;

export function resolve(replacements: Replacements, ref: Ref): Ref {
  let last = ref;
  for (let next = replacements.get(last); next !== undefined; next = replacements.get(last)) last = next;
  // shorten the chain: many look-ups stay linear together
  for (let at = ref; at !== last; ) {
    const next = replacements.get(at) ?? last;
    replacements.set(at, last);
    at = next;
  }
  return last;
}

/**
 * The graph with every use of a replaced tensor redirected, its nodes in topological order and the now unused nodes dropped.
 * Inputs and parameters stay: they are part of what a graph promises. A graph without changes comes back as itself.
 */
export function redirect(graph: Graph, replacements: Replacements): Graph {
  if (replacements.size === 0) return graph;
  const nodes: Record<NodeId, Node> = {};
  for (const node of Object.values(graph.nodes)) nodes[node.id] = redirectNode(node, replacements);
  return dropUnused({ ...graph, nodes, ...redirectResults(graph, replacements) });
}

/** Outputs and effects after replacement. */
export const redirectResults = (
  { outputs, effects }: Graph,
  replacements: Replacements,
): Pick<Graph, 'outputs' | 'effects'> =>
  replacements.size === 0
    ? { outputs, effects }
    : {
        outputs: Object.fromEntries(
          Object.entries(outputs).map(([name, ref]) => [name, resolve(replacements, ref)]),
        ),
        effects: effects.map((id) => splitRef(resolve(replacements, id)).id),
      };

export function redirectNode(node: Node, replacements: Replacements): Node {
  if (!node.inputs.some((input) => replacements.has(input))) return node;
  return { ...node, inputs: node.inputs.map((input) => resolve(replacements, input)) };
}

/** Keeps what outputs and effects depend on, inputs and parameters; nodes come in topological order. */
export function dropUnused(graph: Graph): Graph {
  const live = new Set<NodeId>(graph.effects);
  for (const ref of Object.values(graph.outputs)) live.add(splitRef(ref).id);
  const order = topologicalOrder(graph);
  for (const node of order.toReversed()) {
    if (node.op === 'input' || node.op === 'parameter') live.add(node.id);
    if (live.has(node.id)) for (const input of node.inputs) live.add(splitRef(input).id);
  }
  const kept = order.filter((node) => live.has(node.id));
  return { ...graph, nodes: Object.fromEntries(kept.map((node) => [node.id, node])) };
}
