import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { permutation } from '../base/random.ts';
import * as d from '../dsl/index.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { type Attribute, type Graph, graphWith, type Ref } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { differentiate } from '../passes/index.ts';
import { rewrite } from '../passes/rewrite.ts';
import type { Feeds } from '../runtime/feeds.ts';
import { matches } from './groups.ts';
import { checkSettings } from './settings.ts';

// What each task counts for in a step of several ones. A balance is maths in the graph of the step, over the losses of the tasks or
// over the dot products of their gradients; what it learns are parameters like others, and what it knows of earlier epochs is fed.

export type Scalar = d.Tensor<'f32', []>;
export type Vector = d.Tensor<'f32', [number]>;
export type Matrix = d.Tensor<'f32', [number, number]>;

/** What a balance is told of a step. Vectors are over its tasks, in their order. What is not read is not computed. */
export interface BalanceInputs {
  readonly tasks: readonly string[];
  readonly losses: Vector;
  /** mean losses of the first epoch, of the one before the last, and of the last one; 0 where there is none yet */
  readonly means: { readonly first: Vector; readonly before: Vector; readonly last: Vector };
  /** where the balance has `gradients`: dot products of the gradients of the weighted losses, over parameters that tasks share */
  readonly gram: Matrix;
  /** row i: the numbers of all tasks in an order that is drawn for task i at each step */
  readonly order: Matrix;
}

/** What a balance makes of it. */
export interface Balanced {
  /** factors of the losses, beside the `weight` of each task */
  readonly weights: Vector;
  /**
   * added to the losses, such as what keeps learnt weights in bounds. With `gradients` only the balance's own parameters learn from
   * it; without, all do
   */
  readonly added?: Vector;
  /** where the balance has `gradients`: factors of the tasks' gradients of what they share; default: `weights` */
  readonly shared?: Vector;
}

/** How tasks that learn jointly are weighed against each other. */
export interface Balance {
  readonly name: string;
  /** what a resumed run has to agree with */
  readonly settings: Readonly<Record<string, Attribute>>;
  /** computes the gradient of each task by itself, one backward pass for each, so that `gram` is known */
  readonly gradients?: boolean;
  /** of the shared parameters, those that `gram` is over, such as `encoder/*`; default: all */
  readonly over?: string;
  /** weighs each task by itself: it may balance tasks that alternate, too */
  readonly separate?: boolean;
  /** Declares the balance, within the scope `balance`, where its parameters are. */
  build(g: d.GraphContext, inputs: BalanceInputs): Balanced;
}

export const dynamicOptions = {
  /** above 0: the higher, the more alike are the weights; default 2 */
  temperature: is.optional(is.positive),
};

export const gradNormOptions = {
  /** the parameters whose gradients are measured; `*` stands for any letters. Default: all that tasks share */
  over: is.optional(is.name),
  /** how strongly tasks that learn slowly are favoured; default 1.5 */
  alpha: is.optional(is.notNegative),
};

const definitionKinds = {
  name: is.name,
  settings: is.object,
  gradients: is.optional(is.flag),
  over: is.optional(is.name),
  separate: is.optional(is.flag),
  build: is.callable,
};
export const balanceKind = is.having<Balance>(
  'a balance, such as palm.balance.pcGrad()',
  'name',
  'settings',
  'build',
);

/** A balance of one's own; see docs/adding.md. @throws FROND-T002 for a field that is missing, or that there is not */
export function defineBalance(balance: Balance): Balance {
  checkSettings('defineBalance', balance, definitionKinds);
  return balance;
}

/** Scalars as a vector. */
export const vector = (scalars: readonly Scalar[]): Vector =>
  d.assertShape(
    d.concat(
      scalars.map((scalar) => d.reshape(scalar, [1])),
      0,
    ),
    [scalars.length],
  );

const MEANS = 'balance.means';
const ORDER = 'balance.order';
const GRAM = 'balance.gram';
const ADDED = 'balance.added';
const outputsOf = (task: string) => ({
  loss: `${task}.weighted`,
  weight: `${task}.balance`,
  shared: `${task}.shared`,
});

/** A task's loss, with the factor that it is fed. */
export interface WeighedLoss {
  readonly name: string;
  readonly loss: Scalar;
  readonly weight: Scalar;
}

/**
 * The loss of all tasks together. Where a balance works on gradients, its input `balance.gram` is left open, and outputs say what
 * `balancedGradients` has to know.
 */
