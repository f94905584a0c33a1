import type { Graph, Node } from '../../src/ir/graph.ts';

/** The graph with nodes that count how often one of their fields is read: what a walk over it costs, on any machine. */
export function counting(graph: Graph): { readonly graph: Graph; readonly reads: () => number } {
  let reads = 0;
  const counted = (node: Node): Node =>
    new Proxy(node, {
      get(target, key) {
        reads++;
        return target[key as keyof Node];
      },
    });
  const nodes = Object.entries(graph.nodes).map(([id, node]) => [id, counted(node)] as const);
  return { graph: { ...graph, nodes: Object.fromEntries(nodes) }, reads: () => reads };
}
