import { describe, expect, test } from 'vitest';
import { FrondError } from '../../../src/base/errors.ts';
import { palm } from '../../../src/index.ts';
import { type OpenOptions, open } from '../../../src/palm/formats/rows.ts';
import { runs } from '../../support/counts.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

async function errorOf(text: string | Uint8Array, options: OpenOptions): Promise<unknown> {
  try {
    const bytes = typeof text === 'string' ? encode(text) : text;
    for await (const record of open(bytes, options)) void record;
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('what is wrong with a file is said with its place', () => {
  const quotes = 'put a field with quotes, commas or line ends in quotes, and double the quotes in it';
  const all = 'give every record all columns, and no more';
  const one = 'give one JSON object on each line';
  test.each([
    ['a.tsv', '', '[FROND-D002] a.tsv has no records\n  at a.tsv:1:1\n  hint: give a file with at least one'],
    [
      'a.tsv',
      'x\ty\n\n',
      '[FROND-D002] a.tsv has no records\n  at a.tsv:1:1\n  hint: give a file with at least one',
    ],
    [
      'a.tsv',
      'x\ty\n1\t2\r\n\n1\n',
      `[FROND-D026] 1 column, where the file has 2: x, y\n  at a.tsv:4:2\n  hint: ${all}; tabs separate them`,
    ],
    [
      'a.tsv',
      'x\ty\n日\t2\t3\n',
      `[FROND-D026] 3 columns, where the file has 2: x, y\n  at a.tsv:2:5\n  hint: ${all}; tabs separate them`,
    ],
    [
      'a.tsv',
      'x\ty\tx\n',
      '[FROND-D026] column x stands twice\n  at a.tsv:1:5\n  hint: give each column a name of its own',
    ],
    [
      'a.tsv',
      'x\n\n\na\0b',
      '[FROND-D007] a.tsv holds a zero byte\n  at a.tsv:4:2\n  hint: convert the file to UTF-8',
    ],
    [
      'a.tsv',
      Buffer.from('x\ny\nl\xefg', 'latin1'),
      '[FROND-D007] a.tsv is not valid UTF-8 here\n  at a.tsv:3:2\n  hint: convert the file to UTF-8',
    ],
    [
      'a.csv',
      'x,y\n"a\nb",c"d\n',
      `[FROND-D025] a quote stands within a field\n  at a.csv:3:5\n  hint: ${quotes}`,
    ],
    [
      'a.csv',
      'x,y\n1,"2" 3\n',
      `[FROND-D025] text follows a closing quote\n  at a.csv:2:6\n  hint: ${quotes}`,
    ],
    [
      'a.csv',
      'x,y\n1,2\n3,"4\n5,6\n',
      `[FROND-D025] a quote is never closed\n  at a.csv:3:3\n  hint: ${quotes}`,
    ],
    [
      'a.csv',
      'x,y\n1,2,\n',
      `[FROND-D026] 3 columns, where the file has 2: x, y\n  at a.csv:2:5\n  hint: ${all}; commas separate them`,
    ],
    [
      'a.jsonl',
      '{"x":1}\n{"x":1,}\n',
      `[FROND-W002] this line: malformed JSON at offset 7: expected "\n  at a.jsonl:2:8\n  hint: ${one}`,
    ],
    ['a.jsonl', '\n[1]\n', `[FROND-W002] this line is no JSON object\n  at a.jsonl:2:1\n  hint: ${one}`],
    [
      'a.conll',
      'to\tO\nrome\tB-city\tx\n\n',
      `[FROND-D026] 3 columns, where the file has 2\n  at a.conll:2:13\n  hint: ${all}; tabs or spaces separate them`,
    ],
    [
      'a.conll',
      'to O\n\n# id = 1\nfrom O\nrome\n',
      `[FROND-D026] 1 column, where the file has 2\n  at a.conll:5:5\n  hint: ${all}; tabs or spaces separate them`,
    ],
  ])('%s %j', async (name, text, message) => {
    expect(String(await errorOf(text, { name }))).toBe(`FrondError: ${message}`);
  });

  test('a record without an end', async () => {
    const text = `x,y\n1,"${'a,\n'.repeat(3_000_000)}`;
    expect(String(await errorOf(text, { name: 'a.csv' }))).toContain(
      '[FROND-D008] a record is longer than 4194304 bytes\n  at a.csv:2:1\n',
    );
  });

  test('a file that changed while it was in use', async () => {
    const bytes = encode('x\n1\n');
    const file = open(bytes, { name: 'a.tsv' });
    await file.columns();
    bytes.fill(10);
    await expect(file.read(2, 4, 2)).rejects.toThrow(
      '[FROND-D001] a.tsv has no record at byte 2 any more\n  at a.tsv:2',
    );
  });

  test('a name without an ending that is known, a file that does not exist', async () => {
    expect(() => open('data')).toThrow('[FROND-T002] open: the format of data is not known');
    const missing = open('/nowhere/a.tsv');
    await expect(missing.columns()).rejects.toThrow('[FROND-F041] cannot read /nowhere/a.tsv');
  });
});

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('20,000 mutations give records or an error with a code', () => {
  const NASTY = [
    '"',
    '\t',
    '\n',
    '\r',
    ',',
    '\0',
    '\\',
    '{',
    '}',
    '[',
    ':',
    '#',
    '-',
    '\x02',
    '\uFEFF',
    '9'.repeat(40),
  ];
  const mutate = (bytes: Uint8Array, random: () => number): Uint8Array => {
    let changed = bytes;
    for (let i = 0; i < 1 + random() * 3; i++) {
      const at = Math.floor(random() * changed.length);
      const end = Math.min(changed.length, at + Math.floor(random() * 12));
      const nasty = encode(NASTY[Math.floor(random() * NASTY.length)] ?? '');
      const middle = [
        nasty,
        new Uint8Array(0),
        Uint8Array.of(Math.floor(random() * 256)),
        changed.subarray(at, end),
      ][Math.floor(random() * 4)] as Uint8Array;
      const tail = random() < 0.1 ? new Uint8Array(0) : changed.subarray(random() < 0.5 ? at : end);
      changed = Buffer.concat([changed.subarray(0, at), middle, tail]);
    }
    return changed;
  };
  const files: Readonly<Record<string, string>> = {
    'a.tsv': 'text_a\tlabel\nthe soup was good .\tpositive\n我 很 好\tnegative\n',
    'a.csv': 'text_a,label\r\n"a ""good"", \r\nsoup",positive\r\nplain,negative\r\n',
    'a.jsonl': '{"text_a":"good","label":["a","b"]}\n{"text_a":"b\\u00e9d","label":null,"n":-1.5e3}\n',
    'a.conll': '# id = 1\nto\tO\nNew\tB-LOC\nYork\tI-LOC\n\nin O\nRome B-LOC\n',
    'vocab.txt': '[PAD]\n[UNK]\nthe\n##s\n',
  };
  test.each(Object.keys(files))('%s', async (name) => {
    const random = randomNumbers(name.length);
    let refused = 0;
    for (let i = 0; i < runs(4000, 150); i++) {
      const bytes = mutate(encode(files[name] ?? ''), random);
      const began = performance.now();
      const error =
        name === 'vocab.txt'
          ? await (async () => palm.parseVocabulary(new TextDecoder().decode(bytes)))().catch(
              (cause) => cause,
            )
          : await errorOf(bytes, { name });
      const shown = `${i}: ${Buffer.from(bytes).toString('latin1')}\n${String(error)}`;
      expect(performance.now() - began, shown).toBeLessThan(1000);
      if (error instanceof FrondError) {
        refused++;
        expect(error.details.place?.line, shown).toBeGreaterThan(0);
      } else expect(error instanceof Error, shown).toBe(false);
    }
    expect(refused).toBeGreaterThan(20);
  });
});
