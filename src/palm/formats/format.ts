import { type ErrorCode, FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { parseStrictJson } from '../../store/json.ts';
import { splitAt, splitWords, type Word } from '../words.ts';

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

const QUOTES_HINT = 'put a field with quotes, commas or line ends in quotes, and double the quotes in it';

/** RFC 4180, of which line ends may be any. */
function quotedFields(text: string, fail: Fail): readonly Word[] {
  const fields: Word[] = [];
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
    fields.push(
      quoted ? { text: value.slice(1, -1).replaceAll('""', '"'), at: at + 1 } : { text: value, at },
    );
    at = end + 1;
  }
  return fields;
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
  fieldsOf: (text: string, fail: Fail) => readonly Word[],
): Format => ({
  endings,
  ends,
  header: true,
  columns(text, fail) {
    const fields = fieldsOf(text, fail);
    const names = fields.map((field) => field.text);
    const twice = fields.find((field, i) => names.indexOf(field.text) < i);
    if (twice === undefined) return names;
    return fail(
      'FROND-D026',
      `column ${twice.text} stands twice`,
      twice.at,
      'give each column a name of its own',
    );
  },
  decode(text, columns, fail) {
    const fields = fieldsOf(text, fail);
    checkCount(fields, columns, 0, separator, fail);
    return {
      record: Object.fromEntries(columns.map((name, i) => [name, fields[i]?.text])),
      offsetOf: (column) => fields[columns.indexOf(column)]?.at ?? 0,
    };
  },
});

/** Columns without names of their own: 0, 1, … */
const isPlain = (columns: readonly string[]): boolean => columns.every((name, i) => name === String(i));

/** Points at the first column that is too much, or at the end. `from`: where the fields begin. */
function checkCount(
  fields: readonly Word[],
  columns: readonly string[],
  from: number,
  separator: string,
  fail: Fail,
): void {
  if (fields.length === columns.length) return;
  const { text, at } = fields.at(-1) ?? { text: '', at: from };
  const more = columns.length > 8 ? ', …' : '';
  const named = isPlain(columns) ? '' : `: ${columns.slice(0, 8).join(', ')}${more}`;
  fail(
    'FROND-D026',
    `${fields.length} column${fields.length === 1 ? '' : 's'}, where the file has ${columns.length}${named}`,
    fields[columns.length]?.at ?? at + text.length,
    `give every record all columns, and no more; ${separator} separate them`,
  );
}

/** A line of a sentence: its columns, parted by tabs, or where it has none by white space. */
interface Line {
  readonly fields: readonly Word[];
  readonly at: number;
}

/**
 * The lines of a sentence, without comments in front of it, which begin with `#` and have other columns than its last line; none
 * where there are comments only, or CoNLL's mark of a document.
 */
function sentenceIn(text: string): readonly Line[] {
  let end = 0;
  const lines = text.split(/(?<=\n|\r(?!\n))/).map((line): Line => {
    const [at, bare] = [end, line.replace(/[\r\n]+$/, '')];
    end += line.length;
    return { fields: bare.includes('\t') ? splitAt('\t', bare, at) : splitWords(bare, at), at };
  });
  while (lines.at(-1)?.fields.every((field) => field.text === '')) lines.pop();
  const count = lines.at(-1)?.fields.length;
  const isComment = ({ fields }: Line): boolean => fields[0]?.text.startsWith('#') === true;
  const first = lines.findIndex((line) => !isComment(line) || line.fields.length === count);
  return lines.every(isComment) || lines[first]?.fields[0]?.text === '-DOCSTART-' ? [] : lines.slice(first);
}

const conll: Format = {
  endings: ['.conll', '.conllu', '.iob', '.bio'],
  ends: 'blank line',
  columns(text) {
    const count = sentenceIn(text)[0]?.fields.length;
    return count === undefined ? undefined : Array.from({ length: count }, (_, i) => String(i));
  },
  decode(text, columns, fail) {
    const lines = sentenceIn(text);
    if (lines.length === 0) return undefined;
    for (const { fields, at } of lines) checkCount(fields, columns, at, 'tabs or spaces', fail);
    const places = new Map(columns.map((name, i) => [name, i]));
    // without names of their own: words come first, tags last
    if (isPlain(columns)) {
      places.set('text_a', 0);
      if (columns.length > 1) places.set('label', columns.length - 1);
    }
    const textsAt = (i: number) => lines.map(({ fields }) => fields[i]?.text ?? '');
    return {
      record: Object.fromEntries(Array.from(places, ([name, i]) => [name, textsAt(i)])),
      offsetOf(column, item = 0) {
        const line = lines[item];
        return line?.fields[places.get(column) ?? -1]?.at ?? line?.at ?? 0;
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
  tsv: table(['.tsv', '.tab'], 'line', 'tabs', (text) => splitAt('\t', text)),
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
