import { z } from 'zod';
import { nearestOf } from '../../base/arguments.ts';
import * as is from '../../base/kinds.ts';
import type { CompactOptions } from '../backbone.ts';
import type { BertOptions } from '../bert.ts';
import type { ParameterGroup } from '../groups.ts';
import { SHARED_BY } from '../plan.ts';
import type { Spelling } from '../tokenizer/spelling.ts';
import type { FitOptions, SaverOptions, TrainerOptions } from '../trainerOptions.ts';

// What a tasks file may hold, said once: its check, its types and its published JSON schema come from here.

const hint = (given: string, names: readonly string[], what: string): string =>
  `did you mean ${nearestOf(given, names)}? ${what}: ${names.join(', ')}`;

/** An object with these settings and no others. */
const form = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? hint(issue.keys[0] ?? '', Object.keys(shape), 'It has')
        : 'give an object',
  });
const choice = <const V extends string>(...values: readonly V[]) =>
  z.enum(values, { error: ({ input }) => hint(String(input), values, 'Give one of') });
/** One of several forms, told apart by the setting `name`. */
const kinds = <const F extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]]>(
  name: string,
  forms: F,
) =>
  z.discriminatedUnion(name, forms, {
    error: (issue) => {
      if (issue.code !== 'invalid_union') return 'give an object';
      const { input, options } = issue as { readonly input?: unknown; readonly options?: readonly unknown[] };
      return hint(String(Object(input)[name]), (options ?? []).map(String), 'Give one of');
    },
  });
/** The settings of a part of the program that it checks by itself, without those that this file gives it. */
type Shape<O, Without extends string = never> = {
  readonly [K in Exclude<keyof O, Without>]-?: z.ZodType;
};

const SHARE = 'give a number from 0 to 1';
/** The number that a kind of the program is, with its range as a schema says it. */
const numberOf = (kind: is.Kind<number>, range: (schema: z.ZodNumber, error: string) => z.ZodNumber) => {
  const error = `give ${kind.what}`;
  return range(z.number(error), error);
};
const count = numberOf(is.count, (_, error) => z.int(error).min(1, error));
const natural = numberOf(is.natural, (_, error) => z.int(error).min(0, error));
const positive = numberOf(is.positive, (schema, error) => schema.gt(0, error));
const notNegative = numberOf(is.notNegative, (schema, error) => schema.min(0, error));
const fraction = numberOf(is.fraction, (schema, error) => schema.min(0, error).lt(1, error));
const share = z.number(SHARE).min(0, SHARE).max(1, SHARE);
const flag = z.boolean('give true or false');
const text = z.string('give a text');
const name = text.min(1, 'give a name');

/** A setting that may be left out. */
const may = <T extends z.ZodType>(schema: T, description: string) =>
  schema.exactOptional().describe(description);

const spelling = {
  lowercase: may(flag, 'capitals count as small letters'),
  unicode: may(choice('none', 'NFC', 'NFD', 'NFKC', 'NFKD'), 'Unicode normalization form'),
  stripAccents: may(flag, 'leave accents out'),
} satisfies Shape<Spelling>;

const tokenizer = kinds('kind', [
  form({
    kind: z.literal('word'),
    minimumCount: may(count, 'words seen less often in training are unknown; default 2'),
    ...spelling,
  }).describe('one piece for each word'),
]);

const dataSet = kinds('format', [
  form({
    format: z.literal('joint'),
    folder: name.describe('holds train, valid and test, each with the files seq.in, seq.out and label'),
  }).describe('sentences with an intent and a tag for each word'),
]);

