import { constantValue, type Graph, type Node, type Phase } from '../ir/graph.ts';
import { printAttribute, printType } from '../ir/print.ts';
import type { OpRegistry } from '../ir/record.ts';
import { rewriteNodes } from './rewrite.ts';

const RANK: Readonly<Record<Phase, number>> = { forward: 0, backward: 1, update: 2 };

/**
 * Computes once what is computed twice: nodes of equal op, operands, attributes and types become one. Every op is a pure
 * function (random ones of their key and stream), except those that update parameters; inputs and parameters are never joined.
 */
export function shareCommonSubexpressions(graph: Graph, registry: OpRegistry): Graph {
  const kept = new Map<string, Node>();
  const effects = new Set(graph.effects);
  return rewriteNodes(graph, registry, (node, _, put) => {
    if (!isPure(node, registry) || effects.has(node.id)) return node;
    const key = keyOf(node);
    const twin = kept.get(key);
    if (twin === undefined) {
      kept.set(key, node);
      return node;
    }
    if (RANK[node.phase] < RANK[twin.phase]) {
      // what the forward part computes belongs to it, whoever came first
      const earlier = { ...twin, phase: node.phase };
      kept.set(key, earlier);
      put(earlier);
    }
    return twin.id;
  });
}

function isPure(node: Node, registry: OpRegistry): boolean {
  if (constantValue(node) !== undefined) return true;
  const kind = registry.get(node.op)?.kind;
  return kind !== undefined && kind !== 'update' && kind !== 'source';
}

function keyOf({ op, inputs, attributes, types }: Node): string {
  const fields = Object.keys(attributes)
    .sort()
    .map((key) => `${key}=${printAttribute(attributes[key] ?? null)}`);
  return `${op}(${inputs.join(',')}){${fields.join(',')}}${types.map(printType).join()}`;
}
