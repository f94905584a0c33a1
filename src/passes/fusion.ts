import type { Dim } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import { inferTypes } from '../ir/builder.ts';
import { constantStep, type Step } from '../ir/expression.ts';
import type { Graph, Node, Ref, TensorType } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { findNode, typeOfRef } from '../ir/names.ts';
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
export function asConstantStep(graph: Graph, ref: Ref): Step | undefined {
  const node = findNode(graph, splitRef(ref).id);
  const [type] = node?.types ?? [];
  const value = node?.op === 'constant' ? node.attributes.value : undefined;
  if (typeof value !== 'number' || type === undefined || type.dtype === 'f16') return undefined;
  // the text of a kernel has no way to write these
  return Number.isFinite(value) ? constantStep(value, type.dtype) : undefined;
}

/** Whether an op reads operand `index` whole instead of element by element. */
export const isWhole = (record: OpRecord | undefined, index: number): boolean =>
  record?.whole?.includes(index) === true;

/** Whether shapes that broadcast to `shape` need nothing else for it: each dim is a dim of some of them. */
export const coversShape = (shapes: readonly (readonly Dim[])[], shape: readonly Dim[]): boolean =>
  shape.every((dim, i) => shapes.some((own) => own[i - shape.length + own.length] === dim));
