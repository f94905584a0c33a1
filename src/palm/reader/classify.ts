import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import type { BatchSize, ComponentRecord, Reader, Specs } from '../contract.ts';
import { defineReader } from '../define.ts';
import type { Row } from '../formats/rows.ts';
import { collectLabels, type LabelSet, labelSet } from '../labels.ts';
import { checkSettings } from '../settings.ts';
import type { Assembled } from '../tokenizer/assembly.ts';
import { tokenizerFrom } from '../tokenizer/load.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { wordsIn } from '../words.ts';
import { packPieces, pieceSpecs, shaped } from './pieces.ts';
import {
  columnsOf,
  encoderOf,
  type From,
  labelsFrom,
  notesOnLengths,
  type Reading,
  type ReadParts,
  readParts,
  recordOptions,
  rowOfInput,
  SECONDS,
  type Sources,
  sourcesKind,
  TEXTS,
  type TextExample,
  textIn,
} from './records.ts';
import { unknownIn } from './wordRows.ts';

// Readers of texts, or pairs of them, with a label as a whole: a class, any number of classes, or a number.

/** A text, or two, with its label where that is known, and where it was read. */
export interface ClassifyExample extends TextExample {
  /** its class */
  readonly label?: string;
  /** its classes, where it may have any number */
  readonly labels?: readonly string[];
  /** its number, where labels are numbers */
  readonly value?: number;
  readonly file?: string;
  readonly line?: number;
}

const weights = declare('f32', ['batch']);
const ids = declare('i32', ['batch']);
/** What a reader of texts with a class gives. Weights: 1; 0 for rows without example and for labels that training never shows. */
export const classifySpecs = { ...pieceSpecs, labels: ids, weights } as const;
/** The same of texts with a number. */
export const regressSpecs = { ...pieceSpecs, labels: declare('f32', ['batch']), weights } as const;
const severalSpecs = (count: number) =>
  ({ ...pieceSpecs, labels: declare('f32', ['batch', count]), weights }) as const;
/** The same of texts with any number of classes: 1 for those that it has. */
export type MultiLabelSpecs = ReturnType<typeof severalSpecs>;

/** How labels are read; what an example has of each is its field. */
const LABELS = {
  one: { columns: ['label'], field: 'label', empty: false },
  // an empty list is one, too
  many: { columns: ['label', 'labels'], field: 'labels', empty: true },
  number: { columns: ['label', 'value', 'score'], field: 'value', empty: false },
} as const;
type Labels = keyof typeof LABELS;

const columnNames = {
  text_a: is.optional(is.name),
  text_b: is.optional(is.name),
  text_b_neg: is.optional(is.name),
  qid: is.optional(is.name),
  label: is.optional(is.name),
};
export const columnsKind = is.recordOf(
  `names of columns: { ${Object.keys(columnNames).join(', ')} }`,
  columnNames,
);
const classifyOptions = {
  ...recordOptions,
  /** a label is `one` class (default), or `many`: any number of them, separated by `|` or a list, or a `number` */
  labels: is.optional(is.oneOf('one', 'many', 'number')),
  /** names of the classes in the order of their ids; default: those of training, sorted */
  classes: is.optional(is.names),
  /** columns that hold something, where they have other names than text_a (or text, sentence), text_b and label */
  columns: is.optional(columnsKind),
};
export type ClassifyReaderOptions = is.OptionsOf<typeof classifyOptions>;

/** A reader of texts with labels, with what its ids mean. */
export interface ClassifyReader<G extends Specs = typeof classifySpecs> extends Reader<G, ClassifyExample> {
  readonly tokenizer: Tokenizer;
  /** names of the classes; none where labels are numbers */
  readonly classes: readonly string[];
}

/** What tells one kind of reader of texts from another: those of `match` have pairs. */
interface Setup extends ClassifyReaderOptions {
  readonly kind: 'classify' | 'match';
}

