import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import type { Part } from '../contract.ts';
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
import { type Assembled, assembler } from '../tokenizer/assembly.ts';
import { type Tokenizer, tokenizerKind } from '../tokenizer/tokenizer.ts';

// What readers of records have in common: parts of files or lists, columns, labels that training shows.

/** The path of a file, a file that was opened with options, or records in memory. */
export type Source = string | DataFile | readonly object[];
export type Sources = Readonly<Record<string, Source>>;
const sourceKind = is.either(is.name, is.either(dataFileKind, is.listOf(is.object, 'records')));
export const sourcesKind: is.Kind<Sources> = {
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

/** Whom a record is from: training needs its labels; what prediction is given may have the names of examples, too. */
export type From = 'train' | 'other' | 'input';

const noColumn = (row: Row, name: string | undefined): FrondError =>
  new FrondError('FROND-D026', `there is no column ${name}`, {
    place: { file: row.file, line: row.line, column: 1 },
    hint: `the record has ${shorten(Object.keys(row.record))}; say with columns which one it is`,
  });

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

/** A text in a column; words of a list with spaces between. @throws FROND-D009 where it has no words, D020 for anything else */
export function textIn(row: Row, column: string): string {
  const value = own(row.record, column);
  const text = is.names.holds(value) ? value.join(' ') : is.finite.holds(value) ? String(value) : value;
  if (typeof text !== 'string') {
    throw new FrondError('FROND-D020', `${column} is ${show(value)}, no text`, {
      place: row.placeOf(column),
      hint: 'give a text',
    });
  }
  if (/\S/.test(text)) return text;
  throw new FrondError('FROND-D009', `${column} has no words`, {
    place: row.placeOf(column),
    hint: 'take the record out, or fill it',
  });
}

/** Names of columns of texts, where options give no others. */
export const TEXTS = ['text_a', 'text', 'sentence'];
export const SECONDS = ['text_b', 'second'];
const ALL_TEXTS = [...TEXTS, ...SECONDS, 'text_b_neg', 'words', 'tokens', 'query', 'better', 'worse'];

/**
 * The texts in a file or list of records: what a vocabulary is built of.
 *
 *     const vocabulary = palm.tokenizer.buildWordPieces(await palm.reader.textsOf('train.tsv'), { size: 8000 });
 *
 * @param columns that hold them; default: all that have one of the names that readers look for, such as text_a and text_b
 * @throws FROND-D026 where a record has none of them, D009 where one has no words, and what reading its file throws
 */
export async function textsOf(source: Source, columns: readonly string[] = ALL_TEXTS): Promise<string[]> {
  checkArguments('textsOf', { source: sourceKind, columns: is.names }, [source, columns], 'FROND-T002');
  const texts: string[] = [];
  for await (const page of rowsIn('texts', source).pages(() => undefined)) {
    for (const { row } of page) {
      const found = columns.filter((name) => (own(row.record, name) ?? null) !== null);
      if (found.length === 0) throw noColumn(row, columns[0]);
      for (const column of found) texts.push(textIn(row, column));
    }
  }
  return texts;
}

/** A label that is missing where training needs one, or malformed. */
export const badLabel = (row: Row, column: string, what: string, hint: string): FrondError =>
  new FrondError('FROND-D027', what, { place: row.placeOf(column), hint });

/** How a reader makes examples of rows. */
export interface Reading<E> {
  /** what examples and lengths depend on beside the rows: JSON */
  readonly settings: unknown;
  readonly cache: string | undefined;
  exampleOf(row: Row, from: From): E;
  lengthOf(example: E): number;
  /** pieces or words that the model does not see */
  unseen(example: E): number;
  /** its labels; where they stand: see `Row.placeOf` */
  labelsOf(example: E): readonly string[];
  labelPlace(row: Row, item: number): SourcePlace;
}

/** What is counted in a part. */
export interface Census {
  /** labels in the order in which they were met, with their number and first place */
  readonly labels: readonly (readonly [label: string, count: number, place: SourcePlace])[];
  /** examples that the model does not see whole */
  readonly cut: number;
}
export interface ReadParts<E> {
  readonly parts: Readonly<Record<string, Part<E>>>;
  readonly found: Readonly<Record<string, Surveyed<Census>>>;
}

const rowsIn = (name: string, source: Source, cache?: string): RowSource =>
  typeof source === 'string'
    ? open(source, cache === undefined ? {} : { cache })
    : 'pages' in source
      ? source
      : rowsOf(name, source);

/** Passes over all parts once. @throws what is wrong with their records, with its place */
export async function readParts<E>(sources: Sources, reading: Reading<E>): Promise<ReadParts<E>> {
  const [parts, found]: [[string, Part<E>][], [string, Surveyed<Census>][]] = [[], []];
  for (const [name, source] of Object.entries(sources)) {
    const rows = rowsIn(name, source, reading.cache);
    const from = name === 'train' ? name : 'other';
    const labels = new Map<string, [number, SourcePlace]>();
    let cut = 0;
    const surveyed = await survey<Census>(rows, {
      settings: [reading.settings, from],
      take(row) {
        const example = reading.exampleOf(row, from);
        for (const [item, label] of reading.labelsOf(example).entries()) {
          const known = labels.get(label);
          if (known === undefined) labels.set(label, [1, reading.labelPlace(row, item)]);
          else known[0]++;
        }
        if (reading.unseen(example) > 0) cut++;
        return reading.lengthOf(example);
      },
      summary: () => ({ labels: [...labels].map(([label, [count, place]]) => [label, count, place]), cut }),
    });
    const { size, lengthOf, digest } = surveyed;
    const read = async (wanted: readonly number[]): Promise<readonly E[]> =>
      (await surveyed.read(wanted)).map((row) => reading.exampleOf(row, from));
    parts.push([name, { size, lengthOf, digest, read }]);
    found.push([name, surveyed]);
  }
  return { parts: Object.fromEntries(parts), found: Object.fromEntries(found) };
}

/** What is odd about the lengths of parts. */
export const notesOnLengths = (found: ReadParts<unknown>['found'], maximumLength: number): string[] =>
  Object.entries(found).flatMap(
    ([
      part,
      {
        size,
        summary: { cut },
      },
    ]) =>
      cut === 0
        ? []
        : [`the model sees the first ${maximumLength} pieces only of ${cut} of ${size} texts of ${part}`],
  );

/**
 * The labels of a task: given, or those that training shows.
 * @throws FROND-D014 where there are none to take, D006 for one of training, or with `strict` of any part, that is not among them
 */
export function labelsFrom(
  what: string,
  found: ReadParts<unknown>['found'],
  given: readonly string[] | undefined,
  collect: (labels: readonly string[]) => LabelSet,
  strict = false,
): { readonly set: LabelSet; readonly notes: readonly string[] } {
  const shown = own(found, 'train')?.summary.labels.map(([label]) => label) ?? [];
  if (given === undefined && shown.length === 0) {
    throw new FrondError('FROND-D014', `there are no training examples to take each ${what} from`, {
      hint: `give a part called train, or all names of ${what}s`,
    });
  }
  const set = given === undefined ? collect(shown) : labelSet(given);
  const notes: string[] = [];
  for (const [part, { summary }] of Object.entries(found)) {
    const strange = summary.labels.filter(([label]) => !set.ids.has(label));
    const [first] = strange;
    if (first === undefined) continue;
    if (strict || part === 'train') throw unknownLabel(what, first[0], set.names, first[2]);
    const count = strange.reduce((total, [, some]) => total + some, 0);
    const names = shorten(strange.map(([label]) => label).sort());
    notes.push(`${count} labels of ${part} are never shown in training and count as errors: ${names}`);
  }
  return { set, notes };
}

/** A text, or two. */
export interface TextExample {
  readonly text: string;
  /** the second text of a pair */
  readonly second?: string;
}

/** One or two texts as the model sees them; of an example that is asked for again, what was made of it. */
export function encoderOf<E extends TextExample>(
  tokenizer: Tokenizer,
  maximumLength: number,
): (example: E) => Assembled {
  const assemble = assembler(tokenizer, maximumLength);
  return remembering(({ text, second }: E) =>
    assemble(tokenizer.encode(text), second === undefined ? undefined : tokenizer.encode(second)),
  );
}

/** A function of objects that does its work once for each. */
export function remembering<E extends object, R>(make: (example: E) => R): (example: E) => R {
  const made = new WeakMap<E, R>();
  return (example) => {
    const known = made.get(example) ?? make(example);
    made.set(example, known);
    return known;
  };
}

const inputKind = is.either(is.text, is.object);
/** The row that prediction was given, as text or as a record. @throws FROND-T002 for anything else */
export function rowOfInput(input: unknown, recordOf: (text: string) => DataRecord): Row {
  checkArguments('parse', { input: inputKind }, [input], 'FROND-T002');
  return rowFrom('the input', 0, typeof input === 'string' ? recordOf(input) : (input as DataRecord));
}
