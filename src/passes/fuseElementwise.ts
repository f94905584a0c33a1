import { sameShape } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import {
  type Expression,
  expressionAttribute,
  FUSED,
  type Instruction,
  resultsAttribute,
} from '../ir/expression.ts';
import type { Graph, Node, NodeId, Ref } from '../ir/graph.ts';
import { makeRef, splitRef } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import { topologicalOrder, usersOf } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';
import { asConstantInstruction, isLegal, isWhole, positionsOf, shapeOf } from './fusion.ts';
import { dropUnused, type Replacements, redirectNode, redirectResults } from './rewrite.ts';

/** WebGPU's default limit is 8 storage buffers per kernel, results included. */
const MOST_BUFFERS = 8;
/** Longer expressions compile slowly and spill registers. */
const MOST_STEPS = 48;

/** Nodes that become one kernel. */
interface Group {
  readonly members: readonly Node[];
  /** members whose values something else reads; the last one gives the kernel its id */
  readonly results: readonly Node[];
  /** tensors that the kernel reads, without constants that become literals */
  readonly operands: ReadonlySet<Ref>;
  /** its place in an order in which all groups can run: behind all of its operands, before all that reads its results */
  readonly place: number;
}

/**
 * Joins element-wise nodes into one node, whose attribute `expression` lists their steps. A node joins its users' groups,
 * which thereby become one, when all of them have one shape and phase, the kernel's buffers stay few enough to bind, and all
 * operands can be there before a result is needed. What others read too becomes a further result, so that no value is lost,
 * and nothing is computed twice. Scalar constants become literals.
 */
export function fuseElementwise(graph: Graph, registry: OpRegistry): Graph {
  if (!registry.has(FUSED)) return graph;
  const whole = readWhole(graph, registry);
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  const replacements: Replacements = new Map();
  let changed = false;
  for (const group of findGroups(graph, registry, whole)) {
    const fused = fusedNode(graph, group, registry);
    if (fused === undefined) continue;
    nodes[fused.id] = fused;
    changed = true;
    group.results.toReversed().forEach(({ id }, k) => {
      if (k > 0) replacements.set(id, makeRef(fused.id, k));
    });
  }
  if (!changed) return graph;
  for (const node of Object.values(nodes)) nodes[node.id] = redirectNode(node, replacements);
  return dropUnused({ ...graph, nodes, ...redirectResults(graph, replacements) });
}

/** Tensors that some element-wise op reads whole: they stay operands, and no kernel reads them per element as well. */
const readWhole = (graph: Graph, registry: OpRegistry): ReadonlySet<Ref> =>
  new Set(
    Object.values(graph.nodes).flatMap((node) =>
      node.inputs.filter((_, i) => isWhole(registry.get(node.op), i)),
    ),
  );

/** Walks from results to operands, so that a node's users have found their groups before it. */
function findGroups(graph: Graph, registry: OpRegistry, whole: ReadonlySet<Ref>): Set<Group> {
  const users = usersOf(graph);
  const kept = new Set([...Object.values(graph.outputs), ...graph.effects]);
  const groups = new Map<NodeId, Group>();
  const positions = positionsOf(graph);
  const placeOf = (id: NodeId): number => groups.get(id)?.place ?? positions.get(id) ?? 0;
  for (const node of topologicalOrder(graph).toReversed()) {
    const record = registry.get(node.op);
    if (record?.kind !== 'elementwise' || record.emit === undefined || node.types.length !== 1) continue;
    // functions of literals alone are no text for WGSL, which computes them itself and refuses what overflows
    const isConstant = node.inputs.every((input) => asConstantInstruction(graph, input) !== undefined);
    if (isConstant && node.inputs.length > 0) continue;
    const readable = node.inputs.every((input, i) =>
      isWhole(record, i) ? asConstantInstruction(graph, input) === undefined : !whole.has(input),
    );
    if (!readable) continue;
    const own: Group = {
      members: [node],
      results: [node],
      operands: new Set(node.inputs.filter((input) => asConstantInstruction(graph, input) === undefined)),
      place: placeOf(node.id),
    };
    const readers = users.get(node.id) ?? [];
    const homes = whole.has(node.id) ? [] : [...new Set(readers.flatMap((user) => groups.get(user) ?? []))];
    const isRead = kept.has(node.id) || readers.some((user) => !groups.has(user));
    const around = (id: NodeId): Around => ({ place: placeOf(id), users: users.get(id) ?? [] });
    const group =
      join(graph, [own, ...homes], isRead, around) ??
      (homes.length > 1 ? joinOne(graph, own, homes, around) : undefined) ??
      own;
    for (const member of group.members) groups.set(member.id, group);
  }
  return new Set(
    [...new Set(groups.values())].map(({ members, results, ...group }) => ({
      ...group,
      members: inOrder(members, positions),
      results: inOrder(results, positions),
    })),
  );
}

