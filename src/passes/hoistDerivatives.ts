import { sameShape } from '../base/dim.ts';
import type { Graph, Node, NodeId, Ref } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { usersOf } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';

/**
 * Moves to the forward part what the backward part alone keeps a tensor for, as the derivative of gelu keeps what gelu was
 * applied to: an element-wise function of a forward tensor x that nothing else in the backward part reads. Its value is kept
 * instead of x, which takes the same memory, and fusion computes it together with what else is made of x.
 */
export function hoistDerivatives(graph: Graph, registry: OpRegistry): Graph {
  const users = usersOf(graph);
  const kept = new Set(Object.values(graph.outputs));
  const hoisted: Record<NodeId, Node> = {};
  const early = (ref: Ref): boolean => graph.nodes[splitRef(ref).id]?.phase === 'forward';
  const keptFor = (ref: Ref, node: Node): boolean => {
    const owner = graph.nodes[splitRef(ref).id];
    const readers = (users.get(ref) ?? []).filter((id) => graph.nodes[id]?.phase !== 'forward');
    const type = owner?.types[splitRef(ref).output];
    return (
      owner !== undefined &&
      registry.get(owner.op)?.kind !== 'source' &&
      !kept.has(ref) &&
      readers.every((id) => id === node.id) &&
      type !== undefined &&
      type.dtype === node.types[0]?.dtype &&
      sameShape(type.shape, node.types[0].shape)
    );
  };
  for (const node of Object.values(graph.nodes)) {
    if (node.phase !== 'backward' || registry.get(node.op)?.kind !== 'elementwise') continue;
    if (node.inputs.every(early) && node.inputs.some((ref) => keptFor(ref, node))) {
      hoisted[node.id] = { ...node, phase: 'forward' };
    }
  }
  return Object.keys(hoisted).length === 0 ? graph : { ...graph, nodes: { ...graph.nodes, ...hoisted } };
}
