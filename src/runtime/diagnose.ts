import { isFloating } from '../base/dtype.ts';
import type { SourcePlace } from '../base/errors.ts';
import { type Graph, type Node, type Ref, splitRef, type TensorType } from '../ir/graph.ts';
import { nodePath } from '../ir/names.ts';
import type { Feeds } from './feeds.ts';
import { inputsOf } from './nodes.ts';
import { observe } from './observe.ts';
import type { ModelState } from './state.ts';

export interface NonFinite {
  /** scope path and id of the first node with a value that is not finite although its operands are */
  readonly node: string;
  readonly op: string;
  readonly phase: string;
  readonly value: number;
  /** flat index of the element */
  readonly element: number;
  readonly place?: SourcePlace | undefined;
}

/**
 * Finds where a step went wrong: runs it again, unfused and without its updates, with every tensor as an output, and names
 * the first one that holds a NaN or an infinity and has a part in the loss or, where that is finite, in what the updates read:
 * an infinity that the graph itself masks away does no harm. Weights are read, never written.
 */
export async function findNonFinite(
  graph: Graph,
  feeds: Feeds,
  state: ModelState,
): Promise<NonFinite | undefined> {
  const tensors = await observe(graph, state, ({ graph: observed }) => feedsFor(observed, feeds), isFloat);
  const broken = new Map<Ref, NonFinite>();
  for (const { node, ref, value } of tensors) {
    const { data } = value;
    const element = Array.prototype.findIndex.call(data, (element: number) => !Number.isFinite(element));
    if (element >= 0) broken.set(ref, describe(node, element, data[element] ?? Number.NaN));
  }
  const reached = reachedFrom(graph, broken);
  const culprit = tensors.find(({ ref }) => reached.has(ref)) ?? tensors.find(({ ref }) => broken.has(ref));
  return culprit === undefined ? undefined : broken.get(culprit.ref);
}

const isFloat = ({ dtype }: TensorType): boolean => isFloating(dtype);

/** Those of `feeds` that a graph takes in. */
export function feedsFor(graph: Graph, feeds: Feeds): Feeds {
  const names = new Set(inputsOf(graph).map(({ name }) => name));
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)));
}

function describe(node: Node, element: number, value: number): NonFinite {
  return { node: nodePath(node), op: node.op, phase: node.phase, value, element, place: node.source };
}

/** Broken tensors on a chain of broken tensors that ends in the loss, or else in an operand of an update. */
function reachedFrom(graph: Graph, broken: ReadonlyMap<Ref, unknown>): ReadonlySet<Ref> {
  const { loss } = graph.outputs;
  const updates = Object.values(graph.nodes).filter((node) => node.phase === 'update');
  const ends = loss !== undefined && broken.has(loss) ? [loss] : updates.flatMap((node) => node.inputs);
  const reached = new Set<Ref>();
  for (let open = ends; open.length > 0; ) {
    const ref = open.pop();
    if (ref === undefined || !broken.has(ref) || reached.has(ref)) continue;
    reached.add(ref);
    open = [...open, ...(graph.nodes[splitRef(ref).id]?.inputs ?? [])];
  }
  return reached;
}
