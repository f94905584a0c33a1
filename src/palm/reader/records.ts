import { platform } from '#platform';
import { checkArguments, nearestOf, show } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { mapValues, own, remembered } from '../../base/own.ts';
import type { Attribute } from '../../ir/graph.ts';
import type { Batch, BatchSize, ComponentRecord, Draw, Names, Part, Reader, Specs } from '../contract.ts';
import { defineReader } from '../define.ts';
import type { DataRecord } from '../formats/format.ts';
import {
  type DataFile,
  dataFileKind,
  open,
  type Row,
  type RowSource,
  rowFrom,
  rowsOf,
} from '../formats/rows.ts';
import { type Surveyed, survey } from '../formats/survey.ts';
import { type LabelSet, labelSet, shorten, unknownLabel } from '../labels.ts';
import { checkSettings } from '../settings.ts';
import { type Assembled, type Assembler, assembler } from '../tokenizer/assembly.ts';
import { tokenizerFrom } from '../tokenizer/load.ts';
import { type Tokenizer, tokenizerKind } from '../tokenizer/tokenizer.ts';
import { packPieces } from './pieces.ts';
import { unknownIn } from './wordRows.ts';

// What readers of records have in common: parts of files or lists, columns, labels that training shows, prediction from a record.

/** The path of a file, a file that was opened with options, or records in memory. */
export type Source = string | DataFile | readonly object[];
export type Sources = Readonly<Record<string, Source>>;
const sourceKind = is.either(is.name, is.either(dataFileKind, is.listOf(is.object, 'records')));
const sourcesKind: is.Kind<Sources> = {
  ...is.objectOf(sourceKind, 'parts'),
  what: "the source of each part, such as { train: 'data/train.tsv', valid: 'data/valid.tsv' }",
};

export const recordOptions = {
  /** cuts and spells texts: in training, evaluation and prediction, and after loading */
  tokenizer: tokenizerKind,
  /** default: what the function is called */
  name: is.optional(is.name),
  /** most pieces that the model sees, special ones included; default 128 */
  maximumLength: is.optional(is.count),
  /** refuse labels in other parts that training never shows, instead of counting them as errors */
  strict: is.optional(is.flag),
  /** folder that remembers where records of files begin and how long they are; for parts that are paths */
  cache: is.optional(is.name),
};
export type RecordOptions = is.OptionsOf<typeof recordOptions>;
const DEFAULT_LENGTH = 128;
/** Names that the columns of the data have, by the names that they have here. */
export const columnsOption = <N extends string>(...names: readonly N[]) => {
  const fields = Object.fromEntries(names.map((name) => [name, is.optional(is.name)]));
  const columns = is.recordOf(`names of columns: { ${names.join(', ')} }`, fields);
  const advise = (given: unknown): string | undefined => {
    const odd = Object.keys(is.object.holds(given) ? given : {}).find((name) => !own(fields, name));
    return odd && `did you mean ${nearestOf(odd, names)} by ${odd}? give ${columns.what}`;
  };
  return is.optional(is.typed<{ readonly [K in N]?: string }>({ ...columns, advise }));
};

export type ColumnNames = Readonly<Record<string, string | undefined>>;

/** Whom a record is from: training needs its labels; what prediction is given may have the names of examples, too. */
export type From = 'train' | 'other' | 'input';

function noColumn(row: Row, name: string | undefined): FrondError {
  const names = Object.keys(row.record).filter((one) => !/^\d+$/.test(one));
  const [only = ''] = names.length === 1 ? names : [];
  return new FrondError('FROND-D026', `there is no column ${name}`, {
    place: { file: row.file, line: row.line, column: 1 },
    hint: /[,;|\t]/.test(only)
      ? `its only column is ${show(only)}: does another format separate columns so?`
      : `the record has ${shorten(names)}; say with columns which one it is`,
  });
}

/** The columns of a row by what they are for. */
function columnsOf(row: Row, given: ColumnNames, from: From) {
  type Find<T> = (role: string, usual: readonly string[]) => T;
  /** the one that options name, or else the first of the usual names that the row has */
  const find: Find<string | undefined> = (role, usual) => {
    const name = own(given, role);
    const names = name === undefined ? usual : from === 'input' ? [name, ...usual] : [name];
    return names.find((one) => (own(row.record, one) ?? null) !== null);
  };
  /** @throws FROND-D026 where there is none */
  const need: Find<string> = (role, usual) => {
    const found = find(role, usual);
    if (found !== undefined) return found;
    throw noColumn(row, own(given, role) ?? usual[0]);
  };
  /** one that only training needs */
  const learnt = from === 'train' ? need : find;
  /** @throws as `need` and `textIn` */
  const text: Find<string> = (role, usual) => textIn(row, need(role, usual));
  return { row, from, find, need, learnt, text };
}
export type Columns = ReturnType<typeof columnsOf>;

