import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { palm } from '../../../src/index.ts';
import { runs } from '../../support/counts.ts';

const { buildWordPieces, wordPiece } = palm.tokenizer;
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** The definition, slowly: all pairs are counted anew for each merge. */
function merged(texts: readonly string[], minimumCount: number, most: number): string[] {
  let words = texts.flatMap((text) => text.split(' ').filter((word) => word !== ''));
  const characters = new Map<string, number>();
  for (const character of words.join('')) characters.set(character, (characters.get(character) ?? 0) + 1);
  const kept = [...characters.keys()].filter((one) => (characters.get(one) ?? 0) >= minimumCount).sort();
  words = words.filter((word) => [...word].every((one) => kept.includes(one)));
  const tokens = new Set([...SPECIAL, ...kept, ...kept.map((one) => `##${one}`)]);
  let cut = words.map((word) => [...word].map((one, i) => (i === 0 ? one : `##${one}`)));
  while (tokens.size < most) {
    const counts = new Map<string, number>();
    for (const word of cut)
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    const [best] = [...counts]
      .filter(([, count]) => count >= minimumCount)
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    if (best === undefined) break;
    const [first = '', second = ''] = best[0].split(' ');
    const one = first + second.slice(2);
    tokens.add(one);
    cut = cut.map((word) => {
      const result: string[] = [];
      for (let i = 0; i < word.length; i++) {
        const both = word[i] === first && word[i + 1] === second;
        result.push(both ? one : (word[i] ?? ''));
        if (both) i++;
      }
      return result;
    });
  }
  return [...tokens];
}

describe('a WordPiece vocabulary of a corpus', () => {
  test('merges the most frequent pair first', () => {
    const texts = ['low lower low', 'Low lowest [MASK] w'];
    const characters = [...'elorstw'];
    const vocabulary = buildWordPieces(texts, { size: 5 + 2 * characters.length + 3, minimumCount: 1 });
    expect(vocabulary.tokens).toEqual([
      ...SPECIAL,
      ...characters,
      ...characters.map((one) => `##${one}`),
      // both pairs of low occur 5 times: the first in code-unit order is merged first
      '##ow',
      'low',
      // twice, after low
      'lowe',
    ]);
    const ids = wordPiece({ vocabulary })
      .encode('LOWEST wow')
      .map(({ id }) => vocabulary.tokens[id]);
    expect(ids).toEqual(['lowe', '##s', '##t', 'w', '##ow']);
    // a word with a rare character teaches nothing
    expect(buildWordPieces([...texts, 'xxo'], { size: 40, minimumCount: 2 }).tokens).not.toContain('lowe');
  });

  const text = fc
    .array(fc.array(fc.constantFrom('a', 'a', 'b', 'c', '日', '😀'), { minLength: 1, maxLength: 8 }), {
      maxLength: 8,
    })
    .map((words) => words.map((word) => word.filter((one) => one !== '日').join('')).join(' '));
  const corpora = fc.array(text, { maxLength: 8 });

  test('is that of the definition, whatever the order of the texts', () => {
    fc.assert(
      fc.property(
        corpora,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 13, max: 40 }),
        (texts, minimumCount, size) => {
          const { tokens } = buildWordPieces(texts, { size, minimumCount });
          expect(tokens).toEqual(merged(texts, minimumCount, size));
          expect(buildWordPieces([...texts].reverse(), { size, minimumCount }).tokens).toEqual(tokens);
        },
      ),
      { seed: 21, numRuns: runs(20_000, 500) },
    );
  });

  test('has pieces for all that is made of its characters, and comes back from its file', () => {
    fc.assert(
      fc.property(corpora, (texts) => {
        const vocabulary = buildWordPieces(texts, { size: 25, minimumCount: 1 });
        const tokenizer = wordPiece({ vocabulary });
        for (const one of texts) expect(tokenizer.encode(one).some(({ id }) => id === 1)).toBe(false);
        expect(palm.parseVocabulary(palm.printVocabulary(vocabulary)).tokens).toEqual(vocabulary.tokens);
      }),
      { seed: 22, numRuns: runs(5000, 300) },
    );
  });

  test('needs room for its characters, and texts', () => {
    expect(() => buildWordPieces(['abc', 'abc'], { size: 10 })).toThrow(
      '[FROND-T002] buildWordPieces: size 10 is less than the 11 special tokens and characters\n  hint: raise size, or minimumCount, which leaves rare characters out',
    );
    expect(() => buildWordPieces('abc', { size: 10 })).toThrow(
      '[FROND-T002] buildWordPieces: texts is "abc"',
    );
    expect(() => buildWordPieces([7 as never], { size: 10 })).toThrow(
      '[FROND-T002] buildWordPieces: text is 7',
    );
    expect(buildWordPieces([], { size: 10, special: ['[UNK]'] }).tokens).toEqual(['[UNK]']);
  });

  test('grows in cost with the data, not with its square', () => {
    const words = Array.from({ length: 20_000 }, (_, i) => (i * 2654435761).toString(36));
    const start = performance.now();
    expect(buildWordPieces(words, { size: 3000 }).tokens).toHaveLength(3000);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
