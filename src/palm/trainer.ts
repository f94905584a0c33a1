import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import type { Graph } from '../ir/graph.ts';
import type { Device } from '../runtime/device.ts';
import { interpreterDevice } from '../runtime/interpreterDevice.ts';
import { sweepTemporaries } from '../store/checkpoint.ts';
import { lockFolder } from '../store/lock.ts';
import type { Backbone, Head, Metrics, Reader } from './contract.ts';
import { checkContract } from './contractCheck.ts';
import type { Checked, HeadOnBackboneProblem } from './contractTypes.ts';
import type { JointMetrics, Predictions } from './evaluate.ts';
import type { Listener } from './events.ts';
import { predictionGraph, type Task, trainingGraph } from './graphs.ts';
import { Learner } from './learner.ts';
import { type EpochRecord, Run, type TrainingSummary, type TrainOptions } from './run.ts';
import { resumeRun, saveRun } from './runStore.ts';
import { type LoadOptions, type LoadReport, loadArena } from './snapshot.ts';
import { type BackwardOptions, buildStep } from './step.ts';

export interface TrainerOptions {
  /** factor of this task's loss where several tasks learn together; default 1 */
  readonly mixRatio?: number;
  /** where it runs; default: the interpreter */
  readonly device?: Device;
}

export interface FitOptions {
  /** passes over the training part */
  readonly epochs: number;
  /** default 32 */
  readonly batchSize?: number;
  /** fixes first weights, shuffles and dropout; default 1 */
  readonly seed?: number;
}

export interface SaverOptions {
  /** folder of the run; checkpoints go to `checkpoints` in it */
  readonly folder: string;
  /** a checkpoint every so many steps, besides those at the end of each epoch; default: none */
  readonly everySteps?: number;
  /** whole checkpoints to keep; default 2 */
  readonly keep?: number;
}

const missing = (what: string, before: string): FrondError =>
  new FrondError('FROND-T001', `${before} was called before ${what}`, { hint: `call ${what} first` });

/** What `Trainer` and `MultiHeadTrainer` share: from tasks on one backbone to a trained model. */
abstract class TrainerBase {
  readonly name: string;
  readonly #device: Device | undefined;
  #graphs: { readonly training: Graph; readonly prediction: Graph } | undefined;
  #step: { readonly graph: Graph; readonly options: BackwardOptions } | undefined;
  #fit: { readonly reader: Reader; readonly options: Required<FitOptions> } | undefined;
  #saver: SaverOptions | undefined;
  #run: Run | undefined;
  #ownDevice: Device | undefined;

  constructor(name: string, device: Device | undefined) {
    this.name = name;
    this.#device = device;
  }

  protected abstract tasksOf(): { readonly backbone: Backbone; readonly tasks: readonly Task[] };
  protected abstract jointMetrics(): JointMetrics | undefined;

