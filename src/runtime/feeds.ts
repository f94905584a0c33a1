import { evaluate, printShape, type Sizes } from '../base/dim.ts';
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

/** Binds a plain name of the declared shape to the size that was fed. */
function bindInput(node: Node, value: TensorValue, sizes: Record<string, number>): void {
  const type = defined(node.types[0], 'type of an input');
  const declared = printShape(type.shape);
  if (value.dtype !== type.dtype) throw mismatch(node, `declared ${type.dtype}, fed ${value.dtype}`);
  if (value.shape.length !== type.shape.length) {
    throw mismatch(node, `declared ${declared}, fed ${printShape(value.shape)}`);
  }
  const elements = value.shape.reduce((x, y) => x * y, 1);
  if (elements !== value.data.length) {
    throw mismatch(
      node,
      `shape ${printShape(value.shape)} has ${elements} elements, the data ${value.data.length}`,
    );
  }
  type.shape.forEach((dim, i) => {
    const size = value.shape[i] ?? 0;
    if (typeof dim === 'string' && /^[A-Za-z_][\w.]*$/.test(dim)) {
      const known = sizes[dim] ?? size;
      if (known !== size) throw mismatch(node, `${dim} is ${size} here and ${known} in another input`);
      sizes[dim] = known;
    }
  });
}

function checkDerived(node: Node, value: TensorValue, sizes: Sizes): void {
  const { shape } = defined(node.types[0], 'type of an input');
  shape.forEach((dim, i) => {
    const wanted = evaluate(dim, sizes);
    if (wanted !== value.shape[i]) {
      const meaning = typeof dim === 'string' ? `${dim} = ${wanted}` : `${wanted}`;
      throw mismatch(
        node,
        `declared ${printShape(shape)}, fed ${printShape(value.shape)}: axis ${i} must be ${meaning}`,
      );
    }
  });
}

/**
 * Sizes of the named dimensions as the feeds give them, checked against every declared shape.
 * @throws FROND-R009 for a missing feed, FROND-R010 for one that does not fit, FROND-R011 for one that nobody declared
 */
export function bindSizes(graph: Graph, feeds: Feeds): Sizes {
  const sizes: Record<string, number> = {};
  const inputs = graph.inputs.map((id) => defined(graph.nodes[id], `input ${id}`));
  const names = inputs.map((node) => String(node.attributes.name));
  const surplus = Object.keys(feeds).find((name) => !names.includes(name));
  if (surplus !== undefined) {
    throw new FrondError('FROND-R011', `graph ${graph.name} has no input ${surplus}`, {
      hint: `its inputs are: ${names.join(', ') || 'none'}`,
    });
  }
  const fed = inputs.map((node) => {
    const value = feeds[String(node.attributes.name)];
    if (value === undefined) {
      throw new FrondError('FROND-R009', `graph ${graph.name}: input ${node.attributes.name} was not fed`, {
        place: node.source,
        hint: `feed all of: ${names.join(', ')}`,
      });
    }
    bindInput(node, value, sizes);
    return { node, value };
  });
  for (const { node, value } of fed) checkDerived(node, value, sizes);
  return sizes;
}
