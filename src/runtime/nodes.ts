import { defined, FrondError } from '../base/errors.ts';
import { type Graph, idOf, type Node, type Ref, type TensorType } from '../ir/graph.ts';
import { nodeOf, nodePath, typeOfRef } from '../ir/names.ts';
import type { LowerContext, OpRegistry } from '../ir/record.ts';
import { batchArena, GRADIENTS } from '../ops/update.ts';

/** What the rules of an op see of a node. */
export const contextOf = (graph: Graph, { inputs, types, attributes }: Node): LowerContext => ({
  inputs: inputs.map((ref) => typeOfRef(graph, ref)),
  outputs: types,
  attributes,
});

/** What `work` gives; an error of it names the node that it is about. */
export function atNode<T>(node: Node, work: () => T, path = nodePath(node)): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof FrondError ? error.with({ node: path, place: node.source }) : error;
  }
}

/** An input as a graph declares it. */
export interface Input {
  readonly node: Node;
  /** under which it is fed */
  readonly name: string;
  readonly type: TensorType;
}

export const inputsOf = (graph: Graph): Input[] =>
  graph.inputs.map((id) => {
    const node = nodeOf(graph, id);
    return { node, name: String(node.attributes.name), type: typeOfRef(graph, id) };
  });

/** The tensor whose memory a ref shares: itself, or what it is a view of. */
export function memoryRoots(order: readonly Node[], registry: OpRegistry): (ref: Ref) => Ref {
  const roots = new Map<Ref, Ref>();
  for (const node of order) {
    const viewed = registry.get(node.op)?.kind === 'view' ? node.inputs[0] : undefined;
    if (viewed !== undefined) roots.set(node.id, roots.get(viewed) ?? viewed);
  }
  return (ref) => roots.get(ref) ?? ref;
}

/** A graph with the order in which its nodes run, and what is known of their ops and memory. */
export const inOrder = (graph: Graph, order: readonly Node[], registry: OpRegistry) => {
  const root = memoryRoots(order, registry);
  return { graph, order, registry, root };
};
export type OrderedGraph = ReturnType<typeof inOrder>;

/** Whether a tensor is fed, a parameter or a constant: it is there before anything runs. */
export const isSource = (graph: Graph, ref: Ref, registry: OpRegistry): boolean =>
  registry.get(nodeOf(graph, idOf(ref)).op)?.kind === 'source';

/** The gradients that a node leaves in an arena: of which parameter, which of its operands, in which arena. */
export function gradientsOf({ id, inputs, attributes }: Node) {
  const { [GRADIENTS]: parameters, adds, arena: named } = attributes;
  if (!Array.isArray(parameters)) return [];
  const first = inputs.length - parameters.length;
  const given = typeof named === 'string' ? named : 'gradient';
  const arena = adds === true ? batchArena(given) : given;
  return parameters.map(String).map((parameter, i) => {
    const operand = first + i;
    return { parameter, operand, arena, ref: defined(inputs[operand], `gradient of ${parameter} at ${id}`) };
  });
}
