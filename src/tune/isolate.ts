import { namesOf } from '../base/dim.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Graph, Node, Ref } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import type { OpRegistry } from '../ir/record.ts';

/** A graph of nothing but `node`, its operands fed and its results given. */
export function isolate(graph: Graph, node: Node, registry: OpRegistry): Graph {
  const b = new GraphBuilder(`only-${node.op}`, registry);
  const known = new Map<Ref, Ref>();
  const operands = node.inputs.map((ref, i) => {
    const fed = known.get(ref) ?? b.input(`operand${i}`, typeOfRef(graph, ref));
    known.set(ref, fed);
    return fed;
  });
  // a sum of dimensions, such as 1+time, tells no size: an input that nothing reads does
  const dims = [...known.keys()].flatMap((ref) => typeOfRef(graph, ref).shape);
  for (const name of new Set(dims.flatMap(namesOf))) b.input(`size.${name}`, { dtype: 'f32', shape: [name] });
  b.op(node.op, operands, node.attributes).forEach((ref, i) => {
    b.output(`result${i}`, ref);
  });
  return b.finish();
}
