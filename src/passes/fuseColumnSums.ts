import type { Graph, Node, NodeId, Ref } from '../ir/graph.ts';
import { makeRef, splitRef } from '../ir/graph.ts';
import { findNode, typeOfRef } from '../ir/names.ts';
import { topologicalOrder } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';
import { dependsOn, isLegal, positionsOf, shapeOf } from './fusion.ts';
import { type Replacements, redirect } from './rewrite.ts';

/**
 * Lets the product that gives the gradient of a weight, xᵀ · dy, add up the columns of dy on the way: the gradient of the
 * bias, which would else take launches of its own. Joins a sum over all but the last axis with the product whose right
 * operand holds the same elements.
 */
export function fuseColumnSums(graph: Graph, registry: OpRegistry): Graph {
  const products = productsByOperand(graph, registry);
  const replacements: Replacements = new Map();
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  const position = positionsOf(graph);
  for (const sum of topologicalOrder(graph)) {
    const [from] = sum.inputs;
    if (sum.op !== 'sum' || from === undefined || !addsRows(graph, sum, from)) continue;
    const product = products.get(sourceOf(graph, from, registry));
    if (product === undefined || nodes[product.id] !== product || product.phase !== sum.phase) continue;
    const fused: Node = {
      ...product,
      attributes: { ...product.attributes, columnSums: true },
      types: [...product.types, ...sum.types],
    };
    if (!isLegal(fused, (ref) => typeOfRef(graph, ref), registry)) continue;
    if (dependsOn(graph, product, new Set([sum.id]), position)) continue;
    nodes[product.id] = fused;
    replacements.set(sum.id, makeRef(product.id, 1));
  }
  return replacements.size === 0 ? graph : redirect({ ...graph, nodes }, replacements);
}

/** The tensor whose elements a view shows in the same order. */
function sourceOf(graph: Graph, ref: Ref, registry: OpRegistry): Ref {
  const node = findNode(graph, splitRef(ref).id);
  const [inner] = node?.inputs ?? [];
  const isView = node !== undefined && registry.get(node.op)?.kind === 'view';
  return isView && inner !== undefined ? sourceOf(graph, inner, registry) : ref;
}

/** Products of matrices by what their right operand shows; those that can take the sums, one each. */
function productsByOperand(graph: Graph, registry: OpRegistry): Map<Ref, Node> {
  const products = new Map<Ref, Node>();
  for (const node of Object.values(graph.nodes)) {
    const [, right] = node.inputs;
    if (right === undefined || !registry.get(node.op)?.sumsColumns) continue;
    if (node.attributes.columnSums !== undefined || node.attributes.epilogue !== undefined) continue;
    if (node.attributes.transposeX === true && shapeOf(graph, right).length === 2) {
      products.set(sourceOf(graph, right, registry), node);
    }
  }
  return products;
}

function addsRows(graph: Graph, { attributes }: Node, from: Ref): boolean {
  const rank = shapeOf(graph, from).length;
  const { axes } = attributes;
  if (!Array.isArray(axes) || attributes.keepDims === true) return false;
  const reduced = new Set(axes.map((axis) => (Number(axis) + rank) % rank));
  return rank >= 2 && reduced.size === rank - 1 && !reduced.has(rank - 1);
}
