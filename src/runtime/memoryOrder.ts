import { evaluate, namesOf } from '../base/dim.ts';
import { grouped, insert } from '../base/own.ts';
import { type Graph, idOf, makeRef, type Node, type NodeId, type Ref, type TensorType } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { gradientsOf, memoryRoots } from './nodes.ts';

/** What every named dimension is taken for: only the order of sizes matters, and no feed is known yet. */
const NOMINAL = 64;

const nominalSize = ({ shape }: TensorType): number =>
  shape.reduce<number>((total, dim) => {
    if (typeof dim === 'number') return total * dim;
    const sizes = Object.fromEntries(namesOf(dim).map((name) => [name, NOMINAL]));
    try {
      return total * evaluate(dim, sizes);
    } catch {
      return total * NOMINAL; // a quotient that 64 does not divide
    }
  }, 1);

/** What nodes read and write of the step's own arena. */
interface Traffic {
  readonly bytes: ReadonlyMap<Ref, number>;
  /** what a node reads, each tensor once; nothing of a view, which moves nothing */
  readonly readsOf: (node: Node) => readonly Ref[];
  readonly isView: (node: Node) => boolean;
}

function trafficOf(order: readonly Node[], root: (ref: Ref) => Ref, registry: OpRegistry): Traffic {
  const kindOf = (node: Node) => registry.get(node.op)?.kind;
  const isView = (node: Node): boolean => kindOf(node) === 'view';
  const results = order.flatMap((node) =>
    isView(node) || kindOf(node) === 'source'
      ? []
      : node.types.map((type, k) => [makeRef(node.id, k), nominalSize(type)] as const),
  );
  const bytes = new Map(results);
  // gradients of parameters live elsewhere
  for (const { ref } of order.flatMap(gradientsOf)) bytes.delete(root(ref));
  const readsOf = (node: Node): Ref[] =>
    isView(node) ? [] : [...new Set(node.inputs.map(root))].filter((ref) => bytes.has(ref));
  const reads = new Map(order.map((node) => [node, readsOf(node)]));
  return { bytes, isView, readsOf: (node) => reads.get(node) ?? [] };
}

/**
 * An order in which less memory is held at once: of the nodes whose operands are there, the one comes next that frees most
 * beyond what it takes, so that the gradient of a weight is computed as soon as it can be and what it reads does not
 * wait for the end of the step. Greedy list scheduling; operands stay before their users, of equals the first in `order`
 * comes first. Nodes of `order` from `fixed` on keep their places.
 */
export function orderForMemory(
  graph: Graph,
  order: readonly Node[],
  fixed: number,
  registry: OpRegistry,
): Node[] {
  const root = memoryRoots(order, registry);
  const { bytes, readsOf, isView } = trafficOf(order, root, registry);
  const early = order.slice(0, fixed);
  const readersOf = grouped(early.flatMap((node) => readsOf(node).map((ref) => [ref, node] as const)));
  // how many nodes still have to read each tensor; outputs live on
  const left = new Map<Ref, number>();
  for (const ref of [...order.flatMap(readsOf), ...Object.values(graph.outputs).map(root)])
    left.set(ref, (left.get(ref) ?? 0) + 1);
  const operandsOf = (node: Node): Set<NodeId> => new Set(node.inputs.map(idOf));
  const users = grouped(early.flatMap((node) => [...operandsOf(node)].map((id) => [id, node] as const)));
  const waiting = new Map(early.map((node) => [node, 0]));
  for (const node of [...users.values()].flat()) waiting.set(node, (waiting.get(node) ?? 0) + 1);
  const growth = (node: Node): number => {
    if (isView(node)) return Number.NEGATIVE_INFINITY;
    const taken = node.types.reduce((sum, _, k) => sum + (bytes.get(makeRef(node.id, k)) ?? 0), 0);
    const freed = readsOf(node).filter((ref) => left.get(ref) === 1);
    return freed.reduce((sum, ref) => sum - (bytes.get(ref) ?? 0), taken);
  };
  const place = new Map(early.map((node, i) => [node, i]));
  // the next one stands last
  const ready: { readonly node: Node; readonly growth: number; readonly place: number }[] = [];
  // a node whose growth falls while it waits stands there twice: what it gives first counts
  const pushIfReady = (node: Node): void => {
    if (waiting.get(node) !== 0) return;
    const entry = { node, growth: growth(node), place: place.get(node) ?? 0 };
    insert(ready, entry, (x, y) => x.growth > y.growth || (x.growth === y.growth && x.place > y.place));
  };
  early.forEach(pushIfReady);
  const ordered = new Set<Node>();
  for (let next = ready.pop()?.node; next !== undefined; next = ready.pop()?.node) {
    if (ordered.has(next)) continue;
    ordered.add(next);
    for (const ref of readsOf(next)) {
      const readers = (left.get(ref) ?? 1) - 1;
      left.set(ref, readers);
      const last = readers === 1 ? readersOf.get(ref)?.find((node) => !ordered.has(node)) : undefined;
      if (last !== undefined) pushIfReady(last);
    }
    for (const user of users.get(next.id) ?? []) {
      waiting.set(user, (waiting.get(user) ?? 1) - 1);
      pushIfReady(user);
    }
  }
  return [...ordered, ...order.slice(fixed)];
}
