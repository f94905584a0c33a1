import { namesOf } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Graph, Node, Ref, TensorType } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';

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