/** A text, or two. */
export interface TextExample {
  readonly text: string;
  /** the second text of a pair */
  readonly second?: string;
}

/** A text in a column; words of a list with spaces between. @throws FROND-D009 where it has no words, D020 for anything else */
export function textIn(row: Row, column: string, form = 'give a text'): string {
  const value = own(row.record, column);
  const text = is.names.holds(value) ? value.join(' ') : is.finite.holds(value) ? String(value) : value;
  const refuse = (code: 'FROND-D009' | 'FROND-D020', what: string, hint: string): FrondError =>
    new FrondError(code, `${column} ${what}`, { place: row.placeOf(column), hint });
  if (typeof text !== 'string') throw refuse('FROND-D020', `is ${show(value)}, no text`, form);
  if (/\S/.test(text)) return text;
  throw refuse('FROND-D009', 'has no words', 'take the record out, or fill it');
}

/** Names of columns of texts, where options give no others. */
export const TEXTS = ['text_a', 'text', 'sentence'];
export const SECONDS = ['text_b', 'second'];
export const ALL_TEXTS = [...TEXTS, ...SECONDS, 'text_b_neg', 'words', 'tokens', 'query', 'better', 'worse'];

/**
 * The texts in a file or list of records: what a vocabulary is built of.
 *
 *     const vocabulary = palm.tokenizer.buildWordPieces(await palm.reader.textsOf('train.tsv'), { size: 8000 });
 *
 * @param columns that hold them; default: all that have one of the names that readers look for, such as text_a and text_b
 * @throws FROND-T002 for the path of a folder, D026 where a record has none of them, D009 where one has no words, and what reading
 *   its file throws
 */
export async function textsOf(source: Source, columns: readonly string[] = ALL_TEXTS): Promise<string[]> {
  checkArguments('textsOf', { source: sourceKind, columns: is.names }, [source, columns], 'FROND-T002');
  const texts: string[] = [];
  const rows = await rowsIn('textsOf', 'texts', source);
  for await (const page of rows.pages()) {
    for (const row of page) {
      const found = columns.filter((name) => (own(row.record, name) ?? null) !== null);
      if (found.length === 0) throw noColumn(row, columns[0]);
      for (const column of found) texts.push(textIn(row, column));
    }
  }
  return texts;
}

/** @throws FROND-T002 for the path of a folder */
async function rowsIn(caller: string, name: string, source: Source, cache?: string): Promise<RowSource> {
  if (typeof source !== 'string') return 'pages' in source ? source : rowsOf(name, source);
  if ((await platform.files.kindOf(source)) === 'folder') {
    throw new FrondError('FROND-T002', `${caller}: ${source} is a folder`, {
      hint: `give the path of a file of records, such as ${source.replace(/[\\/]$/, '')}/train.tsv`,
    });
  }
  return open(source, cache === undefined ? {} : { cache });
}

/** What tells one kind of reader of records from another. E is an example, R a row of a batch. */
export interface RecordKind<E extends object, R extends Assembled> {
  /** what examples depend on beside tokenizer and columns: a checkpoint keeps it */
  readonly settings: Readonly<Record<string, Attribute>>;
  readonly rowsPerExample?: number;
  /** @throws what is wrong with a row, with its place */
  exampleOf(columns: Columns): E;
  /** the record that a text to predict means; default: that of its `text_a` */
  recordOf?(text: string): DataRecord;
  wordsOf(example: E): readonly string[];
  rowsOf(example: E): readonly R[];
  /** where examples have names of labels: under which option and in which tensor */
  readonly labels?: {
    readonly what: string;
    readonly option: string;
    readonly tensor: string;
    /** usual names of their column */
    readonly columns: readonly string[];
    readonly given: readonly string[] | undefined;
    collect(labels: readonly string[]): LabelSet;
    of(example: E): readonly string[];
  };
  /** what it gives, with so many labels */
  gives(labels: number): Specs;
  /** what ids of its own tensors stand for */
  readonly names?: Names;
  /** Its own tensors, beside those of `packPieces` or in place of them. */
  pack(examples: readonly E[], rows: readonly R[], ids: LabelSet['ids'], size: BatchSize, draw: Draw): Batch;
}

