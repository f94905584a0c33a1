import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Spelling, spell, spellWord } from '../../../src/palm/tokenizer/spelling.ts';
import { wordProblem } from '../../../src/palm/words.ts';
import { runs } from '../../support/counts.ts';

const asItComes: Spelling = { lowercase: false, unicode: 'none', stripAccents: false };
const small: Spelling = { lowercase: true, unicode: 'NFC', stripAccents: false };
const bert: Spelling = { lowercase: true, unicode: 'none', stripAccents: true };
const all: readonly Spelling[] = (['none', 'NFC', 'NFD', 'NFKC', 'NFKD'] as const).flatMap((unicode) =>
  [true, false].flatMap((lowercase) =>
    ([true, false, 'all'] as const).map((stripAccents) => ({ lowercase, unicode, stripAccents })),
  ),
);

describe('the spelling of a text', () => {
  test('is one for capitals and for accents, however they are typed', () => {
    expect(['CAFE\u0301', 'Caf\u00e9', 'caf\u00e9'].map((word) => spell(word, small))).toEqual([
      'caf\u00e9',
      'caf\u00e9',
      'caf\u00e9',
    ]);
    expect(spell('CAFE\u0301', asItComes)).toBe('CAFE\u0301');
    expect(spell('CAFE\u0301', { ...asItComes, lowercase: true })).toBe('cafe\u0301');
    expect(spell('CAFE\u0301', { ...asItComes, unicode: 'NFC' })).toBe('CAF\u00c9');
  });

  test('leaves accents out where it is asked to', () => {
    expect(spell('Caf\u00e9 \u0130', bert)).toBe('cafe i');
    expect(spell('\u0110\u00f6ner', { ...asItComes, stripAccents: true })).toBe('\u0110oner');
    // a spacing mark is a vowel of its own: it goes only with all marks
    expect(spell('\u0915\u093e', bert)).toBe('\u0915\u093e');
    expect(spell('\u0915\u093e', { ...bert, stripAccents: 'all' })).toBe('\u0915');
    expect(spell('e\u0323\u0301', { ...asItComes, unicode: 'NFC', stripAccents: true })).toBe('e');
  });

  test('takes full-width letters and ligatures for plain ones in NFKC, capitals included', () => {
    const compatible: Spelling = { ...small, unicode: 'NFKC' };
    expect(spell('\uff21\uff22\uff43 \ufb01 \u{1d400}', compatible)).toBe('abc fi a');
    expect(spellWord('a\u00b4b', compatible)).toBe('a\u0301b');
  });

  test('of every character is a word, and is spelt so itself', () => {
    const wrong: number[] = [];
    for (let code = 1; code < 0x20000; code++) {
      const word = String.fromCodePoint(code);
      if (wordProblem(word) !== undefined) continue;
      const once = spellWord(`a${word}`, small);
      if (wordProblem(once) !== undefined || spellWord(once, small) !== once) wrong.push(code);
    }
    expect(wrong).toEqual([]);
  });

  test('is the spelling of what is spelt so, under every setting', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...all), (text, spelling) => {
        const once = spellWord(text, spelling);
        expect(spellWord(once, spelling)).toBe(once);
      }),
      { seed: 12, numRuns: runs(50_000, 2000) },
    );
  });
});
