import { defined, FrondError } from '../base/errors.ts';
import { mapValues, own } from '../base/own.ts';
import {
  einsum,
  f32,
  type GraphContext,
  graph,
  mul,
  type Outputs,
  ones,
  softmax,
  type Tensor,
  zeros,
} from '../dsl/index.ts';
import type { Graph, Ref } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import { parametersOf } from '../runtime/parameters.ts';
import { type Balance, balancedLoss } from './balance.ts';
import type { Backbone, Head, Specs } from './contract.ts';
import { anySize, checkBuilt, checkLoss, fits, printSpec, type Spec } from './contractCheck.ts';

/** A head under the name of its task. */
export interface Task {
  readonly name: string;
  readonly head: Head;
  /** factor of its loss */
  readonly weight: number;
  /** the task whose parameters its head shares; default: its own */
  readonly scope?: string | undefined;
  /** it takes a learnt mix of the encoder's layers: see `mixOf` */
  readonly mixLayers?: boolean;
}

type Headed = Omit<Task, 'weight'>;

/** The input that holds the factor of a task's loss. */
export const weightName = (task: string): string => `${task}.weight`;
export const lossName = (task: string): string => `${task}.loss`;
export const resultName = (task: string, result: string): string => `${task}.${result}`;

/** Declares the inputs of a graph that a component needs; names that are there already are shared. */
export function inputsOf(g: GraphContext, needs: Specs, known: Map<string, Tensor>): Outputs {
  return mapValues(needs, ({ dtype, shape }, name) => {
    const tensor = known.get(name) ?? g.input(name, dtype, shape);
    known.set(name, tensor);
    return tensor;
  });
}

/** Builds something in the scope of a task's head. */
type Within = <R>(build: () => R) => R;

/** What holds all layers of what a head may take of the backbone. */
const LAYERS = { encoded: 'layers', sentence: 'sentences' };

/**
 * γ Σ softmax(w)ₗ hₗ over the layers of an encoder (Peters et al. 2018), in place of what the last one gives: w and γ are parameters
 * `mix/weights` and `mix/scale` of the task. Pre-norm layers but the last are not normed.
 */
function mixOf(g: GraphContext, task: Task, backbone: Backbone, outputs: Outputs): Outputs {
  return g.scope('mix', () => {
    const mixed = Object.entries(LAYERS).flatMap(([name, all]) => {
      if (!Object.hasOwn(task.head.needs.backbone, name)) return [];
      const layers = own(outputs, all);
      if (layers !== undefined) return [[name, layers] as const];
      throw new FrondError(
        'FROND-C001',
        `task ${task.name} mixes ${all}, which backbone ${backbone.name} does not give`,
        {
          hint: 'leave mixLayers out, or let build give them where it is told to',
        },
      );
    });
    const count = Number(mixed[0]?.[1].shape[0] ?? 1);
    const scale = g.parameter('scale', f32, [1], ones());
    const weights = mul(softmax(g.parameter('weights', f32, [count], zeros()), 0), scale);
    return Object.fromEntries(
      mixed.map(([name, layers]) => [name, einsum('l, l ... -> ...', weights, layers)]),
    );
  });
}

/**
 * Builds a backbone within the scope of its name, checks what it gives, and builds each task on it: `build` gets what the task's
 * head needs of backbone and reader, enters its scope once with `within`, and declares further inputs with `declare`.
 * @throws FROND-C004, C005
 */
function onBackbone<R>(
  g: GraphContext,
  backbone: Backbone,
  tasks: readonly Task[],
  build: (task: Task, inputs: Outputs, within: Within, declare: (needs: Specs) => Outputs) => R,
): R[] {
  const known = new Map<string, Tensor>();
  const declare = (needs: Specs): Outputs => inputsOf(g, needs, known);
  const inputs = declare(backbone.needs);
  const outputs = g.scope(backbone.name, () =>
    backbone.build(
      g,
      inputs,
      tasks.some(({ mixLayers }) => mixLayers),
    ),
  );
  checkBuilt(`backbone ${backbone.name}`, backbone.gives, outputs);
  const scopes = tasks.map(({ name, scope = name }) => scope);
  return tasks.map((task, i) => {
    const { needs } = task.head;
    const scope = defined(scopes[i], 'scope');
    const within: Within = (inner) => g.scope(scope, inner, { reuse: scopes.indexOf(scope) < i });
    const ofBackbone = Object.entries(outputs).filter(([name]) => Object.hasOwn(needs.backbone, name));
    const taken = Object.fromEntries(ofBackbone);
    const mixed = task.mixLayers ? within(() => mixOf(g, task, backbone, outputs)) : {};
    return build(task, { ...taken, ...mixed, ...declare(needs.reader) }, within, declare);
  });
}