const ofTask = {
  data: may(name, 'name of its data set; default: the only one'),
  auxiliary: may(flag, 'it only helps the others: training ends when those have had their steps'),
  mixRatio: may(notNegative, 'where tasks alternate: steps per step of the reference task; default 1'),
  weight: may(notNegative, 'factor of its loss; default 1'),
  rate: may(positive, 'where tasks alternate: factor of the learning rate at its steps; default 1'),
  batchSize: may(count, 'examples of a batch of this task'),
  tokens: may(count, 'most pieces of a batch of this task, padding included'),
  epochs: may(count, 'passes over its examples, where shares is epochs'),
  mixLayers: may(flag, 'its head reads a learnt mix of all layers of the encoder'),
  reuseHeadWith: may(name, 'the task whose head, with its parameters, this one uses too'),
} satisfies Shape<Omit<TrainerOptions, 'device'>> & z.core.$ZodShape;

const task = kinds('kind', [
  form({
    kind: z.literal('classify'),
    ...ofTask,
    dropout: may(fraction, 'of the encoding that the head reads; default 0'),
    classWeights: may(
      z.record(text, notNegative, 'give an object of numbers'),
      'factors of the loss by class',
    ),
    labelSmoothing: may(fraction, 'share of the target that is spread over all classes; default 0'),
  }).describe('one class for each text'),
  form({
    kind: z.literal('sequenceLabel'),
    ...ofTask,
    dropout: may(fraction, 'of the encoding that the head reads; default 0'),
  }).describe('a tag for each word, such as those of entities'),
]);

const layers = {
  width: count.default(128).describe('elements of every vector'),
  layers: count.default(2).describe('layers of the encoder'),
  heads: count.default(4).describe('heads of the attention; they divide the width'),
  inner: may(count, 'inner width of the feed-forward parts; default 4 · width'),
  maximumLength: count.default(128).describe('most pieces of a text that the model sees'),
  attentionDropout: may(fraction, "of the attention's probabilities"),
};
const backbone = kinds('kind', [
  form({
    kind: z.literal('compact'),
    ...layers,
    dropout: may(fraction, 'inside the layers; default 0.1'),
    activationDropout: may(fraction, 'behind the activation of the feed-forward parts; default 0'),
    outerDropout: may(fraction, 'of the embedded pieces and of what the heads get; default 0.3'),
    wordDropout: may(fraction, 'share of the pieces that training hides behind the unknown one; default 0'),
  } satisfies z.core.$ZodShape & Shape<CompactOptions<number, number>, 'vocabulary' | 'name'>).describe(
    'a small pre-norm transformer',
  ),
  form({
    kind: z.literal('bert'),
    ...layers,
    segments: may(count, 'entries of the segment table; default 2'),
    activation: may(choice('gelu', 'geluTanh', 'relu', 'tanh'), 'of the feed-forward parts; default gelu'),
    dropout: may(fraction, 'of embedded pieces and before each residual sum; default 0.1'),
    deviation: may(notNegative, 'of the distribution that weights are drawn from; default 0.02'),
    epsilon: may(notNegative, 'added to the variance in layer norms; default 1e-12'),
  } satisfies z.core.$ZodShape & Shape<BertOptions, 'vocabulary' | 'name' | 'taskTypes'>).describe(
    'BERT, trained from its first weights',
  ),
]);

const warmup = share.default(0.1).describe('share of all steps over which the rate rises from 0');
const falling = { warmup, end: may(notNegative, 'the rate at the end; default 0') };
const schedule = kinds('kind', [
  form({ kind: z.literal('constant') }),
  form({ kind: z.literal('triangular'), warmup }),
  form({ kind: z.literal('warmUp'), warmup }),
  form({ kind: z.literal('linearDecay'), ...falling }),
  form({ kind: z.literal('cosineDecay'), ...falling }),
  form({
    kind: z.literal('polynomialDecay'),
    ...falling,
    power: positive.describe('of what is left of the run'),
  }),
]);
const group = form({
  match: text.describe('held against the whole name of a parameter; * stands for any part of it'),
  rate: may(notNegative, 'factor of the learning rate; 0 freezes'),
  weightDecay: may(notNegative, 'replaces the weight decay'),
  clipNorm: may(notNegative, 'replaces the largest norm of the gradient'),
  freeze: may(
    z.union([flag, natural], 'give true, or a number of steps'),
    'true: never trained; a number: not in the first so many steps',
  ),
} satisfies Shape<ParameterGroup, 'schedule'>);
const optimizer = form({
  rate: positive.default(1e-3).describe('the highest learning rate'),
  schedule: schedule.default({ kind: 'triangular', warmup: 0.1 }).describe('how the rate goes over the run'),
  beta1: may(fraction, 'decay of the mean gradient; default 0.9'),
  beta2: may(fraction, 'decay of the mean squared gradient; default 0.999'),
  epsilon: may(positive, 'added to the root; default 1e-8'),
  weightDecay: notNegative.default(0.01).describe('decoupled decay of weights'),
  clipNorm: positive.default(1).describe('largest global norm of the gradient'),
  accumulate: may(count, 'gradients of so many batches make a step; default 1'),
  ema: may(fraction, 'decay of the average of the weights that is evaluated and saved; default: no average'),
  layerwise: may(positive.max(1, 'give at most 1'), 'factor of the rate from each layer to the one below it'),
  groups: may(z.array(group, 'give a list of groups'), 'parameters with settings of their own'),
});

