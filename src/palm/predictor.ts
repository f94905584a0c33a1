import { platform } from '#platform';
import { checkArguments } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { chooseDevice } from '../runtime/chooseDevice.ts';
import { compile } from '../runtime/compile.ts';
import { type Device, deviceKind } from '../runtime/device.ts';
import type { Executable } from '../runtime/executable.ts';
import { layoutParameters } from '../runtime/parameters.ts';
import { ModelState } from '../runtime/state.ts';
import { type LoadedCheckpoint, loadLatest } from '../store/checkpoint.ts';
import type { ComponentRecord, Head, Metrics, Part, Reader } from './contract.ts';
import { checkFeeds, checkNames, maximumOf } from './contractCheck.ts';
import { closed, evaluateAll, exampleOf, inputPart, type Predictions, predictAll } from './evaluate.ts';
import { differenceOf, type Task } from './graphs.ts';
import * as heads from './heads/index.ts';
import {
  checkMeaning,
  graphsOf,
  type InferenceRecord,
  inferencesOf,
  MODEL,
  type ModelRecord,
  modelOf,
} from './modelRecord.ts';
import { textReaderFrom } from './reader/classify.ts';
import { jointReaderFrom } from './reader/joint.ts';
import { maskedLMFrom } from './reader/maskedLM.ts';
import { matchFrom } from './reader/match.ts';
import { sequenceLabelFrom } from './reader/sequenceLabel.ts';
import { checkSeal } from './record.ts';
import { AVERAGE, BEST, checkpointsOf, tensorsOf, WEIGHTS } from './runStore.ts';
import {
  checkFolder,
  checkInputs,
  checkSettings,
  headKind,
  listener,
  partsKind,
  readerKind,
} from './settings.ts';
import type { Inference } from './setup.ts';
import { type Survival, Survivor } from './survivor.ts';
import { spellingOptions } from './tokenizer/spelling.ts';
import { matchArena, writeTensors } from './weights.ts';

/** Make components again from what a checkpoint keeps of them, by the kind of their records. */
type Makers<C = Reader | Head> = Readonly<Record<string, (record: ComponentRecord) => C>>;

const predictorOptions = {
  device: is.optional(deviceKind),
  /** the reader of the run, where the checkpoint cannot make it again */
  reader: is.optional(readerKind),
  /** heads of the run by task, where the checkpoint cannot make them again */
  heads: is.optional(is.objectOf(headKind, 'an object of heads by task')),
  /** makes readers and heads of one's own again from their records: a function for each `kind` */
  components: is.optional(is.typed<Makers>(is.objectOf(is.callable, 'an object of functions by kind'))),
};
export type PredictorOptions = is.OptionsOf<typeof predictorOptions>;

/** The options that a head was made with; it checks them itself. */
const optionsIn = ({ kind: _, ...options }: ComponentRecord): object => options;

const READERS: Makers<unknown> = {
  joint: jointReaderFrom,
  classify: textReaderFrom,
  match: matchFrom,
  sequenceLabel: sequenceLabelFrom,
  maskedLM: maskedLMFrom,
};
const HEADS: Makers<unknown> = {
  classify: (record) => heads.classify(optionsIn(record) as heads.ClassifyOptions<object>),
  regress: (record) => heads.regress(optionsIn(record)),
  match: (record) => heads.match(optionsIn(record) as heads.PairwiseOptions<object>),
  maskedLM: (record) => heads.maskedLM(optionsIn(record) as heads.MaskedLMOptions),
  // runs of earlier versions do not say the scheme
  sequenceLabel: (record) =>
    heads.sequenceLabel({ scheme: 'BIO', ...optionsIn(record) } as heads.SequenceLabelOptions<object, true>),
};

/** The component that a record describes; undefined where its kind is unknown. */
const componentFrom = (
  record: ComponentRecord | null,
  known: Makers<unknown>,
  given: Makers = {},
): unknown => (record === null ? undefined : own({ ...known, ...given }, record.kind)?.(record));

const cannotMake = (what: string, option: string, folder: string): FrondError =>
  new FrondError(
    'FROND-F014',
    `the run in ${folder} has ${what} of its own, which its checkpoint cannot make again`,
    { place: { file: folder }, hint: `load it in a program, with the option \`${option}\`` },
  );

