import { checkArguments, show } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import type { Graph } from '../ir/graph.ts';
import { type Device, deviceKind } from '../runtime/device.ts';
import type { Accumulator, Backbone, Head, Metrics, Reader } from './contract.ts';
import { checkContract } from './contractCheck.ts';
import type { Checked, HeadOnBackboneProblem } from './contractTypes.ts';
import type { JointMetrics } from './evaluate.ts';
import type { Listener } from './events.ts';
import type { Task } from './graphs.ts';
import type { FitOptions } from './learner.ts';
import { backboneKind, checkSettings, headKind, readerKind } from './settings.ts';
import type { TrainingSummary } from './train.ts';
import { needed, TrainerBase } from './trainerBase.ts';

export type { FitOptions } from './learner.ts';
export type { SaverOptions } from './trainerBase.ts';

const trainerOptions = {
  /** factor of this task's loss where several tasks learn together; default 1 */
  mixRatio: is.optional(is.notNegative),
  /** where it runs; default: the fastest device that works here */
  device: is.optional(deviceKind),
};
export type TrainerOptions = is.OptionsOf<typeof trainerOptions>;

/** Outputs are called TASK.RESULT: a point in a task's name would mix up two tasks. @throws FROND-T003 */
function checkTaskName(name: unknown): void {
  if (typeof name === 'string' && /^[^.\s]+$/.test(name)) return;
  throw new FrondError('FROND-T003', `${show(name)} is no name for a task`, {
    hint: 'give the trainer a name without points and blanks, such as intent',
  });
}

/** One task on a backbone. */
export class Trainer extends TrainerBase {
  readonly mixRatio: number;
  #task: { readonly backbone: Backbone; readonly task: Task } | undefined;

  /** @throws FROND-T002 for options out of range, FROND-T003 for a name that cannot stand in names of outputs */
  constructor(name: string, options: TrainerOptions = {}) {
    checkTaskName(name);
    checkSettings('trainer', options, trainerOptions);
    super(name, options.device);
    this.mixRatio = options.mixRatio ?? 1;
  }

  /** Connects the task's head to the backbone. @returns the training graph, with output `loss` */
  buildForward<B extends Backbone, H extends Head>(
    backbone: B,
    head: Checked<HeadOnBackboneProblem<B, H>, H>,
  ): Graph {
    checkArguments('buildForward', { backbone: backboneKind, head: headKind }, [backbone, head]);
    const task = { name: this.name, head: head as Head, weight: this.mixRatio };
    checkContract({ backbone, head: task.head });
    this.#task = { backbone, task };
    return this.forward();
  }

  /** The task and its backbone, once `buildForward` was called. */
  get connection(): { readonly backbone: Backbone; readonly task: Task } {
    return needed(this.#task, 'buildForward', `trainer ${this.name}`);
  }

  protected override tasksOf() {
    const { backbone, task } = this.connection;
    return { backbone, tasks: [task], jointMetrics: undefined };
  }
}

const policyKind: is.Kind<'joint'> = {
  ...is.oneOf('joint'),
  advise: (policy) => (policy === 'alternate' ? 'alternate is not there yet: give joint' : undefined),
};
const multiHeadOptions = {
  /** `joint`: every batch carries the labels of every task; one encoder pass, the weighted sum of the losses */
  policy: is.optional(policyKind),
  /** makes what scores the predictions of all tasks together, such as exact match */
  metrics: is.optional(is.typed<JointMetrics>(is.callable)),
  device: is.optional(deviceKind),
};
export interface MultiHeadOptions<E = never> extends is.OptionsOf<typeof multiHeadOptions> {
  readonly metrics?: () => Accumulator<Readonly<Record<string, unknown>>, E>;
}

/** Several tasks on one backbone. */
export class MultiHeadTrainer<E = never> extends TrainerBase {
  readonly #trainers: readonly Trainer[];
  readonly #metrics: JointMetrics | undefined;

