import { type GraphContext, graph } from '../dsl/index.ts';
import type { Graph, TensorType } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import { printType } from '../ir/print.ts';
import type { Head, Specs } from './contract.ts';
import { inputsOf, predictionsOf } from './contractBuild.ts';
import { anySize } from './contractCheck.ts';
import { resultName } from './graphs.ts';

/** Names of the results that a prediction graph gives for a task, in code-unit order. */
function resultsOfTask({ outputs }: Graph, task: string): string[] {
  const prefix = resultName(task, '');
  return Object.keys(outputs)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .sort();
}

/** Stands for a size that a head does not mind; no size of its own is as odd. */
const SOME_WIDTH = 1_000_003;

const withSizes = (specs: Specs): Specs =>
  Object.fromEntries(
    Object.entries(specs).map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape: shape.map((dim) => (dim === anySize ? SOME_WIDTH : dim)) },
    ]),
  );

/** A head built on inputs of its own: a checkpoint knows no backbone. Undefined where that fails, since it minds the size after all. */
function graphOf(head: Head, task: string): Graph | undefined {
  const needs = withSizes({ ...head.needs.backbone, ...head.needs.reader });
  const build = (g: GraphContext) => predictionsOf(g, head, task, inputsOf(g, needs, new Map()));
  try {
    return graph('results', build).ir;
  } catch {
    return undefined;
  }
}

/** Types of what a graph has of a task: its parameters, and under the task's name the results that are read. */
function partsOf(graph: Graph, prefix: string): Map<string, TensorType> {
  const { nodes, outputs } = graph;
  const parameters = Object.values(nodes).filter(({ op }) => op === 'parameter');
  return new Map([
    ...parameters.map(({ id, attributes }) => [String(attributes.name), typeOfRef(graph, id)] as const),
    ...Object.entries(outputs)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, ref]) => [name.slice(prefix.length), typeOfRef(graph, ref)] as const),
  ]);
}

const fits = (own: TensorType, other: TensorType): boolean =>
  own.dtype === other.dtype &&
  own.shape.length === other.shape.length &&
  own.shape.every((dim, i) => dim === SOME_WIDTH || dim === other.shape[i]);

/** What a head and a graph have otherwise: the results that are read, or a parameter. In words, the head's first. */
export function differenceOf(head: Head, task: string, prediction: Graph): [string, string] | undefined {
  const own = graphOf(head, task);
  if (own === undefined) return undefined;
  const [wanted, computed] = [Object.keys(own.outputs).sort(), resultsOfTask(prediction, task)];
  if (wanted.join() !== computed.join())
    return [`reads ${wanted.join(', ')}`, `gives ${computed.join(', ')}`];
  const known = partsOf(prediction, resultName(task, ''));
  for (const [name, type] of partsOf(own, '')) {
    const other = known.get(name);
    if (other !== undefined && fits(type, other)) continue;
    const shape = type.shape.map((dim) => (dim === SOME_WIDTH ? 'any' : dim));
    return [`has ${name}: ${printType({ ...type, shape })}`, `has ${other ? printType(other) : 'none'}`];
  }
  return undefined;
}