/** The newest whole checkpoint of a run; `folder` is the run's, or the one that its checkpoints are in. */
export async function latestOf(folder: string): Promise<LoadedCheckpoint> {
  const inside = checkpointsOf(folder);
  return loadLatest((await platform.files.kindOf(inside)) === 'folder' ? inside : folder);
}

/** @throws FROND-F016 for a head of a task that the run does not have */
function checkHeads(record: ModelRecord, { heads = {} }: PredictorOptions, folder: string): void {
  const names = inferencesOf(record).flatMap(({ tasks }) => tasks.map(({ name }) => name));
  const unknown = Object.keys(heads).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new FrondError('FROND-F016', `the run in ${folder} has no task ${unknown}`, {
    place: { file: folder },
    hint: `its tasks are: ${names.join(', ')}`,
  });
}

/**
 * The tasks of a run with their heads, given or made again.
 * @throws FROND-F014, and F016 for a head that its graph was not built with
 */
function tasksOf(record: InferenceRecord, { heads, components }: PredictorOptions, folder: string): Task[] {
  return record.tasks.map(({ name, head: kept, scope }): Task => {
    const head = own(heads, name) ?? componentFrom(kept, HEADS, components);
    if (!headKind.holds(head)) throw cannotMake(`a head of task ${name}`, 'heads', folder);
    const [reads, gives] = differenceOf({ head, name, scope }, record.prediction) ?? [];
    if (reads === undefined) return { name, head, scope, weight: 1 };
    throw new FrondError(
      'FROND-F016',
      `head ${head.name} ${reads}, task ${name} of the run in ${folder} ${gives}`,
      { place: { file: folder }, hint: 'give each task the head that it was trained with' },
    );
  });
}

/** The graphs that a run was made of. @throws FROND-F012 when there is no whole checkpoint */
export async function loadModelRecord(folder: string): Promise<ModelRecord> {
  checkFolder('loadModelRecord', folder);
  const checkpoint = await latestOf(folder);
  const record = await modelOf(checkpoint);
  await checkSeal(checkpoint, MODEL);
  return record;
}

/** How examples of a reader are predicted, given or made again. @throws as `Predictor.load` */
function inferenceFrom(record: InferenceRecord, options: PredictorOptions, folder: string): Inference {
  const tasks = tasksOf(record, options, folder);
  const reader = options.reader ?? componentFrom(record.reader, READERS, options.components);
  if (!readerKind.holds(reader)) throw cannotMake('a reader', 'reader', folder);
  checkMeaning(record, reader, folder);
  checkSpelling(record, reader, folder);
  for (const { head } of tasks) {
    checkMeaning(record, head, folder);
    checkNames(head, reader);
  }
  checkFeeds(`the run in ${folder}`, record.prediction, reader);
  // runs of earlier versions do not say
  const maximumLength = maximumOf(reader, `the run in ${folder}`, record.maximumLength ?? undefined);
  return { tasks, reader, maximumLength, prediction: record.prediction };
}

/** The model on a device. */
interface Loaded {
  /** of each inference */
  readonly executables: readonly Executable[];
  /** predictions that were answered */
  step: number;
  free(): void;
}

async function loadOn(device: Device, checkpoint: LoadedCheckpoint, record: ModelRecord): Promise<Loaded> {
  const weights = [BEST, AVERAGE].find((file) => checkpoint.files.has(file)) ?? WEIGHTS;
  const layout = layoutParameters(graphsOf(record));
  // before memory is taken on the word of the graphs
  const match = matchArena(layout, await tensorsOf(checkpoint, weights));
  const state = new ModelState(device, layout);
  try {
    await writeTensors(state, match.tensors);
    const executables: Executable[] = [];
    for (const { prediction } of inferencesOf(record))
      executables.push((await compile(prediction, { state })).executable);
    const free = (): void => {
      for (const executable of executables) executable.free();
      state.free();
    };
    return { executables, step: 0, free };
  } catch (cause) {
    state.free();
    throw cause;
  }
}

/** How a reader spells words and cuts them, by itself or with its tokenizer; what the ids mean is compared elsewhere. */
function cuttingOf(record: ComponentRecord | null = null): Readonly<Record<string, unknown>> {
  const spelling = Object.keys(spellingOptions).map((name) => [name, record?.[name]] as const);
  const { vocabulary: _, ...tokenizer } = Object(record?.tokenizer);
  return { ...Object.fromEntries(spelling), ...tokenizer };
}

