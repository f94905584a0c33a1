import { platform } from '#platform';
import { checkArguments, nearestOf, show } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { mapValues, own } from '../../base/own.ts';
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
import type { Assembled } from '../tokenizer/assembly.ts';
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
export const DEFAULT_LENGTH = 128;
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

/** Columns of a row by what they are for: under the name that options give it, or else the first of the usual ones that it has. */
export function columnsOf(row: Row, given: Readonly<Record<string, string | undefined>>, from: From) {
  const find = (role: string, usual: readonly string[]): string | undefined => {
    const name = own(given, role);
    const names = name === undefined ? usual : from === 'input' ? [name, ...usual] : [name];
    return names.find((one) => (own(row.record, one) ?? null) !== null);
  };
  /** @throws FROND-D026 where there is none */
  const need = (role: string, usual: readonly string[]): string => {
    const found = find(role, usual);
    if (found !== undefined) return found;
    throw noColumn(row, own(given, role) ?? usual[0]);
  };
  return { find, need };
}

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
  for await (const page of rows.pages(() => undefined)) {
    for (const { row } of page) {
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
  readonly kind: string;
  /** what examples depend on beside the tokenizer: a checkpoint keeps it */
  readonly settings: Readonly<Record<string, Attribute>>;
  readonly rowsPerExample?: number;
  /** @throws what is wrong with a row, with its place */
  exampleOf(row: Row, from: From): E;
  /** the record that a text to predict means */
  recordOf(text: string): DataRecord;
  wordsOf(example: E): readonly string[];
  rowsOf(example: E): readonly R[];
  /** pieces or words that are not in a row */
  unseen(row: R): number;
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

/** Looks at all rows of a part once. */
async function census<E extends object, R extends Assembled>(
  kind: RecordKind<E, R>,
  { tokenizer, maximumLength = DEFAULT_LENGTH, cache }: RecordOptions,
  part: string,
  source: Source,
): Promise<Surveyed<Census>> {
  const from = fromOf(part);
  const { columns } = kind.settings as { readonly columns?: Readonly<Record<string, string>> };
  const labels = new Map<string, [count: number, place: SourcePlace]>();
  let cut = 0;
  return survey<Census>(await rowsIn(kind.kind, part, source, cache), {
    settings: [kind.kind, kind.settings, tokenizer.record, maximumLength, from],
    take(row) {
      const example = kind.exampleOf(row, from);
      for (const [item, label] of (kind.labels?.of(example) ?? []).entries()) {
        const known = labels.get(label);
        const place = () =>
          row.placeOf(columnsOf(row, columns ?? {}, from).need('label', kind.labels?.columns ?? []), item);
        if (known === undefined) labels.set(label, [1, place()]);
        else known[0]++;
      }
      const rows = kind.rowsOf(example);
      if (rows.some((one) => kind.unseen(one) > 0)) cut++;
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

const NO_LABELS: LabelSet = { names: [], ids: new Map() };

/** The reader of a kind with these parts; without any, for prediction. */
function readerOf<E extends object, R extends Assembled>(
  kind: RecordKind<E, R>,
  { tokenizer, name = kind.kind, maximumLength = DEFAULT_LENGTH }: RecordOptions,
  found: Found,
  { set, notes }: ReturnType<typeof labelsFrom>,
) {
  const made = new WeakMap<E, readonly R[]>();
  const rowsOf = (example: E): readonly R[] => {
    const rows = made.get(example) ?? kind.rowsOf(example);
    made.set(example, rows);
    return rows;
  };
  const { labels } = kind;
  const gives = kind.gives(set.names.length);
  const parts = mapValues(
    found,
    ({ size, lengthOf, digest, read }, part): Part<E> => ({
      size,
      lengthOf,
      digest,
      read: async (rows) => (await read(rows)).map((row) => kind.exampleOf(row, fromOf(part))),
    }),
  );
  const long = Object.entries(found).filter(([, { summary }]) => summary.cut > 0);
  const cut = ([part, { size, summary }]: (typeof long)[number]): string =>
    `the model sees the first ${maximumLength} pieces only of ${summary.cut} of ${size} texts of ${part}`;
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
      unseen: (example) => Math.max(...rowsOf(example).map(kind.unseen)),
      unknown: (example) => unknownIn(tokenizer, kind.wordsOf(example)),
      pack(examples, size, draw) {
        const rows = examples.flatMap(rowsOf);
        const own = kind.pack(examples, rows, set.ids, size, draw);
        const all = { ...packPieces(rows, size, tokenizer), ...own };
        return mapValues(gives, (_, tensor) => all[tensor as keyof typeof all]);
      },
      parse(input) {
        checkArguments('parse', { input: is.either(is.text, is.object) }, [input], 'FROND-T002');
        const record = typeof input === 'string' ? kind.recordOf(input) : (input as DataRecord);
        return kind.exampleOf(rowFrom('the input', 0, record), 'input');
      },
      notes: [...notes, ...long.map(cut)],
      record: {
        kind: kind.kind,
        tokenizer: tokenizer.record,
        name,
        maximumLength,
        ...kind.settings,
        ...named,
      },
    }),
    tokenizer,
    ...named,
  };
}

/** Makes a kind of its options, which it has checked. */
export type KindMaker<O extends RecordOptions, E extends object, R extends Assembled> = (
  options: O,
) => RecordKind<E, R>;

/** A reader of a kind. All parts are passed over once; of files, examples are read again when a batch needs them. */
export async function recordReader<E extends object, R extends Assembled>(
  caller: string,
  kind: RecordKind<E, R>,
  options: RecordOptions,
  sources: Sources,
) {
  checkArguments(caller, { parts: sourcesKind }, [sources], 'FROND-T002');
  const found: [string, Surveyed<Census>][] = [];
  for (const [part, source] of Object.entries(sources))
    found.push([part, await census(kind, options, part, source)]);
  const all = Object.fromEntries(found);
  const labels = kind.labels && labelsFrom(kind.labels as never, all, options.strict);
  return readerOf(kind, options, all, labels ?? { set: NO_LABELS, notes: [] });
}

/**
 * A reader for prediction, from what a checkpoint kept of it.
 * @throws as `tokenizerFrom`, FROND-T002 and D012 when it is damaged
 */
export function recordReaderFrom<O extends RecordOptions, E extends object, R extends Assembled>(
  { kind: name, tokenizer, ...rest }: ComponentRecord,
  kinds: { readonly [K in keyof O]: is.Kind },
  kindOf: KindMaker<O, E, R>,
) {
  const options = { ...rest, tokenizer: tokenizerFrom(tokenizer as ComponentRecord) } as unknown as O;
  checkSettings(name, options, kinds as never);
  const kind = kindOf(options);
  const set = kind.labels ? labelSet(kind.labels.given ?? []) : NO_LABELS;
  return readerOf(kind, options, {}, { set, notes: [] });
}

/** A reader of records, with what cuts its texts. */
export interface RecordReader<G extends Specs, E> extends Reader<G, E> {
  readonly tokenizer: Tokenizer;
}
