import { show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import type { ComponentRecord, Specs } from '../contract.ts';
import { collectLabels } from '../labels.ts';
import type { Assembled, Assembler } from '../tokenizer/assembly.ts';
import { wordsIn } from '../words.ts';
import { pieceSpecs, shaped } from './pieces.ts';
import {
  type ColumnNames,
  type Columns,
  columnsOption,
  type RecordKind,
  type RecordOptions,
  type RecordReader,
  recordOptions,
  recordReader,
  recordReaderFrom,
  SECONDS,
  type Sources,
  TEXTS,
  type TextExample,
  textIn,
} from './records.ts';

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

const labelled = <const L extends Specs[string]>(labels: L) =>
  ({
    ...pieceSpecs,
    labels,
    /** 1; 0 for rows without example and for labels that training never shows */
    weights: declare('f32', ['batch']),
  }) as const;
/** What a reader of texts with a class gives. */
export const classifySpecs = labelled(declare('i32', ['batch']));
/** The same of texts with a number. */
export const regressSpecs = labelled(declare('f32', ['batch']));
const severalSpecs = (count: number) => labelled(declare('f32', ['batch', count]));
/** The same of texts with any number of classes: 1 for those that it has. */
export type MultiLabelSpecs = ReturnType<typeof severalSpecs>;

/** How labels are read: usual names of their column, what an example has of them, and whether it may have none. */
const LABELS = {
  one: { columns: ['label'], field: 'label', empty: false, gives: () => classifySpecs },
  many: { columns: ['label', 'labels'], field: 'labels', empty: true, gives: severalSpecs },
  number: { columns: ['label', 'value', 'score'], field: 'value', empty: false, gives: () => regressSpecs },
} as const;

export const classifyOptions = {
  ...recordOptions,
  /** a label is `one` class (default), or `many`: any number of them, separated by `|` or a list, or a `number` */
  labels: is.optional(is.oneOf('one', 'many', 'number')),
  /** names of the classes in the order of their ids; default: those of training, sorted */
  classes: is.optional(is.names),
  /** columns of other names than text_a (or text, sentence), text_b and label */
  columns: columnsOption('text_a', 'text_b', 'label'),
};
export type ClassifyReaderOptions = is.OptionsOf<typeof classifyOptions>;

/** A reader of texts with labels, with what its ids mean. */
export interface ClassifyReader<G extends Specs = typeof classifySpecs>
  extends RecordReader<G, ClassifyExample> {
  /** names of the classes; none where labels are numbers */
  readonly classes: readonly string[];
}

/** One or two texts of a row: the second where it is `needed`, or else `columns` names it. @throws FROND-D026, D009, D020 with the place */
export function pairIn(
  { row, text, need, find }: Columns,
  columns: ColumnNames = {},
  needed = false,
): TextExample {
  const first = text('text_a', TEXTS);
  const second = needed ? need('text_b', SECONDS) : columns.text_b && find('text_b', SECONDS);
  return { text: first, ...(second !== undefined && { second: textIn(row, second) }) };
}

/** Whether a value is the name of a class, or may be one in JSON. */
const isLabel = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);
const LABEL_FORM =
  "a label is a text, a number, or true or false; with labels: 'many' it may be a list of them";

/** Texts and labels of a row. @throws as `pairIn`, and FROND-D027 */
function exampleOf(kind: string, options: ClassifyReaderOptions, columns: Columns): ClassifyExample {
  const { labels = 'one' } = options;
  const { row, from } = columns;
  const { file, line } = row;
  const example = { ...pairIn(columns, options.columns, kind === 'match'), file, line };
  const { columns: usual, empty } = LABELS[labels];
  const column = columns.learnt('label', usual);
  const value = own(row.record, column ?? '') ?? '';
  if (column === undefined || (value === '' && from !== 'train' && !empty)) return example;
  const fail = (what: string, hint: string): FrondError =>
    new FrondError('FROND-D027', `${column} ${what}`, { place: row.placeOf(column), hint });
  if (value === '' && !empty) throw fail('holds no label', 'give each training example a label');
  if (labels === 'number') {
    const number = isLabel(value) && /\S/.test(String(value)) ? Number(value) : Number.NaN;
    if (Number.isFinite(number)) return { ...example, value: number };
    throw fail(
      `is ${show(value)}, no number`,
      "write numbers as 1.5; for classes leave labels: 'number' out",
    );
  }
  const isList = labels === 'many' && Array.isArray(value);
  const list: readonly unknown[] = isList ? value : [value];
  for (const one of list) {
    if (!isLabel(one)) throw fail(`${isList ? 'holds' : 'is'} ${show(one)}, no label`, LABEL_FORM);
  }
  if (labels === 'one') return { ...example, label: String(value) };
  const names = isList ? list.map(String) : String(value).split('|');
  return { ...example, labels: names.filter((name) => name !== '') };
}

