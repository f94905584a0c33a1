import { isFloating } from '../base/dtype.ts';
import { constantValue, type Graph, type Node, nodeWith, type Ref, sameType } from '../ir/graph.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { coversShape } from './fusion.ts';
import { type Nodes, rewriteNodes } from './rewrite.ts';

/** Gives an equal tensor, or the same node said more simply, or undefined. */
type Rule = (node: Node, record: OpRecord, before: Nodes) => Ref | Node | undefined;

/**
 * Applies what the ops' records promise: neutral elements, views of views, functions that undo themselves, products that read a
 * transposed operand as it is, and element-wise ops that read an operand as broadcast, which they do themselves.
 */
export const simplify = (graph: Graph, registry: OpRegistry): Graph =>
  rewriteNodes(graph, registry, simplest);

/** None of the rules fires on what it gives, so rewriting ends. */
function simplest(node: Node, before: Nodes): Ref | Node {
  const record = before.record(node);
  if (record === undefined) return node;
  for (const rule of RULES) {
    const next = rule(node, record, before);
    if (typeof next === 'string') return next;
    if (next !== undefined && before.isLegal(next)) return simplest(next, before);
  }
  return node;
}

const hasTypeOf = (before: Nodes, ref: Ref, { types: [type] }: Node): boolean =>
  type !== undefined && sameType(before.type(ref), type);

/** f(x, neutral) = x, and f(neutral, x) = x where f commutes. */
const dropNeutral: Rule = (node, { neutral }, before) => {
  const [x, y] = node.inputs;
  if (neutral === undefined || x === undefined || y === undefined) return undefined;
  const isNeutral = (ref: Ref): boolean => {
    const value = constantValue(before.node(ref));
    // −0 is neutral to floats, where x + 0 is 0 for x = −0
    return isFloating(before.type(ref).dtype) ? Object.is(value, neutral.value) : value === neutral.value;
  };
  if (isNeutral(y) && hasTypeOf(before, x, node)) return x;
  return neutral.commutes && isNeutral(x) && hasTypeOf(before, y, node) ? y : undefined;
};

/** What changes nothing: a view to the same shape, a sum over no axes, a cast to the same type. */
const dropIdle: Rule = (node, { idle }, before) => {
  const [x] = node.inputs;
  return idle && x !== undefined && hasTypeOf(before, x, node) ? x : undefined;
};

const dropIdlePermutation: Rule = (node, { permutation }) =>
  permutation?.(node.attributes).every((axis, i) => axis === i) ? node.inputs[0] : undefined;

const undoInvolution: Rule = (node, { involution }, before) => {
  const inner = before.node(node.inputs[0]);
  return involution && inner?.op === node.op ? inner.inputs[0] : undefined;
};

/** f(f(x)) as one f. */
const composeViews: Rule = (node, { compose }, before) => {
  const inner = before.node(node.inputs[0]);
  if (compose === undefined || inner?.op !== node.op) return undefined;
  return nodeWith(node, { inputs: inner.inputs, attributes: compose(node.attributes, inner.attributes) });
};

/** Reads an operand whose last two axes are swapped as it was before. */
const takeSwapped: Rule = (node, { swapLast }, before) => {
  for (const [index, input] of node.inputs.entries()) {
    const inner = before.node(input);
    const permutation = inner && before.record(inner)?.permutation?.(inner.attributes);
    const [source] = inner?.inputs ?? [];
    if (permutation === undefined || source === undefined || !swapsLastTwo(permutation)) continue;
    const attributes = swapLast?.(node.attributes, index);
    if (attributes) return nodeWith(node, { inputs: node.inputs.with(index, source), attributes });
  }
  return undefined;
};

const swapsLastTwo = (permutation: readonly number[]): boolean => {
  const rank = permutation.length;
  const wanted = (i: number): number => (i < rank - 2 ? i : 2 * rank - 3 - i);
  return rank >= 2 && permutation.every((axis, i) => axis === wanted(i));
};

/** f(broadcast x, y) = f(x, y) where y alone has the result's shape. */
const readUnderBroadcast: Rule = (node, record, before) => {
  if (record.kind !== 'elementwise') return undefined;
  for (const [index, input] of node.inputs.entries()) {
    const inner = before.node(input);
    const [source] = inner?.inputs ?? [];
    if (source === undefined || !before.record(inner)?.broadcasts || before.readsWhole(node, index)) continue;
    const inputs = node.inputs.with(index, source);
    const shapes = inputs.filter((_, i) => !before.readsWhole(node, i)).map((ref) => before.type(ref).shape);
    if (coversShape(shapes, node.types[0]?.shape ?? [])) return nodeWith(node, { inputs });
  }
  return undefined;
};

const RULES: readonly Rule[] = [
  dropNeutral,
  dropIdle,
  dropIdlePermutation,
  undoInvolution,
  composeViews,
  takeSwapped,
  readUnderBroadcast,
];
