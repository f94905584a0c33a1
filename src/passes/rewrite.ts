import { defined, FrondError } from '../base/errors.ts';
import { mapValues } from '../base/own.ts';
import { inferTypes } from '../ir/builder.ts';
import type { Graph, Node, NodeId, Ref, TensorType } from '../ir/graph.ts';
import { graphWith, idOf, makeRef, nodesById, nodeWith, refsOf, sameTypes, splitRef } from '../ir/graph.ts';
import { isSorted, rootsOf, topologicalOrder } from '../ir/order.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';

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

/** What passes ask about the nodes of a graph. */
export interface Nodes {
  /** the node that makes a tensor */
  node(ref: Ref | undefined): Node | undefined;
  record(node: Node | undefined): OpRecord | undefined;
  type(ref: Ref): TensorType;
  /** Whether the op's own shape rule takes a rewritten node and gives the types it has: the rule has the last word. */
  isLegal(node: Node): boolean;
  /** Whether a node reads operand `index` whole instead of element by element. */
  readsWhole(node: Node, index: number): boolean;
}

export function nodesOf(registry: OpRegistry, find: (id: NodeId) => Node | undefined): Nodes {
  const node = (ref: Ref | undefined) => (ref === undefined ? undefined : find(idOf(ref)));
  const type = (ref: Ref): TensorType => {
    const { id, output } = splitRef(ref);
    const found = find(id)?.types[output];
    return found ?? defined<TensorType>(found, `type of ${ref}`);
  };
  return {
    node,
    record: (node) => registry.get(node?.op ?? ''),
    type,
    isLegal(rewritten) {
      const record = registry.get(rewritten.op);
      try {
        return record !== undefined && sameTypes(inferTypes(record, rewritten, type), rewritten.types);
      } catch (error) {
        if (error instanceof FrondError) return false;
        throw error;
      }
    },
    readsWhole: ({ op }, index) => registry.get(op)?.whole?.includes(index) === true,
  };
}

/**
 * Visits nodes, operands before users, each with its operands replaced already. `visit` gives the node as it is to be, or the tensor
 * that stands in for its first result, and the next ones of which for its others. `before` are the rewritten nodes so far; `visit`
 * may put another in the place of one of them.
 */
export function rewriteNodes(
  graph: Graph,
  registry: OpRegistry,
  visit: (node: Node, before: Nodes, put: (node: Node) => void) => Node | Ref,
): Graph {
  const replacements: Replacements = new Map();
  const nodes = new Map<NodeId, Node>();
  const before = nodesOf(registry, (id) => nodes.get(id));
  const put = (node: Node): void => void nodes.set(node.id, node);
  let changed = false;
  for (const original of topologicalOrder(graph)) {
    const result = visit(redirectNode(original, replacements), before, put);
    if (typeof result === 'string') {
      const { id, output } = splitRef(result);
      refsOf(original).forEach((ref, k) => {
        replacements.set(ref, makeRef(id, output + k));
      });
    } else put(result);
    changed ||= result !== original;
  }
  return changed ? withNodes(graph, nodes.values(), replacements) : graph;
}

/**
 * The graph with some nodes changed and every use of a replaced tensor redirected, its nodes in topological order and the now unused
 * ones dropped. A graph without changes comes back as itself.
 */
export function rewrite(graph: Graph, changed: ReadonlyMap<NodeId, Node>, replacements: Replacements): Graph {
  if (changed.size === 0 && replacements.size === 0) return graph;
  const nodes = Object.values(graph.nodes).map((node) =>
    redirectNode(changed.get(node.id) ?? node, replacements),
  );
  return withNodes(graph, nodes, replacements);
}

function redirectNode(node: Node, replacements: Replacements): Node {
  if (!node.inputs.some((input) => replacements.has(input))) return node;
  return nodeWith(node, { inputs: node.inputs.map((input) => resolve(replacements, input)) });
}

function withNodes(graph: Graph, nodes: Iterable<Node>, replacements: Replacements): Graph {
  const follow = (ref: Ref): Ref => resolve(replacements, ref);
  const outputs = mapValues(graph.outputs, follow);
  const effects = graph.effects.map((id) => idOf(follow(id)));
  const redirected = replacements.size === 0 ? graph : graphWith(graph, { outputs, effects });
  const list = [...nodes];
  const order = isSorted(list) ? list : topologicalOrder(graphWith(graph, { nodes: nodesById(list) }));
  return graphWith(redirected, { nodes: nodesById(usedOf(redirected, order)) });
}

/**
 * Those of the nodes of `order`, operands before users, that are used: inputs and parameters, which a graph promises, and what outputs
 * and effects depend on.
 */
function usedOf(graph: Graph, order: readonly Node[]): readonly Node[] {
  const live = new Set(rootsOf(graph));
  for (const node of order.toReversed()) {
    if (node.op === 'input' || node.op === 'parameter') live.add(node.id);
    if (live.has(node.id)) for (const input of node.inputs) live.add(idOf(input));
  }
  return order.filter(({ id }) => live.has(id));
}

/** Drops nodes that neither an output nor an effect depends on. Inputs and parameters stay. */
export function removeDeadNodes(graph: Graph): Graph {
  const order = topologicalOrder(graph);
  const used = usedOf(graph, order);
  return used.length === order.length ? graph : graphWith(graph, { nodes: nodesById(used) });
}
