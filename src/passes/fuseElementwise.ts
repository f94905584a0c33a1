import { sameShape } from '../base/dim.ts';
import { type Expression, expressionAttribute, FUSED, type Step } from '../ir/expression.ts';
import type { Graph, Node, NodeId, Ref } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { topologicalOrder, usersOf } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';
import { asConstantStep, coversShape, isWhole, shapeOf } from './fusion.ts';
import { dropUnused } from './rewrite.ts';

/** WebGPU's default limit is 8 storage buffers per kernel; one is the result. */
const MOST_OPERANDS = 7;
/** Longer expressions compile slowly and spill registers. */
const MOST_STEPS = 48;

/** Nodes that become one kernel; its id and result are those of `root`. */
interface Group {
  readonly root: Node;
  readonly members: Map<NodeId, Node>;
  /** tensors that the kernel reads, without constants that become literals */
  operands: ReadonlySet<Ref>;
}

/**
 * Joins element-wise nodes into one node, whose attribute `expression` lists their steps. A node joins the
 * group of its users when every user is in that group, its result has the group's shape and phase, and the kernel's operands
 * stay few enough to bind; so no value that something else reads is lost, and nothing is computed twice. Scalar constants become
 * literals.
 */
export function fuseElementwise(graph: Graph, registry: OpRegistry): Graph {
  if (!registry.has(FUSED)) return graph;
  const whole = readWhole(graph, registry);
  const groups = findGroups(graph, registry, whole);
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  let changed = false;
  for (const group of new Set(groups.values())) {
    const fused = fusedNode(graph, group, whole);
    if (fused === undefined) continue;
    nodes[fused.id] = fused;
    changed = true;
  }
  return changed ? dropUnused({ ...graph, nodes }) : graph;
}

/** Tensors that some element-wise op reads whole: they stay operands, and no kernel reads them per element as well. */
const readWhole = (graph: Graph, registry: OpRegistry): ReadonlySet<Ref> =>
  new Set(
    Object.values(graph.nodes).flatMap((node) =>
      node.inputs.filter((_, i) => isWhole(registry.get(node.op), i)),
    ),
  );

/** Walks from results to operands, so that a node's users have found their groups before it. */
function findGroups(graph: Graph, registry: OpRegistry, whole: ReadonlySet<Ref>): Map<NodeId, Group> {
  const users = usersOf(graph);
  const kept = new Set([...Object.values(graph.outputs), ...graph.effects]);
  const groups = new Map<NodeId, Group>();
  for (const node of topologicalOrder(graph).toReversed()) {
    const record = registry.get(node.op);
    if (record?.kind !== 'elementwise' || record.emit === undefined || node.types.length !== 1) continue;
    const readable = node.inputs.every((input, i) =>
      isWhole(record, i) ? asConstantStep(graph, input) === undefined : !whole.has(input),
    );
    if (!readable) continue;
    const home =
      kept.has(node.id) || whole.has(node.id) ? undefined : groupOfUsers(users.get(node.id) ?? [], groups);
    const joined = home && join(graph, home, node);
    groups.set(node.id, joined ?? startGroup(graph, node));
  }
  return groups;
}

function groupOfUsers(users: readonly NodeId[], groups: ReadonlyMap<NodeId, Group>): Group | undefined {
  const [first] = users;
  const group = first === undefined ? undefined : groups.get(first);
  return group !== undefined && users.every((user) => groups.get(user) === group) ? group : undefined;
}

const startGroup = (graph: Graph, root: Node): Group => ({
  root,
  members: new Map([[root.id, root]]),
  operands: new Set(root.inputs.filter((input) => asConstantStep(graph, input) === undefined)),
});

/** The group with `node` in it, or undefined when they do not fit. */
function join(graph: Graph, group: Group, node: Node): Group | undefined {
  const [type] = node.types;
  const fits =
    type !== undefined &&
    type.dtype !== 'f16' && // storing it rounds; inside a kernel it would not
    node.phase === group.root.phase &&
    group.members.size < MOST_STEPS &&
    sameShape(type.shape, shapeOf(graph, group.root.id));
  if (!fits) return undefined;
  const operands = new Set(group.operands);
  operands.delete(node.id);
  for (const input of node.inputs) if (asConstantStep(graph, input) === undefined) operands.add(input);
  if (operands.size > MOST_OPERANDS) return undefined;
  group.members.set(node.id, node);
  group.operands = operands;
  return group;
}

/** The kernel node of a group; undefined where the node alone says the same. */
function fusedNode(
  graph: Graph,
  { root, members, operands }: Group,
  whole: ReadonlySet<Ref>,
): Node | undefined {
  const literals = [...members.values()].some((node) =>
    node.inputs.some((input) => asConstantStep(graph, input) !== undefined),
  );
  if (members.size === 1 && !literals) return undefined;
  const sorted = [...members.values()].toReversed();
  // in the order in which the steps read them
  const inputs = [...new Set(sorted.flatMap((node) => node.inputs).filter((input) => operands.has(input)))];
  // a literal has no shape: the operands that remain must still broadcast to the result's
  const shapes = inputs.flatMap((input) => (whole.has(input) ? [] : [shapeOf(graph, input)]));
  if (shapes.length === 0 || !coversShape(shapes, shapeOf(graph, root.id))) return undefined;
  const steps = stepsOf(graph, sorted, inputs);
  return { ...root, op: FUSED, inputs, attributes: { expression: expressionAttribute(steps) } };
}

/** Steps of the members, which stand in topological order; the root is the last. */
function stepsOf(graph: Graph, members: readonly Node[], inputs: readonly Ref[]): Expression {
  const numbers = new Map<Ref, number>(inputs.map((input, i) => [input, i]));
  const steps: Step[] = [];
  const add = (ref: Ref, step: Step): number => {
    const number = inputs.length + steps.length;
    steps.push(step);
    numbers.set(ref, number);
    return number;
  };
  for (const node of members) {
    const args = node.inputs.map((input) => {
      const known = numbers.get(input);
      if (known !== undefined) return known;
      const literal = asConstantStep(graph, input);
      if (literal === undefined) throw new Error(`${splitRef(input).id} is not in the group of ${node.id}`);
      return add(input, literal);
    });
    add(node.id, { op: node.op, args, attributes: node.attributes });
  }
  return steps;
}
