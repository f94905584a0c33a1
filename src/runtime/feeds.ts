import { show, shownName } from '../base/arguments.ts';
import { type Dim, evaluate, placeIn, printShape, type Sizes } from '../base/dim.ts';
import { type DType, elementRule, type HostData, numbersOf } from '../base/dtype.ts';
import { type ErrorCode, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { RANDOM_KEY } from '../dsl/dropout.ts';
import type { Graph } from '../ir/graph.ts';
import { atNode, type Input, inputsOf } from './nodes.ts';

/** A tensor on the host, to be fed: each element must fit the dtype. A mask may be a `Uint8Array`, or a list of true and false. */
export interface FedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: HostData;
}
export type Feeds = Readonly<Record<string, FedTensor>>;

/** A tensor on the host whose elements are numbers. */
export interface TensorValue extends FedTensor {
  readonly data: ArrayLike<number>;
}

/** A tensor as read back: floats are f64 from an interpreter of that precision. */
export interface ReadTensor<D extends DType = DType> extends TensorValue {
  readonly dtype: D;
  readonly data: D extends 'f32' | 'f16'
    ? Float32Array | Float64Array
    : D extends 'i32'
      ? Int32Array
      : Uint32Array;
}

const wrong = ({ name, node }: Input, summary: string, code: ErrorCode = 'FROND-R010', hint?: string) =>
  new FrondError(code, `input ${name}: ${summary}`, { place: node.source, hint });

/** A name by itself, which a feed binds; derived sizes are checked against it. */
const isPlainName = (dim: Dim): dim is string => typeof dim === 'string' && /^[A-Za-z_][\w.]*$/.test(dim);

/**
 * A feed with its elements as numbers.
 * @throws FROND-R023 for what is no tensor at all, FROND-R010 and R031 as `readFeeds`
 */
function readFeed(input: Input, value: FedTensor): TensorValue {
  const { type: declared } = input;
  const { dtype, shape, data }: FedTensor = Object(value);
  const hasShape = Array.isArray(shape);
  if (!hasShape || !is.elements.holds(data)) {
    const isThing = typeof value === 'object' && value !== null;
    const lacks = isThing ? `a tensor without ${hasShape ? 'data' : 'a shape'}` : 'no tensor';
    throw wrong(input, `fed ${lacks}`, 'FROND-R023', 'a feed is { dtype, shape, data }');
  }
  if (dtype !== declared.dtype) throw wrong(input, `declared ${declared.dtype}, fed ${shownName(dtype)}`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw wrong(input, `${printShape(shape.map(show))} is not a list of sizes`);
  if (shape.length !== declared.shape.length)
    throw wrong(input, `declared ${printShape(declared.shape)}, fed ${printShape(shape)}`);
  const elements = shape.reduce((x, y) => x * y, 1);
  if (elements !== data.length)
    throw wrong(input, `shape ${printShape(shape)} has ${elements} elements, the data ${data.length}`);
  const numbers = numbersOf(dtype, data, (index, element) => {
    const at = `element [${placeIn(index, shape).join(', ')}]`;
    return wrong(input, `${at} is ${element}, ${dtype} takes ${elementRule(dtype)}`, 'FROND-R031');
  });
  return { dtype, shape, data: numbers };
}

/** Binds the plain names of the declared shape to the sizes that were fed. */
function bindSizes(input: Input, { shape }: FedTensor, sizes: Map<string, number>): void {
  for (const [i, dim] of input.type.shape.entries()) {
    if (!isPlainName(dim)) continue;
    const size = shape[i] as number;
    const known = sizes.get(dim) ?? size;
    if (known !== size) throw wrong(input, `${dim} is ${size} here and ${known} in another dimension`);
    sizes.set(dim, known);
  }
}

function checkDerived(input: Input, { shape }: FedTensor, sizes: Sizes): void {
  const { name, node, type: declared } = input;
  for (const [i, dim] of declared.shape.entries()) {
    const wanted = atNode(node, () => evaluate(dim, sizes), `input ${name}`);
    if (wanted === shape[i]) continue;
    const meaning = typeof dim === 'string' ? `${dim} = ${wanted}` : `${wanted}`;
    const both = `declared ${printShape(declared.shape)}, fed ${printShape(shape)}`;
    throw wrong(input, `${both}: axis ${i} must be ${meaning}`);
  }
}

/** @throws FROND-R023 when `feeds` is no object, FROND-R011 for a feed that the graph does not declare */
export function requireFeeds(
  graph: Graph,
  feeds: unknown,
  names: readonly string[] = inputsOf(graph).map(({ name }) => name),
): void {
  if (typeof feeds !== 'object' || feeds === null) {
    const what = feeds === null ? 'null' : typeof feeds;
    throw new FrondError('FROND-R023', `graph ${graph.name}: the feeds are ${what}`, {
      hint: 'pass an object with one { dtype, shape, data } for each input; {} where there is none',
    });
  }
  const surplus = Object.keys(feeds).find((name) => !names.includes(name));
  if (surplus === undefined) return;
  throw new FrondError('FROND-R011', `graph ${graph.name} has no input ${surplus}`, {
    hint: `its inputs are: ${names.join(', ') || 'none'}`,
  });
}

/**
 * Tensors with numbers as elements by id of their input, and sizes of the named dimensions, as the feeds give them, checked against
 * every declared dtype and shape.
 * @throws FROND-R009 for a missing feed, FROND-R010 for one that does not fit, FROND-R011 for one that is not declared,
 *   FROND-R023 for what is not a feed, FROND-R031 for an element that the dtype does not hold
 */
export function readFeeds(graph: Graph, feeds: Feeds) {
  const inputs = inputsOf(graph);
  const names = inputs.map(({ name }) => name);
  requireFeeds(graph, feeds, names);
  const bound = new Map<string, number>();
  const fed = inputs.map((input) => {
    const given = own(feeds, input.name);
    if (given === undefined) {
      throw new FrondError('FROND-R009', `graph ${graph.name}: input ${input.name} was not fed`, {
        place: input.node.source,
        hint:
          input.name === RANDOM_KEY
            ? `dropout in a training graph draws from it: feed { dtype: 'u32', shape: [2], data: [seed, step] }`
            : `feed all of: ${names.join(', ')}`,
      });
    }
    const tensor = readFeed(input, given);
    bindSizes(input, tensor, bound);
    return { input, tensor };
  });
  const sizes: Sizes = Object.fromEntries(bound);
  for (const { input, tensor } of fed) checkDerived(input, tensor, sizes);
  return { tensors: new Map(fed.map(({ input, tensor }) => [input.node.id, tensor])), sizes };
}

/** Those of `feeds` that a graph takes in. */
export function feedsFor(graph: Graph, feeds: Feeds): Feeds {
  const names = new Set(graph.inputs.map((id) => graph.nodes[id]?.attributes.name));
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)));
}