/** One text, or two with a tab between. */
export const textsOfLine = (text: string): { text_a: string; text_b?: string } => {
  const [text_a = '', ...rest] = text.split('\t');
  return rest.length === 0 ? { text_a } : { text_a, text_b: rest.join('\t') };
};

/** Two texts. @throws FROND-D026 where there is one only */
export function pairOf(text: string) {
  const pair = textsOfLine(text);
  if (pair.text_b !== undefined) return pair;
  throw new FrondError('FROND-D026', 'there is no second text', { hint: 'give both with a tab between' });
}

const classesOf = ({ label, labels = [] }: ClassifyExample): readonly string[] =>
  label === undefined ? labels : [label];

/** One or two texts as a row. */
export const textRow =
  ({ tokenizer }: RecordOptions, assemble: Assembler) =>
  ({ text, second }: TextExample): Assembled =>
    assemble(tokenizer.encode(text), second === undefined ? undefined : tokenizer.encode(second));

/** What kinds have in common whose examples are one row of one or two texts. */
export function ofTexts(options: RecordOptions, assemble: Assembler) {
  const rowOf = textRow(options, assemble);
  return {
    wordsOf: ({ text, second = '' }: TextExample) => wordsIn(`${text} ${second}`),
    rowsOf: (example: TextExample) => [rowOf(example)],
  };
}

function textKind(
  kind: 'classify' | 'match',
  options: ClassifyReaderOptions,
  assemble: Assembler,
): RecordKind<ClassifyExample, Assembled> {
  const { labels = 'one' } = options;
  const { columns, gives, field } = LABELS[labels];
  const names = { what: 'class', option: 'classes', tensor: 'labels', columns, of: classesOf };
  return {
    settings: { labels },
    exampleOf: (found) => exampleOf(kind, options, found),
    ...(kind === 'match' && { recordOf: pairOf }),
    ...ofTexts(options, assemble),
    ...(labels !== 'number' && { labels: { ...names, given: options.classes, collect: collectLabels } }),
    gives,
    pack(examples, _, ids, { batch }) {
      const weights = new Float32Array(batch);
      const count = labels === 'many' ? ids.size : 1;
      const data = labels === 'one' ? new Int32Array(batch) : new Float32Array(batch * count);
      for (const [row, example] of examples.entries()) {
        const found = classesOf(example).map((label) => ids.get(label));
        if (labels === 'many')
          for (const id of found.filter((one) => one !== undefined)) data[row * count + id] = 1;
        else data[row] = (labels === 'one' ? found[0] : example.value) ?? 0;
        weights[row] = +(example[field] !== undefined && !found.includes(undefined));
      }
      const specs = gives(ids.size);
      const ofLabels = { labels: specs.labels, weights: specs.weights };
      return shaped(ofLabels, { labels: data, weights }, { batch });
    },
  };
}

const textReaders = (kind: 'classify' | 'match') => ({
  options: classifyOptions,
  kindOf: (options: ClassifyReaderOptions, assemble: Assembler) => textKind(kind, options, assemble),
});
/** A reader of texts, or of pairs, with labels. @throws as `classify` */
export async function textReader(
  kind: 'classify' | 'match',
  sources: Sources,
  options: ClassifyReaderOptions,
): Promise<ClassifyReader<Specs>> {
  return { classes: [], ...(await recordReader(kind, textReaders(kind), sources, options)) };
}
/** The same for prediction, from what a checkpoint kept of it. @throws as `recordReaderFrom` */
export const textReaderFrom = (record: ComponentRecord) =>
  recordReaderFrom(textReaders(record.kind as 'classify' | 'match'), record);

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
export function classify(sources: Sources, options: ClassifyReaderOptions): Promise<ClassifyReader<Specs>> {
  return textReader('classify', sources, options);
}
