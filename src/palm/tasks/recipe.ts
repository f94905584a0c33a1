import { platform } from '#platform';
import { defined, FrondError } from '../../base/errors.ts';
import { mapValues, own } from '../../base/own.ts';
import * as backbones from '../backbone.ts';
import type { Balance } from '../balance.ts';
import { dynamicAverage, gradNorm, pcGrad, uncertainty } from '../balances.ts';
import type { Backbone, Head, Metrics, Reader, Part as ReaderPart } from '../contract.ts';
import { open, openOptions } from '../formats/rows.ts';
import { layerwise } from '../groups.ts';
import { multiHeadTrainer, type RecipeContext, type RecipeResult, Trainer } from '../multiHeadTrainer.ts';
import { adamOptions, adamW } from '../optimizer.ts';
import type { Predictor } from '../predictor.ts';
import { jointReaderOf } from '../reader/joint.ts';
import { type JointExample, jointFiles, readJoint } from '../reader/jointFiles.ts';
import { ALL_TEXTS, type RecordOptions, textsOf } from '../reader/records.ts';
import { cosineDecay, linearDecay, polynomialDecay, triangular, warmUp } from '../schedule.ts';
import { type BackwardOptions, backwardOptions } from '../step.ts';
import * as tokenizers from '../tokenizer/index.ts';
import { bertSpelling, spellingOf, spellWord, withoutControls } from '../tokenizer/spelling.ts';
import {
  buildVocabulary,
  parseVocabulary,
  SPECIAL_TOKENS,
  UNKNOWN,
  vocabularyOptions,
} from '../tokenizer/vocabulary.ts';
import { trainOptions } from '../train.ts';
import { fitOptions, trainerOptions } from '../trainerOptions.ts';
import { wordsIn } from '../words.ts';
import { kindOf, pick, type TaskSettings as Task } from './kinds.ts';
import { dataOf } from './read.ts';
import type { TasksSettings } from './settings.ts';

// What a tasks file says, done with the same calls as in a recipe in TypeScript.

type Settings<K extends keyof TasksSettings> = TasksSettings[K];
type DataSet = Settings<'data'>[string];
const { files } = platform;

/** A data set: what its tasks learn from. */
interface Source {
  /** of the training part: what a vocabulary is made of */
  texts(task: Task): Promise<readonly string[]>;
  readerOf(task: Task, options: RecordOptions): Promise<Reader>;
}

/** Sentences with an intent and tags: one reader for all of its tasks. */
async function jointSource({ folder }: Extract<DataSet, { format: 'joint' }>): Promise<Source> {
  const parts: Record<string, readonly JointExample[]> = {};
  const readText = (path: string): Promise<Uint8Array> => files.readBytes(path);
  for (const part of PARTS) {
    const path = files.join(folder, part);
    if (part === 'train' || (await files.kindOf(path)) === 'folder')
      parts[part] = await readJoint(jointFiles(path), { readText });
  }
  let reader: Reader | undefined;
  return {
    texts: async () => (parts.train ?? []).map(({ words }) => words.join(' ')),
    async readerOf(_, options) {
      reader ??= jointReaderOf(parts, { ...options, truncate: true }) as unknown as Reader;
      return reader;
    },
  };
}

/** `only`: the parts that are read. */
function recordSource(set: Exclude<DataSet, { format: 'joint' }>, only: readonly Part[] = PARTS): Source {
  const parts = only.flatMap((part) => {
    const path = set[part];
    return path === undefined ? [] : [[part, open(path, pick(set, openOptions))] as const];
  });
  const files = Object.fromEntries(parts);
  return {
    texts({ columns: { label: _, qid: __, ...named } = {} }) {
      return textsOf(defined(files.train, 'training part'), [...Object.values(named), ...ALL_TEXTS]);
    },
    async readerOf(task, options) {
      const { reader, reads } = kindOf(task);
      return (await reader(files, { ...options, ...pick(task, reads) } as never)) as Reader;
    },
  };
}
const PARTS = ['train', 'valid', 'test'] as const;
type Part = (typeof PARTS)[number];

