import { platform } from '#platform';
import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Graph } from '../ir/graph.ts';
import { chooseDevice } from '../runtime/chooseDevice.ts';
import type { Device } from '../runtime/device.ts';
import { checkNewest, sweepTemporaries } from '../store/checkpoint.ts';
import { storedFile } from '../store/file.ts';
import { lockFolder } from '../store/lock.ts';
import { openSafetensors } from '../store/safetensors.ts';
import type { Backbone, Metrics, Reader } from './contract.ts';
import { checkContract, maximumOf } from './contractCheck.ts';
import { closed, exampleOf, type Predictions } from './evaluate.ts';
import type { Listener } from './events.ts';
import { lossName, predictionGraph, trainingGraph } from './graphs.ts';
import { type FitOptions, fitOptions, plannedSource, type Setup, type Source } from './learner.ts';
import { checkConstants } from './modelRecord.ts';
import { trainingPlan } from './plan.ts';
import { type EpochRecord, Run } from './run.ts';
import { checkpointsOf, resumeRun, saveRun } from './runStore.ts';
import {
  checkFolder,
  checkInputs,
  checkSettings,
  folderKind,
  listener,
  partKind,
  readerKind,
} from './settings.ts';
import { type BackwardOptions, buildStep } from './step.ts';
import { type TrainingSummary, type TrainOptions, train, trainOptions } from './train.ts';
import { type LoadOptions, type LoadReport, loadOptions, matchArena, writeTensors } from './weights.ts';

const saverOptions = {
  /** folder of the run; checkpoints go to `checkpoints` in it */
  folder: folderKind,
  /** a checkpoint every so many steps, besides those at the end of each epoch; default: none */
  everySteps: is.optional(is.count),
  /** whole checkpoints to keep; default 2 */
  keep: is.optional(is.count),
};
export type SaverOptions = is.OptionsOf<typeof saverOptions>;

/** What an earlier call has to give. @throws FROND-T001 */
export function needed<T>(value: T | undefined, from: string, caller: string): T {
  if (value !== undefined) return value;
  throw new FrondError('FROND-T001', `${caller} was called before ${from}`, { hint: `call ${from} first` });
}

/** What `Trainer` and `MultiHeadTrainer` share: from tasks on one backbone to a trained model. */
export abstract class TrainerBase {
  readonly name: string;
  readonly #device: Device | undefined;
  // the parts of the setup, by the call that gives them
  #graphs: Pick<Source, 'forward' | 'prediction'> | undefined;
  #step: (Pick<Source, 'step'> & Pick<Setup, 'optimizer' | 'clipNorm' | 'settings'>) | undefined;
  #fit: (Pick<Source, 'reader'> & Required<FitOptions>) | undefined;
  #saver: SaverOptions | undefined;
  #run: Run | undefined;
  #making: Promise<Run> | undefined;
  #training = false;
  #closed = false;
  /** what `close` waits for */
  readonly #working = new Set<Promise<unknown>>();
  /** the folder that `train` has locked */
  #locked: string | undefined;

  constructor(name: string, device: Device | undefined) {
    this.name = name;
    this.#device = device;
  }

  protected abstract tasksOf(): Pick<Source, 'tasks'> &
    Pick<Setup, 'jointMetrics'> & { readonly backbone: Backbone };

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

  protected forward(): Graph {
    this.#checkChangeable('buildForward');
    const { backbone, tasks } = this.tasksOf();
    const forward = trainingGraph(this.name, backbone, tasks);
    this.#graphs = { forward, prediction: predictionGraph(this.name, backbone, tasks) };
    return forward;
  }

  /** The graph that predicts: no labels, no dropout. */
  get prediction(): Graph {
    return needed(this.#graphs, 'buildForward', 'prediction').prediction;
  }

  /**
   * Adds the backward part and the update.
   * @returns the graph of a whole training step
   * @throws FROND-T002 for settings that are unknown, out of range or without effect
   */
  buildBackward(options: BackwardOptions): Graph {
    this.#checkChangeable('buildBackward');
    const { forward } = needed(this.#graphs, 'buildForward', 'buildBackward');
    const losses = this.tasksOf().tasks.map(({ name }) => lossName(name));
    const step = buildStep(forward, 'loss', options, losses);
    const { optimizer, clipNorm = 0, weightDecay = 0, groups = [] } = options;
    const settings = { weightDecay, groups: groups.map((group) => ({ ...group })) };
    this.#step = { step, optimizer, clipNorm, settings };
    return step;
  }

  /**
   * Says what to learn from, and for how long.
   * @throws FROND-C001…C003 when the reader does not give what backbone or heads need, FROND-D019 when it gives more words than the
   *   backbone takes, FROND-T002 for settings that make no run
   */
  fitReader(reader: Reader, options: FitOptions): void {
    this.#checkChangeable('fitReader');
    checkArguments('fitReader', { reader: readerKind }, [reader], 'FROND-T002');
    checkSettings('fitReader', options, fitOptions);
    const { epochs, batchSize = 32, seed = 1 } = options;
    const { backbone, tasks } = this.tasksOf();
    for (const { head } of tasks) checkContract({ reader, backbone, head });
    if ((reader.parts.train ?? []).length === 0) {
      throw new FrondError('FROND-D014', `the reader ${reader.name} has no training examples`, {
        hint: 'give it a part called train',
      });
    }
    this.#fit = { reader, epochs, batchSize, seed };
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
    const graphs = needed(this.#graphs, 'buildForward', caller);
    const { step, settings, ...learning } = needed(this.#step, 'buildBackward', caller);
    const { reader, epochs, batchSize, seed } = needed(this.#fit, 'fitReader', caller);
    const { name } = this;
    const { backbone, tasks, jointMetrics } = this.tasksOf();
    const maximumLength = maximumOf(reader, `backbone ${backbone.name}`, backbone.maximumLength);
    const source = { name, tasks, reader, maximumLength, step, ...graphs };
    const plan = trainingPlan({ tasks: [plannedSource(source, { batchSize })], epochs, seed });
    const setup: Setup = {
      ...{ name, sources: [source], plan, seed, jointMetrics, ...learning },
      settings: { ...settings, epochs, batchSize },
    };
    const device = this.#device ?? (await chooseDevice('auto')).device;
    const run = new Run(setup, device, this.#device === undefined);
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

  async #trainSaving(run: Run, saver: SaverOptions, options: TrainOptions): Promise<TrainingSummary> {
    run.setup.sources.forEach(checkConstants);
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
      for (const source of setup.sources) {
        const parsed = inputs.map((input) => exampleOf(source.reader, input));
        predictions.push(await model.surviving((learner) => learner.predict(source, parsed, options)));
      }
      return Object.assign({}, ...predictions);
    });
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
        await run.change((state) => writeTensors(state, match.tensors));
        return match.report;
      });
    });
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
