import {
  type Graph,
  type Node,
  type NodeId,
  nodeWith,
  type Ref,
  sameTypes,
  withChanged,
} from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { fusionOf } from './fusion.ts';

/**
 * Moves to the forward part what the backward part alone keeps a tensor for, as the derivative of gelu keeps what gelu was
 * applied to: an element-wise function of a forward tensor x that nothing else in the backward part reads. Its value is kept
 * instead of x, which takes the same memory, and fusion computes it together with what else is made of x.
 */
export function hoistDerivatives(graph: Graph, registry: OpRegistry): Graph {
  const fusion = fusionOf(graph, registry);
  const isForward = (ref: Ref): boolean => fusion.node(ref)?.phase === 'forward';
  const isKeptFor = (ref: Ref, { id, types }: Node): boolean =>
    fusion.record(fusion.node(ref))?.kind !== 'source' &&
    !fusion.kept.has(ref) &&
    fusion.users(ref).every((user) => user === id || isForward(user)) &&
    sameTypes([fusion.type(ref)], types);
  const hoisted = new Map<NodeId, Node>();
  for (const node of fusion.order) {
    if (node.phase !== 'backward' || fusion.record(node)?.kind !== 'elementwise') continue;
    if (node.inputs.every(isForward) && node.inputs.some((ref) => isKeptFor(ref, node)))
      hoisted.set(node.id, nodeWith(node, { phase: 'forward' }));
  }
  return withChanged(graph, hoisted);
}
