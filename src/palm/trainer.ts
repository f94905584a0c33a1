import { platform } from '#platform';
import { checkArguments } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Graph } from '../ir/graph.ts';
import { chooseDevice } from '../runtime/chooseDevice.ts';
import { checkNewest, sweepTemporaries } from '../store/checkpoint.ts';
import { storedFile } from '../store/file.ts';
import { lockFolder } from '../store/lock.ts';
import { openSafetensors } from '../store/safetensors.ts';
import { type Balance, gradientBalance } from './balance.ts';
import type { Backbone, Batch, Head, Metrics, Reader } from './contract.ts';
import { checkContract } from './contractCheck.ts';
import type { Checked, HeadOnBackboneProblem } from './contractTypes.ts';
import { closed, inputPart, type JointMetrics, type Predictions } from './evaluate.ts';
import type { Listener } from './events.ts';
import { lossName, predictionGraph, type Task, trainingGraph } from './graphs.ts';
import type { Mistakes } from './mistakes.ts';
import { checkConstants } from './modelRecord.ts';
import type { TrainingPlan } from './plan.ts';
import { type EpochRecord, Run } from './run.ts';
import { checkpointsOf, resumeRun, saveRun } from './runStore.ts';
import {
  backboneKind,
  checkFolder,
  checkInputs,
  checkSettings,
  folderKind,
  headKind,
  listener,
  partKind,
  readerKind,
} from './settings.ts';
import { modelOf, setupOf, trainingPart } from './setup.ts';
import { type BackwardOptions, buildPrograms, type Programs } from './step.ts';
import {
  type StepSummary,
  type TrainingSummary,
  type TrainOptions,
  train,
  trainOptions,
  trainStep,
} from './train.ts';
import {
  checkEffects,
  checkTaskName,
  type FitOptions,
  fitOptions,
  type Lesson,
  type Member,
  type Policy,
  type SaverOptions,
  saverOptions,
  type TrainerOptions,
  trainerOptions,
} from './trainerOptions.ts';
import { type LoadOptions, type LoadReport, loadOptions, matchArena, setWeights } from './weights.ts';

/** What an earlier call has to give. @throws FROND-T001 */
export function needed<T>(value: T | undefined, from: string, caller: string): T {
  if (value !== undefined) return value;
  throw new FrondError('FROND-T001', `${caller} was called before ${from}`, { hint: `call ${from} first` });
}

const batchKind = is.objectOf(is.object, 'a batch, as the reader packs it');
const predictAllOptions = { signal: is.optional(is.signal), on: listener };
export type PredictAllOptions = is.OptionsOf<typeof predictAllOptions>;

const mistakesOptions = {
  /** how many of each task are listed; default 20 */
  most: is.optional(is.natural),
  signal: is.optional(is.signal),
};
export type MistakesOptions = is.OptionsOf<typeof mistakesOptions>;

/** What each lesson learns from, and how. */
interface Fit {
  readonly readers: readonly Reader[];
  readonly options: FitOptions;
}

/** From tasks on one backbone to a trained model: that of one task. `MultiHeadTrainer` is that of several. */
export class Trainer {
  readonly name: string;
  readonly #options: TrainerOptions;
  #auxiliary = false;
  #connected: Pick<Member, 'backbone' | 'task'> | undefined;
  // the parts of the setup, by the call that gives them
  #forwards: readonly Graph[] | undefined;
  #prediction: Graph | undefined;
  #programs: Programs | undefined;
  #fit: Fit | undefined;
  #saver: SaverOptions | undefined;
  #run: Run | undefined;
  #making: Promise<Run> | undefined;
  #training = false;
  #closed = false;
  /** what `close` waits for */
  readonly #working = new Set<Promise<unknown>>();
  /** the folder that `train` has locked */
  #locked: string | undefined;

