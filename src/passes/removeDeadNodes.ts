import type { Graph } from '../ir/graph.ts';
import { dropUnused } from './rewrite.ts';

/** Drops nodes that neither an output nor an effect depends on. Inputs and parameters stay. */
export function removeDeadNodes(graph: Graph): Graph {
  const live = dropUnused(graph);
  return Object.keys(live.nodes).length === Object.keys(graph.nodes).length ? graph : live;
}
