import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FORMATS } from '../../../src/palm/formats/format.ts';
import { type OpenOptions, open, type Row, scanner } from '../../../src/palm/formats/rows.ts';
import { survey } from '../../../src/palm/formats/survey.ts';
import { runs } from '../../support/counts.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What is read of a text. */
async function rowsIn(text: string | Uint8Array, name: string, options: OpenOptions = {}) {
  const file = open(typeof text === 'string' ? encode(text) : text, { ...options, name });
  const rows: Row[] = [];
  for await (const page of file.pages()) rows.push(...page);
  return rows;
}
const recordsIn = async (text: string | Uint8Array, name: string, options: OpenOptions = {}) =>
  (await rowsIn(text, name, options)).map(({ record }) => record);

const LINE_ENDS = ['\n', '\r\n', '\r'];
/** Any text that UTF-8 can hold, with what trips readers up. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '""',
        ',',
        '\t',
        '\n',
        '\r\n',
        ' ',
        '#',
        '日本',
        'é',
        '🙂',
        '\u3000',
        '\\',
        '{',
        'a',
      ),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join('').replaceAll('\0', ''));
const plain = text.map((value) => value.replace(/[\t\r\n]/g, ''));
const cell = plain
  .map((value) => value.replace(/\s/g, ''))
  .filter((value) => value !== '' && !value.startsWith('#'));
const table = (value: fc.Arbitrary<string>) =>
  fc.tuple(
    fc.uniqueArray(
      value.filter((name) => name !== '' && !name.startsWith('\uFEFF')),
      { minLength: 2, maxLength: 4 },
    ),
    fc.array(fc.array(value, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
  );
const lineEnd = fc.constantFrom(...LINE_ENDS);
const mark = fc.constantFrom('', '\uFEFF');

const recordsOf = (columns: readonly string[], rows: readonly (readonly string[])[]) =>
  rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? ''])));

describe('what is written is read back', () => {
  test('TSV', async () => {
    const property = fc.asyncProperty(table(plain), lineEnd, mark, async ([columns, rows], end, bom) => {
      const written = [columns, ...rows].map((row) => row.slice(0, columns.length).join('\t')).join(end);
      expect(await recordsIn(bom + written + end, 'a.tsv')).toEqual(recordsOf(columns, rows));
    });
    await fc.assert(property, { numRuns: runs(2000, 100) });
  });

  test('CSV, with quotes, commas and line ends in fields', async () => {
    const quote = (value: string) => `"${value.replaceAll('"', '""')}"`;
    const property = fc.asyncProperty(table(text), lineEnd, mark, async ([columns, rows], end, bom) => {
      const written = [columns, ...rows]
        .map((row) => row.slice(0, columns.length).map(quote).join(','))
        .join(end);
      expect(await recordsIn(bom + written, 'a.csv')).toEqual(recordsOf(columns, rows));
    });
    await fc.assert(property, { numRuns: runs(2000, 100) });
  });

  test('JSONL', async () => {
    const value = fc.oneof(
      text,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.array(text),
      fc.boolean(),
    );
    const record = fc.dictionary(text, value).map((one) => ({ ...one }));
    const property = fc.asyncProperty(fc.array(record, { minLength: 1 }), lineEnd, async (records, end) => {
      const written = records.map((one) => JSON.stringify(one)).join(end);
      expect(await recordsIn(written, 'a.jsonl')).toEqual(JSON.parse(JSON.stringify(records)));
    });
    await fc.assert(property, { numRuns: runs(2000, 100) });
  });

  test('CoNLL, with tabs or spaces, and comments', async () => {
    const sentence = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 });
    const separator = fc.constantFrom('\t', ' ', '   ');
    const property = fc.asyncProperty(
      fc.array(sentence, { minLength: 1, maxLength: 4 }),
      separator,
      lineEnd,
      fc.boolean(),
      async (sentences, between, end, comments) => {
        const blocks = sentences.map((words) => {
          const lines = words.map((columns) => columns.join(between));
          return [...(comments ? ['# text = one two three four', '#'] : []), ...lines].join(end) + end;
        });
        const wanted = sentences.map((words) => {
          const column = (i: number) => words.map((columns) => columns[i]);
          return { 0: column(0), 1: column(1), 2: column(2), text_a: column(0), label: column(2) };
        });
        expect(await recordsIn(blocks.join(end), 'a.conll')).toEqual(wanted);
      },
    );
    await fc.assert(property, { numRuns: runs(2000, 100) });
  });
});

test('records are the same however a file is cut into pages, and each can be read again', async () => {
  const written = 'id,text\n1,"two\r\nlines, ""quoted"""\r\n\n2,日本語 🙂\r\r3,"x"';
  const bytes = encode(written);
  const spans = (size: number) => {
    const scan = scanner('a.csv', FORMATS.csv);
    const pages = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const found = [...pages.flatMap((page) => scan(page, false)), ...scan(new Uint8Array(0), true)];
    return found.map((record) => ({ ...record, bytes: new TextDecoder().decode(record.bytes) }));
  };
  expect(spans(bytes.length)).toMatchObject([{ line: 1 }, { line: 2 }, { line: 5 }, { line: 7 }]);
  for (let size = 1; size < bytes.length; size++) expect(spans(size)).toEqual(spans(bytes.length));

  const whole = await recordsIn(written, 'a.csv');
  const file = open(bytes, { name: 'a.csv' });
  const surveyed = await survey(file, { settings: null, take: () => 1, summary: () => ({}) });
  expect(surveyed.size).toBe(3);
  const rows = await surveyed.read([2, 0, 1, 0]);
  expect(rows.map(({ record }) => record)).toEqual([2, 0, 1, 0].map((i) => whole[i]));
  expect(rows.map(({ line }) => line)).toEqual([7, 2, 5, 2]);
});
