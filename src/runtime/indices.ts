import { evaluate, placeIn, type Sizes } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import {
  type Graph,
  idOf,
  type Node,
  type NodeId,
  nodeWith,
  type Ref,
  splitRef,
  withChanged,
} from '../ir/graph.ts';
import { findNode, nodeOf, nodePath, placeOf, typeOfRef } from '../ir/names.ts';
import type { IndexBounds, OpRegistry } from '../ir/record.ts';
import type { TensorValue } from './feeds.ts';
import { contextOf, inOrder, isSource, type OrderedGraph } from './nodes.ts';

/*
 * Kernels trust what they index by. What is fed or constant is checked on the host; what the graph computes is clamped on the device,
 * which notes the first one outside; some results are within bounds by nature.
 */

/** A fed or constant tensor whose values index something: checked on the host. */
export interface IndexRange extends IndexBounds {
  /** id of the input or constant */
  readonly ids: NodeId;
  /**
   * That of the lengths of its rows: elements at and beyond them are not looked at. Left out where the graph computes them: then
   * all are
   */
  readonly lengths: NodeId | undefined;
  /** node that reads it */
  readonly reader: Node;
}

/** A computed tensor whose values index something: clamped on the device. */
export interface ComputedIndex {
  /** table in which the first one outside is noted */
  readonly report: string;
  readonly ids: Node;
  readonly low: number;
  readonly reader: Node;
}

/** Operands that index something; `home`: the tensor whose memory one shares. */
function indexReads({ graph, order, registry, root }: OrderedGraph) {
  return order.flatMap((reader) => {
    const refOf = (operand: number): Ref =>
      defined(reader.inputs[operand], `operand ${operand} of ${reader.id}`);
    const indexed = registry.get(reader.op)?.indices?.(contextOf(graph, reader)) ?? [];
    return indexed.map(({ input: operand, lengths: rows, ...bounds }) => {
      const ref = refOf(operand);
      const lengths = rows === undefined ? undefined : refOf(rows);
      return { ...bounds, reader, operand, ref, home: root(ref), lengths };
    });
  });
}
type IndexRead = ReturnType<typeof indexReads>[number];

const fitsIn = (inner: IndexBounds, { low, below }: IndexBounds): boolean =>
  inner.low >= low &&
  (inner.below === below ||
    (typeof inner.below === 'number' && typeof below === 'number' && inner.below < below));

/** Clamps ids that the graph computes before an op indexes by them: see `Executable.checkIndices`. */
export function guardIndices(graph: Graph, order: readonly Node[], registry: OpRegistry): Graph {
  const changed = new Map<NodeId, Node>();
  const guards = new Map<string, NodeId>();
  const isSafe = ({ home, ...bounds }: IndexRead): boolean => {
    if (isSource(graph, home, registry)) return true;
    const { id, output } = splitRef(home);
    const producer = nodeOf(graph, id);
    const within = registry.get(producer.op)?.within?.(contextOf(graph, producer));
    return output === 0 && within !== undefined && fitsIn(within, bounds);
  };
  const guard = ({ ref, lengths, low, below, reader }: IndexRead): NodeId => {
    const inputs = lengths === undefined ? [ref] : [ref, lengths];
    const key = [...inputs, low, below].join(' ');
    const known = guards.get(key);
    if (known !== undefined) return known;
    const producer = idOf(ref);
    let id = `${producer}/clamped`;
    while (changed.has(id) || findNode(graph, id) !== undefined) id = `${id}.`;
    guards.set(key, id);
    const types = [typeOfRef(graph, ref)];
    const attributes = { low, below: [below], report: id };
    const { phase } = nodeOf(graph, producer);
    changed.set(id, nodeWith(reader, { id, op: 'clampIndex', inputs, types, phase, attributes }));
    return id;
  };
  for (const read of indexReads(inOrder(graph, order, registry))) {
    if (isSafe(read)) continue;
    const { inputs } = changed.get(read.reader.id) ?? read.reader;
    const guarded = inputs.with(read.operand, guard(read));
    changed.set(read.reader.id, nodeWith(read.reader, { inputs: guarded }));
  }
  return withChanged(graph, changed);
}

