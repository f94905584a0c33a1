import type { Dim } from '../base/dim.ts';
import type { Graph, Node, Ref, TensorType } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';
import { printType } from '../ir/print.ts';
import type { OpRegistry } from '../ir/record.ts';
import { dropUnused, type Replacements, redirectNode, redirectResults } from './rewrite.ts';

/** What a rule sees of the graph before a node. */
interface Before {
  node(ref: Ref): Node | undefined;
  type(ref: Ref): TensorType | undefined;
  isElementwise(op: string): boolean;
}

/** Gives an equal tensor, or the same node said more simply, or undefined. */
type Rule = (node: Node, before: Before) => Ref | Node | undefined;

/**
 * Identities that hold for every number, infinities and NaN included (a zero may change its sign): neutral elements, views of
 * views, double negation, transposed operands of `matmul`, and element-wise ops that read a `broadcast` which broadcasting does anyway.
 */
export function simplify(graph: Graph, registry: OpRegistry): Graph {
  const replacements: Replacements = new Map();
  const nodes = new Map<string, Node>();
  const before: Before = {
    node: (ref) => nodes.get(splitRef(ref).id),
    type: (ref) => nodes.get(splitRef(ref).id)?.types[splitRef(ref).output],
    isElementwise: (op) => registry.get(op)?.kind === 'elementwise',
  };
  let changed = false;
  for (const original of topologicalOrder(graph)) {
    const result = simplest(redirectNode(original, replacements), before);
    if (typeof result === 'string') replacements.set(original.id, result);
    else nodes.set(original.id, result);
    if (result !== original) changed = true;
  }
  if (!changed) return graph;
  const results = redirectResults(graph, replacements);
  return dropUnused({ ...graph, nodes: Object.fromEntries(nodes), ...results });
}

function simplest(node: Node, before: Before): Ref | Node {
  let current = node;
  for (;;) {
    const next = applyRules(current, before);
    if (next === undefined) return current;
    if (typeof next === 'string') return next;
    current = next;
  }
}

function applyRules(node: Node, before: Before): Ref | Node | undefined {
  const own = Object.hasOwn(RULES, node.op) ? RULES[node.op] : undefined;
  for (const rule of [...(own ?? []), ...(before.isElementwise(node.op) ? [readUnderBroadcast] : [])]) {
    const next = rule(node, before);
    if (next !== undefined) return next;
  }
  return undefined;
}

const sameType = (x: TensorType | undefined, y: TensorType | undefined): boolean =>
  x !== undefined && y !== undefined && printType(x) === printType(y);

const isConstant = (before: Before, ref: Ref | undefined, value: number): boolean => {
  const node = ref === undefined ? undefined : before.node(ref);
  return node?.op === 'constant' && node.attributes.value === value;
};

/** op(x, value) = x on the right, and on the left too where the op commutes. */
const neutral =
  (value: number, commutes: boolean): Rule =>
  ({ inputs: [x, y], types: [type] }, before) => {
    if (x !== undefined && isConstant(before, y, value) && sameType(before.type(x), type)) return x;
    if (commutes && y !== undefined && isConstant(before, x, value) && sameType(before.type(y), type))
      return y;
    return undefined;
  };

/** A view that changes nothing. */
const idle: Rule = ({ inputs: [x], types: [type] }, before) =>
  x !== undefined && sameType(before.type(x), type) ? x : undefined;

/** f(f(x)) = f(x) with the outer attributes: only the last shape counts. */
const absorb: Rule = (node, before) => {
  const inner = before.node(node.inputs[0] ?? '');
  return inner?.op === node.op ? { ...node, inputs: inner.inputs } : undefined;
};

const permutationOf = (node: Node): readonly number[] => node.attributes.permutation as readonly number[];

const composeTransposes: Rule = (node, before) => {
  const inner = before.node(node.inputs[0] ?? '');
  if (inner?.op !== node.op) return undefined;
  const first = permutationOf(inner);
  const permutation = permutationOf(node).map((axis) => first[axis] ?? axis);
  return { ...node, inputs: inner.inputs, attributes: { ...node.attributes, permutation } };
};

const idleTranspose: Rule = (node) =>
  permutationOf(node).every((axis, i) => axis === i) ? node.inputs[0] : undefined;

const involution: Rule = (node, before) => {
  const inner = before.node(node.inputs[0] ?? '');
  return inner?.op === node.op ? inner.inputs[0] : undefined;
};

const sameBranches: Rule = ({ inputs: [, yes, no], types: [type] }, before) =>
  yes !== undefined && yes === no && sameType(before.type(yes), type) ? yes : undefined;

/** matmul reads an operand whose last two dims are swapped as well as the operand itself. */
const takeTranspose =
  (index: 0 | 1, flag: 'transposeX' | 'transposeY'): Rule =>
  (node, before) => {
    const inner = before.node(node.inputs[index] ?? '');
    if (inner?.op !== 'transpose') return undefined;
    const permutation = permutationOf(inner);
    const rank = permutation.length;
    const swapped = permutation.every(
      (axis, i) => axis === (i === rank - 1 ? i - 1 : i === rank - 2 ? i + 1 : i),
    );
    const [source] = inner.inputs;
    if (!swapped || source === undefined) return undefined;
    const { [flag]: was, ...others } = node.attributes;
    const inputs = node.inputs.map((input, i) => (i === index ? source : input));
    return { ...node, inputs, attributes: was === true ? others : { ...others, [flag]: true } };
  };

/** Element-wise ops broadcast by themselves: op(broadcast(x), y) = op(x, y) where y alone has the result's shape. */
const readUnderBroadcast: Rule = (node, before) => {
  const shape = node.types[0]?.shape ?? [];
  for (const [index, input] of node.inputs.entries()) {
    const inner = before.node(input);
    const [source] = inner?.inputs ?? [];
    if (inner?.op !== 'broadcast' || source === undefined) continue;
    const inputs = node.inputs.map((other, i) => (i === index ? source : other));
    if (covers(shape, inputs, before)) return { ...node, inputs };
  }
  return undefined;
};

/** Whether each dim of `shape` is a dim of some operand, so that broadcasting them gives `shape`. */
const covers = (shape: readonly Dim[], inputs: readonly Ref[], before: Before): boolean => {
  const shapes = inputs.map((input) => before.type(input)?.shape ?? []);
  return shape.every((dim, i) => shapes.some((own) => own[i - shape.length + own.length] === dim));
};

/** By op; none of them fires on what it gives, so rewriting ends. */
const RULES: Readonly<Record<string, readonly Rule[]>> = {
  add: [neutral(0, true)],
  sub: [neutral(0, false)],
  mul: [neutral(1, true)],
  div: [neutral(1, false)],
  neg: [involution],
  where: [sameBranches],
  cast: [idle],
  reshape: [idle, absorb],
  broadcast: [idle, absorb],
  transpose: [composeTransposes, idleTranspose],
  sum: [idle],
  matmul: [takeTranspose(0, 'transposeX'), takeTranspose(1, 'transposeY')],
};
