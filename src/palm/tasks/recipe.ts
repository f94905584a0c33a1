import { platform } from '#platform';
import { checkOptions } from '../../base/arguments.ts';
import { defined } from '../../base/errors.ts';
import type * as is from '../../base/kinds.ts';
import { mapValues } from '../../base/own.ts';
import * as backbones from '../backbone.ts';
import type { Balance } from '../balance.ts';
import * as balances from '../balances.ts';
import type { Backbone, Head, Metrics, Reader } from '../contract.ts';
import { layerwise } from '../groups.ts';
import { singleOptions } from '../heads/classify.ts';
import * as heads from '../heads/index.ts';
import { labelOptions } from '../heads/sequenceLabel.ts';
import { multiHeadTrainer, type RecipeContext, type RecipeResult, Trainer } from '../multiHeadTrainer.ts';
import { adamOptions, adamW } from '../optimizer.ts';
import { type JointReader, jointReaderOf } from '../reader/joint.ts';
import { jointFiles, readJoint } from '../reader/jointFiles.ts';
import { cosineDecay, linearDecay, polynomialDecay, triangular, warmUp } from '../schedule.ts';
import { type BackwardOptions, backwardOptions } from '../step.ts';
import { spellWord } from '../tokenizer/spelling.ts';
import { type Tokenizer, word } from '../tokenizer/tokenizer.ts';
import { buildVocabulary, SPECIAL_TOKENS } from '../tokenizer/vocabulary.ts';
import { trainOptions } from '../train.ts';
import { fitOptions, trainerOptions } from '../trainerOptions.ts';
import { wordsIn } from '../words.ts';
import { dataOf } from './read.ts';
import type { TasksSettings } from './settings.ts';

// What a tasks file says, done with the same calls as in a recipe in TypeScript.

type Settings<K extends keyof TasksSettings> = TasksSettings[K];
type Task = Settings<'tasks'>[string];
type DataSet = Settings<'data'>[string];
const { files } = platform;

/** A path of a tasks file, which may be relative to its folder. */
const pathIn = (folder: string, path: string): string =>
  /^(?:[\\/]|[A-Za-z]:)/.test(path) ? path : files.join(folder, path);

/** A data set whose files were read. */
interface Loaded {
  /** of the training part: what a vocabulary is made of */
  readonly texts: Iterable<string>;
  /** what a task learns from; joint tasks are given the same one */
  readerOf(task: Task, tokenizer: Tokenizer, maximumLength: number): Reader;
}

const readText = (path: string): Promise<Uint8Array> => files.readBytes(path);

/** Sentences with an intent and tags. */
async function loadJoint(name: string, folder: string): Promise<Loaded> {
  const parts = new Map<string, Awaited<ReturnType<typeof readJoint>>>();
  for (const part of ['train', 'valid', 'test']) {
    const path = files.join(folder, part);
    if (part === 'train' || (await files.kindOf(path)) === 'folder')
      parts.set(part, await readJoint(jointFiles(path), { readText }));
  }
  let reader: JointReader<never> | undefined;
  return {
    texts: (parts.get('train') ?? []).map(({ words }) => words.join(' ')),
    readerOf(_, tokenizer, maximumLength) {
      reader ??= jointReaderOf(Object.fromEntries(parts), {
        name,
        tokenizer,
        maximumLength,
        truncate: true,
      }) as never;
      return reader as unknown as Reader;
    },
  };
}

const LOADERS = {
  joint: (name: string, { folder }: Extract<DataSet, { format: 'joint' }>) => loadJoint(name, folder),
};

const namesOf = ({ names = {} }: Reader, tensor: string): readonly string[] => names[tensor] ?? [];

/** What each kind of task is made of, and the measure that it is judged by, the higher the better. */
const TASKS = {
  classify: {
    measure: 'accuracy',
    head: (task: Task, reader: Reader) =>
      heads.classify({ classes: namesOf(reader, 'labels'), ...pick(task, singleOptions) }),
  },
  sequenceLabel: {
    measure: 'f1',
    head: (task: Task, reader: Reader) =>
      heads.sequenceLabel({ labels: namesOf(reader, 'tags'), ...pick(task, labelOptions), pieces: true }),
  },
} as const satisfies Record<Task['kind'], unknown>;

/** Those of the options that a table describes. */
const pick = <O extends object, K extends is.Kinds>(options: O, table: K): Pick<O, keyof O & keyof K> =>
  Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(table, name))) as never;

function tokenizerOf(settings: Settings<'tokenizer'>, texts: Iterable<string>): Tokenizer {
  const { kind: _, minimumCount = 2, ...options } = settings ?? { kind: 'word' };
  const spelling = { lowercase: true, unicode: 'NFC', stripAccents: false, ...options } as const;
  const sentences = Array.from(texts, (text) => wordsIn(text).map((word) => spellWord(word, spelling)));
  const special = Object.values(SPECIAL_TOKENS);
  return word({ vocabulary: buildVocabulary(sentences, { special, minimumCount }), ...spelling });
}

const backboneOf = ({ kind, ...options }: Settings<'backbone'>, vocabulary: number): Backbone =>
  (kind === 'bert'
    ? backbones.bert({ ...options, vocabulary })
    : backbones.compactEncoder({ ...options, vocabulary })) as unknown as Backbone;