  protected forward(): Graph {
    const { backbone, tasks } = this.tasksOf();
    this.#graphs = {
      training: trainingGraph(this.name, backbone, tasks),
      prediction: predictionGraph(this.name, backbone, tasks),
    };
    return this.#graphs.training;
  }

  /** The graph that predicts: no labels, no dropout. */
  get prediction(): Graph {
    if (this.#graphs === undefined) throw missing('buildForward', 'prediction');
    return this.#graphs.prediction;
  }

  /**
   * Adds the backward part and the update.
   * @returns the graph of a whole training step
   */
  buildBackward(options: BackwardOptions): Graph {
    if (this.#graphs === undefined) throw missing('buildForward', 'buildBackward');
    const graph = buildStep(this.#graphs.training, 'loss', options);
    this.#step = { graph, options };
    return graph;
  }

  /**
   * Says what to learn from, and for how long.
   * @throws FROND-C001…C003 when the reader does not give what backbone or heads need, FROND-T002 for settings that make no run
   */
  fitReader(reader: Reader, { epochs, batchSize = 32, seed = 1 }: FitOptions): void {
    const { backbone, tasks } = this.tasksOf();
    checkContract({ reader, backbone });
    for (const { head } of tasks) checkContract({ reader, backbone, head });
    for (const [setting, value] of Object.entries({ epochs, batchSize })) {
      if (Number.isInteger(value) && value > 0) continue;
      throw new FrondError('FROND-T002', `${setting} is ${value}`, { hint: 'give a positive whole number' });
    }
    if ((reader.parts.train ?? []).length === 0) {
      throw new FrondError('FROND-D014', `the reader ${reader.name} has no training examples`, {
        hint: 'give it a part called train',
      });
    }
    this.#fit = { reader, options: { epochs, batchSize, seed } };
  }

  /** Where checkpoints go, and how often. */
  setSaver(options: SaverOptions): void {
    this.#saver = options;
  }

  async #ready(caller: string): Promise<Run> {
    if (this.#run !== undefined) return this.#run;
    if (this.#graphs === undefined) throw missing('buildForward', caller);
    if (this.#step === undefined) throw missing('buildBackward', caller);
    if (this.#fit === undefined) throw missing('fitReader', caller);
    const device = this.#device ?? interpreterDevice();
    if (this.#device === undefined) this.#ownDevice = device;
    const { options } = this.#step;
    const learner = await Learner.create(
      {
        name: this.name,
        tasks: this.tasksOf().tasks,
        reader: this.#fit.reader,
        forward: this.#graphs.training,
        step: this.#step.graph,
        prediction: this.#graphs.prediction,
        optimizer: options.optimizer,
        clipNorm: options.clipNorm ?? 0,
        ...this.#fit.options,
        jointMetrics: this.jointMetrics(),
      },
      device,
    );
    this.#run = new Run(learner);
    return this.#run;
  }

  /**
   * Trains from where the model stands to the end of its epochs.
   * @throws FROND-T010 when the loss stops being finite (weights intact, the node at fault named), FROND-F020 when another process
   * saves to the same folder
   */
  async train(options: TrainOptions = {}): Promise<TrainingSummary> {
    const run = await this.#ready('train');
    const saver = options.saveTo === undefined ? this.#saver : { ...this.#saver, folder: options.saveTo };
    if (saver === undefined) return run.train(options, undefined);
    const folder = platform.files.join(saver.folder, 'checkpoints');
    const release = await lockFolder(saver.folder);
    try {
      await sweepTemporaries(folder);
      const save = (): Promise<string> => saveRun(run, folder, saver.keep ?? 2);
      return await run.train(options, { save, everySteps: saver.everySteps });
    } finally {
      await release();
    }
  }

  /** Metrics of each task, under its name, and those of all tasks together, over a part of the reader's data. */
  async evaluate(part = 'test', signal?: AbortSignal): Promise<Metrics> {
    return (await this.#ready('evaluate')).learner.evaluate(part, signal);
  }

  /**
   * Predictions of every task, from one encoder pass. Texts are parsed by the reader.
   * @throws FROND-C011 for texts where the reader cannot parse any
   */
  async predict(inputs: readonly (string | object)[]): Promise<Predictions> {
    const { learner } = await this.#ready('predict');
    const { reader } = learner.plan;
    return learner.predict(
      inputs.map((input) => (typeof input === 'string' ? parseWith(reader, input) : input)),
    );
  }

  /** Saves weights, optimizer state, progress and what predicting takes. @returns the checkpoint's folder */
  async save(folder: string): Promise<string> {
    return saveRun(await this.#ready('save'), platform.files.join(folder, 'checkpoints'), 2);
  }

  /**
   * Goes on where the newest whole checkpoint in `folder` stopped; what follows is byte for byte what would have followed then.
   * @throws FROND-F012 when there is none, FROND-F030 when settings or data differ, naming each
   */
  async resume(folder: string, on?: Listener): Promise<number> {
    const run = await this.#ready('resume');
    await resumeRun(run, platform.files.join(folder, 'checkpoints'), on);
    return run.learner.step;
  }

  /**
   * Takes the weights of a safetensors file, strictly unless told otherwise.
   * @throws FROND-W010…W013 for missing, surplus or wrong-shaped tensors
   */
  async loadCheckpoint(file: string, options: LoadOptions = {}): Promise<LoadReport> {
    const { learner } = await this.#ready('loadCheckpoint');
    return loadArena(learner.state, await platform.files.readBytes(file), file, 'parameter', options);
  }

  /** Metrics after each epoch so far. */
  get history(): readonly EpochRecord[] {
    return this.#run?.history ?? [];
  }

  /** Gives the memory back; the device too, unless it was passed in. */
  async close(): Promise<void> {
    this.#run?.learner.free();
    this.#run = undefined;
    await this.#ownDevice?.close();
  }
}

/** @throws FROND-C011 when the reader reads files only */
export function parseWith(reader: Reader, text: string): object {
  const example = reader.parse?.(text);
  if (typeof example === 'object' && example !== null) return example;
  throw new FrondError('FROND-C011', `the reader ${reader.name} cannot parse a text`, {
    hint: 'give it a function `parse`, or predict examples instead of texts',
  });
}

/** One task on a backbone. */
export class Trainer extends TrainerBase {
  readonly mixRatio: number;
  #task: { readonly backbone: Backbone; readonly task: Task } | undefined;

  constructor(name: string, options: TrainerOptions = {}) {
    super(name, options.device);
    this.mixRatio = options.mixRatio ?? 1;
  }

  /** Connects the task's head to the backbone. @returns the training graph, with output `loss` */
  buildForward<B extends Backbone, H extends Head>(
    backbone: B,
    head: Checked<HeadOnBackboneProblem<B, H>, H>,
  ): Graph {
    const task = { name: this.name, head: head as Head, weight: this.mixRatio };
    checkContract({ backbone, head: task.head });
    this.#task = { backbone, task };
    return this.forward();
  }

  /** The task and its backbone, once `buildForward` was called. */
  get connection(): { readonly backbone: Backbone; readonly task: Task } {
    if (this.#task === undefined) throw missing('buildForward', `trainer ${this.name}`);
    return this.#task;
  }

  protected override tasksOf() {
    const { backbone, task } = this.connection;
    return { backbone, tasks: [task] };
  }

  protected override jointMetrics(): undefined {
    return undefined;
  }
}

export interface MultiHeadOptions<E = never> {
  /** `joint`: every batch carries the labels of every task; one encoder pass, the weighted sum of the losses */
  readonly policy?: 'joint';
  /** metrics over all tasks at once, such as exact match */
  readonly metrics?: (predictions: Predictions, examples: readonly E[]) => Metrics;
  readonly device?: Device;
}

/** Several tasks on one backbone. */
export class MultiHeadTrainer<E = never> extends TrainerBase {
  readonly #trainers: readonly Trainer[];
  readonly #metrics: ((predictions: Predictions, examples: readonly E[]) => Metrics) | undefined;

  /** @throws FROND-T003 when the tasks do not share one backbone, or two have one name */
  constructor(trainers: readonly Trainer[], options: MultiHeadOptions<E> = {}) {
    super(trainers.map(({ name }) => name).join('-'), options.device);
    this.#trainers = trainers;
    this.#metrics = options.metrics;
    const names = trainers.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (trainers.length === 0 || twice !== undefined) {
      throw new FrondError(
        'FROND-T003',
        twice === undefined ? 'no tasks were given' : `two tasks are called ${twice}`,
      );
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
      throw new FrondError(
        'FROND-T003',
        `task ${other?.task.name} stands on another backbone than ${first?.task.name}`,
        {
          hint: 'pass the same backbone object to buildForward of every trainer',
        },
      );
    }
    return { backbone: first.backbone, tasks: connections.map(({ task }) => task) };
  }

  protected override jointMetrics(): JointMetrics | undefined {
    return this.#metrics as JointMetrics | undefined;
  }
}

export const trainer = (name: string, options?: TrainerOptions): Trainer => new Trainer(name, options);
export const multiHeadTrainer = <E = never>(
  trainers: readonly Trainer[],
  options?: MultiHeadOptions<E>,
): MultiHeadTrainer<E> => new MultiHeadTrainer(trainers, options);
