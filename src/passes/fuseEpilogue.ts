import { expressionAttribute, FUSED, readResults, resultsAttribute } from '../ir/expression.ts';
import {
  type Graph,
  idOf,
  makeRef,
  type Node,
  type NodeId,
  nodeWith,
  type Ref,
  refsOf,
} from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { type Fusion, fusionOf, haveSameShape, joinExpressions } from './fusion.ts';
import { type Replacements, rewrite } from './rewrite.ts';

/**
 * Lets a matrix product, or another op that can, apply the element-wise functions that follow it (bias, gelu, dropout, residual)
 * to each finished tile before storing it: the one element-wise node that reads the op's first result becomes its attribute
 * `epilogue`. It needs to be the only reader and to have the result's shape; what else it reads becomes further operands.
 */
export function fuseEpilogue(graph: Graph, registry: OpRegistry): Graph {
  const fusion = fusionOf(graph, registry);
  const changed = new Map<NodeId, Node>();
  const absorbed = new Set<NodeId>();
  const replacements: Replacements = new Map();
  /** where nodes stand that have been moved */
  const moved = new Map<NodeId, number>();
  const placeOf = (id: NodeId): number => moved.get(id) ?? fusion.place(id);
  for (const product of fusion.order) {
    const most = fusion.record(product)?.epilogueOperands;
    if (most === undefined || product.attributes.epilogue !== undefined || fusion.kept.has(product.id))
      continue;
    const [only, ...others] = new Set(fusion.users(product.id));
    const reader = fusion.node(only);
    if (reader === undefined || others.length > 0 || absorbed.has(reader.id)) continue;
    const fused = withEpilogue(fusion, product, reader, most);
    if (fused === undefined || !fusion.isLegal(fused)) continue;
    if (product.types.length > 1) {
      const place = placeBefore(fusion, product, reader, fused.inputs, placeOf);
      if (place === undefined) continue;
      moved.set(product.id, place).set(reader.id, place);
      // results of the epilogue stand for the product's first one, and behind its others
      refsOf(reader).forEach((ref, k) => {
        replacements.set(ref, makeRef(product.id, k === 0 ? 0 : product.types.length - 1 + k));
      });
    }
    changed.set(fused.id, fused);
    absorbed.add(reader.id);
  }
  return rewrite(graph, changed, replacements);
}

/**
 * Where the fused node can stand so that what its epilogue reads is there before a further result of the product, which waits for it,
 * is needed.
 */
function placeBefore(
  fusion: Fusion,
  product: Node,
  reader: Node,
  inputs: readonly Ref[],
  placeOf: (id: NodeId) => number,
): number | undefined {
  const waiting = refsOf(product).slice(1).flatMap(fusion.users);
  const needed = Math.min(...waiting.map(placeOf));
  const ready = Math.max(...inputs.map((ref) => placeOf(idOf(ref))));
  const place = placeOf(reader.id) < needed ? placeOf(reader.id) : (ready + needed) / 2;
  return ready < place && place < needed ? place : undefined;
}

function withEpilogue(fusion: Fusion, product: Node, reader: Node, most: number): Node | undefined {
  const alike = refsOf(reader).every(
    (ref) => fusion.type(ref).dtype === 'f32' && haveSameShape(fusion, ref, product.id),
  );
  const expression = fusion.expression(reader);
  if (!alike || reader.phase !== product.phase || expression === undefined) return undefined;
  // constants become literals, except where fusion has decided that already, and where they are read whole
  const isLiteral = (input: Ref, i: number): boolean =>
    reader.op !== FUSED && !fusion.readsWhole(reader, i) && fusion.literal(input) !== undefined;
  const extras = [
    ...new Set(reader.inputs.filter((input, i) => input !== product.id && !isLiteral(input, i))),
  ];
  if (extras.some((ref) => idOf(ref) === product.id)) return undefined;
  if (extras.length + reader.types.length - 1 > most) return undefined;
  const joined = joinExpressions(fusion, [product.id, ...extras]);
  const places = joined.add(reader, expression);
  const results = readResults(reader.attributes.results, expression).map((i) => places[i] ?? 0);
  const [first, ...further] = reader.types;
  return nodeWith(reader, {
    // further results of the product keep their names
    id: product.types.length === 1 ? reader.id : product.id,
    op: product.op,
    inputs: [...product.inputs, ...extras],
    attributes: {
      ...product.attributes,
      epilogue: expressionAttribute(joined.instructions),
      ...resultsAttribute(joined.instructions, results),
    },
    types: [...(first ? [first] : []), ...product.types.slice(1), ...further],
  });
}
