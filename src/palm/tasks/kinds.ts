import * as is from '../../base/kinds.ts';
import type { Reader } from '../contract.ts';
import type { DataFile } from '../formats/rows.ts';
import { multiOptions, regressOptions, singleOptions } from '../heads/classify.ts';
import * as heads from '../heads/index.ts';
import { maskedOptions as maskedHead } from '../heads/maskedLM.ts';
import { pairwiseOptions } from '../heads/match.ts';
import { labelOptions } from '../heads/sequenceLabel.ts';
import { classifyOptions } from '../reader/classify.ts';
import * as readers from '../reader/index.ts';
import { maskedOptions } from '../reader/maskedLM.ts';
import { pairwiseOptions as rankedOptions } from '../reader/match.ts';
import { taggedOptions } from '../reader/sequenceLabel.ts';
import { trainerOptions } from '../trainerOptions.ts';

/** Settings that tasks of every kind have. */
export const taskOptions = {
  ...trainerOptions,
  /** its data set; default: the only one */
  data: is.optional(is.name),
  /** it only helps the others: training ends when those have had their steps */
  auxiliary: is.optional(is.flag),
  /** the task whose head, with its parameters, this one uses too */
  reuseHeadWith: is.optional(is.name),
};
export interface TaskSettings extends is.OptionsOf<typeof taskOptions> {
  readonly kind: keyof typeof TASKS;
  /** names of the columns that it reads, where they have others than its reader looks for */
  readonly columns?: Readonly<Record<string, string>>;
}

type Files = Readonly<Record<string, DataFile>>;
type Names = NonNullable<Reader['names']>;
/** What a kind of task is made of. */
interface TaskKind {
  readonly says: string;
  /** the metric that it is judged by: the higher, the better */
  readonly measure: string;
  /** its settings beside those of every kind: of the reader, and of the head */
  readonly reads: is.Kinds;
  readonly options: is.Kinds;
  /** what it learns from, where that is files of records */
  readonly reader: (files: Files, options: never) => Promise<unknown>;
  /** `names`: of the reader's classes, tags or pieces */
  readonly head: (options: object, names: Names) => unknown;
}

export const TASKS = {
  classify: {
    says: 'one class for each text',
    measure: 'accuracy',
    reads: classifyOptions,
    options: singleOptions,
    reader: readers.classify,
    head: (options, { labels = [] }) => heads.classify({ ...options, classes: labels }),
  },
  multiLabel: {
    says: 'any number of classes for each text',
    measure: 'microF1',
    reads: classifyOptions,
    options: multiOptions,
    reader: (files, options: readers.ClassifyReaderOptions) =>
      readers.classify(files, { ...options, labels: 'many' }),
    head: (options, { labels = [] }) => heads.classify({ ...options, classes: labels, multiLabel: true }),
  },
  regress: {
    says: 'a number for each text',
    measure: 'pearson',
    reads: classifyOptions,
    options: regressOptions,
    reader: (files, options: readers.ClassifyReaderOptions) =>
      readers.classify(files, { ...options, labels: 'number' }),
    head: heads.regress,
  },
  match: {
    says: 'one class for each pair of texts',
    measure: 'accuracy',
    reads: classifyOptions,
    options: singleOptions,
    reader: readers.match,
    head: (options, { labels = [] }) => heads.match({ ...options, classes: labels }),
  },
  pairwise: {
    says: 'a score for each pair of texts, learnt from better and worse ones',
    measure: 'meanReciprocalRank',
    reads: rankedOptions,
    options: pairwiseOptions,
    reader: (files, options: readers.PairwiseReaderOptions) =>
      readers.match(files, { ...options, pairwise: true }),
    head: heads.match,
  },
  sequenceLabel: {
    says: 'a tag for each word, such as those of entities',
    measure: 'f1',
    reads: taggedOptions,
    options: labelOptions,
    reader: readers.sequenceLabel,
    head: (options, { tags = [] }) => heads.sequenceLabel({ ...options, labels: tags, pieces: true }),
  },
  maskedLM: {
    says: 'the pieces that are hidden from the encoder',
    measure: 'accuracy',
    reads: maskedOptions,
    options: maskedHead,
    reader: readers.maskedLM,
    head: (options, { tokens = [] }) => heads.maskedLM({ ...options, vocabulary: tokens }),
  },
} as const satisfies Readonly<Record<string, TaskKind>>;
export const kindOf = ({ kind }: TaskSettings): TaskKind => TASKS[kind];

/** A setting of a task that only its reader takes. */
export const readerSettingOf = (task: TaskSettings): string | undefined => {
  const { reads, options } = kindOf(task);
  return Object.keys(pick(task, reads)).find((name) => options[name]?.optional !== true);
};

/** Those of the settings that a table of options describes. */
export const pick = <O extends object, K extends is.Kinds>(
  options: O,
  table: K,
): Pick<O, keyof O & keyof K> =>
  Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(table, name))) as never;