/** What is counted in a part. */
interface Census {
  /** labels in the order in which they were met, with their number and first place */
  readonly labels: readonly (readonly [label: string, count: number, place: SourcePlace])[];
  /** examples that the model does not see whole */
  readonly cut: number;
}
type Found = Readonly<Record<string, Surveyed<Census>>>;

/** What all readers of a kind have in common. */
export interface ReaderType<O extends ReaderOptions, E extends object, R extends Assembled> {
  readonly options: { readonly [K in keyof Required<O>]: is.Kind };
  /** The kind with these options, which have been checked. */
  kindOf(options: O, assemble: Assembler): RecordKind<E, R>;
}
type ReaderOptions = RecordOptions & { readonly columns?: ColumnNames };

/** A kind with the options that all kinds have, and what follows from both. `caller` makes such readers. @throws FROND-T002 for options out of range */
function madeOf<O extends ReaderOptions, E extends object, R extends Assembled>(
  caller: string,
  { options: kinds, kindOf }: ReaderType<O, E, R>,
  options: O,
) {
  checkSettings(caller, options, kinds);
  const { tokenizer, maximumLength = DEFAULT_LENGTH, columns = {}, name = caller, cache } = options;
  const kind = kindOf(options, assembler(tokenizer, maximumLength));
  const settings = { ...kind.settings, columns: { ...columns } as ComponentRecord };
  const columnsIn = (row: Row, from: From): Columns => columnsOf(row, columns, from);
  return { caller, kind, tokenizer, maximumLength, name, cache, settings, columnsIn };
}
type Made<E extends object, R extends Assembled> = ReturnType<typeof madeOf<ReaderOptions, E, R>>;

/** Looks at all rows of a part once. */
async function census<E extends object, R extends Assembled>(
  { caller, kind, tokenizer, maximumLength, cache, settings, columnsIn }: Made<E, R>,
  part: string,
  source: Source,
): Promise<Surveyed<Census>> {
  const from = fromOf(part);
  const labels = new Map<string, [count: number, place: SourcePlace]>();
  let cut = 0;
  return survey<Census>(await rowsIn(caller, part, source, cache), {
    settings: [caller, settings, tokenizer.record, maximumLength, from],
    take(row) {
      const columns = columnsIn(row, from);
      const example = kind.exampleOf(columns);
      for (const [item, label] of (kind.labels?.of(example) ?? []).entries()) {
        const known = labels.get(label);
        const place = () => row.placeOf(columns.need('label', kind.labels?.columns ?? []), item);
        if (known === undefined) labels.set(label, [1, place()]);
        else known[0]++;
      }
      const rows = kind.rowsOf(example);
      if (rows.some(({ dropped }) => dropped > 0)) cut++;
      return longest(rows);
    },
    summary: () => ({ labels: [...labels].map(([label, [count, place]]) => [label, count, place]), cut }),
  });
}
const fromOf = (part: string): From => (part === 'train' ? part : 'other');
const longest = (rows: readonly Assembled[]): number => Math.max(1, ...rows.map(({ ids }) => ids.length));

/**
 * The labels of a task: given, or those that training shows.
 * @throws FROND-D014 where there are none to take, D006 for one of training, or with `strict` of any part, that is not among them
 */
function labelsFrom(
  { what, given, collect }: NonNullable<RecordKind<never, never>['labels']>,
  found: Found,
  strict = false,
): { readonly set: LabelSet; readonly notes: readonly string[] } {
  const shown = own(found, 'train')?.summary.labels.map(([label]) => label) ?? [];
  if (given === undefined && shown.length === 0) {
    throw new FrondError('FROND-D014', `there are no training examples to take each ${what} from`, {
      hint: `give a part called train, or the name of each ${what}`,
    });
  }
  const set = given === undefined ? collect(shown) : labelSet(given);
  const notes = Object.entries(found).flatMap(([part, { summary }]) => {
    const strange = summary.labels.filter(([label]) => !set.ids.has(label));
    const [first] = strange;
    if (first === undefined) return [];
    if (strict || part === 'train') throw unknownLabel(what, first[0], set.names, first[2]);
    const count = strange.reduce((total, [, some]) => total + some, 0);
    const names = shorten(strange.map(([label]) => label).sort());
    return `${count} labels of ${part} are never shown in training and count as errors: ${names}`;
  });
  return { set, notes };
}

