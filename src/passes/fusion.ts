import type { Dim } from '../base/dim.ts';
import { constantStep, type Step } from '../ir/expression.ts';
import type { Graph, Ref } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { findNode, typeOfRef } from '../ir/names.ts';

/** What both fusion passes ask about tensors. */

export const sameShape = (x: readonly Dim[], y: readonly Dim[]): boolean =>
  x.length === y.length && x.every((dim, i) => dim === y[i]);

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

/** Whether broadcasting the operands against each other gives exactly `shape`. */
export function broadcastsTo(graph: Graph, operands: readonly Ref[], shape: readonly Dim[]): boolean {
  if (operands.length === 0) return false;
  const shapes = operands.map((operand) => shapeOf(graph, operand));
  return (
    shapes.every((own) => own.length <= shape.length) &&
    shape.every((dim, i) => shapes.some((own) => own[i - shape.length + own.length] === dim))
  );
}
