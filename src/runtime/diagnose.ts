import { isFloating } from '../base/dtype.ts';
import type { SourcePlace } from '../base/errors.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { type Graph, makeRef, type Node, type Ref, splitRef } from '../ir/graph.ts';
import { nodePath } from '../ir/names.ts';
import { topologicalOrder } from '../ir/order.ts';
import { ops } from '../ops/index.ts';
import { passes } from '../passes/index.ts';
import { compile } from './compile.ts';
import type { Feeds, TensorValue } from './feeds.ts';
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

/** All passes but those that every graph needs: others join nodes, or drop one of two equal ones. */
const disable = (): string[] =>
  passes.map(({ name }) => name).filter((name) => name !== 'expand' && name !== 'removeDeadNodes');

/** A floating tensor to look at. */
interface Watched {
  readonly node: Node;
  readonly ref: Ref;
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
  const order = topologicalOrder(graph).filter((node) => node.phase !== 'update');
  const watched = order.flatMap((node) =>
    node.types.flatMap((type, k) => (isFloating(type.dtype) ? [{ node, ref: makeRef(node.id, k) }] : [])),
  );
  const values = await observe(graph, order, watched, feeds, state);
  const broken = new Map<Ref, NonFinite>();
  for (const [i, { node, ref }] of watched.entries()) {
    const data = values[`watched.${i}`]?.data ?? [];
    const element = Array.prototype.findIndex.call(data, (value: number) => !Number.isFinite(value));
    if (element >= 0) broken.set(ref, describe(node, element, data[element] ?? Number.NaN));
  }
  const reached = reachedFrom(graph, broken);
  const culprit = watched.find(({ ref }) => reached.has(ref)) ?? watched.find(({ ref }) => broken.has(ref));
  return culprit === undefined ? undefined : broken.get(culprit.ref);
}

/** Runs the nodes of `order` with every watched tensor as output `watched.I`. */
async function observe(
  graph: Graph,
  order: readonly Node[],
  watched: readonly Watched[],
  feeds: Feeds,
  state: ModelState,
): Promise<Record<string, TensorValue>> {
  const builder = new GraphBuilder(graph.name, ops, {
    ...graph,
    nodes: Object.fromEntries(order.map((node) => [node.id, node])),
    inputs: graph.inputs.filter((id) => graph.nodes[id]?.phase !== 'update'),
    outputs: {},
    effects: [],
  });
  watched.forEach(({ ref }, i) => {
    builder.output(`watched.${i}`, ref);
  });
  const observed = builder.finish();
  const { executable } = await compile(observed, { state, disable: disable() });
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