/** What each task learns from. */
async function sourcesOf(settings: TasksSettings, only?: readonly Part[]): Promise<(task: string) => Source> {
  const sources: Record<string, Source> = {};
  for (const [name, set] of Object.entries(settings.data))
    sources[name] = set.format === 'joint' ? await jointSource(set) : recordSource(set, only);
  return (task) => defined(own(sources, dataOf(settings, task)), 'data set');
}

/** `texts`: of the training parts, asked for where a vocabulary is made of them. */
async function tokenizerOf(
  settings: Settings<'tokenizer'> = { kind: 'word' },
  texts: () => Promise<readonly string[]>,
): Promise<tokenizers.Tokenizer> {
  if (settings.kind === 'file') {
    const { kind: _, file, ...spelling } = settings;
    const text = await files.readText(file);
    return file.endsWith('.json')
      ? tokenizers.fromTokenizerJson(text, file)
      : tokenizers.wordPiece({ vocabulary: parseVocabulary(text, file), ...spelling });
  }
  if (settings.kind === 'wordPiece') {
    const { kind: _, ...options } = settings;
    const vocabulary = tokenizers.buildWordPieces(await texts(), options);
    return tokenizers.wordPiece({ vocabulary, ...bertSpelling(settings) });
  }
  const spelling = spellingOf(settings);
  const isWord = settings.kind === 'word';
  const pieces = (await texts()).map((text) => {
    const words = wordsIn(isWord ? text : withoutControls(text)).map((one) => spellWord(one, spelling));
    return isWord ? words : words.flatMap((one) => Array.from(one));
  });
  const options = { special: Object.values(SPECIAL_TOKENS), ...pick(settings, vocabularyOptions) };
  const made = { vocabulary: buildVocabulary(pieces, options), ...spelling };
  return isWord ? tokenizers.word(made) : tokenizers.character(made);
}

function backboneOf(settings: Settings<'backbone'>, { vocabulary, special }: tokenizers.Tokenizer): Backbone {
  const { kind, ...options } = settings;
  const sizes = { ...options, vocabulary: vocabulary.tokens.length };
  const { unknown = UNKNOWN } = special;
  const encoder = kind === 'bert' ? backbones.bert(sizes) : backbones.compactEncoder({ ...sizes, unknown });
  return encoder as unknown as Backbone;
}

const BALANCES = { uncertainty, dynamicAverage, gradNorm, pcGrad };
const SCHEDULES = { triangular, warmUp, linearDecay, cosineDecay, polynomialDecay };

function optimizerOf(settings: Settings<'optimizer'>): BackwardOptions {
  const { schedule, layerwise: decay, groups = [], ...rest } = settings;
  const { kind, ...options } = schedule;
  const given = { warmup: 0.1, ...options } as never;
  const rate = kind === 'constant' ? rest.rate : SCHEDULES[kind](given, rest.rate);
  return {
    ...pick(rest, backwardOptions),
    optimizer: adamW({ ...pick(rest, adamOptions), rate }),
    groups: [...groups, ...(decay === undefined ? [] : [layerwise(decay)])],
  };
}

/** The mean over the targets of what they are judged by. */
const meanOf =
  (tasks: Settings<'tasks'>) =>
  (metrics: Metrics): number => {
    const scores = Object.entries(tasks).flatMap(([name, task]) => {
      const score: unknown = Object(metrics[name])[kindOf(task).measure];
      return task.auxiliary || score === undefined ? [] : [Number(score) || 0];
    });
    return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length);
  };

/** The same with each path from `root`. */
const withPaths = <S extends object>(settings: S, root: string): S => {
  const paths = ['folder', 'train', 'valid', 'test', 'cache', 'file'];
  const isAbsolute = (path: string): boolean => /^(?:[\\/]|[A-Za-z]:)/.test(path);
  return mapValues(settings as Record<string, unknown>, (value, name) =>
    paths.includes(name) && !isAbsolute(String(value)) ? files.join(root, String(value)) : value,
  ) as S;
};

