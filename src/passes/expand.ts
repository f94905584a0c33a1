import { FrondError } from '../base/errors.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { type Graph, type Node, refsOf } from '../ir/graph.ts';
import { placeOf } from '../ir/names.ts';
import { topologicalOrder } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';
import { type Replacements, resolve, rewrite } from './rewrite.ts';

/** An op may expand into ops that expand again; deeper than this, two of them expand into each other. */
const DEEPEST = 16;

/** Rewrites convenience ops (`linear`, `mean`, …) into the ops that their records name. */
export const expand = (graph: Graph, registry: OpRegistry): Graph => expandTracked(graph, registry).graph;

/** The same, with what became of each rewritten tensor. @throws FROND-P006 when an expansion never ends. */
export function expandTracked(
  graph: Graph,
  registry: OpRegistry,
): { readonly graph: Graph; readonly replacements: Replacements } {
  const replacements: Replacements = new Map();
  // rewritten nodes stay until the end: an id that is given twice would make two replacements one
  let current = graph;
  for (let depth = 0; ; depth++) {
    const found = topologicalOrder(current).filter(
      (node) => registry.get(node.op)?.expand !== undefined && !replacements.has(node.id),
    );
    const [first] = found;
    if (first === undefined) return { graph: rewrite(current, new Map(), replacements), replacements };
    if (depth === DEEPEST) throw endless(first);
    current = expandOnce(current, found, registry, replacements);
  }
}

function expandOnce(
  graph: Graph,
  found: readonly Node[],
  registry: OpRegistry,
  replacements: Replacements,
): Graph {
  const builder = new GraphBuilder(graph.name, registry, graph);
  for (const node of found) {
    const inputs = node.inputs.map((input) => resolve(replacements, input));
    const { expand } = registry.get(node.op) ?? {};
    const results = expand?.(builder.at(node), { inputs, attributes: node.attributes }) ?? [];
    if (results.length !== node.types.length) {
      throw new FrondError(
        'FROND-X001',
        `${node.op}: its expansion gives ${results.length} results`,
        placeOf(node),
      );
    }
    refsOf(node).forEach((ref, output) => {
      replacements.set(ref, results[output] ?? ref);
    });
  }
  return builder.finish();
}

const endless = (node: Node): FrondError =>
  new FrondError('FROND-P006', `${node.op} expands into ops that expand without end`, placeOf(node));