const inOrder = (nodes: readonly Node[], positions: ReadonlyMap<NodeId, number>): Node[] =>
  nodes.toSorted((x, y) => (positions.get(x.id) ?? 0) - (positions.get(y.id) ?? 0));

/** What is known of a node outside of a group. */
interface Around {
  readonly place: number;
  readonly users: readonly NodeId[];
}

/** The node with the first of its users' groups that it can join; for the others it is a result. */
function joinOne(
  graph: Graph,
  own: Group,
  homes: readonly Group[],
  around: (id: NodeId) => Around,
): Group | undefined {
  for (const home of homes.toSorted((x, y) => x.place - y.place)) {
    const group = join(graph, [own, home], true, around);
    if (group !== undefined) return group;
  }
  return undefined;
}

/** The group of all members together, the first of whose groups is that of a node which the others read. */
function join(
  graph: Graph,
  groups: readonly Group[],
  isRead: boolean,
  around: (id: NodeId) => Around,
): Group | undefined {
  const [own, first] = groups;
  const [node] = own?.members ?? [];
  if (own === undefined || first === undefined || node === undefined) return undefined;
  if (!groups.every((group) => isAlike(graph, group, own))) return undefined;
  const members = groups.flatMap((group) => group.members);
  const results = [...groups.slice(1).flatMap((group) => group.results), ...(isRead ? [node] : [])];
  const inside = new Set(members.map(({ id }) => id));
  const operands = new Set(groups.flatMap((group) => [...group.operands]).filter((ref) => !inside.has(ref)));
  if (members.length > MOST_STEPS || operands.size + results.length > MOST_BUFFERS) return undefined;
  const readers = results.flatMap(({ id }) => around(id).users.filter((user) => !inside.has(user)));
  const ready = Math.max(-1, ...[...operands].map((ref) => around(splitRef(ref).id).place));
  const needed = Math.min(first.place + 1, ...readers.map((user) => around(user).place));
  // a group with one result stays where that is computed
  const place = groups.length === 2 && !isRead ? first.place : (ready + needed) / 2;
  return ready < place && place < needed ? { members, results, operands, place } : undefined;
}

/** Whether a group's values can be computed beside those of a node in one kernel. */
function isAlike(graph: Graph, { members: [first] }: Group, { members: [node] }: Group): boolean {
  return (
    first !== undefined &&
    node !== undefined &&
    node.types[0]?.dtype !== 'f16' && // storing it rounds; inside a kernel it would not
    node.phase === first.phase &&
    sameShape(shapeOf(graph, node.id), shapeOf(graph, first.id))
  );
}

/** The kernel node of a group; undefined where the node alone says the same. */
function fusedNode(graph: Graph, group: Group, registry: OpRegistry): Node | undefined {
  const { members, results, operands } = group;
  const root = results.at(-1);
  const literals = members.some((node) =>
    node.inputs.some((input) => asConstantInstruction(graph, input) !== undefined),
  );
  if (root === undefined || (members.length === 1 && !literals)) return undefined;
  // in the order in which the steps read them
  const inputs = [...new Set(members.flatMap((node) => node.inputs).filter((input) => operands.has(input)))];
  const { steps, numbers } = stepsOf(graph, members, inputs);
  const own = results.toReversed();
  const chosen = own.map(({ id }) => (numbers.get(id) ?? 0) - inputs.length);
  const fused: Node = {
    ...root,
    op: FUSED,
    inputs,
    attributes: { expression: expressionAttribute(steps), ...resultsAttribute(steps, chosen) },
    types: own.flatMap(({ types }) => types),
  };
  // a literal has no shape: what remains must still broadcast to the shape of each result
  return isLegal(fused, (ref) => typeOfRef(graph, ref), registry) ? fused : undefined;
}

/** Steps of the members, which stand in topological order, and the number of each value. */
function stepsOf(
  graph: Graph,
  members: readonly Node[],
  inputs: readonly Ref[],
): { readonly steps: Expression; readonly numbers: ReadonlyMap<Ref, number> } {
  const numbers = new Map<Ref, number>(inputs.map((input, i) => [input, i]));
  const steps: Instruction[] = [];
  const add = (ref: Ref, step: Instruction): number => {
    const number = inputs.length + steps.length;
    steps.push(step);
    numbers.set(ref, number);
    return number;
  };
  for (const node of members) {
    const args = node.inputs.map((input) => {
      const known = numbers.get(input);
      if (known !== undefined) return known;
      return add(
        input,
        defined(asConstantInstruction(graph, input), `operand ${input} of ${node.id} in its cluster`),
      );
    });
    add(node.id, { op: node.op, args, attributes: node.attributes });
  }
  return { steps, numbers };
}