  /** @throws FROND-T003 for no tasks, or two of one name; FROND-T002 for an option that it does not have */
  constructor(trainers: readonly Trainer[], options: MultiHeadOptions<E> = {}) {
    const tasks = is.listOf(is.instanceOf('a trainer', Trainer), "trainers, such as palm.trainer('intent')");
    checkArguments('multiHeadTrainer', { trainers: tasks }, [trainers], 'FROND-T003');
    checkSettings('multiHeadTrainer', options, multiHeadOptions);
    const names = trainers.map(({ name }) => name);
    super(names.join('-'), options.device);
    this.#trainers = trainers;
    this.#metrics = options.metrics;
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (trainers.length === 0 || twice !== undefined) {
      const what = twice === undefined ? 'no tasks were given' : `two tasks are called ${twice}`;
      throw new FrondError('FROND-T003', what, {
        hint: 'give the trainers of at least one task, each with a name of its own',
      });
    }
  }

  /** @returns the training graph of all tasks: one encoder, outputs `loss` and `TASK.loss` */
  buildForward(): Graph {
    return this.forward();
  }

  protected override tasksOf() {
    const connections = this.#trainers.map((trainer) => trainer.connection);
    const [first] = connections;
    const other = connections.find(({ backbone }) => backbone !== first?.backbone);
    if (first === undefined || other !== undefined) {
      const what = `task ${other?.task.name} stands on another backbone than ${first?.task.name}`;
      throw new FrondError('FROND-T003', what, {
        hint: 'pass the same backbone object to buildForward of every trainer',
      });
    }
    const tasks = connections.map(({ task }) => task);
    return { backbone: first.backbone, tasks, jointMetrics: this.#metrics };
  }

  /**
   * Says what each task learns from. Under the policy `joint` that is one reader whose batches carry the labels of all tasks.
   * @throws FROND-T003 for a task without a reader, or two readers; otherwise as `fitReader`
   */
  fitReaders(readers: Readonly<Record<string, Reader>>, options: FitOptions): void {
    checkArguments('fitReaders', { readers: is.objectOf(readerKind, 'a reader for each task') }, [readers]);
    const given = this.tasksOf().tasks.map(({ name }) => ({ name, reader: own(readers, name) }));
    const [first] = given;
    const odd = given.find(({ reader }) => reader === undefined || reader !== first?.reader);
    if (first?.reader === undefined || odd !== undefined) {
      const { name, reader } = odd ?? { name: this.name, reader: undefined };
      const what = reader === undefined ? 'has no reader' : `has another reader than ${first?.name}`;
      throw new FrondError('FROND-T003', `task ${name} ${what}`, {
        hint: 'tasks that learn jointly share one reader: its batches carry the labels of all of them',
      });
    }
    this.fitReader(first.reader, options);
  }
}

export const trainer = (name: string, options?: TrainerOptions): Trainer => new Trainer(name, options);
export const multiHeadTrainer = <E = never>(
  trainers: readonly Trainer[],
  options?: MultiHeadOptions<E>,
): MultiHeadTrainer<E> => new MultiHeadTrainer(trainers, options);

/** What `frond train FILE` hands to the function `train` that the file exports. */
export interface RecipeContext {
  /** folder with the data, as given on the command line */
  readonly data: string | undefined;
  /** folder of the run, for checkpoints and reports */
  readonly output: string;
  readonly epochs: number | undefined;
  readonly batchSize: number | undefined;
  readonly seed: number;
  /** go on where the run in `output` stopped */
  readonly resume: boolean;
  readonly device: Device;
  readonly signal: AbortSignal;
  readonly on: Listener;
}

/** What a recipe gives back for the report. */
export interface RecipeResult {
  readonly trainer: Trainer | MultiHeadTrainer<never>;
  readonly summary: TrainingSummary;
  /** metrics of the held-out part; absent when the run was interrupted */
  readonly test?: Metrics;
  /** sentences whose labels are shown at the end */
  readonly examples?: readonly string[];
}

export type Recipe = (context: RecipeContext) => Promise<RecipeResult>;
