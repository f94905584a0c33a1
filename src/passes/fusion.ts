import { type Dim, sameShape } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import { inferTypes } from '../ir/builder.ts';
import {
  constantInstruction,
  type Expression,
  FUSED,
  type Instruction,
  readExpression,
} from '../ir/expression.ts';
import { constantValue, type Graph, type Node, type NodeId, type Ref } from '../ir/graph.ts';
import { findNode } from '../ir/names.ts';
import { topologicalOrder, usersOf } from '../ir/order.ts';
import { printType } from '../ir/print.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { type Nodes, nodesOf } from './rewrite.ts';

/** What the passes that fuse nodes know of a graph. */
export interface Fusion extends Nodes {
  /** operands before users */
  readonly order: readonly Node[];
  /** nodes that read a tensor, as often as they do */
  users(ref: Ref): readonly NodeId[];
  /** outputs and effects */
  readonly kept: ReadonlySet<Ref>;
  /** place in the order: what a node depends on has a smaller one */
  place(id: NodeId): number;
}

export function fusionOf(graph: Graph, registry: OpRegistry): Fusion {
  const order = topologicalOrder(graph);
  const users = usersOf(graph);
  const places = new Map(order.map((node, i) => [node.id, i]));
  return {
    ...nodesOf(registry, (id) => findNode(graph, id)),
    order,
    users: (ref) => users.get(ref) ?? [],
    kept: new Set([...Object.values(graph.outputs), ...graph.effects]),
    place: (id) => places.get(id) ?? 0,
  };
}

/** Whether the op's own shape rule takes a rewritten node and gives the type it has: the rule has the last word. */
export function isLegal(node: Node, { registry, type }: Nodes): boolean {
  const record = registry.get(node.op);
  if (record === undefined) return false;
  try {
    return inferTypes(record, node, type).map(printType).join() === node.types.map(printType).join();
  } catch (error) {
    if (error instanceof FrondError) return false;
    throw error;
  }
}

export const haveSameShape = (nodes: Nodes, x: Ref, y: Ref): boolean =>
  sameShape(nodes.type(x).shape, nodes.type(y).shape);

/** A constant of one number as a literal of a kernel; undefined for other tensors. */
export function literalOf(nodes: Nodes, ref: Ref): Instruction | undefined {
  const value = constantValue(nodes.node(ref));
  const { dtype } = nodes.type(ref);
  // the text of a kernel has no way to write what is not finite in f32
  return typeof value === 'number' && dtype !== 'f16' && Number.isFinite(Math.fround(value))
    ? constantInstruction(value, dtype)
    : undefined;
}

/** Whether an op reads operand `index` whole instead of element by element. */
export const isWhole = (record: OpRecord | undefined, index: number): boolean =>
  record?.whole?.includes(index) === true;

/** Whether shapes that broadcast to `shape` need nothing else for it: each dim is a dim of some of them. */
export const coversShape = (shapes: readonly (readonly Dim[])[], shape: readonly Dim[]): boolean =>
  shape.every((dim, i) => shapes.some((own) => own[i - shape.length + own.length] === dim));

/** What an element-wise node computes of its operands; undefined for other nodes. */
export function expressionOf({ op, inputs, attributes }: Node, registry: OpRegistry): Expression | undefined {
  if (op === FUSED) return readExpression(attributes.expression, inputs.length);
  const record = registry.get(op);
  if (record?.kind !== 'elementwise' || record.emit === undefined) return undefined;
  return [{ op, args: inputs.map((_, i) => i), attributes }];
}

/** An expression in the making. `operands` have the first numbers; scalar constants that are read become literals. */
export function joinExpressions(nodes: Nodes, operands: readonly Ref[]) {
  const numbers = new Map(operands.map((ref, i) => [ref, i]));
  const instructions: Instruction[] = [];
  const push = (instruction: Instruction): number => operands.length + instructions.push(instruction) - 1;
  const numberOf = (ref: Ref): number => {
    const number =
      numbers.get(ref) ?? push(defined(literalOf(nodes, ref), `operand ${ref} of an expression`));
    numbers.set(ref, number);
    return number;
  };
  return {
    instructions,
    /** Adds what a node computes. @returns the place in `instructions` of each instruction */
    add({ id, inputs }: Node, expression: Expression): readonly number[] {
      const known = inputs.map(numberOf);
      for (const { op, args, attributes } of expression) {
        known.push(push({ op, args: args.map((arg) => defined(known[arg], 'argument')), attributes }));
      }
      numbers.set(id, known.at(-1) ?? -1);
      return known.slice(inputs.length).map((number) => number - operands.length);
    },
  };
}
