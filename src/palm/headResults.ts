import { type GraphContext, graph } from '../dsl/index.ts';
import type { Graph } from '../ir/graph.ts';
import type { Head, Specs } from './contract.ts';
import { inputsOf, predictionsOf } from './contractBuild.ts';
import { anySize } from './contractCheck.ts';
import { resultName } from './graphs.ts';

/** Names of the results that a prediction graph gives for a task, in code-unit order. */
export function resultsOfTask(prediction: Graph, task: string): string[] {
  const prefix = resultName(task, '');
  return Object.keys(prediction.outputs)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .sort();
}

/** Stands for a size that a head does not mind. */
const SOME_WIDTH = 64;

const withSizes = (specs: Specs): Specs =>
  Object.fromEntries(
    Object.entries(specs).map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape: shape.map((dim) => (dim === anySize ? SOME_WIDTH : dim)) },
    ]),
  );

/**
 * Names of the results that a head reads, in code-unit order, found by building it on inputs of its own: a checkpoint knows no
 * backbone. Undefined for a head that cannot be built so, which minds the size after all.
 */
export function resultsOfHead(head: Head): string[] | undefined {
  const needs = withSizes({ ...head.needs.backbone, ...head.needs.reader });
  const build = (g: GraphContext) => predictionsOf(g, head, 'task', inputsOf(g, needs, new Map()));
  try {
    return Object.keys(graph('results', build).ir.outputs).sort();
  } catch {
    return undefined;
  }
}
