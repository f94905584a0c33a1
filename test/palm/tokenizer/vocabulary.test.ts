import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../../src/base/random.ts';
import { chainConstraints, readTag } from '../../../src/nn/index.ts';
import { collectLabels, collectTags, labelSet } from '../../../src/palm/labels.ts';
import { word } from '../../../src/palm/tokenizer/tokenizer.ts';
import {
  buildVocabulary,
  parseVocabulary,
  printVocabulary,
  UNKNOWN,
  wordVocabularyFrom,
} from '../../../src/palm/tokenizer/vocabulary.ts';
import { runs } from '../../support/counts.ts';

describe('a vocabulary', () => {
  const sentences = ['a b a', 'c a b', 'd [PAD] [PAD]'].map((line) => line.split(' '));

  test('holds frequent words after padding and unknown, the most frequent first', () => {
    expect(buildVocabulary(sentences).tokens).toEqual(['[PAD]', '[UNK]', 'a', 'b']);
    expect(buildVocabulary(sentences, { minimumCount: 1 }).tokens).toEqual([
      '[PAD]',
      '[UNK]',
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  test('does not depend on the order of the sentences', () => {
    expect(buildVocabulary([...sentences].reverse(), { minimumCount: 1 })).toEqual(
      buildVocabulary(sentences, { minimumCount: 1 }),
    );
  });

  test('gives words their ids, and all others the id of unknown, also those that look like padding', () => {
    const vocabulary = buildVocabulary(sentences);
    expect(
      word({ vocabulary })
        .encode('a b c [PAD] __proto__')
        .map(({ id }) => id),
    ).toEqual([2, 3, UNKNOWN, UNKNOWN, UNKNOWN]);
  });

  test('is read back as it was written', () => {
    const words = fc.array(
      fc.string({ minLength: 1, unit: 'grapheme' }).filter((word) => !/\s/.test(word)),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(words, (sentence) => {
        const vocabulary = buildVocabulary([sentence], { minimumCount: 1 });
        expect(parseVocabulary(printVocabulary(vocabulary))).toEqual(vocabulary);
        expect(parseVocabulary(printVocabulary(vocabulary).replaceAll('\n', '\r\n'))).toEqual(vocabulary);
      }),
      { seed: 2, numRuns: runs(5000, 300) },
    );
  });

  test.each([
    'a\u00a0b',
    'a\u3000b',
    'a\u2028b',
    'a\ufeffb',
    'a\vb',
    'a\fb',
    'a\nb',
    'a\rb',
    'a\0b',
    'a\ud83d',
    '',
  ])('never takes %j, which would not be read back', (word) => {
    expect(() => buildVocabulary([['a'], [word]])).toThrow('[FROND-D021] the vocabulary: ');
  });

  test('takes U+FFFD, and a word that looks like a line end elsewhere', () => {
    const vocabulary = buildVocabulary([['\ufffd', '\u0085']], { minimumCount: 1 });
    expect(vocabulary.tokens).toHaveLength(4);
    expect(parseVocabulary(printVocabulary(vocabulary))).toEqual(vocabulary);
  });

  test.each(['x', -1, 1.5, Number.NaN, null])('refuses %j as least count', (minimumCount) => {
    expect(() => buildVocabulary(sentences, { minimumCount: minimumCount as number })).toThrow(
      /^\[FROND-T002\] buildVocabulary: minimumCount is /,
    );
  });

  test.each([
    ['', 'v.txt:1:1', 'a token is empty'],
    ['[PAD]\n', 'v.txt:1:1', 'there is no [UNK]'],
    ['[PAD]\n[UNK]\na\n\nb\n', 'v.txt:4:1', 'a token is empty'],
    ['[PAD]\n[UNK]\na\nb\na\n', 'v.txt:5:1', 'token "a" stands on line 3 already'],
    ['[PAD]\n[UNK]\na\0\n', 'v.txt:3:1', 'the token "a\\u0000" holds a zero byte or half of a character'],
    ['[UNK]\t0\na\t2\nb\t2\n', 'v.txt:3:1', 'id 2 stands on line 2 already'],
    ['[UNK]\t0\na\t2\na\t3\n', 'v.txt:3:1', 'token "a" stands on line 2 already'],
    ['[UNK]\t0\n\t2\n', 'v.txt:2:1', 'a token is empty'],
    ['[UNK]\t0\na\t99999999\n', 'v.txt:2:1', 'the id 99999999 is too large'],
  ])('is refused when its text is %j', (text, place, summary) => {
    expect(() => parseVocabulary(text, 'v.txt')).toThrow(
      `[FROND-D011] ${summary}\n  at ${place}\n  hint: a vocabulary has one token per line, or token, tab and id; [UNK] is among them`,
    );
  });

  test('may write ids beside its tokens and leave some out', () => {
    const vocabulary = parseVocabulary('[UNK]\t3\r\nb\t0\r\na \u3000b\t5\r\n', 'v.txt');
    expect(vocabulary.tokens).toEqual(['b', '', '', '[UNK]', '', 'a \u3000b']);
    expect(vocabulary.ids.get('[UNK]')).toBe(3);
    expect(parseVocabulary(printVocabulary(vocabulary)).tokens).toEqual(vocabulary.tokens);
    // a tab is part of a token where not every line ends in a number
    expect(parseVocabulary('[UNK]\na\t7\n').tokens).toEqual(['[UNK]', 'a\t7']);
  });

  test('that is damaged is refused with its line, whatever the damage, or is another vocabulary', () => {
    const texts = ['[PAD]\n[UNK]\nplay\n##ing\n\u5317\n', '[UNK]\t1\n[PAD]\t0\nplay\t7\n##ing\t4\n'];
    const put = fc.constantFrom(
      '',
      '\n',
      '\r',
      '\t',
      '\0',
      '\ud800',
      '\ufeff',
      '[UNK]',
      'play',
      '7',
      '9'.repeat(30),
      '-1',
    );
    const change = fc.tuple(fc.constantFrom(...texts), fc.nat(60), fc.nat(9), put);
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const text = changes.reduce(
          (all, [, at, length, one]) => all.slice(0, at) + one + all.slice(at + length),
          changes[0]?.[0] ?? '',
        );
        try {
          const { tokens, ids } = parseVocabulary(text, 'v.txt');
          expect([...ids].every(([token, id]) => tokens[id] === token)).toBe(true);
        } catch (error) {
          expect(String(error)).toMatch(/\[FROND-D011\] .*\n {2}at v\.txt:\d+:1\n/);
        }
      }),
      { seed: 31, numRuns: runs(20_000, 1000) },
    );
  });

  test('has the special tokens that are asked for, once and in front', () => {
    const { tokens } = buildVocabulary([['a', '[SEP]', '[SEP]', 'a']], { special: ['[CLS]', '[SEP]'] });
    expect(tokens).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a']);
  });

  test.each([
    [['[UNK]', '[PAD]'], 'vocabulary:1:1', 'expected [PAD], found "[UNK]"'],
    [['[PAD]', 'word', '[UNK]'], 'vocabulary:2:1', 'expected [UNK], found "word"'],
  ])('%j is refused by a reader whose ids begin with padding and unknown', (tokens, place, summary) => {
    expect(() => wordVocabularyFrom(tokens, 'vocabulary')).toThrow(
      `[FROND-D011] ${summary}\n  at ${place}\n`,
    );
  });
});

describe('fingerprints', () => {
  test('are fixed', () => {
    expect(fingerprint('')).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprint('frond')).toBe(fingerprint('frond'));
  });

  test('differ where texts differ', () => {
    const texts = ['', '\0', 'a', 'b', 'ab', 'ba', 'a\0', 'abc', 'abcd', 'abdc', 'aab', 'aba'];
    expect(new Set(texts.map(fingerprint)).size).toBe(texts.length);
    const many = Array.from({ length: 20_000 }, (_, i) => fingerprint(`word ${i}`));
    expect(new Set(many).size).toBe(many.length);
  });
});

