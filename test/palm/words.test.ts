import { describe, expect, test } from 'vitest';
import { readLines } from '../../src/palm/reader/text.ts';
import { brokenAt, linesOf, splitWords, wordProblem } from '../../src/palm/words.ts';

/** What `\s` matches, one by one: among them what does not break (U+00A0), ideographic space, U+2028, the byte-order mark. */
const SPACES = [
  '\t',
  '\v',
  '\f',
  ' ',
  '\u00a0',
  '\u1680',
  '\u2003',
  '\u2028',
  '\u2029',
  '\u202f',
  '\u3000',
  '\ufeff',
];

describe('words', () => {
  test.each(SPACES)('are parted by %j, with their places', (space) => {
    expect(splitWords(`${space}play${space}${space}jazz `)).toEqual([
      { text: 'play', at: 1 },
      { text: 'jazz', at: 7 },
    ]);
    expect(wordProblem(`play${space}jazz`)).toContain('holds white space');
  });

  test('are no words with a line end, a zero byte, half of a character, or nothing in them', () => {
    for (const word of ['a\nb', 'a\rb', 'a\0', '\ud83d', 'a\udca9b', '', 7, undefined, null, {}]) {
      expect(wordProblem(word), String(word)).toBeTypeOf('string');
    }
    for (const word of ['a', '\ufffd', '\ud83d\udca9', '\u0085', '\u200b', '__proto__']) {
      expect(wordProblem(word), word).toBeUndefined();
    }
    expect(brokenAt('ab\0')).toBe(2);
  });

  test('of Unix, Windows and old Macs stand on the same lines', () => {
    const lines = ['a b', '', 'c\u2028d', 'e\u0085f'];
    for (const end of ['\n', '\r\n', '\r']) expect(linesOf(`\ufeff${lines.join(end)}`)).toEqual(lines);
  });
});

describe('reading is linear', () => {
  const awkward = [
    ...SPACES,
    '\n',
    '\r',
    '\r\n',
    '\0',
    '\ufffd',
    '\ud800',
    '\u0301',
    '-',
    'I-',
    'a ',
    ' \n',
    '"',
  ];

  /** All that a file goes through before its words are looked up. */
  async function read(text: string): Promise<number> {
    const lines = await readLines('f', async () => text, '').catch(() => linesOf(text));
    return lines.length + splitWords(text).length;
  }

  test.each(awkward)('in 10 MB of %j', async (character) => {
    // a square would show in the small text: there it takes a second, and 40 minutes in the large one
    for (const size of [200_000, 10_000_000]) {
      const text = `a${character.repeat(size / character.length)}b`;
      const start = performance.now();
      expect(await read(text)).toBeGreaterThan(0);
      expect(performance.now() - start, `${size} characters`).toBeLessThan(size / 500 + 200);
    }
  });
});