  /** @throws FROND-T002 for options out of range, FROND-T003 for a name that cannot stand in names of outputs */
  constructor(name: string, options: TrainerOptions = {}) {
    checkTaskName(name);
    checkSettings<TrainerOptions>('trainer', options, trainerOptions);
    this.name = name;
    this.#options = options;
  }

  protected get policy(): Policy {
    return 'joint';
  }

  protected get jointMetrics(): JointMetrics | undefined {
    return undefined;
  }

  protected get balance(): Balance | undefined {
    return undefined;
  }

  /** @throws FROND-T001 before `buildForward` */
  protected get members(): readonly Member[] {
    return [this.connection];
  }

  /** The task and its backbone. @throws FROND-T001 before `buildForward` */
  get connection(): Member {
    const connected = needed(this.#connected, 'buildForward', `trainer ${this.name}`);
    return { ...connected, options: this.#options, auxiliary: this.#auxiliary };
  }

  get #lessons(): readonly Lesson[] {
    const { members } = this;
    if (this.policy === 'joint') return [{ name: this.name, members }];
    return members.map((member) => ({ name: member.task.name, members: [member] }));
  }

  /** Its steps only help other tasks where tasks alternate: training ends when those have had theirs. @throws FROND-T004, T006 */
  setAux(): void {
    this.#checkChangeable('setAux');
    this.#auxiliary = true;
  }

  #checkOpen(caller: string): void {
    if (this.#closed) throw closed(caller, this.name);
  }

  /** The parts of a run are fixed once it exists. @throws FROND-T004, FROND-T006 */
  #checkChangeable(caller: string): void {
    this.#checkOpen(caller);
    if (this.#run === undefined) return;
    throw new FrondError('FROND-T004', `${caller} was called after the model was made`, {
      hint: 'a model is made when it is first trained, evaluated, asked or loaded: call this before, or make another trainer',
    });
  }

  /** Only saving and asking go together with training. @throws FROND-T005 */
  #checkIdle(): void {
    if (!this.#training) return;
    throw new FrondError('FROND-T005', `${this.name} is training already`, {
      hint: 'await the first call of train',
    });
  }

  /** Connects the task's head to the backbone. @returns the training graph, with output `loss` */
  buildForward<B extends Backbone, H extends Head>(
    backbone: B,
    head: Checked<HeadOnBackboneProblem<B, H>, H>,
  ): Graph {
    checkArguments('buildForward', { backbone: backboneKind, head: headKind }, [backbone, head]);
    const { weight = 1, reuseHeadWith } = this.#options;
    const other = reuseHeadWith?.connection.task;
    const { mixLayers = false } = other ?? this.#options;
    const task = {
      name: this.name,
      head: head as Head,
      weight,
      scope: other?.scope ?? other?.name,
      mixLayers,
    };
    checkContract({ backbone, head: task.head });
    this.#connected = { backbone, task };
    return this.forward();
  }

  protected forward(): Graph {
    this.#checkChangeable('buildForward');
    this.#prediction = undefined;
    this.#forwards = this.#lessons.map(({ name, members }) =>
      trainingGraph(name, ...modelOf(members), this.balance),
    );
    return defined(this.#forwards[0], 'training graph');
  }

  /** The graph that predicts all tasks from one encoder pass: no labels, no dropout. */
  get prediction(): Graph {
    needed(this.#forwards, 'buildForward', 'prediction');
    this.#prediction ??= predictionGraph(this.name, ...modelOf(this.members));
    return this.#prediction;
  }

  /**
   * Adds the backward part and the update.
   * @returns the graph of a whole training step; of the first task, where tasks alternate
   * @throws FROND-T002 for settings that are unknown, out of range or without effect
   */
  buildBackward(options: BackwardOptions): Graph {
    this.#checkChangeable('buildBackward');
    const forwards = needed(this.#forwards, 'buildForward', 'buildBackward');
    const given = this.#lessons.map(({ members }, i) => {
      const names = members.map(({ task }) => task.name);
      const graph = defined(forwards[i], 'training graph');
      return { graph, losses: names.map(lossName), balance: gradientBalance(this.balance, names) };
    });
    this.#programs = buildPrograms(given, options);
    return defined(this.#programs.steps[0], 'training step');
  }

  /**
   * Says what to learn from, and for how long.
   * @throws FROND-C001…C003 when the reader does not give what backbone or heads need, FROND-D019 when it gives more words than the
   *   backbone takes, FROND-T002 for settings that make no run
   */
  fitReader(reader: Reader, options: FitOptions): void {
    checkArguments('fitReader', { reader: readerKind }, [reader], 'FROND-T002');
    this.fit(() => reader, 'fitReader', options);
  }

  /** `readerOf`: what a lesson learns from, by its name */
  protected fit(readerOf: (lesson: string) => Reader, caller: string, options: FitOptions): void {
    this.#checkChangeable(caller);
    checkSettings(caller, options, fitOptions);
    checkEffects(this.policy, this.members, options);
    const readers = this.#lessons.map(({ name, members }) => {
      const reader = readerOf(name);
      for (const { backbone, task } of members) checkContract({ reader, backbone, head: task.head });
      if (trainingPart({ reader }).size > 0) return reader;
      throw new FrondError('FROND-D014', `the reader ${reader.name} has no training examples`, {
        hint: 'give it a part called train',
      });
    });
    if (this.jointMetrics !== undefined && new Set(readers).size > 1) {
      throw new FrondError('FROND-T002', 'metrics has no effect: the tasks have readers of their own', {
        hint: 'leave it out; best may be a function of the metrics of all tasks',
      });
    }
    this.#fit = { readers, options };
  }