/**
 * The training graph: one encoder pass for all heads; outputs `loss`, Σ TASK.weight · TASK.loss with weights that are fed, and
 * `TASK.loss` for each task.
 * @throws FROND-C004, C005 when a component builds other tensors than it declares, C007 for a loss that is no f32 scalar
 */
export function trainingGraph(
  name: string,
  backbone: Backbone,
  tasks: readonly Task[],
  balance?: Balance,
): Graph {
  const build = (g: GraphContext): Outputs => {
    const losses = onBackbone(g, backbone, tasks, ({ name, head }, inputs, within, declare) => {
      const labels = declare(head.needs.labels);
      const loss = within(() => head.loss(g, { ...inputs, ...labels, ...head.build(g, inputs) }));
      checkLoss(head.name, loss);
      return { name, loss };
    });
    const weighed = losses.map((one) => ({ ...one, weight: g.input(weightName(one.name), f32, []) }));
    const { loss, outputs } = balancedLoss(g, weighed, balance);
    const named = Object.fromEntries(losses.map(({ name, loss }) => [lossName(name), loss]));
    return { loss, ...named, ...outputs };
  };
  return graph(name, build, { training: true }).ir;
}

/** What a prediction reads back of a head, as `TASK.RESULT`. */
function read(g: GraphContext, { head, name }: Headed, inputs: Outputs): [string, Tensor][] {
  const built = head.build(g, inputs);
  const chosen = head.predict?.(g, { ...inputs, ...built }) ?? built;
  return Object.entries(chosen).map(([result, tensor]) => [resultName(name, result), tensor]);
}

/** The prediction graph: outputs `TASK.RESULT` for whatever each head's `predict` reads. No labels, no dropout. */
export function predictionGraph(name: string, backbone: Backbone, tasks: readonly Task[]): Graph {
  const build = (g: GraphContext): Outputs => {
    const results = onBackbone(g, backbone, tasks, (task, inputs, within) =>
      within(() => read(g, task, inputs)),
    );
    return Object.fromEntries(results.flat());
  };
  return graph(name, build).ir;
}

/** What stands under the names of a task's results, by the names that its head knows. */
export const resultsOf = <T>(task: string, all: Readonly<Record<string, T>>): Record<string, T> => {
  const prefix = resultName(task, '');
  const own = Object.entries(all).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
};

/** Stands for a size that a head does not mind; no size of its own is as odd. */
const SOME_WIDTH = 1_000_003;

/** A head built on inputs of its own: a checkpoint knows no backbone. Undefined where that fails, since it minds the size after all. */
function graphOf(task: Headed): Graph | undefined {
  const { needs: wanted } = task.head;
  const needs = mapValues({ ...wanted.backbone, ...wanted.reader }, ({ dtype, shape }) => ({
    dtype,
    shape: shape.map((dim) => (dim === anySize ? SOME_WIDTH : dim)),
  }));
  const build = (g: GraphContext) => {
    const inputs = inputsOf(g, needs, new Map());
    return Object.fromEntries(g.scope(task.scope ?? task.name, () => read(g, task, inputs)));
  };
  try {
    return graph('results', build).ir;
  } catch {
    return undefined;
  }
}

/** What a head and a graph have otherwise: the results that are read, or a parameter. In words, the head's first. */
export function differenceOf(task: Headed, prediction: Graph): [string, string] | undefined {
  const built = graphOf(task);
  if (built === undefined) return undefined;
  const specOf = (graph: Graph, ref: Ref): Spec => {
    const { dtype, shape } = typeOfRef(graph, ref);
    return { dtype, shape: shape.map((dim) => (dim === SOME_WIDTH ? anySize : dim)) };
  };
  const results = (graph: Graph) =>
    mapValues(resultsOf(task.name, graph.outputs), (ref) => specOf(graph, ref));
  const parameters = (graph: Graph) =>
    Object.fromEntries(parametersOf(graph).map(({ name, node }) => [name, specOf(graph, node.id)]));
  const [wanted, computed] = [results(built), results(prediction)];
  const names = (specs: object): string => Object.keys(specs).sort().join(', ');
  if (names(wanted) !== names(computed)) return [`reads ${names(wanted)}`, `gives ${names(computed)}`];
  const known = { ...parameters(prediction), ...computed };
  for (const [name, spec] of Object.entries({ ...parameters(built), ...wanted })) {
    const other = own(known, name);
    if (other !== undefined && fits(spec, other)) continue;
    return [`has ${name}: ${printSpec(spec)}`, `has ${other ? printSpec(other) : 'none'}`];
  }
  return undefined;
}
