import { type Dim, sameShape } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import { remembered } from '../base/own.ts';
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
import type { OpRegistry } from '../ir/record.ts';
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
  /** A constant of one number as a literal of a kernel; undefined for other tensors. */
  literal(ref: Ref): Instruction | undefined;
  /** What an element-wise node computes of its operands; undefined for other nodes. */
  expression(node: Node): Expression | undefined;
}

export function fusionOf(graph: Graph, registry: OpRegistry): Fusion {
  const order = topologicalOrder(graph);
  const users = usersOf(order);
  const places = new Map(order.map((node, i) => [node.id, i]));
  const nodes = nodesOf(registry, (id) => findNode(graph, id));
  return {
    ...nodes,
    order,
    users: (ref) => users.get(ref) ?? [],
    kept: new Set([...Object.values(graph.outputs), ...graph.effects]),
    place: (id) => places.get(id) ?? 0,
    literal(ref) {
      const value = constantValue(nodes.node(ref));
      // the text of a kernel has no way to write what is not finite in f32
      if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) return undefined;
      const { dtype } = nodes.type(ref);
      return dtype === 'f16' ? undefined : constantInstruction(value, dtype);
    },
    expression({ op, inputs, attributes }) {
      if (op === FUSED) return readExpression(attributes.expression, inputs.length);
      const record = registry.get(op);
      if (record?.kind !== 'elementwise' || record.emit === undefined) return undefined;
      return [{ op, args: inputs.map((_, i) => i), attributes }];
    },
  };
}

export const haveSameShape = ({ type }: Nodes, x: Ref, y: Ref): boolean =>
  sameShape(type(x).shape, type(y).shape);

/** Whether shapes that broadcast to `shape` need nothing else for it: each dim is a dim of some of them. */
export const coversShape = (shapes: readonly (readonly Dim[])[], shape: readonly Dim[]): boolean =>
  shape.every((dim, i) => shapes.some((own) => own[i - shape.length + own.length] === dim));

/** An expression in the making. `operands` have the first numbers; scalar constants that are read become literals. */
export function joinExpressions({ literal }: Fusion, operands: readonly Ref[]) {
  const numbers = new Map(operands.map((ref, i) => [ref, i]));
  const instructions: Instruction[] = [];
  const push = (instruction: Instruction): number => operands.length + instructions.push(instruction) - 1;
  const numberOf = (ref: Ref): number =>
    remembered(numbers, ref, () => push(defined(literal(ref), `operand ${ref} of an expression`)));
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
