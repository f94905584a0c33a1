import type { Graph, Node, NodeId, Ref, TensorType } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { findNode, nodeOf, typeOfRef } from '../ir/names.ts';
import type { IndexBounds, LowerContext, OpRegistry } from '../ir/record.ts';
import { memoryRoots } from './lower.ts';

const contextOf = (graph: Graph, { inputs, types, attributes }: Node): LowerContext => ({
  inputs: inputs.map((ref) => typeOfRef(graph, ref)),
  outputs: types,
  attributes,
});

const fitsIn = (inner: IndexBounds, { low, below }: IndexBounds): boolean =>
  inner.low >= low &&
  (inner.below === below ||
    (typeof inner.below === 'number' && typeof below === 'number' && inner.below < below));

/**
 * Ids that the graph computes are clamped before an op indexes by them, and the first one outside is noted for the host: see
 * `Executable.checkIndices`. What is fed or constant is checked on the host, and some results are within bounds by nature.
 */
export function guardIndices(graph: Graph, order: readonly Node[], registry: OpRegistry): Graph {
  const root = memoryRoots(order, registry);
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  const guards = new Map<string, NodeId>();
  const isSafe = (ref: Ref, bounds: IndexBounds): boolean => {
    const { id, output } = splitRef(root(ref));
    const producer = nodeOf(graph, id);
    const record = registry.get(producer.op);
    if (record?.kind === 'source') return true;
    const within = output === 0 ? record?.within?.(contextOf(graph, producer)) : undefined;
    return within !== undefined && fitsIn(within, bounds);
  };
  const guard = (ref: Ref, lengths: Ref | undefined, { low, below }: IndexBounds, reader: Node): NodeId => {
    const inputs = lengths === undefined ? [ref] : [ref, lengths];
    const key = [...inputs, low, below].join(' ');
    const known = guards.get(key);
    if (known !== undefined) return known;
    let id = `${splitRef(ref).id}/clamped`;
    while (findNode(graph, id) !== undefined || [...guards.values()].includes(id)) id = `${id}.`;
    const types: TensorType[] = [typeOfRef(graph, ref)];
    const { phase } = nodeOf(graph, splitRef(ref).id);
    nodes[id] = {
      ...{ ...reader, id, op: 'clampIndex', inputs, types, phase },
      attributes: { low, below: [below], report: id },
    };
    guards.set(key, id);
    return id;
  };
  for (const node of order) {
    const computed = (registry.get(node.op)?.indices?.(contextOf(graph, node)) ?? []).flatMap((range) => {
      const ref = node.inputs[range.input];
      return ref === undefined || isSafe(ref, range) ? [] : [{ ref, range }];
    });
    const clamped = new Map(
      computed.map(({ ref, range }) => {
        const lengths = range.lengths === undefined ? undefined : node.inputs[range.lengths];
        return [range.input, guard(ref, lengths, range, node)];
      }),
    );
    if (clamped.size > 0)
      nodes[node.id] = { ...node, inputs: node.inputs.map((ref, i) => clamped.get(i) ?? ref) };
  }
  return guards.size === 0 ? graph : { ...graph, nodes };
}
