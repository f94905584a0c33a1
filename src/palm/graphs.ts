import { printShape } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import { add, type GraphContext, graph, mul, type Tensor } from '../dsl/index.ts';
import type { Graph } from '../ir/graph.ts';
import type { Backbone, Head, Named, Specs } from './contract.ts';
import { checkBuilt } from './contractCheck.ts';

/** A head under the name of its task. */
export interface Task {
  readonly name: string;
  readonly head: Head;
  /** factor of its loss in the sum */
  readonly weight: number;
}

export const lossName = (task: string): string => `${task}.loss`;
export const resultName = (task: string, result: string): string => `${task}.${result}`;

/** The encoder and the inputs that every head of a graph shares. */
interface Encoded {
  readonly outputs: Named;
  /** declares the inputs that a component needs, each name once per graph */
  inputs(needs: Specs): Named;
}

/** Builds the backbone in the scope of its name. @throws FROND-C004, C005 when it gives other tensors than it declares */
function encode(g: GraphContext, backbone: Backbone): Encoded {
  const known = new Map<string, Tensor>();
  const inputs = (needs: Specs): Named =>
    Object.fromEntries(
      Object.entries(needs).map(([name, { dtype, shape }]) => {
        const tensor = known.get(name) ?? g.input(name, dtype, shape);
        known.set(name, tensor);
        return [name, tensor];
      }),
    );
  const fed = inputs(backbone.needs);
  const outputs = g.scope(backbone.name, () => backbone.build(g, fed));
  checkBuilt(`backbone ${backbone.name}`, backbone.gives, outputs);
  return { outputs, inputs };
}

/** What a head is built from: the tensors it needs of the backbone and of the reader. */
function headInputs({ needs }: Head, { outputs, inputs }: Encoded): Named {
  const ofBackbone = Object.entries(outputs).filter(([name]) => Object.hasOwn(needs.backbone, name));
  return { ...Object.fromEntries(ofBackbone), ...inputs(needs.reader) };
}

/** @throws FROND-C007 when the loss is no f32 scalar */
function lossOf(g: GraphContext, { name: task, head, weight }: Task, encoded: Encoded): Weighted {
  const inputs = headInputs(head, encoded);
  const labels = encoded.inputs(head.needs.labels);
  return g.scope(task, () => {
    const loss = head.loss(g, { ...inputs, ...labels, ...head.build(g, inputs) });
    const { dtype, shape } = loss as Tensor;
    if (dtype !== 'f32' || shape.length > 0) {
      throw new FrondError(
        'FROND-C007',
        `head ${head.name}: the loss is ${dtype}${printShape(shape)}, not an f32 scalar`,
        {
          hint: 'take the mean over the rows by weight',
        },
      );
    }
    return { task, loss, weighted: weight === 1 ? loss : mul(loss, weight) };
  });
}

type Scalar = Tensor<'f32', []>;
interface Weighted {
  readonly task: string;
  readonly loss: Scalar;
  readonly weighted: Scalar;
}

/**
 * The training graph: one encoder pass for all heads; outputs `loss`, the weighted sum, and `TASK.loss` for each task.
 * @throws FROND-C… when a component builds other tensors than it declares
 */
export function trainingGraph(name: string, backbone: Backbone, tasks: readonly Task[]): Graph {
  const build = (g: GraphContext): Named => {
    const encoded = encode(g, backbone);
    const losses = tasks.map((task) => lossOf(g, task, encoded));
    const total = losses.map(({ weighted }) => weighted).reduce((sum, loss) => add(sum, loss));
    return { loss: total, ...Object.fromEntries(losses.map(({ task, loss }) => [lossName(task), loss])) };
  };
  return graph(name, build, { training: true }).ir;
}

/** The prediction graph: outputs `TASK.RESULT` for whatever each head's `predict` reads. No labels, no dropout. */
export function predictionGraph(name: string, backbone: Backbone, tasks: readonly Task[]): Graph {
  const build = (g: GraphContext): Named => {
    const encoded = encode(g, backbone);
    const results = tasks.flatMap(({ name: task, head }) =>
      g.scope(task, () => {
        const inputs = headInputs(head, encoded);
        const built = head.build(g, inputs);
        const chosen = head.predict?.(g, { ...inputs, ...built }) ?? built;
        return Object.entries(chosen).map(([result, tensor]) => [resultName(task, result), tensor] as const);
      }),
    );
    return Object.fromEntries(results);
  };
  return graph(name, build).ir;
}
