import { evaluate, namesOf } from '../base/dim.ts';
import { type Graph, makeRef, type Node, type Ref, splitRef, type TensorType } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { memoryRoots, updatedParameters } from './lower.ts';

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
  for (const node of order) {
    const count = updatedParameters(node).length;
    for (const ref of count > 0 ? node.inputs.slice(-count) : []) bytes.delete(root(ref));
  }
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
  const place = new Map(early.map((node, i) => [node.id, i]));
  const users = new Map<string, Node[]>();
  const waiting = new Map<string, number>();
  for (const node of early) {
    const operands = new Set(node.inputs.map((input) => splitRef(input).id));
    waiting.set(node.id, operands.size);
    for (const id of operands) users.set(id, [...(users.get(id) ?? []), node]);
  }
  const isView = (node: Node): boolean => registry.get(node.op)?.kind === 'view';
  const growth = (node: Node): number => {
    if (isView(node)) return Number.NEGATIVE_INFINITY;
    const taken = node.types.reduce((sum, _, k) => sum + (bytes.get(makeRef(node.id, k)) ?? 0), 0);
    return reads(node).reduce(
      (sum, ref) => sum - (readers.get(ref) === 1 ? (bytes.get(ref) ?? 0) : 0),
      taken,
    );
  };
  const ready = early.filter((node) => node.inputs.length === 0);
  const ordered: Node[] = [];
  while (ready.length > 0) {
    const next = takeLeast(ready, growth, place);
    ordered.push(next);
    if (!isView(next)) for (const ref of reads(next)) readers.set(ref, (readers.get(ref) ?? 1) - 1);
    for (const user of users.get(next.id) ?? []) {
      const left = (waiting.get(user.id) ?? 1) - 1;
      waiting.set(user.id, left);
      if (left === 0) ready.push(user);
    }
  }
  return [...ordered, ...order.slice(fixed)];
}

/** Removes and gives the node of least growth. */
function takeLeast(ready: Node[], growth: (node: Node) => number, place: ReadonlyMap<string, number>): Node {
  const key = (node: Node) => [growth(node), place.get(node.id) ?? 0] as const;
  let best = 0;
  let least = key(ready[0] as Node);
  for (let i = 1; i < ready.length; i++) {
    const other = key(ready[i] as Node);
    if (other[0] < least[0] || (other[0] === least[0] && other[1] < least[1])) {
      best = i;
      least = other;
    }
  }
  return ready.splice(best, 1)[0] as Node;
}