/** Texts and labels of a row. @throws FROND-D026, D009, D020, D027 with the place */
function exampleOf({ columns = {}, labels = 'one', kind }: Setup, row: Row, from: From): ClassifyExample {
  const { find, need } = columnsOf(row, columns, from);
  const text = textIn(row, need('text_a', TEXTS));
  const pair = kind === 'match' ? need('text_b', SECONDS) : columns.text_b && find('text_b', SECONDS);
  const example = {
    text,
    ...(pair !== undefined && { second: textIn(row, pair) }),
    file: row.file,
    line: row.line,
  };
  const { columns: usual, empty } = LABELS[labels];
  const column = from === 'train' ? need('label', usual) : find('label', usual);
  const value = own(row.record, column ?? '') ?? '';
  if (column === undefined || (value === '' && from !== 'train' && !empty)) return example;
  if (labels === 'many') {
    const list = Array.isArray(value) ? value : String(value).split('|');
    return { ...example, labels: list.map(String).filter((name) => name !== '') };
  }
  const fail = (what: string, hint: string): FrondError =>
    new FrondError('FROND-D027', `${column} ${what}`, { place: row.placeOf(column), hint });
  if (value === '' || typeof value === 'object')
    throw fail('holds no label', 'give each training example a label');
  if (labels === 'one') return { ...example, label: String(value) };
  const number = Number(value);
  if (Number.isFinite(number) && /\S/.test(String(value))) return { ...example, value: number };
  const hint = "write numbers as 1.5; for classes leave labels: 'number' out";
  throw fail(`is ${show(value)}, no number`, hint);
}

const classesOf = ({ label, labels = [] }: ClassifyExample): readonly string[] =>
  label === undefined ? labels : [label];

/** The reader, once its parts were passed over; without them, for prediction. */
function readerOf(
  setup: Setup,
  set: LabelSet | undefined,
  { parts, found }: ReadParts<ClassifyExample>,
  notes: readonly string[],
) {
  const { kind, tokenizer, labels = 'one', name = kind, maximumLength = 128, columns = {} } = setup;
  const encode = encoderOf<ClassifyExample>(tokenizer, maximumLength);
  const classes = set?.names ?? [];
  const specs = { one: classifySpecs, many: severalSpecs(classes.length), number: regressSpecs }[labels];
  const { labels: labelSpec } = specs;
  return {
    ...defineReader<Specs, ClassifyExample>({
      name,
      gives: specs,
      names: { tokens: tokenizer.vocabulary.tokens, ...(set && { labels: classes }) },
      parts,
      maximumLength,
      length: (example) => encode(example).ids.length,
      unseen: (example) => encode(example).dropped,
      unknown: ({ text, second = '' }) => unknownIn(tokenizer, wordsIn(`${text} ${second}`)),
      pack(examples, size) {
        const gold = packLabels(labels, set, examples, size);
        return {
          ...packPieces(examples.map(encode), size, tokenizer),
          ...shaped({ labels: labelSpec, weights }, gold, { ...size }),
        };
      },
      parse: (input) =>
        exampleOf(
          setup,
          rowOfInput(input, (text) => (kind === 'match' ? pairOf(text) : { text_a: text })),
          'input',
        ),
      notes: [...notes, ...notesOnLengths(found, maximumLength)],
      record: {
        ...{ kind, tokenizer: tokenizer.record, name, maximumLength, labels },
        ...(set && { classes }),
        columns: { ...columns },
      },
    }),
    tokenizer,
    classes,
  };
}

/** Two texts of one, with a tab between. */
export const pairOf = (text: string) => {
  const [text_a = '', ...rest] = text.split('\t');
  return rest.length === 0 ? { text_a } : { text_a, text_b: rest.join('\t') };
};