  /** Where checkpoints go, and how often. @throws FROND-T002 for numbers that are no counts */
  setSaver(options: SaverOptions): void {
    this.#checkOpen('setSaver');
    checkSettings('setSaver', options, saverOptions);
    this.#saver = options;
  }

  /** Does `work` with the run; `close` waits for it. @throws FROND-T006 */
  async #use<T>(caller: string, work: (run: Run) => T | Promise<T>): Promise<T> {
    this.#checkOpen(caller);
    const doing = this.#ready(caller).then(work);
    this.#working.add(doing);
    try {
      return await doing;
    } finally {
      this.#working.delete(doing);
    }
  }

  /** The run, made when it is first asked for, once. */
  #ready(caller: string): Promise<Run> {
    this.#making ??= this.#make(caller).catch((cause: unknown) => {
      this.#making = undefined;
      throw cause;
    });
    return this.#making;
  }

  async #make(caller: string): Promise<Run> {
    const forwards = needed(this.#forwards, 'buildForward', caller);
    const programs = needed(this.#programs, 'buildBackward', caller);
    const fit = needed(this.#fit, 'fitReader', caller);
    const lessons = this.#lessons.map((lesson, i) => ({
      ...lesson,
      reader: defined(fit.readers[i], 'reader'),
      forward: defined(forwards[i], 'training graph'),
      step: defined(programs.steps[i], 'training step'),
    }));
    const { name, policy, jointMetrics, balance } = this;
    const prediction = (tasks?: readonly Task[]): Graph =>
      tasks === undefined ? this.prediction : predictionGraph(name, modelOf(this.members)[0], tasks);
    const setup = setupOf(
      { name, policy, lessons, prediction, jointMetrics, balance, programs },
      fit.options,
    );
    const { device: given } = this.#options;
    const device = given ?? (await chooseDevice('auto')).device;
    const run = new Run(setup, device, given === undefined);
    await run.model.begin();
    this.#run = run;
    return run;
  }

  /**
   * Trains from where the model stands to the end of its epochs.
   * @throws FROND-T010 when the loss stops being finite (weights intact, the node at fault named), FROND-T011 when the device is
   * lost again and again, FROND-F020 when another run
   * saves to the same folder, FROND-F021 when there are later checkpoints of another run in it, FROND-T005 when it is training already
   */
  async train(options: TrainOptions = {}): Promise<TrainingSummary> {
    this.#checkOpen('train');
    checkSettings('train', options, trainOptions);
    this.#checkIdle();
    this.#training = true;
    try {
      const run = await this.#ready('train');
      const saver = options.saveTo === undefined ? this.#saver : { ...this.#saver, folder: options.saveTo };
      return await (saver === undefined ? train(run, options) : this.#trainSaving(run, saver, options));
    } finally {
      this.#training = false;
    }
  }

  /**
   * Does the next step of the plan, for a loop of one's own: what else `train` does, evaluating and saving, is for the caller to do.
   * @returns its figures; undefined where all steps are done
   * @throws FROND-T010, T011 as `train`, FROND-T005 when it is training already
   */
  async trainStep(): Promise<StepSummary | undefined> {
    this.#checkIdle();
    this.#training = true;
    try {
      return await this.#use('trainStep', trainStep);
    } finally {
      this.#training = false;
    }
  }

  async #trainSaving(run: Run, saver: SaverOptions, options: TrainOptions): Promise<TrainingSummary> {
    checkConstants(run.setup);
    const folder = checkpointsOf(saver.folder);
    const release = await lockFolder(saver.folder);
    this.#locked = saver.folder;
    try {
      await sweepTemporaries(folder);
      await checkNewest(folder, run.learner.step);
      run.folder = folder;
      const save = (): Promise<string> => saveRun(run, saver.folder, saver.keep);
      return await train(run, options, { save, everySteps: saver.everySteps });
    } finally {
      this.#locked = undefined;
      await release();
    }
  }

  /** Metrics of each task, under its name, and those of all tasks together, over a part of the reader's data. */
  async evaluate(part = 'test', signal?: AbortSignal): Promise<Metrics> {
    const kinds = { part: partKind, signal: is.optional(is.signal) };
    checkArguments('evaluate', kinds, [part, signal], 'FROND-T002');
    return this.#use('evaluate', ({ model }) => model.surviving((learner) => learner.evaluate(part, signal)));
  }

  /**
   * Predictions of every task, from one encoder pass. Texts are parsed by the reader; of longer ones the model sees the first
   * `maximumLength` words, and labels these: `on` receives a warning with their number.
   * @throws FROND-C011 for texts where the reader cannot parse any, FROND-T002 for what is neither text nor example
   */
  async predict(
    inputs: readonly (string | object)[],
    options: { readonly on?: Listener } = {},
  ): Promise<Predictions> {
    checkInputs(inputs);
    checkSettings('predict', options, { on: listener });
    return this.#use('predict', async ({ setup, model }) => {
      const predictions: Predictions[] = [];
      for (const inference of setup.inferences) {
        const part = inputPart(inference.reader, inputs);
        predictions.push(await model.surviving((learner) => learner.predict(inference, part, options)));
      }
      return Object.assign({}, ...predictions);
    });
  }

  /** Predictions of every task for all examples of a part of its reader. @throws FROND-D015 for a part that no reader has */
  async predictAll(part = 'test', options: PredictAllOptions = {}): Promise<Predictions> {
    checkArguments('predictAll', { part: partKind, options: is.unchecked }, [part, options], 'FROND-T002');
    checkSettings('predictAll', options, predictAllOptions);
    return this.#use('predictAll', ({ model }) =>
      model.surviving((learner) => learner.predictPart(part, options)),
    );
  }

  /**
   * What each task gets wrong in a part of its reader, the worst mistakes first; of heads whose accumulators can compare.
   * @param part default: `test`, or nothing where no reader has it
   * @throws FROND-D015 for a part that no reader has
   */
  async mistakes(part?: string, options: MistakesOptions = {}): Promise<Readonly<Record<string, Mistakes>>> {
    const kinds = { part: is.optional(partKind), options: is.unchecked };
    checkArguments('mistakes', kinds, [part, options], 'FROND-T002');
    checkSettings('mistakes', options, mistakesOptions);
    const { most = 20, signal } = options;
    return this.#use('mistakes', ({ model }) =>
      model.surviving((learner) => learner.mistakes(part, most, signal)),
    );
  }

  /**
   * Predictions of one task for a batch as its reader packs it, one for each row.
   * @throws FROND-R009…R012, R023, R031 for a batch that does not fit the graph, FROND-T003 for a task that there is not
   */
  async predictBatch(task: string, batch: Batch): Promise<readonly unknown[]> {
    checkArguments('predictBatch', { task: is.text, batch: batchKind }, [task, batch], 'FROND-T002');
    const names = this.members.map((member) => member.task.name);
    if (!names.includes(task)) {
      throw new FrondError('FROND-T003', `there is no task ${task}`, {
        hint: `give one of ${names.join(', ')}`,
      });
    }
    return this.#use('predictBatch', ({ model }) =>
      model.surviving((learner) => learner.predictBatch(task, batch)),
    );
  }

  /**
   * Saves weights, optimizer state, progress and what predicting takes.
   * @returns the checkpoint's folder
   * @throws FROND-F020 when another run saves there, FROND-F021 when a later step of another run is there, FROND-F002 when the
   * system refuses
   */
  async save(folder: string): Promise<string> {
    checkFolder('save', folder);
    const save = async (run: Run): Promise<string> => {
      const release = this.#locked === folder ? undefined : await lockFolder(folder);
      try {
        return await saveRun(run, folder, this.#saver?.keep);
      } finally {
        await release?.();
      }
    };
    return this.#use('save', (run) => run.betweenSteps(() => save(run)));
  }

  /**
   * Goes on where the newest whole checkpoint in `folder` stopped; what follows is byte for byte what would have followed then. A
   * run may go on for another number of epochs, a finished one too: the schedule of its rates is then that of the new number of
   * steps, and a warning says what that changes.
   * @throws FROND-F012 when there is none, FROND-F030 when settings or data differ, naming each
   */
  async resume(folder: string, on?: Listener): Promise<number> {
    const kinds = { folder: folderKind, on: listener };
    checkArguments('resume', kinds, [folder, on], 'FROND-T002');
    return this.#use('resume', (run) => {
      this.#checkIdle();
      return run.betweenSteps(async () => {
        await resumeRun(run, folder, on);
        return run.learner.step;
      });
    });
  }

  /**
   * Takes the weights of a safetensors file, strictly unless told otherwise.
   * @throws FROND-W010…W013 for missing, surplus or wrong-shaped tensors
   */
  async loadCheckpoint(file: string, options: LoadOptions = {}): Promise<LoadReport> {
    const kinds = { file: { ...is.name, what: 'the path of a file' }, options: is.unchecked };
    checkArguments('loadCheckpoint', kinds, [file, options], 'FROND-T002');
    checkSettings('loadCheckpoint', options, loadOptions);
    return this.#use('loadCheckpoint', (run) => {
      this.#checkIdle();
      return run.betweenSteps(async () => {
        const { tensors } = await openSafetensors(await storedFile(file, platform.files), file);
        const match = matchArena(run.learner.state.layout, { file, tensors }, 'parameter', options);
        await run.change((state) => setWeights(state, match.tensors));
        return match.report;
      });
    });
  }

  /** Which task learns from which examples at every step; undefined until the model is made. */
  get plan(): TrainingPlan | undefined {
    return this.#run?.setup.plan;
  }

  /** Metrics after each epoch so far. */
  get history(): readonly EpochRecord[] {
    return this.#run?.history ?? [];
  }

  /**
   * Gives the memory back, once what is under way has ended; the device too, unless it was passed in. Only `history` can be asked
   * for afterwards.
   * @throws FROND-T005 while it is training
   */
  async close(): Promise<void> {
    this.#checkIdle();
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#working);
    await this.#run?.close();
  }
}