const NO_LABELS: ReturnType<typeof labelsFrom> = { set: { names: [], ids: new Map() }, notes: [] };

/** The reader of a kind with these parts; without any, for prediction. */
function readerOf<E extends object, R extends Assembled>(
  { caller, kind, tokenizer, name, maximumLength, settings, columnsIn }: Made<E, R>,
  found: Found,
  { set, notes }: ReturnType<typeof labelsFrom>,
) {
  const made = new WeakMap<E, readonly R[]>();
  const rowsOf = (example: E): readonly R[] => remembered(made, example, () => kind.rowsOf(example));
  const { labels, recordOf = (text_a) => ({ text_a }) } = kind;
  const gives = kind.gives(set.names.length);
  const parts = mapValues(
    found,
    ({ summary: _, read, ...rest }, part): Part<E> => ({
      ...rest,
      read: async (rows) => (await read(rows)).map((row) => kind.exampleOf(columnsIn(row, fromOf(part)))),
    }),
  );
  const cut = Object.entries(found).flatMap(([part, { size, summary }]) => {
    const note = `the model sees the first ${maximumLength} pieces only of ${summary.cut} of ${size} texts of ${part}`;
    return summary.cut === 0 ? [] : [note];
  });
  const named = labels && { [labels.option]: set.names };
  return {
    ...defineReader<Specs, E>({
      name,
      gives,
      parts,
      maximumLength,
      rowsPerExample: kind.rowsPerExample ?? 1,
      names: {
        tokens: tokenizer.vocabulary.tokens,
        ...kind.names,
        ...(labels && { [labels.tensor]: set.names }),
      },
      length: (example) => longest(rowsOf(example)),
      unseen: (example) => Math.max(...rowsOf(example).map(({ dropped }) => dropped)),
      unknown: (example) => unknownIn(tokenizer, kind.wordsOf(example)),
      pack(examples, size, draw) {
        const rows = examples.flatMap(rowsOf);
        const own = kind.pack(examples, rows, set.ids, size, draw);
        const all = { ...packPieces(rows, size, tokenizer), ...own };
        return mapValues(gives, (_, tensor) => all[tensor as keyof typeof all]);
      },
      parse(input) {
        checkArguments('parse', { input: is.either(is.text, is.object) }, [input], 'FROND-T002');
        const record = typeof input === 'string' ? recordOf(input) : (input as DataRecord);
        return kind.exampleOf(columnsIn(rowFrom('the input', 0, record), 'input'));
      },
      notes: [...notes, ...cut],
      record: { kind: caller, tokenizer: tokenizer.record, name, maximumLength, ...settings, ...named },
    }),
    tokenizer,
    ...named,
  };
}

/**
 * A reader of a type. All parts are passed over once; of files, examples are read again when a batch needs them.
 * @throws FROND-T002 for options out of range, and what the type and the rows throw
 */
export async function recordReader<O extends ReaderOptions, E extends object, R extends Assembled>(
  caller: string,
  type: ReaderType<O, E, R>,
  sources: Sources,
  options: O,
) {
  const made = madeOf(caller, type, options);
  checkArguments(caller, { parts: sourcesKind }, [sources], 'FROND-T002');
  const surveyed: [string, Surveyed<Census>][] = [];
  for (const [part, source] of Object.entries(sources))
    surveyed.push([part, await census(made, part, source)]);
  const found = Object.fromEntries(surveyed);
  const { labels } = made.kind;
  return readerOf(made, found, labels ? labelsFrom(labels, found, options.strict) : NO_LABELS);
}

/**
 * A reader for prediction, from what a checkpoint kept of it.
 * @throws as `tokenizerFrom`, FROND-T002 and D012 when it is damaged
 */
export function recordReaderFrom<O extends ReaderOptions, E extends object, R extends Assembled>(
  type: ReaderType<O, E, R>,
  { kind, tokenizer, ...rest }: ComponentRecord,
) {
  const options = { ...rest, tokenizer: tokenizerFrom(tokenizer as ComponentRecord) } as unknown as O;
  const made = madeOf(kind, type, options);
  const { labels } = made.kind;
  return readerOf(made, {}, labels ? { set: labelSet(labels.given ?? []), notes: [] } : NO_LABELS);
}

/** A reader of records, with what cuts its texts. */
export interface RecordReader<G extends Specs, E> extends Reader<G, E> {
  readonly tokenizer: Tokenizer;
}
