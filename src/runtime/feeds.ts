import { show, shownName } from '../base/arguments.ts';
import { type Dim, evaluate, placeIn, printShape, type Sizes } from '../base/dim.ts';
import type { DType } from '../base/dtype.ts';
import { elementRule, type HostData, numbersOf } from '../base/elements.ts';
import { defined, FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import { RANDOM_KEY } from '../dsl/dropout.ts';
import type { Graph, Node } from '../ir/graph.ts';

/** A tensor on the host, to be fed: each element must fit the dtype. A mask may be a `Uint8Array`, or a list of true and false. */
export interface FedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: HostData;
}
export type Feeds = Readonly<Record<string, FedTensor>>;

/** A tensor on the host, as read back. */
export interface TensorValue extends FedTensor {
  readonly data: ArrayLike<number>;
}

const mismatch = (node: Node, summary: string, hint?: string): FrondError =>
  new FrondError('FROND-R010', `input ${node.attributes.name}: ${summary}`, { place: node.source, hint });

/** A name by itself, which a feed binds; derived sizes are checked against it. */
const isPlainName = (dim: Dim): dim is string => typeof dim === 'string' && /^[A-Za-z_][\w.]*$/.test(dim);

/** The elements of a feed as numbers. */
function readData(node: Node, { dtype, shape, data }: FedTensor): ArrayLike<number> {
  const type = defined(node.types[0], 'type of an input');
  if (dtype !== type.dtype) {
    throw mismatch(node, `declared ${type.dtype}, fed ${shownName(dtype)}`);
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw mismatch(node, `${printShape(shape.map(show))} is not a list of sizes`);
  }
  if (shape.length !== type.shape.length) {
    throw mismatch(node, `declared ${printShape(type.shape)}, fed ${printShape(shape)}`);
  }
  const elements = shape.reduce((x, y) => x * y, 1);
  if (elements !== data.length) {
    throw mismatch(node, `shape ${printShape(shape)} has ${elements} elements, the data ${data.length}`);
  }
  return numbersOf(dtype, data, (index, element) => {
    const at = `input ${node.attributes.name}: element [${placeIn(index, shape).join(', ')}]`;
    return new FrondError('FROND-R031', `${at} is ${element}, ${dtype} takes ${elementRule(dtype)}`, {
      place: node.source,
    });
  });
}

/** Binds the plain names of the declared shape to the sizes that were fed. */
function bindInput(node: Node, value: FedTensor, sizes: Map<string, number>): void {
  const { shape } = defined(node.types[0], 'type of an input');
  shape.forEach((dim, i) => {
    if (!isPlainName(dim)) return;
    const size = value.shape[i] as number;
    const known = sizes.get(dim) ?? size;
    if (known !== size) throw mismatch(node, `${dim} is ${size} here and ${known} in another dimension`);
    sizes.set(dim, known);
  });
}

function checkDerived(node: Node, value: FedTensor, sizes: Sizes): void {
  const { shape } = defined(node.types[0], 'type of an input');
  shape.forEach((dim, i) => {
    const wanted = sizeOf(dim, node, sizes);
    if (wanted !== value.shape[i]) {
      const meaning = typeof dim === 'string' ? `${dim} = ${wanted}` : `${wanted}`;
      throw mismatch(
        node,
        `declared ${printShape(shape)}, fed ${printShape(value.shape)}: axis ${i} must be ${meaning}`,
      );
    }
  });
}

/** `evaluate`, with the input named where it fails. */
function sizeOf(dim: Dim, node: Node, sizes: Sizes): number {
  try {
    return evaluate(dim, sizes);
  } catch (error) {
    throw error instanceof FrondError
      ? error.with({ node: `input ${node.attributes.name}`, place: node.source })
      : error;
  }
}

/** @throws FROND-R023 for what is no tensor at all */
function requireTensor(node: Node, value: unknown): void {
  const { shape, data }: { readonly shape?: unknown; readonly data?: unknown } = Object(value);
  const hasLength = typeof data === 'object' && data !== null && 'length' in data;
  if (Array.isArray(shape) && hasLength) return;
  const lacks =
    typeof value !== 'object' || value === null
      ? 'no tensor'
      : `a tensor without ${Array.isArray(shape) ? 'data' : 'a shape'}`;
  throw new FrondError('FROND-R023', `input ${node.attributes.name}: fed ${lacks}`, {
    place: node.source,
    hint: 'a feed is { dtype, shape, data }',
  });
}

/** @throws FROND-R023 when `feeds` is no object */
function requireFeeds(graph: Graph, feeds: unknown): void {
  if (typeof feeds === 'object' && feeds !== null) return;
  throw new FrondError(
    'FROND-R023',
    `graph ${graph.name}: the feeds are ${feeds === null ? 'null' : typeof feeds}`,
    {
      hint: 'pass an object with one { dtype, shape, data } for each input; {} where there is none',
    },
  );
}

/** What to do about an input that was not fed. */
const feedHint = (name: string, names: readonly string[]): string =>
  name === RANDOM_KEY
    ? `dropout in a training graph draws from it: feed { dtype: 'u32', shape: [2], data: [seed, step] }`
    : `feed all of: ${names.join(', ')}`;

/** Feeds with numbers as elements, by name of the input, and the sizes of the named dimensions. */
export interface ReadFeeds {
  readonly tensors: ReadonlyMap<string, TensorValue>;
  readonly sizes: Sizes;
}

/**
 * Elements and sizes of the named dimensions as the feeds give them, checked against every declared dtype and shape.
 * @throws FROND-R009 for a missing feed, FROND-R010 for one that does not fit, FROND-R011 for one that nobody declared,
 *   FROND-R023 for what is no feed at all, FROND-R031 for an element that the dtype does not hold
 */
export function readFeeds(graph: Graph, feeds: Feeds): ReadFeeds {
  requireFeeds(graph, feeds);
  const bound = new Map<string, number>();
  const inputs = graph.inputs.map((id) => defined(graph.nodes[id], `input ${id}`));
  const names = inputs.map((node) => String(node.attributes.name));
  const surplus = Object.keys(feeds).find((name) => !names.includes(name));
  if (surplus !== undefined) {
    throw new FrondError('FROND-R011', `graph ${graph.name} has no input ${surplus}`, {
      hint: `its inputs are: ${names.join(', ') || 'none'}`,
    });
  }
  const fed = inputs.map((node) => {
    const name = String(node.attributes.name);
    const value = own(feeds, name);
    if (value === undefined) {
      throw new FrondError('FROND-R009', `graph ${graph.name}: input ${name} was not fed`, {
        place: node.source,
        hint: feedHint(name, names),
      });
    }
    requireTensor(node, value);
    const data = readData(node, value);
    bindInput(node, value, bound);
    return { name, node, value: { ...value, data } };
  });
  const sizes = Object.fromEntries(bound);
  for (const { node, value } of fed) checkDerived(node, value, sizes);
  return { tensors: new Map(fed.map(({ name, value }) => [name, value])), sizes };
}
