import type { Dim } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import { inferTypes } from '../ir/builder.ts';
import { constantInstruction, type Instruction } from '../ir/expression.ts';
import type { Graph, Node, NodeId, Ref, TensorType } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { findNode, typeOfRef } from '../ir/names.ts';
import { topologicalOrder } from '../ir/order.ts';
import { printType } from '../ir/print.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';

/** What rewriting passes ask about tensors and nodes. */

/** Whether the op's own shape rule takes a rewritten node and gives the type it has: the rule has the last word. */
export function isLegal(node: Node, typeOf: (ref: Ref) => TensorType, registry: OpRegistry): boolean {
  const record = registry.get(node.op);
  if (record === undefined) return false;
  try {
    return inferTypes(record, node, typeOf).map(printType).join() === node.types.map(printType).join();
  } catch (error) {
    if (error instanceof FrondError) return false;
    throw error;
  }
}

export const shapeOf = (graph: Graph, ref: Ref): readonly Dim[] => typeOfRef(graph, ref).shape;

/** A constant of one number as a literal of a kernel; undefined for other tensors. */
export function asConstantInstruction(graph: Graph, ref: Ref): Instruction | undefined {
  const node = findNode(graph, splitRef(ref).id);
  const [type] = node?.types ?? [];
  const value = node?.op === 'constant' ? node.attributes.value : undefined;
  if (typeof value !== 'number' || type === undefined || type.dtype === 'f16') return undefined;
  // the text of a kernel has no way to write what is not finite in f32
  return Number.isFinite(Math.fround(value)) ? constantInstruction(value, type.dtype) : undefined;
}

/** Whether an op reads operand `index` whole instead of element by element. */
export const isWhole = (record: OpRecord | undefined, index: number): boolean =>
  record?.whole?.includes(index) === true;

/** Whether shapes that broadcast to `shape` need nothing else for it: each dim is a dim of some of them. */
export const coversShape = (shapes: readonly (readonly Dim[])[], shape: readonly Dim[]): boolean =>
  shape.every((dim, i) => shapes.some((own) => own[i - shape.length + own.length] === dim));

/** Places in a topological order: what a node depends on has a smaller one. */
export const positionsOf = (graph: Graph): ReadonlyMap<NodeId, number> =>
  new Map(topologicalOrder(graph).map((node, i) => [node.id, i]));

/** Whether `node` depends on one of `targets`. Looks only at what stands behind the first of them, so that it stays local. */
export function dependsOn(
  graph: Graph,
  node: Node,
  targets: ReadonlySet<NodeId>,
  position: ReadonlyMap<NodeId, number>,
): boolean {
  const at = (id: NodeId): number => position.get(id) ?? 0;
  const first = Math.min(...[...targets].map(at));
  const seen = new Set<NodeId>();
  for (let open = [...node.inputs]; open.length > 0; ) {
    const { id } = splitRef(open.pop() ?? '');
    if (targets.has(id)) return true;
    if (seen.has(id) || at(id) < first) continue;
    seen.add(id);
    open = [...open, ...(findNode(graph, id)?.inputs ?? [])];
  }
  return false;
}
