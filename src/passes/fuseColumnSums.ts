import { type Graph, idOf, makeRef, type Node, type NodeId, nodeWith, type Ref } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { type Fusion, fusionOf } from './fusion.ts';
import { type Replacements, rewrite } from './rewrite.ts';

/**
 * Lets the product that gives the gradient of a weight, xᵀ · dy, add up the columns of dy on the way: the gradient of the
 * bias, which would else take launches of its own. Joins a sum over all but the last axis with the product whose right
 * operand holds the same elements.
 */
export function fuseColumnSums(graph: Graph, registry: OpRegistry): Graph {
  const fusion = fusionOf(graph, registry);
  const products = productsByOperand(fusion);
  const replacements: Replacements = new Map();
  const changed = new Map<NodeId, Node>();
  for (const sum of fusion.order) {
    const from = addsRows(fusion, sum);
    const product = from === undefined ? undefined : products.get(sourceOf(fusion, from));
    if (product === undefined || changed.has(product.id) || product.phase !== sum.phase) continue;
    const fused = nodeWith(product, {
      attributes: { ...product.attributes, columnSums: true },
      types: [...product.types, ...sum.types],
    });
    if (!fusion.isLegal(fused) || dependsOn(fusion, product, sum)) continue;
    changed.set(product.id, fused);
    replacements.set(sum.id, makeRef(product.id, 1));
  }
  return rewrite(graph, changed, replacements);
}

/** The tensor whose elements a view shows in the same order. */
function sourceOf(fusion: Fusion, ref: Ref): Ref {
  const node = fusion.node(ref);
  const [inner] = node?.inputs ?? [];
  return fusion.record(node)?.kind === 'view' && inner !== undefined ? sourceOf(fusion, inner) : ref;
}

/** Products of matrices by what their right operand shows; those that can take the sums, one each. */
function productsByOperand(fusion: Fusion): Map<Ref, Node> {
  const products = new Map<Ref, Node>();
  for (const node of fusion.order) {
    const [, right] = node.inputs;
    const { columnSums, epilogue, transposeX } = node.attributes;
    if (right === undefined || !fusion.record(node)?.sumsColumns) continue;
    if (columnSums !== undefined || epilogue !== undefined || transposeX !== true) continue;
    if (fusion.type(right).shape.length === 2) products.set(sourceOf(fusion, right), node);
  }
  return products;
}

/** The operand of which a node adds up all rows along the last axis; undefined for other nodes. */
function addsRows(fusion: Fusion, node: Node): Ref | undefined {
  const [from] = node.inputs;
  if (from === undefined) return undefined;
  const { shape } = fusion.type(from);
  const axes = fusion.record(node)?.sumsOver?.(node.attributes, shape);
  const last = shape.length - 1;
  return last > 0 && axes?.length === last && !axes.includes(last) ? from : undefined;
}

/** Whether `node` depends on `other`. Looks only at what stands behind that in the order, so that it stays local. */
function dependsOn(fusion: Fusion, node: Node, other: Node): boolean {
  const seen = new Set<NodeId>();
  for (let open = [...node.inputs]; open.length > 0; ) {
    const id = idOf(open.pop() ?? '');
    if (id === other.id) return true;
    if (seen.has(id) || fusion.place(id) < fusion.place(other.id)) continue;
    seen.add(id);
    open = [...open, ...(fusion.node(id)?.inputs ?? [])];
  }
  return false;
}