/** Labels as numbers; the weight of a row is 1 where they are known. */
function packLabels(
  labels: Labels,
  set: LabelSet | undefined,
  examples: readonly ClassifyExample[],
  { batch }: BatchSize,
) {
  const weights = new Float32Array(batch);
  const count = set?.names.length ?? 1;
  const data =
    labels === 'one' ? new Int32Array(batch) : new Float32Array(labels === 'many' ? batch * count : batch);
  for (const [row, example] of examples.entries()) {
    if (labels === 'number') data[row] = example.value ?? 0;
    const found = classesOf(example).map((label) => set?.ids.get(label));
    for (const id of found) {
      if (labels === 'one') data[row] = id ?? 0;
      else if (id !== undefined) data[row * count + id] = 1;
    }
    weights[row] = +(example[LABELS[labels].field] !== undefined && !found.includes(undefined));
  }
  return { labels: data, weights };
}

/** How a reader of texts makes examples of rows. */
function readingOf(setup: Setup): Reading<ClassifyExample> {
  const { tokenizer, maximumLength = 128, columns = {}, labels = 'one', cache, kind } = setup;
  const encode: (example: ClassifyExample) => Assembled = encoderOf(tokenizer, maximumLength);
  return {
    settings: { kind, tokenizer: tokenizer.record, maximumLength, columns, labels },
    cache,
    exampleOf: (row, from) => exampleOf(setup, row, from),
    lengthOf: (example) => encode(example).ids.length,
    unseen: (example) => encode(example).dropped,
    labelsOf: classesOf,
    labelPlace: (row) =>
      row.placeOf(columnsOf(row, columns, 'other').find('label', LABELS[labels].columns) ?? 'label'),
  };
}

/** A reader of texts with labels. @throws as `classify` */
export async function textReader(kind: Setup['kind'], sources: Sources, options: ClassifyReaderOptions) {
  checkSettings(kind, options, classifyOptions);
  const setup = { ...options, kind };
  const { labels = 'one', classes, strict } = setup;
  const read = await readParts(sources, readingOf(setup));
  if (labels === 'number') return readerOf(setup, undefined, read, []);
  const { set, notes } = labelsFrom('class', read.found, classes, collectLabels, strict);
  return readerOf(setup, set, read, notes);
}

/** A reader for prediction, from what a checkpoint kept of it. @throws as `tokenizerFrom`, FROND-T002, D012 when it is damaged */
export function textReaderFrom({ kind, tokenizer, ...rest }: ComponentRecord): ClassifyReader<Specs> {
  const options = {
    ...rest,
    tokenizer: tokenizerFrom(tokenizer as ComponentRecord),
  } as ClassifyReaderOptions;
  checkSettings(kind, options, classifyOptions);
  const set = options.labels === 'number' ? undefined : labelSet(options.classes ?? []);
  return readerOf({ ...options, kind: kind as Setup['kind'] }, set, { parts: {}, found: {} }, []);
}

/**
 * Reads texts with labels, for `head.classify` and `head.regress`: columns `text_a`, `label` and, where `columns` names it, a second
 * text. All parts are passed over once; of files, examples are read again when a batch needs them.
 *
 *     const reader = await palm.reader.classify({ train: 'train.tsv', valid: 'valid.tsv' }, { tokenizer });
 *
 * Labels of parts other than `train` may be missing or unknown: those rows weigh 0.
 * @throws FROND-T002 for options out of range, D006 for an unknown label, D009, D020, D026, D027 for a record that lacks something,
 *   each with file, line and column, and what reading its file throws
 */
export function classify(
  sources: Sources,
  options: ClassifyReaderOptions & { readonly labels: 'many' },
): Promise<ClassifyReader<MultiLabelSpecs>>;
export function classify(
  sources: Sources,
  options: ClassifyReaderOptions & { readonly labels: 'number' },
): Promise<ClassifyReader<typeof regressSpecs>>;
export function classify(sources: Sources, options: ClassifyReaderOptions): Promise<ClassifyReader>;
export async function classify(
  sources: Sources,
  options: ClassifyReaderOptions,
): Promise<ClassifyReader<Specs>> {
  checkArguments('classify', { parts: sourcesKind }, [sources], 'FROND-T002');
  return textReader('classify', sources, options);
}
