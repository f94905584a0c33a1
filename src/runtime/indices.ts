import { evaluate, placeIn, type Sizes } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import type { Graph, Node, NodeId } from '../ir/graph.ts';
import { nodeOf, nodePath } from '../ir/names.ts';
import type { TensorValue } from './feeds.ts';
import type { ComputedIndex, IndexRange, LoweredProgram } from './lower.ts';

type Fed = ReadonlyMap<string, TensorValue>;

const hint = 'check what made it: vocabulary, label map or padding';

/**
 * Refuses ids, fed or constant, that would index past a table: kernels do not check again.
 * @throws FROND-R012 naming the tensor, the element, the range and the node
 */
export function checkIndices({ graph, indices }: LoweredProgram, feeds: Fed, sizes: Sizes): void {
  for (const range of indices) checkRange(range, (id) => hostTensor(graph, id, feeds, sizes), sizes);
}

/** The same for constants by themselves, before sizes are known. */
export function checkConstants({ graph, indices }: LoweredProgram): void {
  for (const range of indices) {
    const isKnown = typeof range.below === 'number' && range.lengths === undefined;
    if (!isKnown || nodeOf(graph, range.ids).op !== 'constant') continue;
    checkRange(range, (id) => constantTensor(nodeOf(graph, id)), {});
  }
}

interface HostTensor {
  readonly what: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

function hostTensor(graph: Graph, id: NodeId, feeds: Fed, sizes: Sizes): HostTensor {
  const node = nodeOf(graph, id);
  if (node.op === 'constant') return constantTensor(node, sizes);
  const name = String(node.attributes.name);
  return { what: `input ${name}`, ...defined(feeds.get(name), `feed ${name}`) };
}

/** One number for all elements stands for itself. */
function constantTensor({ attributes: { value }, types }: Node, sizes: Sizes = {}): HostTensor {
  if (!Array.isArray(value)) return { what: 'constant', shape: [1], data: [Number(value)] };
  const shape = (types[0]?.shape ?? []).map((dim) => evaluate(dim, sizes));
  return { what: 'constant', shape, data: value.map(Number) };
}

function checkRange(
  { ids, low, below, lengths, reader }: IndexRange,
  tensor: (id: NodeId) => HostTensor,
  sizes: Sizes,
): void {
  const { what, shape, data } = tensor(ids);
  const limit = evaluate(below, sizes);
  const counts = lengths === undefined ? undefined : tensor(lengths).data;
  const width = data.length / Math.max(1, counts?.length ?? 1);
  for (let i = 0; i < data.length; i++) {
    const id = data[i] as number;
    if (id >= low && id < limit) continue;
    const row = Math.floor(i / width);
    if (counts !== undefined && i - row * width >= (counts[row] as number)) continue;
    throw outside(`${what}: element [${placeIn(i, shape).join(', ')}] is ${id}`, reader, low, limit - 1);
  }
}

function outside(what: string, { op, source, ...rest }: Node, low: number, last: number): FrondError {
  const takes = last < low ? 'has nothing to take' : `takes ${low} to ${last}`;
  return new FrondError('FROND-R012', `${what}, ${op} ${takes}`, {
    ...{ node: nodePath({ op, source, ...rest }), place: source, hint },
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