describe('labels', () => {
  test('have ids by name, not by order of appearance', () => {
    expect(collectLabels(['b', 'a', 'b']).names).toEqual(['a', 'b']);
    expect(collectTags(['I-x', 'O', 'B-y', 'B-x', 'I-x']).names).toEqual(['O', 'B-x', 'I-x', 'B-y']);
    expect(collectTags(['B-x']).ids.get('O')).toBe(0);
    expect(() => collectTags(['city'])).toThrow('[FROND-D005] "city" is not a tag');
  });

  test('must be there, and once', () => {
    expect(() => labelSet([])).toThrow('[FROND-D012] no labels');
    expect(() => labelSet(['a', 'b', 'a'])).toThrow('[FROND-D012] label a stands twice');
  });

  test('are taken apart', () => {
    expect(readTag('B-depart_date.day_name')).toEqual({ part: 'B', type: 'depart_date.day_name' });
    expect(readTag('I-a-b')).toEqual({ part: 'I', type: 'a-b' });
    expect(readTag('B-')).toBeUndefined();
    expect(readTag('X')).toBeUndefined();
  });

  test('follow the rules of BIO', () => {
    const tags = ['O', 'B-x', 'I-x', 'B-y', 'I-y'];
    const { transitions, start } = chainConstraints(tags, 'BIO');
    const allowed = (scores: readonly number[]): string => scores.map((score) => +(score === 0)).join('');
    const rows = tags.map((_, i) => allowed(transitions.slice(i * 5, i * 5 + 5)));
    //                        O B I B I
    expect(rows).toEqual(['11010', '11110', '11110', '11011', '11011']);
    expect(allowed(start)).toBe('11010');
  });
});
