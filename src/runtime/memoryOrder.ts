import { evaluate, namesOf } from '../base/dim.ts';
import { Heap } from '../base/heap.ts';
import { type Graph, makeRef, type Node, type Ref, splitRef, type TensorType } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { gradientsOf, memoryRoots } from './nodes.ts';

/** What every named dimension is taken for: only the order of sizes matters, and no feed is known yet. */
const NOMINAL = 64;

const nominalSize = ({ shape }: TensorType): number =>
  shape.reduce<number>((total, dim) => {
    const sizes = Object.fromEntries(namesOf(dim).map((name) => [name, NOMINAL]));
    try {
      return total * evaluate(dim, sizes);
    } catch {
      return total * NOMINAL; // a quotient that 64 does not divide
    }
  }, 1);

/** Memory of the tensors that live in the step's arena, and how many nodes still have to read each. */
interface Ledger {
  readonly bytes: ReadonlyMap<Ref, number>;
  readonly readers: Map<Ref, number>;
  /** what a node reads, each tensor once */
  readonly reads: (node: Node) => readonly Ref[];
}

function openLedger(graph: Graph, order: readonly Node[], registry: OpRegistry): Ledger {
  const root = memoryRoots(order, registry);
  const kindOf = (node: Node) => registry.get(node.op)?.kind;
  const bytes = new Map<Ref, number>();
  for (const node of order) {
    if (kindOf(node) === 'source' || kindOf(node) === 'view') continue;
    node.types.forEach((type, k) => {
      bytes.set(makeRef(node.id, k), nominalSize(type));
    });
  }
  // gradients of parameters live elsewhere, outputs live on
  for (const { ref } of order.flatMap(gradientsOf)) bytes.delete(root(ref));
  const reads = (node: Node): Ref[] => [...new Set(node.inputs.map(root))].filter((ref) => bytes.has(ref));
  const readers = new Map<Ref, number>();
  const count = (ref: Ref): unknown => readers.set(ref, (readers.get(ref) ?? 0) + 1);
  for (const node of order) if (kindOf(node) !== 'view') for (const ref of reads(node)) count(ref);
  for (const ref of Object.values(graph.outputs)) count(root(ref));
  return { bytes, readers, reads };
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
  const { bytes, readers, reads } = openLedger(graph, order, registry);
  const early = order.slice(0, fixed);
  const isView = (node: Node): boolean => registry.get(node.op)?.kind === 'view';
  const users = grouped(early, (node) => new Set(node.inputs.map((input) => splitRef(input).id)));
  const readersOf = grouped(early, (node) => (isView(node) ? [] : reads(node)));
  const waiting = new Map(early.map((node) => [node, 0]));
  for (const node of [...users.values()].flat()) waiting.set(node, (waiting.get(node) ?? 0) + 1);
  const growth = (node: Node): number => {
    if (isView(node)) return Number.NEGATIVE_INFINITY;
    const taken = node.types.reduce((sum, _, k) => sum + (bytes.get(makeRef(node.id, k)) ?? 0), 0);
    return reads(node).reduce(
      (sum, ref) => sum - (readers.get(ref) === 1 ? (bytes.get(ref) ?? 0) : 0),
      taken,
    );
  };
  const place = new Map(early.map((node, i) => [node, i]));
  const ready = new Heap<Node>();
  // a node whose growth falls while it waits stands there twice: what it gives first counts
  const push = (node: Node): void => ready.push(node, growth(node), place.get(node) ?? 0);
  for (const node of early) if (waiting.get(node) === 0) push(node);
  const ordered = new Set<Node>();
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    if (ordered.has(next)) continue;
    ordered.add(next);
    for (const ref of isView(next) ? [] : reads(next)) {
      const left = (readers.get(ref) ?? 1) - 1;
      readers.set(ref, left);
      if (left !== 1) continue;
      const last = readersOf.get(ref)?.find((node) => !ordered.has(node));
      if (last !== undefined && waiting.get(last) === 0) push(last);
    }
    for (const user of users.get(next.id) ?? []) {
      const left = (waiting.get(user) ?? 1) - 1;
      waiting.set(user, left);
      if (left === 0) push(user);
    }
  }
  return [...ordered, ...order.slice(fixed)];
}

/** Nodes by each of the keys that they have, in order. */
function grouped(nodes: readonly Node[], keysOf: (node: Node) => Iterable<string>): Map<string, Node[]> {
  const groups = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const key of keysOf(node)) {
      const known = groups.get(key);
      if (known) known.push(node);
      else groups.set(key, [node]);
    }
  }
  return groups;
}