const training = form({
  epochs: count.default(10).describe('passes over the training part of the reference task'),
  batchSize: may(count, 'examples of a batch; default 32, or as many as tokens allows'),
  tokens: may(count, 'most pieces of a batch, padding included'),
  shares: may(
    choice(...SHARED_BY),
    'where tasks alternate: what their steps are planned by; default mixRatio',
  ),
  reference: may(
    name,
    'the task whose epochs are counted, where shares is mixRatio; default: the first target',
  ),
  temperature: may(
    z.union([positive, z.tuple([positive, positive])], `give ${is.positive.what}, or two`),
    'where shares is size: more than 1 evens out the proportions of the data',
  ),
  best: may(
    z.union([name, z.null()], 'give a metric such as slots.f1, or null'),
    'the metric that decides which weights are kept, null: the last ones; default: the mean of the first metric of each task',
  ),
  patience: may(count, 'evaluations without a better score after which training ends early'),
  evaluateEvery: may(count, 'steps between evaluations; default: after every epoch'),
  printEvery: may(count, 'steps between lines of progress; default 10'),
} satisfies Shape<FitOptions, 'seed'> & z.core.$ZodShape);

const saver = form({
  everySteps: may(count, 'steps between checkpoints, besides those at the end of each epoch'),
  keep: may(count, 'whole checkpoints to keep; default 2'),
} satisfies Shape<SaverOptions, 'folder'>);

const byName = <T extends z.ZodType>(schema: T, what: string) =>
  z.record(name, schema, `give an object of ${what}`);
export const tasksForm = form({
  $schema: may(text, 'where the schema of this file is, for editors'),
  data: byName(dataSet, 'data sets').describe('data sets by name; paths are relative to this file'),
  tokenizer: may(tokenizer, 'what cuts texts into pieces; default: as the data set does'),
  tasks: byName(task, 'tasks').describe('what is learnt, by name'),
  backbone: backbone.prefault({ kind: 'compact' }).describe('the encoder that all tasks share'),
  policy: choice('joint', 'alternate')
    .default('alternate')
    .describe('joint: all tasks learn in every step, from one data set. alternate: each step is of one task'),
  optimizer: optimizer.prefault({}).describe('AdamW, its rate, decay and clipping'),
  training: training.prefault({}),
  saver: saver.prefault({}).describe('how checkpoints are kept'),
  seeds: z
    .array(natural, 'give a list of numbers')
    .min(1, 'give at least one')
    .default([1])
    .describe('of the runs of frond experiment; frond train takes the first'),
});
/** What a tasks file says, with its defaults. */
export type TasksSettings = z.infer<typeof tasksForm>;
/** What a tasks file may say. */
export type TasksInput = z.input<typeof tasksForm>;

/** The JSON schema of tasks files (draft 2020-12), which editors check and complete by. */
export const tasksSchema = (): object => ({
  title: 'frond tasks file',
  ...z.toJSONSchema(tasksForm, { io: 'input' }),
});