/** A reader that spells words otherwise would look others up. @throws FROND-D022 */
function checkSpelling({ reader: saved }: InferenceRecord, { name, record }: Reader, folder: string): void {
  const ours = cuttingOf(record);
  for (const [setting, wanted] of Object.entries(cuttingOf(saved))) {
    const given = ours[setting];
    if (wanted === undefined || given === undefined || JSON.stringify(wanted) === JSON.stringify(given))
      continue;
    throw new FrondError(
      'FROND-D022',
      `reader ${name} has ${setting} ${given}, the run in ${folder} ${wanted}`,
      {
        place: { file: folder },
        hint: 'give the reader what the run was trained with, or leave it out: the run can make its own',
      },
    );
  }
}

const callOptions = {
  /** default: all */
  tasks: is.optional(is.names),
  signal: is.optional(is.signal),
  on: listener,
};
export type PredictorCall = is.OptionsOf<typeof callOptions>;

/** A trained model that answers: weights, prediction graph, reader and heads, without the program that trained it. */
export class Predictor {
  readonly name: string;
  /** the checkpoint that it was made from, with damaged newer ones in `skipped` */
  readonly checkpoint: LoadedCheckpoint;
  readonly tasks: readonly Task[];
  /** of the first task, where each has its own */
  readonly reader: Reader;
  readonly #inferences: readonly Inference[];
  readonly #loaded: Survivor<Loaded>;
  #freed = false;
  /** predictions under way */
  #running = 0;

  private constructor(
    { name, checkpoint }: Pick<Predictor, 'name' | 'checkpoint'>,
    inferences: readonly Inference[],
    loaded: Survivor<Loaded>,
  ) {
    this.name = name;
    this.checkpoint = checkpoint;
    this.tasks = inferences.flatMap(({ tasks }) => tasks);
    this.reader = defined(inferences[0], 'inference').reader;
    this.#inferences = inferences;
    this.#loaded = loaded;
  }

  /**
   * Loads the newest whole checkpoint of a run, with the weights that did best where the run kept them,
   * or else their moving average where it kept one.
   * @param folder the run's folder, or the one that its checkpoints are in
   * @throws FROND-F012 when there is none, FROND-F013 when no training run saved it, FROND-F014 when reader or head are the
   * user's own and not given, FROND-C012 for labels or words in another order than the run's, FROND-D019 for a reader that gives more words than the run takes, D022 for one that spells them otherwise, FROND-F016 for heads of tasks that it does not have or that read other results, FROND-W… for damaged weights
   */
  static async load(folder: string, options: PredictorOptions = {}): Promise<Predictor> {
    checkFolder('Predictor.load', folder);
    checkSettings('Predictor.load', options, predictorOptions);
    const checkpoint = await latestOf(folder);
    const record = await modelOf(checkpoint);
    checkHeads(record, options, folder);
    const inferences = inferencesOf(record).map((inference) => inferenceFrom(inference, options, folder));
    await checkSeal(checkpoint, MODEL);
    const device = options.device ?? (await chooseDevice('auto')).device;
    const life: Survival<Loaded> = {
      make: async (next, lost) => ({ ...(await loadOn(next, checkpoint, record)), step: lost?.step ?? 0 }),
      gaveUp: (_, cause) => cause,
    };
    const loaded = await new Survivor(life, device, options.device === undefined).begin();
    return new Predictor({ name: record.name, checkpoint }, inferences, loaded);
  }

  /** How examples of a task are read. @throws FROND-F016 for a task that the run does not have */
  readerOf(task: string): Reader {
    checkArguments('readerOf', { task: is.text }, [task], 'FROND-T002');
    return defined(this.#inferencesOf([task])[0], 'inference').reader;
  }

  /** @throws FROND-F016 */
  #inferencesOf(tasks: readonly string[] | undefined): readonly Inference[] {
    const names = this.tasks.map(({ name }) => name);
    const unknown = tasks?.find((task) => !names.includes(task));
    if (unknown !== undefined)
      throw new FrondError('FROND-F016', `the run has no task ${unknown}`, {
        hint: `its tasks are: ${names.join(', ')}`,
      });
    const isAsked = ({ tasks: all }: Inference) => all.some(({ name }) => tasks?.includes(name) !== false);
    return this.#inferences.filter(isAsked);
  }

