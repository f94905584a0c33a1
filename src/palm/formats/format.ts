import { type ErrorCode, FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { parseStrictJson } from '../../store/json.ts';

/** One record by names of columns: texts; of JSONL any JSON; of CoNLL lists, with a text for each word. */
export type DataRecord = Readonly<Record<string, unknown>>;

/** Refuses a record; `offset`: place of the fault in its text. */
export type Fail = (code: ErrorCode, summary: string, offset: number, hint: string) => never;

/** A record with the offset of each of its columns, or of a word in one, in the text. */
export interface Decoded {
  readonly record: DataRecord;
  offsetOf(column: string, item?: number): number;
}

/** How records stand in a file. */
export interface Format {
  /** of names of files */
  readonly endings: readonly string[];
  /** what ends a record: the end of a line, that of one outside of quotes, or a blank line */
  readonly ends: 'line' | 'unquoted line' | 'blank line';
  /** the first record names the columns */
  readonly header?: boolean;
  /** names of the columns as the first record says; undefined where it holds none, as comments do */
  readonly columns?: (text: string, fail: Fail) => readonly string[] | undefined;
  /** undefined for what is no record */
  readonly decode: (text: string, columns: readonly string[], fail: Fail) => Decoded | undefined;
}

/** Texts with the offsets at which they stand. */
interface Fields {
  readonly values: readonly string[];
  readonly offsets: readonly number[];
}

/** What a text holds between separators, of which each has one character. */
function splitFields(text: string, separator: RegExp): Fields {
  const values = text.split(separator);
  let next = 0;
  const offsets = values.map((value) => {
    next += value.length + 1;
    return next - value.length - 1;
  });
  return { values, offsets };
}

const QUOTES_HINT = 'put a field with quotes, commas or line ends in quotes, and double the quotes in it';

/** RFC 4180, of which line ends may be any. */
function quotedFields(text: string, fail: Fail): Fields {
  const [values, offsets]: [string[], number[]] = [[], []];
  for (let at = 0; at <= text.length; ) {
    const quoted = text[at] === '"';
    const close = quoted ? closingQuote(text, at) : at - 1;
    if (quoted && close < 0) fail('FROND-D025', 'a quote is never closed', at, QUOTES_HINT);
    const comma = text.indexOf(',', close + 1);
    const end = comma < 0 ? text.length : comma;
    const value = text.slice(at, end);
    const inside = value.indexOf('"');
    if (quoted && end > close + 1) fail('FROND-D025', 'text follows a closing quote', close + 1, QUOTES_HINT);
    if (!quoted && inside >= 0) fail('FROND-D025', 'a quote stands within a field', at + inside, QUOTES_HINT);
    values.push(quoted ? value.slice(1, -1).replaceAll('""', '"') : value);
    offsets.push(quoted ? at + 1 : at);
    at = end + 1;
  }
  return { values, offsets };
}

/** Where the field ends whose first quote stands at `at`: quotes in it are doubled. */
function closingQuote(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  while (quote >= 0 && text[quote + 1] === '"') quote = text.indexOf('"', quote + 2);
  return quote;
}

/** A table with a header: names of columns must be told apart. */
const table = (
  endings: readonly string[],
  ends: Format['ends'],
  separator: string,
  fieldsOf: (text: string, fail: Fail) => Fields,
): Format => ({
  endings,
  ends,
  header: true,
  columns(text, fail) {
    const { values, offsets } = fieldsOf(text, fail);
    const twice = values.findIndex((name, i) => values.indexOf(name) < i);
    if (twice < 0) return values;
    return fail(
      'FROND-D026',
      `column ${values[twice]} stands twice`,
      offsets[twice] ?? 0,
      'give each column a name of its own',
    );
  },
  decode(text, columns, fail) {
    const { values, offsets } = fieldsOf(text, fail);
    checkCount({ values, offsets }, columns, 0, separator, fail);
    return {
      record: Object.fromEntries(columns.map((name, i) => [name, values[i]])),
      offsetOf: (column) => offsets[columns.indexOf(column)] ?? 0,
    };
  },
});

/** Columns without names of their own: 0, 1, … */
const isPlain = (columns: readonly string[]): boolean => columns.every((name, i) => name === String(i));

/** Points at the first column that is too much, or at the end. `at`: where the fields begin. */
function checkCount(
  { values, offsets }: Fields,
  columns: readonly string[],
  at: number,
  separator: string,
  fail: Fail,
): void {
  if (values.length === columns.length) return;
  const end = (offsets.at(-1) ?? 0) + (values.at(-1) ?? '').length;
  const more = columns.length > 8 ? ', …' : '';
  const named = isPlain(columns) ? '' : `: ${columns.slice(0, 8).join(', ')}${more}`;
  fail(
    'FROND-D026',
    `${values.length} column${values.length === 1 ? '' : 's'}, where the file has ${columns.length}${named}`,
    at + (offsets[columns.length] ?? end),
    `give every record all columns, and no more; ${separator} separate them`,
  );
}

/** Columns of a line, parted by tabs, or where it has none by white space. */
const columnsIn = (line: string): Fields => {
  if (line.includes('\t')) return splitFields(line, /\t/);
  const found = [...line.matchAll(/\S+/g)];
  return { values: found.map(([value]) => value), offsets: found.map(({ index }) => index) };
};

/**
 * The lines of a sentence, without comments in front of it, which begin with `#` and have other columns than its last line; none
 * where there are comments only, or CoNLL's mark of a document.
 */
function sentenceIn(text: string): readonly (Fields & { readonly at: number })[] {
  let end = 0;
  const lines = text.split(/(?<=\n|\r(?!\n))/).map((line) => {
    end += line.length;
    return { ...columnsIn(line.replace(/[\r\n]+$/, '')), at: end - line.length };
  });
  while (lines.at(-1)?.values.every((value) => value === '')) lines.pop();
  const count = lines.at(-1)?.values.length;
  const first = lines.findIndex(({ values }) => !values[0]?.startsWith('#') || values.length === count);
  const bare = lines.every(({ values }) => values[0]?.startsWith('#'));
  return bare || lines[first]?.values[0] === '-DOCSTART-' ? [] : lines.slice(first);
}

const conll: Format = {
  endings: ['.conll', '.conllu', '.iob', '.bio'],
  ends: 'blank line',
  columns(text) {
    const count = sentenceIn(text)[0]?.values.length;
    return count === undefined ? undefined : Array.from({ length: count }, (_, i) => String(i));
  },
  decode(text, columns, fail) {
    const lines = sentenceIn(text);
    if (lines.length === 0) return undefined;
    for (const line of lines) checkCount(line, columns, line.at, 'tabs or spaces', fail);
    const named = columns.map((name, i) => [name, lines.map(({ values }) => values[i] ?? '')] as const);
    // without names of their own: words come first, tags last
    const plain = isPlain(columns);
    const [first, last] = [
      ['text_a', named[0]?.[1]],
      ['label', named.at(-1)?.[1]],
    ] as const;
    const roles = plain ? (columns.length > 1 ? [first, last] : [first]) : [];
    const indexOf = (column: string): number =>
      plain && column === 'text_a'
        ? 0
        : plain && column === 'label'
          ? columns.length - 1
          : columns.indexOf(column);
    return {
      record: Object.fromEntries([...named, ...roles]),
      offsetOf(column, item = 0) {
        const line = lines[item];
        return (line?.at ?? 0) + (line?.offsets[indexOf(column)] ?? 0);
      },
    };
  },
};

const ONE_OBJECT = 'give one JSON object on each line';
const jsonl: Format = {
  endings: ['.jsonl', '.ndjson'],
  ends: 'line',
  decode(text, _, fail) {
    let record: unknown;
    try {
      record = parseStrictJson(text, 'this line');
    } catch (cause) {
      if (!(cause instanceof FrondError)) throw cause;
      return fail(cause.code, cause.summary, (cause.details.place?.column ?? 1) - 1, ONE_OBJECT);
    }
    if (!is.object.holds(record)) return fail('FROND-W002', 'this line is no JSON object', 0, ONE_OBJECT);
    return {
      record: record as DataRecord,
      offsetOf: (column) => Math.max(0, text.indexOf(JSON.stringify(column))),
    };
  },
};

/** Each line is a text: `text_a`, unless the column is given another name. */
const lines: Format = {
  endings: ['.txt', '.text'],
  ends: 'line',
  columns: () => ['text_a'],
  decode: (text, [name = 'text_a']) => ({ record: { [name]: text }, offsetOf: () => 0 }),
};

export const FORMATS = {
  /** fields parted by tabs, without quotes; the first line names the columns */
  tsv: table(['.tsv', '.tab'], 'line', 'tabs', (text) => splitFields(text, /\t/)),
  /** RFC 4180; the first record names the columns */
  csv: table(['.csv'], 'unquoted line', 'commas', quotedFields),
  /** a JSON object on each line */
  jsonl,
  /**
   * a word on each line, with columns parted by tabs or else white space, and a blank line after each sentence. Without names the
   * columns are `0`, `1`, …, of which the first is `text_a` too, and the last `label`
   */
  conll,
  /** a text on each line */
  lines,
} as const satisfies Readonly<Record<string, Format>>;
export type FormatName = keyof typeof FORMATS;