/** The same with paths from the root, wherever the file lies. */
async function rooted(settings: TasksSettings, folder: string): Promise<TasksSettings> {
  const root = await platform.files.realPath(folder);
  const { data, tokenizer } = settings;
  const sets = mapValues(data, (set) => withPaths(set, root));
  return { ...settings, data: sets, ...(tokenizer && { tokenizer: withPaths(tokenizer, root) }) };
}

const headOf = (task: Task, { names = {} }: Reader): Head => {
  const { head, options } = kindOf(task);
  return head(pick(task, options), names) as unknown as Head;
};

/** The trainer of what a tasks file says, ready to train, and the parts that it has data of. */
async function build(settings: TasksSettings, { device, output }: RecipeContext) {
  const { tasks, policy, training, saver, seeds, backbone: encoder } = settings;
  const sourceOf = await sourcesOf(settings);
  const texts = async (): Promise<readonly string[]> => {
    // what several tasks read counts once
    const read = Object.entries(tasks).map(([name, task]) => {
      return [JSON.stringify([dataOf(settings, name), task.columns]), [name, task]] as const;
    });
    const once = [...new Map(read).values()];
    return (await Promise.all(once.map(([name, task]) => sourceOf(name).texts(task)))).flat();
  };
  const tokenizer = await tokenizerOf(settings.tokenizer, texts);
  const backbone = backboneOf(encoder, tokenizer);
  const { maximumLength } = encoder;
  const [readers, trainers]: [Map<string, Reader>, Map<string, Trainer>] = [new Map(), new Map()];
  for (const [name, task] of Object.entries(tasks)) {
    const reader = await sourceOf(name).readerOf(task, { tokenizer, maximumLength, name });
    const { reuseHeadWith: other, ...options } = pick(task, trainerOptions);
    const reuseHeadWith = trainers.get(other ?? '');
    const trainer = new Trainer(name, { ...options, ...(reuseHeadWith && { reuseHeadWith }) });
    trainer.buildForward(backbone, headOf(task, reader));
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
  const { data = files.join(file, '..'), epochs = given.training.epochs, batchSize, seed } = context;
  const training = { ...given.training, epochs, ...(batchSize !== undefined && { batchSize }) };
  const settings = { ...(await rooted(given, data)), training, seeds: [seed] };
  const { trainer, parts } = await build(settings, context);
  const { output, resume, signal, on } = context;
  if (resume) await trainer.resume(output, on);
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  await files.makeFolder(output);
  await files.writeDurably(files.join(output, 'tasks.json'), new TextEncoder().encode(text));
  const { best = meanOf(settings.tasks), ...others } = training;
  const kept = parts.has('valid') && best !== null ? { best } : {};
  const summary = await trainer.train({ ...pick(others, trainOptions), ...kept, signal, on });
  if (summary.reason === 'aborted' || !parts.has('test')) return { trainer, summary };
  return { trainer, summary, test: await trainer.evaluate('test', signal) };
}

/** A part of the data of each task that has it, read as the run reads it. @throws FROND-D015 where none has */
export async function partsOf(given: TasksSettings, folder: string, part: string, predictor: Predictor) {
  const settings = await rooted(given, folder);
  const only = PARTS.filter((one) => one === part);
  const sourceOf = await sourcesOf(settings, only);
  const parts: Record<string, ReaderPart> = {};
  for (const [name, task] of Object.entries(settings.tasks)) {
    const made = predictor.readerOf(name) as Reader & { readonly tokenizer: tokenizers.Tokenizer };
    const { tokenizer, maximumLength = 128, names = {} } = made;
    // what its ids mean is known: training need not be read again
    const known = { classes: names.labels, tags: names.tags };
    const reader = await sourceOf(name).readerOf({ ...task, ...known } as Task, {
      tokenizer,
      maximumLength,
      name,
    });
    const found = own(reader.parts, part);
    if (found !== undefined) parts[name] = found;
  }
  if (Object.keys(parts).length > 0) return parts;
  throw new FrondError('FROND-D015', `no task has a part ${part}`, {
    hint: `give one of ${PARTS.join(', ')} that its data have`,
  });
}
