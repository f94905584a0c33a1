import * as z from 'zod';
import { nearestOf } from '../../base/arguments.ts';
import * as is from '../../base/kinds.ts';
import { dynamicOptions, gradNormOptions } from '../balance.ts';
import { bertOptions } from '../bert.ts';
import { compactOptions } from '../compact.ts';
import { FORMATS, type FormatName } from '../formats/format.ts';
import { openOptions } from '../formats/rows.ts';
import { parameterGroup } from '../groups.ts';
import { adamOptions } from '../optimizer.ts';
import { fallOptions, warmupKind } from '../schedule.ts';
import { emaOptions } from '../step.ts';
import { buildOptions } from '../tokenizer/build.ts';
import { spellingOptions } from '../tokenizer/spelling.ts';
import { vocabularyOptions } from '../tokenizer/vocabulary.ts';
import { trainOptions } from '../train.ts';
import { fitOptions, type Policy, saverOptions } from '../trainerOptions.ts';
import { TASKS, type TaskSettings, taskOptions } from './kinds.ts';

// What a tasks file may hold, said once: its check, its types and its published JSON schema come from here. Options of the parts
// of the program are those of their own tables.

const nearest = (given: unknown, names: readonly string[], what = 'Give one of'): string =>
  is.text.holds(given)
    ? `did you mean ${nearestOf(given, names)}? ${what}: ${names.join(', ')}`
    : `give one of ${names.join(', ')}`;

type Setting<K> =
  K extends is.OptionalKind<infer T> ? z.ZodExactOptional<z.ZodType<T>> : z.ZodType<is.TypeOf<K>>;
/** A setting of a kind of the program. */
function setting<K extends is.Kind>(kind: K): Setting<K> {
  const choices = kind.json?.enum;
  const error = ({ input }: { readonly input?: unknown }): string =>
    is.names.holds(choices) ? nearest(input, choices) : (kind.advise?.(input) ?? `give ${kind.what}`);
  const schema = z.custom((value) => kind.holds(value), { error }).meta({ ...kind.json });
  return (kind.optional ? schema.exactOptional() : schema) as unknown as Setting<K>;
}

/** Options of a table of the program, without `ours`: those follow from the data, or a file says them in another way. */
function optionsOf<K extends is.Kinds, N extends keyof K = never>(table: K, ...ours: readonly N[]) {
  const given = Object.entries(table).filter(([name]) => !ours.some((other) => other === name));
  return Object.fromEntries(given.map(([name, kind]) => [name, setting(kind)])) as {
    [M in Exclude<keyof K, N>]: Setting<K[M]>;
  };
}

/** An object with these settings and no others. */
const form = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? nearest(issue.keys[0], Object.keys(shape), 'It has')
        : 'give an object',
  });
type Forms = readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]];
/** One of several forms, told apart by the setting `name`. */
const kinds = <const F extends Forms>(name: string, forms: F) =>
  z.discriminatedUnion(name, forms, {
    error(issue) {
      const { input, options } = issue as { readonly input?: unknown; readonly options?: readonly unknown[] };
      return options === undefined ? 'give an object' : nearest(Object(input)[name], options.map(String));
    },
  });
/** The form of one kind. */
const one = <const K extends string, S extends z.ZodRawShape>(kind: K, shape: S, says: string) =>
  form({ kind: z.literal(kind), ...shape }).describe(says);
const byName = <T extends z.ZodType>(schema: T, what: string) =>
  z.record(setting(is.name), schema, `give an object of ${what}`);
/** A setting of the file itself that may be left out. */
const may = <T>(kind: is.Kind<T>, says: string) => setting(is.optional(kind)).describe(says);
const count = setting(is.count);
const path = setting(is.name);

const spelling = optionsOf(spellingOptions);
const seldom = 'words, or characters, seen less often have no id of their own; default 2';
const ofTraining = { minimumCount: may(vocabularyOptions.minimumCount, seldom), ...spelling };
const pieces = {
  ...optionsOf(buildOptions, 'special'),
  size: count.default(8000).describe('most pieces, special ones and single characters included'),
};
const tokenizer = kinds('kind', [
  one('word', ofTraining, 'one piece for each word'),
  one('character', ofTraining, 'one piece for each character'),
  one('wordPiece', pieces, 'words cut into pieces, which are learnt from the training parts'),
  one('file', { file: path, ...spelling }, 'a vocab.txt, or a tokenizer.json'),
]);

const dataSet = kinds('format', [
  form({
    ...optionsOf(openOptions, 'name'),
    format: z.enum(Object.keys(FORMATS) as [FormatName]),
    train: path,
    valid: path.exactOptional(),
    test: path.exactOptional(),
  }).describe('files of records'),
  form({
    format: z.literal('joint'),
    folder: path.describe('holds train, valid and test, each with the files seq.in, seq.out and label'),
  }).describe('sentences with an intent and a tag for each word'),
]);