  async #each<T>(
    inferences: readonly Inference[],
    work: (executable: Executable, inference: Inference) => Promise<T>,
  ): Promise<T[]> {
    this.#running++;
    try {
      return await this.#loaded.surviving(async (loaded) => {
        const found: T[] = [];
        for (const inference of inferences) {
          const executable = loaded.executables[this.#inferences.indexOf(inference)];
          found.push(await work(defined(executable, 'prediction graph'), inference));
        }
        loaded.step++;
        return found;
      });
    } finally {
      this.#running--;
      this.#release();
    }
  }

  /**
   * Predictions for each text or example, of every task or those that are asked for. Of longer texts the model sees the first
   * `maximumLength` words, and labels these: `on` receives a warning with their number. Where the device is lost, another one is opened.
   * @throws FROND-T002 for what is neither, FROND-T006 after `free`, FROND-F016 for a task that the run does not have, FROND-R030 when
   *   the device is lost again and again
   */
  async predict(inputs: readonly (string | object)[], options: PredictorCall = {}): Promise<Predictions> {
    const { inferences, tasks = this.tasks.map(({ name }) => name) } = this.#asked(
      'predict',
      inputs,
      options,
    );
    const parts = inferences.map(({ reader, tasks: own }) => {
      try {
        return inputPart(reader, inputs);
      } catch (cause) {
        // others may take what this one refuses
        if (!(cause instanceof FrondError) || options.tasks !== undefined || inferences.length === 1)
          throw cause;
        const { hint, place } = cause.details;
        throw new FrondError(cause.code, `${own.map(({ name }) => name).join(', ')}: ${cause.summary}`, {
          place,
          hint: `${hint ?? 'give what its reader takes'}; or choose the tasks that answer, of ${tasks.join(', ')}`,
          cause,
        });
      }
    });
    const found = await this.#each(inferences, (executable, inference) => {
      const part = defined(parts[inferences.indexOf(inference)], 'inputs');
      return predictAll(executable, inference, part, options);
    });
    const all: Predictions = Object.assign({}, ...found);
    return Object.fromEntries(Object.entries(all).filter(([name]) => tasks.includes(name)));
  }

  #asked(caller: string, inputs: readonly (string | object)[], options: PredictorCall) {
    if (this.#freed) throw closed(caller, this.name);
    checkInputs(inputs);
    checkSettings(caller, options, callOptions);
    return { inferences: this.#inferencesOf(options.tasks), tasks: options.tasks };
  }

  /** Words of each text or example that the model has never seen: its vocabulary has no pieces for them. @throws as `predict` */
  unknown(inputs: readonly (string | object)[], options: PredictorCall = {}): readonly (readonly string[])[] {
    const { inferences } = this.#asked('unknown', inputs, options);
    return inputs.map((input) => {
      const words = inferences.flatMap(({ reader }) => reader.unknown?.(exampleOf(reader, input)) ?? []);
      return [...new Set(words)];
    });
  }

  /**
   * Scores of tasks on parts with gold labels, by task; tasks that share a reader are all measured on the part of one of them.
   * @throws FROND-F016 for a task that the run does not have, FROND-T006 after `free`
   */
  async evaluate(parts: Readonly<Record<string, Part>>, signal?: AbortSignal): Promise<Metrics> {
    const kinds = { parts: partsKind, signal: is.optional(is.signal) };
    checkArguments('evaluate', kinds, [parts, signal], 'FROND-T002');
    if (this.#freed) throw closed('evaluate', this.name);
    const inferences = this.#inferencesOf(Object.keys(parts));
    const found = await this.#each(inferences, (executable, inference) => {
      const part = inference.tasks.flatMap(({ name }) => own(parts, name) ?? [])[0];
      return evaluateAll(executable, inference, defined(part, 'part'), undefined, { signal });
    });
    return Object.assign({}, ...found);
  }

  /** Gives the memory back, once predictions under way have ended; the device too, unless it was passed in. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#release();
  }

  #release(): void {
    if (this.#freed && this.#running === 0) this.#loaded.close().catch(() => undefined);
  }
}
