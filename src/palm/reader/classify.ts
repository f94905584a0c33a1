import { show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import type { ComponentRecord, Specs } from '../contract.ts';
import type { Row } from '../formats/rows.ts';
import { collectLabels } from '../labels.ts';
import { checkSettings } from '../settings.ts';
import { type Assembled, assembler } from '../tokenizer/assembly.ts';
import { wordsIn } from '../words.ts';
import { pieceSpecs, shaped } from './pieces.ts';
import {
  columnsOf,
  columnsOption,
  DEFAULT_LENGTH,
  type From,
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

/** 1; 0 for rows without example and for labels that training never shows */
const weightsSpec = declare('f32', ['batch']);
/** What a reader of texts with a class gives. */
export const classifySpecs = {
  ...pieceSpecs,
  labels: declare('i32', ['batch']),
  weights: weightsSpec,
} as const;
/** The same of texts with a number. */
export const regressSpecs = {
  ...pieceSpecs,
  labels: declare('f32', ['batch']),
  weights: weightsSpec,
} as const;
const severalSpecs = (count: number) =>
  ({ ...pieceSpecs, labels: declare('f32', ['batch', count]), weights: weightsSpec }) as const;
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

/** One or two texts of a row. @throws FROND-D026, D009, D020 with the place */
export function pairIn(row: Row, columns: TextColumns, from: From, paired = false): TextExample {
  const { find, need } = columnsOf(row, columns, from);
  const text = textIn(row, need('text_a', TEXTS));
  const second = paired ? need('text_b', SECONDS) : columns.text_b && find('text_b', SECONDS);
  return { text, ...(second !== undefined && { second: textIn(row, second) }) };
}
type TextColumns = NonNullable<ClassifyReaderOptions['columns']>;

/** Whether a value is the name of a class, or may be one in JSON. */
const isLabel = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);
const LABEL_FORM =
  "a label is a text, a number, or true or false; with labels: 'many' it may be a list of them";

/** Texts and labels of a row. @throws as `pairIn`, and FROND-D027 */
function exampleOf(kind: string, options: ClassifyReaderOptions, row: Row, from: From): ClassifyExample {
  const { columns = {}, labels = 'one' } = options;
  const { find, need } = columnsOf(row, columns, from);
  const example = { ...pairIn(row, columns, from, kind === 'match'), file: row.file, line: row.line };
  const { columns: usual, empty } = LABELS[labels];
  const column = from === 'train' ? need('label', usual) : find('label', usual);
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
export const textRow = ({ tokenizer, maximumLength = DEFAULT_LENGTH }: RecordOptions) => {
  const assemble = assembler(tokenizer, maximumLength);
  return ({ text, second }: TextExample): Assembled =>
    assemble(tokenizer.encode(text), second === undefined ? undefined : tokenizer.encode(second));
};

const textKind =
  (kind: 'classify' | 'match') =>
  (options: ClassifyReaderOptions): RecordKind<ClassifyExample, Assembled> => {
    const { labels = 'one', columns = {} } = options;
    const { columns: usual, gives, field } = LABELS[labels];
    const rowOf = textRow(options);
    const names = { what: 'class', option: 'classes', tensor: 'labels', columns: usual, of: classesOf };
    return {
      kind,
      settings: { labels, columns: { ...columns } as ComponentRecord },
      exampleOf: (row, from) => exampleOf(kind, options, row, from),
      recordOf: (text) => (kind === 'match' ? pairOf(text) : { text_a: text }),
      wordsOf: ({ text, second = '' }) => wordsIn(`${text} ${second}`),
      rowsOf: (example) => [rowOf(example)],
      unseen: ({ dropped }) => dropped,
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
        const { labels: spec } = gives(ids.size);
        return shaped({ labels: spec, weights: weightsSpec }, { labels: data, weights }, { batch });
      },
    };
  };
/** A reader of texts, or of pairs, with labels. @throws as `classify` */
export async function textReader(
  kind: 'classify' | 'match',
  sources: Sources,
  options: ClassifyReaderOptions,
): Promise<ClassifyReader<Specs>> {
  checkSettings(kind, options, classifyOptions);
  return { classes: [], ...(await recordReader(kind, textKind(kind)(options), options, sources)) };
}
/** The same for prediction, from what a checkpoint kept of it. @throws as `recordReaderFrom` */
export const textReaderFrom = (record: ComponentRecord) =>
  recordReaderFrom(record, classifyOptions, textKind(record.kind as 'classify' | 'match'));

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
