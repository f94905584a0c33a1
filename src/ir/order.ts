import { FrondError } from '../base/errors.ts';
import { grouped } from '../base/own.ts';
import type { Graph, Node, NodeId, Ref } from './graph.ts';
import { idOf } from './graph.ts';
import { nodeOf, placeOf } from './names.ts';

const OPEN = 1;
const DONE = 2;

/**
 * Nodes so that operands stand before their users; otherwise in the order of the record, so that a graph whose record is
 * sorted already keeps it. With `roots`, only what they depend on. Linear, and without recursion.
 *
 * @throws FROND-I003 naming the nodes of a cycle, FROND-I001 when an operand does not exist.
 */
export function topologicalOrder(graph: Graph, roots?: readonly NodeId[]): Node[] {
  // most graphs come sorted
  const all = Object.values(graph.nodes);
  if (roots === undefined && isSorted(all)) return all;
  const order: Node[] = [];
  const state = new Map<NodeId, typeof OPEN | typeof DONE>();
  const stack: { node: Node; next: number }[] = [];
  const open = (id: NodeId): void => {
    state.set(id, OPEN);
    stack.push({ node: nodeOf(graph, id), next: 0 });
  };
  for (const root of roots ?? Object.keys(graph.nodes)) {
    if (!state.has(root)) open(root);
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const input = frame.node.inputs[frame.next++];
      if (input === undefined) {
        stack.pop();
        state.set(frame.node.id, DONE);
        order.push(frame.node);
        continue;
      }
      const id = idOf(input);
      const seen = state.get(id);
      if (seen === undefined) open(id);
      if (seen === OPEN)
        throw cycleError(
          graph,
          stack.map((entry) => entry.node),
          id,
        );
    }
  }
  return order;
}

/** Whether operands stand before their users. */
export function isSorted(nodes: readonly Node[]): boolean {
  const seen = new Set<NodeId>();
  return nodes.every(({ id, inputs }) => {
    const ready = inputs.every((ref) => seen.has(ref) || seen.has(idOf(ref)));
    seen.add(id);
    return ready;
  });
}

function cycleError(graph: Graph, path: readonly Node[], id: NodeId): FrondError {
  const cycle = path.slice(path.findIndex((node) => node.id === id));
  // operands are pushed after their users, so reading backwards goes along the arrows
  const names = [...cycle.map((node) => node.id).reverse(), cycle.at(-1)?.id ?? id];
  const shown = names.length > 8 ? [...names.slice(0, 7), '…'] : names;
  return new FrondError(
    'FROND-I003',
    `graph ${graph.name} has a cycle: %${shown.join(' → %')}`,
    placeOf(nodeOf(graph, id)),
  );
}

/** The nodes that must run: what outputs and effects depend on. */
export const rootsOf = (graph: Graph): NodeId[] => [
  ...Object.values(graph.outputs).map(idOf),
  ...graph.effects,
];

/** Ids of the nodes that read each tensor; a node that reads it twice is listed twice. */
export const usersOf = (nodes: readonly Node[]): Map<Ref, NodeId[]> =>
  grouped(nodes.flatMap(({ id, inputs }) => inputs.map((ref) => [ref, id] as const)));
