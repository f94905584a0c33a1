import { platform } from '#platform';
import { mapValues } from '../../base/own.ts';
import * as backbones from '../backbone.ts';
import type { Backbone, Head, Metrics, Reader } from '../contract.ts';
import { layerwise } from '../groups.ts';
import * as heads from '../heads/index.ts';
import { multiHeadTrainer, type RecipeContext, type RecipeResult, Trainer } from '../multiHeadTrainer.ts';
import { adamW } from '../optimizer.ts';
import { type JointReader, jointReaderOf } from '../reader/joint.ts';
import { jointFiles, readJoint } from '../reader/jointFiles.ts';
import { cosineDecay, linearDecay, polynomialDecay, triangular, warmUp } from '../schedule.ts';
import type { BackwardOptions } from '../step.ts';
import { spellWord } from '../tokenizer/spelling.ts';
import { type Tokenizer, word } from '../tokenizer/tokenizer.ts';
import { buildVocabulary, SPECIAL_TOKENS } from '../tokenizer/vocabulary.ts';
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
    head: ({ dropout, classWeights, labelSmoothing }: Extract<Task, { kind: 'classify' }>, reader: Reader) =>
      heads.classify({
        classes: namesOf(reader, 'labels'),
        ...given({ dropout, classWeights, labelSmoothing }),
      }),
  },
  sequenceLabel: {
    measure: 'f1',
    head: ({ dropout }: Extract<Task, { kind: 'sequenceLabel' }>, reader: Reader) =>
      heads.sequenceLabel({ labels: namesOf(reader, 'tags'), pieces: true, ...given({ dropout }) }),
  },
} as const satisfies Record<Task['kind'], unknown>;

/** Options without those that were left out. */
const given = <O extends object>(options: O): { [K in keyof O]?: Exclude<O[K], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;

function tokenizerOf(settings: Settings<'tokenizer'>, texts: Iterable<string>): Tokenizer {
  const { kind: _, minimumCount, ...options } = settings ?? { kind: 'word' };
  const { lowercase = true, unicode = 'NFC', stripAccents = false } = options;
  const spelling = { lowercase, unicode, stripAccents };
  const sentences = Array.from(texts, (text) => wordsIn(text).map((word) => spellWord(word, spelling)));
  const special = Object.values(SPECIAL_TOKENS);
  return word({
    vocabulary: buildVocabulary(sentences, { special, ...given({ minimumCount }) }),
    ...spelling,
  });
}

const backboneOf = ({ kind, ...options }: Settings<'backbone'>, vocabulary: number): Backbone =>
  (kind === 'bert'
    ? backbones.bert({ ...options, vocabulary })
    : backbones.compactEncoder({ ...options, vocabulary })) as unknown as Backbone;

const SCHEDULES = { triangular, warmUp, linearDecay, cosineDecay, polynomialDecay };
function optimizerOf(settings: Settings<'optimizer'>): BackwardOptions {
  const { rate: highest, schedule, beta1, beta2, epsilon, weightDecay, clipNorm, ...rest } = settings;
  const { kind, ...options } = schedule;
  const rate = kind === 'constant' ? highest : SCHEDULES[kind](options as never, highest);
  const { accumulate, ema, layerwise: decay, groups = [] } = rest;
  return {
    optimizer: adamW({ rate, ...given({ beta1, beta2, epsilon }) }),
    weightDecay,
    clipNorm,
    groups: [...groups, ...(decay === undefined ? [] : [layerwise(decay)])],
    ...given({ accumulate, ema: ema === undefined ? undefined : { decay: ema } }),
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
  const { epochs, batchSize, seed } = context;
  return {
    ...settings,
    data: mapValues(settings.data, (set) => ({ ...set, folder: pathIn(root, set.folder) })),
    training: { ...settings.training, ...given({ epochs, batchSize }) },
    seeds: [seed],
  };
}

/** The trainer of what a tasks file says, ready to train, and what it learns from. */
async function build(settings: TasksSettings, { device, output }: RecipeContext) {
  const { data, tasks, policy, training, saver } = settings;
  const { best: _, patience: __, evaluateEvery: ___, printEvery: ____, ...fit } = training;
  const loaded = new Map<string, Loaded>();
  for (const [name, set] of Object.entries(data)) loaded.set(name, await LOADERS[set.format](name, set));
  const tokenizer = tokenizerOf(
    settings.tokenizer,
    [...loaded.values()].flatMap(({ texts }) => [...texts]),
  );
  const backbone = backboneOf(settings.backbone, tokenizer.vocabulary.tokens.length);
  const readers = new Map<string, Reader>();
  const trainers = new Map<string, Trainer>();
  for (const [name, task] of Object.entries(tasks)) {
    const reader = loaded
      .get(dataOf(settings, name))
      ?.readerOf(task, tokenizer, settings.backbone.maximumLength);
    if (reader === undefined) continue;
    const { mixRatio, weight, rate, batchSize, tokens, epochs, mixLayers, auxiliary } = task;
    const reuseHeadWith = trainers.get(task.reuseHeadWith ?? '');
    const options = { mixRatio, weight, rate, batchSize, tokens, epochs, mixLayers, reuseHeadWith };
    const trainer = new Trainer(name, given(options));
    trainer.buildForward(backbone, TASKS[task.kind].head(task as never, reader) as unknown as Head);
    if (auxiliary) trainer.setAux();
    trainers.set(name, trainer);
    readers.set(name, reader);
  }
  const trainer = multiHeadTrainer([...trainers.values()], { policy, device });
  trainer.buildForward();
  trainer.buildBackward(optimizerOf(settings.optimizer));
  trainer.fitReaders(Object.fromEntries(readers), { ...fit, seed: settings.seeds[0] ?? 1 });
  trainer.setSaver({ folder: output, ...saver });
  return { trainer, parts: new Set([...readers.values()].flatMap(({ parts }) => Object.keys(parts))) };
}

/**
 * Trains what a tasks file says, and evaluates it.
 * @param file paths of data are relative to its folder
 * @throws as the calls of a recipe do
 */
export async function runTasks(
  read: TasksSettings,
  file: string,
  context: RecipeContext,
): Promise<RecipeResult> {
  const settings = await resolved(read, file, context);
  const { trainer, parts } = await build(settings, context);
  const { output, resume, signal, on } = context;
  await files.makeFolder(output);
  await files.writeDurably(
    files.join(output, 'tasks.json'),
    new TextEncoder().encode(`${JSON.stringify(settings, null, 2)}\n`),
  );
  if (resume) await trainer.resume(output, on);
  const { best = meanOf(settings.tasks), patience, evaluateEvery, printEvery } = settings.training;
  const summary = await trainer.train({
    ...(parts.has('valid') && best !== null && { best }),
    ...given({ patience, evaluateEvery, printEvery }),
    signal,
    on,
  });
  if (summary.reason === 'aborted' || !parts.has('test')) return { trainer, summary };
  return { trainer, summary, test: await trainer.evaluate('test', signal) };
}