const ofTask = optionsOf(taskOptions, 'device');
const OF_DATA = ['tokenizer', 'vocabulary', 'labels', 'multiLabel', 'pieces', 'pairwise'];
const OF_CODE = ['gold', 'initializer', 'name', 'cache', 'columns'];
const tasks = Object.entries(TASKS).map(([kind, { says, reads, options }]) => {
  const own = optionsOf({ ...options, ...reads } as is.Kinds, ...OF_DATA, ...OF_CODE);
  const columns = form(optionsOf(Object.fromEntries(reads.columns.fields?.({}) ?? [])));
  return one(kind, { ...ofTask, ...own, columns: columns.exactOptional() }, says);
});
const task = kinds('kind', tasks as unknown as Forms) as unknown as z.ZodType<TaskSettings>;

const encoder = {
  width: count.default(128),
  layers: count.default(2).describe('layers of the encoder'),
  heads: count.default(4).describe('of the attention; they divide the width'),
  maximumLength: count.default(128).describe('most pieces of a text that the model sees'),
};
const compact = { ...optionsOf(compactOptions, 'vocabulary', 'unknown', 'name'), ...encoder };
const bert = { ...optionsOf(bertOptions, 'vocabulary', 'taskTypes', 'name'), ...encoder };
const backbone = kinds('kind', [
  one('compact', compact, 'a small pre-norm transformer'),
  one('bert', bert, 'BERT, trained from its first weights'),
]);

const rise = {
  warmup: may(warmupKind, 'the fraction of the run over which the rate rises from 0; default 0.1'),
};
const fall = { ...optionsOf(fallOptions, 'warmup'), ...rise };
const power = setting(is.positive).describe('of what is left of the run');
const schedule = kinds('kind', [
  one('constant', {}, 'the same rate at every step'),
  one('triangular', rise, 'up, then down to 0'),
  one('warmUp', rise, 'up, then the same rate to the end'),
  one('linearDecay', fall, 'up, then down in a line'),
  one('cosineDecay', fall, 'up, then down along half a cosine'),
  one('polynomialDecay', { ...fall, power }, 'up, then down by a power of what is left of the run'),
]);

const optimizer = form({
  ...optionsOf(adamOptions),
  rate: setting(is.positive).default(1e-3).describe('the highest learning rate'),
  schedule: schedule.prefault({ kind: 'triangular' }).describe('how the rate goes over the run'),
  weightDecay: setting(is.notNegative).default(0.01),
  clipNorm: setting(is.positive).default(1),
  accumulate: count.exactOptional(),
  ema: form(optionsOf(emaOptions)).exactOptional(),
  layerwise: may(is.positive, 'factor of the rate from each layer to the one below it, at most 1'),
  groups: z.array(form(optionsOf(parameterGroup, 'schedule')), 'give a list of groups').exactOptional(),
});

const balance = kinds('kind', [
  one('uncertainty', {}, 'each task has a learnt weight (Kendall et al. 2018)'),
  one('dynamicAverage', optionsOf(dynamicOptions), 'by how fast the losses fall (Liu et al. 2019)'),
  one('gradNorm', optionsOf(gradNormOptions), 'by the norms of the gradients (Chen et al. 2018)'),
  one('pcGrad', {}, 'gradients that conflict are projected (Yu et al. 2020)'),
]);

const training = form({
  ...optionsOf(fitOptions, 'seed'),
  ...optionsOf(trainOptions, 'evaluate', 'saveTo', 'signal', 'snapshotEvery', 'on'),
  epochs: count.default(10),
  best: may(
    is.nullable(is.name),
    'the metric that decides which weights are kept, such as slots.f1; null: the last ones. Default: the mean of the first metric of each task',
  ),
});

export const tasksForm = form({
  $schema: may(is.text, 'where the schema of this file is, for editors'),
  data: byName(dataSet, 'data sets').describe('data sets by name; paths are relative to this file'),
  tokenizer: tokenizer.exactOptional().describe('what cuts texts into pieces; default: words'),
  tasks: byName(task, 'tasks').describe('what is learnt, by name'),
  backbone: backbone.prefault({ kind: 'compact' }).describe('the encoder that all tasks share'),
  policy: setting(is.oneOf<Policy>('joint', 'alternate'))
    .default('alternate')
    .describe('joint: all tasks learn in every step, from one data set. alternate: each step is of one task'),
  optimizer: optimizer.prefault({}).describe('AdamW, its rate, decay and clipping'),
  balance: balance
    .exactOptional()
    .describe('how losses or gradients of tasks are balanced; default: by their weights'),
  training: training.prefault({}),
  saver: form(optionsOf(saverOptions, 'folder')).prefault({}).describe('how checkpoints are kept'),
  seeds: z
    .array(setting(is.natural), 'give a list of numbers')
    .min(1, 'give at least one')
    .default([1])
    .describe('of the runs of frond experiment; frond train takes the first'),
});
/** What a tasks file says, with what it leaves out where the program has no default of its own. */
export type TasksSettings = z.infer<typeof tasksForm>;

/** The JSON schema of tasks files (draft 2020-12), which editors check and complete by. */
export const tasksSchema = (): object => ({
  title: 'frond tasks file',
  ...z.toJSONSchema(tasksForm, { io: 'input', unrepresentable: 'any' }),
});