export function balancedLoss(
  g: d.GraphContext,
  tasks: readonly WeighedLoss[],
  balance: Balance | undefined,
): { readonly loss: Scalar; readonly outputs: d.Outputs } {
  const total = (losses: readonly Scalar[]): Scalar => losses.reduce((sum, loss) => d.add(sum, loss));
  const plain = tasks.map(({ weight, loss }) => d.mul(weight, loss));
  if (balance === undefined) return { loss: total(plain), outputs: {} };
  const { weights, added, shared } = checked(
    balance,
    tasks.length,
    g.scope('balance', () => balance.build(g, inputsOf(g, tasks))),
  );
  const at = (of: Vector, i: number): Scalar => d.reshape(d.slice(of, 0, i, i + 1), []);
  const weighed = tasks.map(({ weight, loss }, i) => d.mul(weight, d.mul(at(weights, i), loss)));
  const more = added && total(tasks.map(({ weight }, i) => d.mul(weight, at(added, i))));
  if (balance.gradients !== true)
    return { loss: total(more === undefined ? weighed : [...weighed, more]), outputs: {} };
  const outputs = tasks.flatMap(({ name }, i) => {
    const names = outputsOf(name);
    return [
      [names.loss, defined(plain[i], 'loss')],
      [names.weight, at(weights, i)],
      [names.shared, at(shared ?? weights, i)],
    ] as const;
  });
  return {
    loss: total(weighed),
    outputs: { ...Object.fromEntries(outputs), ...(more && { [ADDED]: more }) },
  };
}

/** What a balance reads is declared when it reads it. */
function inputsOf(g: d.GraphContext, tasks: readonly WeighedLoss[]): BalanceInputs {
  const count = tasks.length;
  const made = new Map<string, d.Tensor>();
  const input = (name: string, rows: number): Matrix => {
    const tensor = made.get(name) ?? g.input(name, 'f32', [rows, count]);
    made.set(name, tensor);
    return tensor as Matrix;
  };
  const mean = (row: number): Vector => d.reshape(d.slice(input(MEANS, 3), 0, row, row + 1), [count]);
  return {
    tasks: tasks.map(({ name }) => name),
    get losses() {
      return vector(tasks.map(({ loss }) => loss));
    },
    means: {
      get first() {
        return mean(0);
      },
      get before() {
        return mean(1);
      },
      get last() {
        return mean(2);
      },
    },
    get gram() {
      return input(GRAM, count);
    },
    get order() {
      return input(ORDER, count);
    },
  };
}

/** @throws FROND-T002 for anything but vectors over the tasks */
function checked(balance: Balance, count: number, given: Balanced): Balanced {
  for (const name of ['weights', 'added', 'shared'] as const) {
    const tensor: unknown = Object(given)[name];
    if (tensor === undefined && name !== 'weights') continue;
    const isVector = d.isTensor(tensor) && tensor.dtype === 'f32' && tensor.shape.join() === `${count}`;
    if (isVector) continue;
    throw new FrondError(
      'FROND-T002',
      `balance ${balance.name}: ${name} is no f32 vector over ${count} tasks`,
      {
        hint: 'build gives { weights }, and where it has them { added, shared }, each a number for every task',
      },
    );
  }
  return given;
}

/** A balance that works on gradients, and the tasks that it balances. */
export interface GradientBalance {
  readonly tasks: readonly string[];
  readonly over: string;
}

/** What building the backward part has to know of a balance; undefined where it takes the gradient of the loss as it is. */
export const gradientBalance = (
  balance: Balance | undefined,
  tasks: readonly string[],
): GradientBalance | undefined =>
  balance?.gradients === true ? { tasks, over: balance.over ?? '*' } : undefined;

/**
 * The gradients of a step whose balance works on them: one backward pass for each task over a common forward part. Of parameters
 * that several tasks share Σ shared · gradient is taken, of those that one task has alone weight · gradient. The dot products cost
 * n (n + 1) / 2 readings of pairs of gradients, and the sum one of all.
 */
