import { add, type GraphContext, graph, mul, type Tensor } from '../dsl/index.ts';
import type { Graph } from '../ir/graph.ts';
import type { Backbone, Head, Named } from './contract.ts';
import { encode, inputsOf, lossOf, predictionsOf } from './contractBuild.ts';

/** A head under the name of its task. */
export interface Task {
  readonly name: string;
  readonly head: Head;
  /** factor of its loss in the sum */
  readonly weight: number;
}

export const lossName = (task: string): string => `${task}.loss`;
export const resultName = (task: string, result: string): string => `${task}.${result}`;

/** The encoder's outputs, and the inputs that all components of a graph share. */
interface Encoded {
  readonly outputs: Named;
  readonly known: Map<string, Tensor>;
}

function encodeOnce(g: GraphContext, backbone: Backbone): Encoded {
  const known = new Map<string, Tensor>();
  return { outputs: encode(g, backbone, inputsOf(g, backbone.needs, known)), known };
}

/** What a head is built from: the tensors it needs of the backbone and of the reader. */
function headInputs(g: GraphContext, { needs }: Head, { outputs, known }: Encoded): Named {
  const ofBackbone = Object.entries(outputs).filter(([name]) => Object.hasOwn(needs.backbone, name));
  return { ...Object.fromEntries(ofBackbone), ...inputsOf(g, needs.reader, known) };
}

/**
 * The training graph: one encoder pass for all heads; outputs `loss`, the weighted sum, and `TASK.loss` for each task.
 * @throws FROND-C004, C005 when a component builds other tensors than it declares, C007 for a loss that is no f32 scalar
 */
export function trainingGraph(name: string, backbone: Backbone, tasks: readonly Task[]): Graph {
  const build = (g: GraphContext): Named => {
    const encoded = encodeOnce(g, backbone);
    const losses = tasks.map(({ name: task, head }) => {
      const inputs = headInputs(g, head, encoded);
      return lossOf(g, head, task, inputs, inputsOf(g, head.needs.labels, encoded.known));
    });
    const weighted = losses.map((loss, i) =>
      tasks[i]?.weight === 1 ? loss : mul(loss, tasks[i]?.weight ?? 1),
    );
    const named = losses.map((loss, i) => [lossName(tasks[i]?.name ?? ''), loss]);
    return { loss: weighted.reduce((sum, loss) => add(sum, loss)), ...Object.fromEntries(named) };
  };
  return graph(name, build, { training: true }).ir;
}

/** The prediction graph: outputs `TASK.RESULT` for whatever each head's `predict` reads. No labels, no dropout. */
export function predictionGraph(name: string, backbone: Backbone, tasks: readonly Task[]): Graph {
  const build = (g: GraphContext): Named => {
    const encoded = encodeOnce(g, backbone);
    const results = tasks.flatMap(({ name: task, head }) => {
      const chosen = predictionsOf(g, head, task, headInputs(g, head, encoded));
      return Object.entries(chosen).map(([result, tensor]) => [resultName(task, result), tensor] as const);
    });
    return Object.fromEntries(results);
  };
  return graph(name, build).ir;
}
