import type { Graph, Node, Phase } from '../ir/graph.ts';
import { makeRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';
import { printAttribute, printType } from '../ir/print.ts';
import type { OpRegistry } from '../ir/record.ts';
import { dropUnused, type Replacements, redirectNode, redirectResults } from './rewrite.ts';

const RANK: Readonly<Record<Phase, number>> = { forward: 0, backward: 1, update: 2 };

/**
 * Computes once what is computed twice: nodes of equal op, operands, attributes and types become one. Every op is a pure
 * function (random ones of their key and stream), except those that update parameters; inputs and parameters are never joined.
 */
export function shareCommonSubexpressions(graph: Graph, registry: OpRegistry): Graph {
  const replacements: Replacements = new Map();
  const kept = new Map<string, Node>();
  const effects = new Set(graph.effects);
  const nodes: Record<string, Node> = {};
  for (const original of topologicalOrder(graph)) {
    const node = redirectNode(original, replacements);
    const shareable = isPure(node, registry) && !effects.has(node.id);
    const key = shareable ? keyOf(node) : '';
    const twin = shareable ? kept.get(key) : undefined;
    if (twin === undefined) {
      nodes[node.id] = node;
      if (shareable) kept.set(key, node);
      continue;
    }
    node.types.forEach((_, k) => {
      replacements.set(makeRef(node.id, k), makeRef(twin.id, k));
    });
    if (RANK[node.phase] < RANK[twin.phase]) {
      // what the forward part computes belongs to it, whoever came first
      const earlier = { ...twin, phase: node.phase };
      nodes[twin.id] = earlier;
      kept.set(key, earlier);
    }
  }
  if (replacements.size === 0) return graph;
  return dropUnused({ ...graph, nodes, ...redirectResults(graph, replacements) });
}

function isPure(node: Node, registry: OpRegistry): boolean {
  if (node.op === 'constant') return true;
  const kind = registry.get(node.op)?.kind;
  return kind !== undefined && kind !== 'update' && kind !== 'source';
}

function keyOf({ op, inputs, attributes, types }: Node): string {
  const fields = Object.keys(attributes)
    .sort()
    .map((key) => `${key}=${printAttribute(attributes[key] ?? null)}`);
  return `${op}(${inputs.join(',')}){${fields.join(',')}}${types.map(printType).join()}`;
}