export function balancedGradients(
  forward: Graph,
  { tasks, over }: GradientBalance,
  registry: OpRegistry,
  parameters: readonly string[],
): { readonly graph: Graph; readonly gradients: Readonly<Record<string, Ref>> } {
  let graph = forward;
  const keep = (group: string, loss: string, wanted: readonly string[]): string[] => {
    const found = differentiate(graph, registry, { loss, parameters: wanted });
    const named = Object.entries(found.gradients).map(([name, ref]) => [`${group}${name}`, ref] as const);
    // as outputs they are followed when a later pass rewrites the graph
    graph = graphWith(found.graph, { outputs: { ...found.graph.outputs, ...Object.fromEntries(named) } });
    return Object.keys(found.gradients);
  };
  const reached = tasks.map((task, i) => new Set(keep(`gradient.${i}/`, outputsOf(task).loss, parameters)));
  const rest = parameters.filter((name) => reached.some((names) => names.has(name)));
  const own = parameters.filter((name) => !rest.includes(name));
  if (Object.hasOwn(graph.outputs, ADDED)) keep('own/', ADDED, own);
  const builder = new GraphBuilder(graph.name, registry, graph);
  builder.phase = 'backward';
  builder.scope = 'balance';
  const refOf = (output: string): Ref => defined(graph.outputs[output], `output ${output}`);
  const gradient = (task: number, name: string): Ref => refOf(`gradient.${task}/${name}`);
  const having = (name: string): number[] =>
    [...tasks.keys()].filter((task) => reached[task]?.has(name) === true);
  const measured = rest.filter((name) => having(name).length > 1 && matches(over, name));
  if (measured.length === 0) {
    throw new FrondError('FROND-T002', `no parameter that tasks share matches ${over}`, {
      hint: 'a balance of gradients needs trained parameters that several tasks share, such as encoder/*',
    });
  }
  const dot = (i: number, j: number): Ref => {
    const both = measured.filter((name) => having(name).includes(i) && having(name).includes(j));
    const parts = both.map((name) => {
      const product = builder.mul(gradient(i, name), gradient(j, name));
      return builder.sum(product, [...builder.typeOf(product).shape.keys()]);
    });
    return parts.length === 0 ? builder.constant(0) : parts.reduce((x, y) => builder.add(x, y));
  };
  const gradients = [
    ...rest.flatMap((name): [string, Ref][] => {
      const from = having(name);
      const kind = from.length > 1 ? 'shared' : 'weight';
      const scaled = from.map((i) =>
        builder.mul(gradient(i, name), refOf(outputsOf(defined(tasks[i], 'task'))[kind])),
      );
      return scaled.length === 0 ? [] : [[name, scaled.reduce((x, y) => builder.add(x, y))]];
    }),
    ...own.flatMap((name): [string, Ref][] => {
      const ref = graph.outputs[`own/${name}`];
      return ref === undefined ? [] : [[name, ref]];
    }),
  ];
  const open = graph.inputs.includes(GRAM);
  const dots = open ? gramOf(builder, tasks.length, dot) : undefined;
  for (const [name, ref] of gradients) builder.output(`sum/${name}`, ref);
  const built = builder.finish();
  const replaced = dots === undefined ? built : rewrite(built, new Map(), new Map([[GRAM, dots]]));
  const final = Object.fromEntries(
    gradients.map(([name]) => [name, defined(replaced.outputs[`sum/${name}`], name)] as const),
  );
  const { [GRAM]: _, ...nodes } = replaced.nodes;
  const result = graphWith(replaced, {
    nodes: dots === undefined ? replaced.nodes : nodes,
    inputs: replaced.inputs.filter((id) => id !== GRAM || dots === undefined),
    outputs: Object.fromEntries(
      Object.keys(forward.outputs).map((name) => [name, defined(replaced.outputs[name], name)]),
    ),
  });
  return { graph: result, gradients: final };
}

/** The symmetric matrix of dot products. */
function gramOf(builder: GraphBuilder, count: number, dot: (i: number, j: number) => Ref): Ref {
  const known = new Map<string, Ref>();
  const entry = (i: number, j: number): Ref => {
    const key = `${Math.min(i, j)} ${Math.max(i, j)}`;
    const ref = known.get(key) ?? builder.reshape(dot(Math.min(i, j), Math.max(i, j)), [1]);
    known.set(key, ref);
    return ref;
  };
  const entries = Array.from({ length: count * count }, (_, n) => entry(Math.floor(n / count), n % count));
  return builder.reshape(builder.one('concat', entries, { axis: 0 }), [count, count]);
}

/** Mean losses by task since the record before, up to a step. */
export interface LossRecord {
  readonly epoch: number;
  readonly step: number;
  readonly losses: Readonly<Record<string, number>>;
}

/** Where a step stands. */
export interface BalanceStep {
  readonly seed: number;
  readonly step: number;
  /** from 1 */
  readonly epoch: number;
  readonly history: readonly LossRecord[];
}

/** What a step is fed for a balance: a function of the seed, the step and the records of finished epochs. */
export function balanceFeeds(tasks: readonly string[], at: BalanceStep): Feeds {
  const { seed, step, epoch, history } = at;
  const count = tasks.length;
  const meanOf = (wanted: number, task: string): number => {
    if (wanted < 1 || wanted >= epoch) return 0;
    let [sum, steps] = [0, 0];
    history.forEach((record, i) => {
      if (record.epoch !== wanted) return;
      const length = record.step - (history[i - 1]?.step ?? 0);
      sum += length * (record.losses[task] ?? 0);
      steps += length;
    });
    return steps === 0 ? 0 : sum / steps;
  };
  const means = [1, epoch - 2, epoch - 1].flatMap((wanted) => tasks.map((task) => meanOf(wanted, task)));
  const order = tasks.flatMap((task) => Array.from(permutation(count, seed, `balance/${task}/${step}`)));
  return {
    [MEANS]: { dtype: 'f32', shape: [3, count], data: means },
    [ORDER]: { dtype: 'f32', shape: [count, count], data: order },
  };
}
