import { isFloating } from '../base/dtype.ts';
import type { SourcePlace } from '../base/errors.ts';
import { type Graph, makeRef, type Node, type Ref, splitRef } from '../ir/graph.ts';
import { nodePath } from '../ir/names.ts';
import { topologicalOrder } from '../ir/order.ts';
import { ops } from '../ops/index.ts';
import { compile } from './compile.ts';
import type { Feeds, TensorValue } from './feeds.ts';
import { optionalPasses, watch, watched, withoutUpdates } from './observe.ts';
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
 * an infinity that the graph itself masks away is nobody's fault. Weights are read, never written.
 */
export async function findNonFinite(
  graph: Graph,
  feeds: Feeds,
  state: ModelState,
): Promise<NonFinite | undefined> {
  const order = withoutUpdates(topologicalOrder(graph));
  const tensors = order.flatMap((node) =>
    node.types.flatMap((type, k) => (isFloating(type.dtype) ? [{ node, ref: makeRef(node.id, k) }] : [])),
  );
  const refs = tensors.map(({ ref }) => ref);
  const values = await run(watch(graph, order, refs, ops), feeds, state);
  const broken = new Map<Ref, NonFinite>();
  for (const [i, { node, ref }] of tensors.entries()) {
    const data = watched(values, i)?.data ?? [];
    const element = Array.prototype.findIndex.call(data, (value: number) => !Number.isFinite(value));
    if (element >= 0) broken.set(ref, describe(node, element, data[element] ?? Number.NaN));
  }
  const reached = reachedFrom(graph, broken);
  const culprit = tensors.find(({ ref }) => reached.has(ref)) ?? tensors.find(({ ref }) => broken.has(ref));
  return culprit === undefined ? undefined : broken.get(culprit.ref);
}

/** Runs a watched graph, once. */
async function run(observed: Graph, feeds: Feeds, state: ModelState): Promise<Record<string, TensorValue>> {
  const { executable } = await compile(observed, { state, disable: optionalPasses() });
  const names = new Set(observed.inputs.map((id) => String(observed.nodes[id]?.attributes.name)));
  try {
    return await executable.run(
      Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name))),
    );
  } finally {
    executable.free();
  }
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
