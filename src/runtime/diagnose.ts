import { checkArguments } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import { defined, type SourcePlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type Graph, idOf, irKind, makeRef, type Node, type Ref, type TensorType } from '../ir/graph.ts';
import { nodeOf, nodePath } from '../ir/names.ts';
import { passes } from '../passes/index.ts';
import { compile, executionOrder } from './compile.ts';
import { type Feeds, feedsFor, type TensorValue } from './feeds.ts';
import type { LoweredProgram } from './lower.ts';
import { ModelState } from './state.ts';

/** A result of a node, as a run gave it. */
export interface Observed {
  readonly node: Node;
  /** which of the node's results */
  readonly result: number;
  readonly ref: Ref;
  readonly value: TensorValue;
}

/** All passes but those that every graph needs: others join nodes, or drop one of two equal ones. */
const optionalPasses = (): string[] =>
  passes.map(({ name }) => name).filter((name) => name !== 'expand' && name !== 'removeDeadNodes');

const stateKind = is.instanceOf('the state of a model', ModelState);
const outputName = (i: number): string => `observed.${i}`;

/**
 * Runs a graph once, unfused and without its updates, and gives all results of its nodes in the order in which they run. Weights are
 * read, never written.
 */
export async function observe(
  graph: Graph,
  state: ModelState,
  feedsOf: (program: LoweredProgram) => Feeds,
  wanted: (type: TensorType) => boolean = () => true,
): Promise<Observed[]> {
  const order = executionOrder(graph).filter(({ phase }) => phase !== 'update');
  const results = order.flatMap((node) =>
    node.types.flatMap((type, result) =>
      wanted(type) ? [{ node, result, ref: makeRef(node.id, result) }] : [],
    ),
  );
  const nodes = Object.fromEntries(order.map((node) => [node.id, node]));
  const observed: Graph = {
    ...graph,
    nodes,
    inputs: graph.inputs.filter((id) => Object.hasOwn(nodes, id)),
    outputs: Object.fromEntries(results.map(({ ref }, i) => [outputName(i), ref])),
    effects: [],
  };
  const { executable } = await compile(observed, { state, disable: optionalPasses() });
  try {
    const values = await executable.run(feedsOf(executable.program));
    return results.map((each, i) => ({ ...each, value: defined(values[outputName(i)], each.ref) }));
  } finally {
    await executable.free();
  }
}

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
  const kinds = { graph: irKind, feeds: is.object, state: stateKind };
  checkArguments('findNonFinite', kinds, [graph, feeds, state], 'FROND-R023');
  const tensors = await observe(graph, state, ({ graph: observed }) => feedsFor(observed, feeds), isFloat);
  const broken = new Map<Ref, NonFinite>();
  for (const { node, ref, value } of tensors) {
    const { data } = value;
    const element = Array.prototype.findIndex.call(data, (element: number) => !Number.isFinite(element));
    if (element < 0) continue;
    const { op, phase, source: place } = node;
    broken.set(ref, { node: nodePath(node), op, phase, value: data[element] ?? Number.NaN, element, place });
  }
  const reached = reachedFrom(graph, broken);
  const refs = [...broken.keys()];
  return broken.get(refs.find((ref) => reached.has(ref)) ?? refs[0] ?? '');
}

const isFloat = ({ dtype }: TensorType): boolean => isFloating(dtype);

/** Broken tensors on a chain of broken tensors that ends in the loss, or else in an operand of an update. */
function reachedFrom(graph: Graph, broken: ReadonlyMap<Ref, unknown>): ReadonlySet<Ref> {
  const { loss } = graph.outputs;
  const updates = Object.values(graph.nodes).filter((node) => node.phase === 'update');
  const ends = loss !== undefined && broken.has(loss) ? [loss] : updates.flatMap((node) => node.inputs);
  const reached = new Set(ends.filter((ref) => broken.has(ref)));
  for (const ref of reached)
    for (const operand of nodeOf(graph, idOf(ref)).inputs) if (broken.has(operand)) reached.add(operand);
  return reached;
}