const { uncertainty, dynamicAverage, gradNorm, pcGrad } = balances;
const BALANCES = { uncertainty, dynamicAverage, gradNorm, pcGrad };
const SCHEDULES = { constant: alone, triangular, warmUp, linearDecay, cosineDecay, polynomialDecay };
function alone(options: object, rate: number): number {
  checkOptions<object>('constant', options, {}, 'FROND-T020');
  return rate;
}

function optimizerOf({
  schedule,
  layerwise: decay,
  groups = [],
  ...rest
}: Settings<'optimizer'>): BackwardOptions {
  const { kind, ...options } = schedule;
  const [own, backward] = [pick(rest, adamOptions), pick(rest, backwardOptions)];
  const warmup = kind === 'constant' ? {} : { warmup: 0.1 };
  const rate = SCHEDULES[kind]({ ...warmup, ...options } as never, rest.rate);
  return {
    weightDecay: 0.01,
    clipNorm: 1,
    ...backward,
    optimizer: adamW({ ...own, rate }),
    groups: [...groups, ...(decay === undefined ? [] : [layerwise(decay)])],
  };
}

/** The mean over the targets of what their kinds are judged by. */
const meanOf =
  (tasks: Settings<'tasks'>) =>
  (metrics: Metrics): number => {
    const scores = Object.entries(tasks).flatMap(([name, { kind, auxiliary }]) => {
      const value: unknown = Object(metrics[name])[TASKS[kind].measure];
      return auxiliary || typeof value !== 'number' ? [] : [Number.isNaN(value) ? 0 : value];
    });
    return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length);
  };

/** The settings of a run as they came to be: those of the command line in their places, paths from the root. */
async function resolved(
  settings: TasksSettings,
  file: string,
  context: RecipeContext,
): Promise<TasksSettings> {
  const root = await files.realPath(context.data ?? files.join(file, '..'));
  const { epochs = settings.training.epochs, batchSize = settings.training.batchSize, seed } = context;
  return {
    ...settings,
    data: mapValues(settings.data, (set) => ({ ...set, folder: pathIn(root, set.folder) })),
    training: { ...settings.training, epochs, ...(batchSize !== undefined && { batchSize }) },
    seeds: [seed],
  };
}

/** The trainer of what a tasks file says, ready to train, and the parts that it has data of. */
async function build(settings: TasksSettings, { device, output }: RecipeContext) {
  const { data, tasks, policy, training, saver, seeds, backbone: encoder } = settings;
  const loaded = new Map<string, Loaded>();
  for (const [name, set] of Object.entries(data)) loaded.set(name, await LOADERS[set.format](name, set));
  const tokenizer = tokenizerOf(
    settings.tokenizer,
    [...loaded.values()].flatMap(({ texts }) => [...texts]),
  );
  const backbone = backboneOf(encoder, tokenizer.vocabulary.tokens.length);
  const [readers, trainers]: [Map<string, Reader>, Map<string, Trainer>] = [new Map(), new Map()];
  for (const [name, task] of Object.entries(tasks)) {
    const set = defined(loaded.get(dataOf(settings, name)), 'data set');
    const reader = set.readerOf(task, tokenizer, encoder.maximumLength);
    const { reuseHeadWith: other, ...options } = pick(task, trainerOptions);
    const reuseHeadWith = trainers.get(other ?? '');
    const trainer = new Trainer(name, { ...options, ...(reuseHeadWith && { reuseHeadWith }) });
    trainer.buildForward(backbone, TASKS[task.kind].head(task, reader) as unknown as Head);
    if (task.auxiliary) trainer.setAux();
    trainers.set(name, trainer);
    readers.set(name, reader);
  }
  const { kind = undefined, ...balancing } = settings.balance ?? {};
  const balance = kind && { balance: (BALANCES[kind] as (options: object) => Balance)(balancing) };
  const trainer = multiHeadTrainer([...trainers.values()], { policy, device, ...balance });
  trainer.buildForward();
  trainer.buildBackward(optimizerOf(settings.optimizer));
  trainer.fitReaders(Object.fromEntries(readers), { ...pick(training, fitOptions), seed: seeds[0] ?? 1 });
  trainer.setSaver({ folder: output, ...saver });
  return { trainer, parts: new Set([...readers.values()].flatMap(({ parts }) => Object.keys(parts))) };
}

/**
 * Trains what a tasks file says, and evaluates it.
 * @param file paths of data are relative to its folder
 * @throws as the calls of a recipe do
 */
export async function runTasks(
  given: TasksSettings,
  file: string,
  context: RecipeContext,
): Promise<RecipeResult> {
  const settings = await resolved(given, file, context);
  const { trainer, parts } = await build(settings, context);
  const { output, resume, signal, on } = context;
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  await files.makeFolder(output);
  await files.writeDurably(files.join(output, 'tasks.json'), new TextEncoder().encode(text));
  if (resume) await trainer.resume(output, on);
  const { best = meanOf(settings.tasks), ...training } = settings.training;
  const kept = parts.has('valid') && best !== null ? { best } : {};
  const summary = await trainer.train({ ...pick(training, trainOptions), ...kept, signal, on });
  if (summary.reason === 'aborted' || !parts.has('test')) return { trainer, summary };
  return { trainer, summary, test: await trainer.evaluate('test', signal) };
}
