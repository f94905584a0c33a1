import { expressionAttribute, FUSED, resultsAttribute } from '../ir/expression.ts';
import { type Graph, idOf, makeRef, type Node, type NodeId, nodeWith, type Ref } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { type Fusion, fusionOf, haveSameShape, joinExpressions } from './fusion.ts';
import { type Replacements, rewrite } from './rewrite.ts';

/** WebGPU's default limit is 8 storage buffers per kernel, results included. */
const MOST_BUFFERS = 8;
/** Longer expressions compile slowly and spill registers. */
const MOST_INSTRUCTIONS = 48;

/** Nodes that become one kernel. */
interface Cluster {
  readonly members: readonly Node[];
  /** members whose values something else reads; the last one gives the kernel its id */
  readonly results: readonly Node[];
  /** tensors that the kernel reads, without constants that become literals */
  readonly operands: ReadonlySet<Ref>;
  /** its place in an order in which all clusters can run: behind all of its operands, before all that reads its results */
  readonly place: number;
}

/**
 * Joins element-wise nodes into one node, whose attribute `expression` lists their instructions. A node joins its users' clusters,
 * which thereby become one, when all of them have one shape and phase, the kernel's buffers stay few enough to bind, and all
 * operands can be there before a result is needed. What others read too becomes a further result, so that no value is lost,
 * and nothing is computed twice. Scalar constants become literals.
 */
export function fuseElementwise(graph: Graph, registry: OpRegistry): Graph {
  if (!registry.has(FUSED)) return graph;
  const fusion = fusionOf(graph, registry);
  const changed = new Map<NodeId, Node>();
  const replacements: Replacements = new Map();
  for (const cluster of findClusters(fusion)) {
    const fused = fusedNode(fusion, cluster);
    if (fused === undefined) continue;
    changed.set(fused.id, fused);
    cluster.results.toReversed().forEach(({ id }, k) => {
      if (k > 0) replacements.set(id, makeRef(fused.id, k));
    });
  }
  return rewrite(graph, changed, replacements);
}

/** Walks from results to operands, so that a node's users have found their clusters before it. */
function findClusters(fusion: Fusion): readonly Cluster[] {
  // tensors that some element-wise op reads whole stay operands, and no kernel reads them per element as well
  const whole = new Set(
    fusion.order.flatMap((node) => node.inputs.filter((_, i) => fusion.readsWhole(node, i))),
  );
  const clusters = new Map<NodeId, Cluster>();
  const placeOf = (id: NodeId): number => clusters.get(id)?.place ?? fusion.place(id);
  for (const node of fusion.order.toReversed()) {
    if (!canJoin(fusion, node, whole)) continue;
    const own: Cluster = {
      members: [node],
      results: [node],
      operands: new Set(node.inputs.filter((input) => fusion.literal(input) === undefined)),
      place: placeOf(node.id),
    };
    const readers = fusion.users(node.id);
    const homes = whole.has(node.id) ? [] : [...new Set(readers.flatMap((user) => clusters.get(user) ?? []))];
    const isRead = fusion.kept.has(node.id) || readers.some((user) => !clusters.has(user));
    // the first of its users' clusters that it can join, where it cannot join all of them: for the others it is a result
    const single = homes.length > 1 ? homes.toSorted((x, y) => x.place - y.place) : [];
    const cluster =
      join(fusion, own, homes, isRead, placeOf) ??
      single.reduce<Cluster | undefined>(
        (found, home) => found ?? join(fusion, own, [home], true, placeOf),
        undefined,
      ) ??
      own;
    for (const member of cluster.members) clusters.set(member.id, cluster);
  }
  return [...new Set(clusters.values())].map(({ members, results, ...cluster }) => ({
    ...cluster,
    members: inOrder(fusion, members),
    results: inOrder(fusion, results),
  }));
}

/** Whether a node is a function of elements, each of which the kernel of a cluster can read. */
function canJoin(fusion: Fusion, node: Node, whole: ReadonlySet<Ref>): boolean {
  if (node.op === FUSED || node.types.length !== 1 || fusion.expression(node) === undefined) return false;
  const literals = node.inputs.map((input) => fusion.literal(input) !== undefined);
  // functions of literals alone are no text for WGSL, which computes them itself and refuses what overflows
  if (literals.length > 0 && !literals.includes(false)) return false;
  return node.inputs.every((input, i) => (fusion.readsWhole(node, i) ? !literals[i] : !whole.has(input)));
}

/** The cluster of a node together with others that read it. */
function join(
  fusion: Fusion,
  own: Cluster,
  homes: readonly Cluster[],
  isRead: boolean,
  placeOf: (id: NodeId) => number,
): Cluster | undefined {
  const [first] = homes;
  const [node] = own.members;
  if (first === undefined || node === undefined) return undefined;
  if (!homes.every(({ members: [member] }) => member && areAlike(fusion, node, member))) return undefined;
  const members = [node, ...homes.flatMap((home) => home.members)];
  const results = [...homes.flatMap((home) => home.results), ...(isRead ? [node] : [])];
  const inside = new Set(members.map(({ id }) => id));
  const operands = new Set(
    [own, ...homes].flatMap((cluster) => [...cluster.operands]).filter((ref) => !inside.has(ref)),
  );
  if (members.length > MOST_INSTRUCTIONS || operands.size + results.length > MOST_BUFFERS) return undefined;
  const readers = results.flatMap(({ id }) => fusion.users(id).filter((user) => !inside.has(user)));
  const ready = Math.max(-1, ...[...operands].map((ref) => placeOf(idOf(ref))));
  const needed = Math.min(first.place + 1, ...readers.map(placeOf));
  // a cluster with one result stays where that is computed
  const place = homes.length === 1 && !isRead ? first.place : (ready + needed) / 2;
  return ready < place && place < needed ? { members, results, operands, place } : undefined;
}

const inOrder = (fusion: Fusion, nodes: readonly Node[]): Node[] =>
  nodes.toSorted((x, y) => fusion.place(x.id) - fusion.place(y.id));

/** Whether a node's value can be computed beside those of another one in one kernel. */
const areAlike = (fusion: Fusion, node: Node, other: Node): boolean =>
  fusion.type(node.id).dtype !== 'f16' && // storing it rounds; inside a kernel it would not
  node.phase === other.phase &&
  haveSameShape(fusion, node.id, other.id);

/** The kernel node of a cluster; undefined where the node alone says the same. */
function fusedNode(fusion: Fusion, { members, results, operands }: Cluster): Node | undefined {
  const root = results.at(-1);
  const inputs = members.flatMap((node) => node.inputs);
  const hasLiterals = inputs.some((input) => fusion.literal(input) !== undefined);
  if (root === undefined || (members.length === 1 && !hasLiterals)) return undefined;
  // in the order in which the instructions read them
  const read = [...new Set(inputs.filter((input) => operands.has(input)))];
  const joined = joinExpressions(fusion, read);
  const places = new Map(
    members.map((node) => [node, joined.add(node, fusion.expression(node) ?? [])[0] ?? 0]),
  );
  const own = results.toReversed();
  const chosen = own.map((node) => places.get(node) ?? 0);
  const { instructions } = joined;
  const fused = nodeWith(root, {
    op: FUSED,
    inputs: read,
    attributes: { expression: expressionAttribute(instructions), ...resultsAttribute(instructions, chosen) },
    types: own.flatMap(({ types }) => types),
  });
  // a literal has no shape: what remains must still broadcast to the shape of each result
  return fusion.isLegal(fused) ? fused : undefined;
}
