import { evaluate, namesOf, type Sizes } from '../base/dim.ts';
import { isFloating } from '../base/dtype.ts';
import { defined } from '../base/errors.ts';
import { threefry } from '../base/random.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Graph, Node, Ref, TensorType } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import type { Feeds } from '../runtime/feeds.ts';

/** A graph of nothing but `node`, its operands fed and its results given. */
export function isolate(node: Node, types: ReadonlyMap<Ref, TensorType>, registry: OpRegistry): Graph {
  const b = new GraphBuilder(`only-${node.op}`, registry);
  const known = new Map<Ref, Ref>();
  const operands = node.inputs.map((ref, i) => {
    const fed = known.get(ref) ?? b.input(`operand${i}`, defined(types.get(ref), `type of ${ref}`));
    known.set(ref, fed);
    return fed;
  });
  // a sum of dimensions, such as 1+time, tells no size: an input that nothing reads does
  const dims = [...known.keys()].flatMap((ref) => types.get(ref)?.shape ?? []);
  for (const name of new Set(dims.flatMap(namesOf))) b.input(`size.${name}`, { dtype: 'f32', shape: [name] });
  b.op(node.op, operands, node.attributes).forEach((ref, i) => {
    b.output(`result${i}`, ref);
  });
  return b.finish();
}

/** Numbers in [−1, 1) for floats, ones for masks, zeros for what may index something. */
export function someFeeds(graph: Graph, sizes: Sizes): Feeds {
  const feeds = graph.inputs.map((name, i) => {
    const type = defined(graph.nodes[name]?.types[0], `type of ${name}`);
    const shape = type.shape.map((dim) => evaluate(dim, sizes));
    const data = new Float32Array(shape.reduce((count, size) => count * size, 1));
    const values = isFloating(type.dtype)
      ? data.map((_, at) => threefry(i, 0, at, 0)[0] / 2 ** 31 - 1)
      : data.fill(type.dtype === 'bool' ? 1 : 0);
    return [name, { dtype: type.dtype, shape, data: values }] as const;
  });
  return Object.fromEntries(feeds);
}
