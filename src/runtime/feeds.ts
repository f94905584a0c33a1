import { type Dim, evaluate, printShape, type Sizes } from '../base/dim.ts';
import type { DType } from '../base/dtype.ts';
import { defined, FrondError } from '../base/errors.ts';
import type { Graph, Node } from '../ir/graph.ts';

/** A tensor on the host, as fed or as read back. */
export interface TensorValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}
export type Feeds = Readonly<Record<string, TensorValue>>;

const mismatch = (node: Node, summary: string, hint?: string): FrondError =>
  new FrondError('FROND-R010', `input ${node.attributes.name}: ${summary}`, { place: node.source, hint });

/** A name by itself, which a feed binds; derived sizes are checked against it. */
const isPlainName = (dim: Dim): dim is string => typeof dim === 'string' && /^[A-Za-z_][\w.]*$/.test(dim);

function checkData(node: Node, { dtype, shape, data }: TensorValue): void {
  const type = defined(node.types[0], 'type of an input');
  if (dtype !== type.dtype) throw mismatch(node, `declared ${type.dtype}, fed ${dtype}`);
  if (shape.length !== type.shape.length) {
    throw mismatch(node, `declared ${printShape(type.shape)}, fed ${printShape(shape)}`);
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw mismatch(node, `${printShape(shape)} is not a list of sizes`);
  }
  const elements = shape.reduce((x, y) => x * y, 1);
  if (elements !== data.length) {
    throw mismatch(node, `shape ${printShape(shape)} has ${elements} elements, the data ${data.length}`);
  }
}

/** Binds the plain names of the declared shape to the sizes that were fed. */
function bindInput(node: Node, value: TensorValue, sizes: Map<string, number>): void {
  const { shape } = defined(node.types[0], 'type of an input');
  shape.forEach((dim, i) => {
    if (!isPlainName(dim)) return;
    const size = value.shape[i] as number;
    const known = sizes.get(dim) ?? size;
    if (known !== size) throw mismatch(node, `${dim} is ${size} here and ${known} in another dimension`);
    sizes.set(dim, known);
  });
}

function checkDerived(node: Node, value: TensorValue, sizes: Sizes): void {
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

/**
 * Sizes of the named dimensions as the feeds give them, checked against every declared shape.
 * @throws FROND-R009 for a missing feed, FROND-R010 for one that does not fit, FROND-R011 for one that nobody declared
 */
export function bindSizes(graph: Graph, feeds: Feeds): Sizes {
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
    const value = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    if (value === undefined) {
      throw new FrondError('FROND-R009', `graph ${graph.name}: input ${name} was not fed`, {
        place: node.source,
        hint: `feed all of: ${names.join(', ')}`,
      });
    }
    checkData(node, value);
    bindInput(node, value, bound);
    return { node, value };
  });
  const sizes = Object.fromEntries(bound);
  for (const { node, value } of fed) checkDerived(node, value, sizes);
  return sizes;
}