/**
 * What is indexed by, each once for its bounds.
 * @throws FROND-R012 for a constant that is outside of bounds which no feed has to tell
 */
export function indicesOf(ordered: OrderedGraph) {
  const { graph, registry, root } = ordered;
  const indices = new Map<string, IndexRange>();
  const computed = new Map<string, ComputedIndex>();
  const onHost = (home: Ref): NodeId | undefined =>
    isSource(graph, home, registry) ? idOf(home) : undefined;
  for (const { reader, home, low, below, lengths: rows } of indexReads(ordered)) {
    const { op, attributes, inputs } = nodeOf(graph, idOf(home));
    const report = registry.get(op)?.report?.(attributes);
    if (report !== undefined && !computed.has(report)) {
      const ids = nodeOf(graph, idOf(inputs[0] ?? ''));
      computed.set(report, { report, ids, low, reader });
    }
    const ids = onHost(home);
    if (ids === undefined) continue;
    const lengths = rows === undefined ? undefined : onHost(root(rows));
    const range = { ids, low, below, lengths, reader };
    const isKnown = op === 'constant' && typeof below === 'number' && lengths === undefined;
    if (isKnown) checkRange(graph, range, new Map(), {});
    else indices.set([ids, low, below, lengths].join(' '), range);
  }
  return { indices: [...indices.values()], computedIndices: [...computed.values()] };
}

/** By id of the input. */
type Fed = ReadonlyMap<NodeId, TensorValue>;

/**
 * Refuses ids, fed or constant, that would index past a table: kernels do not check again.
 * @throws FROND-R012 naming the tensor, the element, the range and the node
 */
export function checkIndices(
  { graph, indices }: { readonly graph: Graph; readonly indices: readonly IndexRange[] },
  feeds: Fed,
  sizes: Sizes,
): void {
  for (const range of indices) checkRange(graph, range, feeds, sizes);
}

/** A tensor as the host has it. One number for all elements of a constant stands for itself. */
function hostTensor(graph: Graph, id: NodeId, feeds: Fed, sizes: Sizes) {
  const { op, attributes, types } = nodeOf(graph, id);
  const { name, value } = attributes;
  if (op !== 'constant') return { what: `input ${name}`, ...defined(feeds.get(id), `feed ${name}`) };
  if (!Array.isArray(value)) return { what: 'constant', shape: [1], data: [Number(value)] };
  const shape = (types[0]?.shape ?? []).map((dim) => evaluate(dim, sizes));
  return { what: 'constant', shape, data: value.map(Number) };
}

function checkRange(
  graph: Graph,
  { ids, low, below, lengths, reader }: IndexRange,
  feeds: Fed,
  sizes: Sizes,
): void {
  const { what, shape, data } = hostTensor(graph, ids, feeds, sizes);
  const limit = evaluate(below, sizes);
  const counts = lengths === undefined ? undefined : hostTensor(graph, lengths, feeds, sizes).data;
  const width = data.length / Math.max(1, counts?.length ?? 1);
  for (let i = 0; i < data.length; i++) {
    const id = data[i] as number;
    if (id >= low && id < limit) continue;
    const row = Math.floor(i / width);
    if (counts !== undefined && i - row * width >= (counts[row] as number)) continue;
    throw outside(`${what}: element [${placeIn(i, shape).join(', ')}] is ${id}`, reader, low, limit - 1);
  }
}

function outside(what: string, reader: Node, low: number, last: number): FrondError {
  const takes = last < low ? 'has nothing to take' : `takes ${low} to ${last}`;
  return new FrondError('FROND-R012', `${what}, ${reader.op} ${takes}`, {
    ...placeOf(reader),
    hint: 'check what made it: vocabulary, label map or padding',
  });
}

/** What a note of the device says: see `kernels/clampIndex.ts`. Undefined where it says nothing. */
export function outsideOf(
  { ids, low, reader }: ComputedIndex,
  note: ArrayLike<number>,
): FrondError | undefined {
  const [position = 0, id, last = 0] = Array.from(note);
  if (position === 0) return undefined;
  return outside(`what ${nodePath(ids)} computes: element ${position - 1} is ${id}`, reader, low, last);
}
