import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { palm } from '../../../src/index.ts';
import { alignSpelling, type Spelling, spell } from '../../../src/palm/tokenizer/spelling.ts';
import { runs } from '../../support/counts.ts';

const { character, fromTokenizerJson, specialId, tokenizerFrom, word, wordPiece } = palm.tokenizer;
type Tokenizer = palm.tokenizer.Tokenizer;

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const vocabularyOf = (...tokens: readonly string[]) =>
  palm.parseVocabulary([...SPECIAL, ...tokens].join('\n'));
/** token, covered text, word and whether it continues, of every piece */
const show = (tokenizer: Tokenizer, text: string): string[] =>
  tokenizer
    .encode(text)
    .map(
      ({ id, start, end, word, continues }) =>
        `${tokenizer.vocabulary.tokens[id]}|${text.slice(start, end)}|${word}${continues ? '+' : ''}`,
    );

describe('WordPiece', () => {
  const vocabulary = vocabularyOf('play', '##ing', '##in', 'p', "'", 's', '北', '京', 'cafe', '.', '##x');
  const tokenizer = wordPiece({ vocabulary });

  test('cuts words into the longest tokens, each with its text and its word', () => {
    expect(show(tokenizer, "Playing  play's\u3000CAFE\u0301.")).toEqual([
      'play|Play|0',
      '##ing|ing|0+',
      'play|play|1',
      "'|'|1",
      's|s|1',
      'cafe|CAFE\u0301|2',
      '.|.|2',
    ]);
    // no way back from a longest match that leads nowhere
    expect(show(tokenizer, 'playingx playinx playi')).toEqual([
      'play|play|0',
      '##ing|ing|0+',
      '##x|x|0+',
      'play|play|1',
      '##in|in|1+',
      '##x|x|1+',
      '[UNK]|playi|2',
    ]);
  });

  test('sets Chinese characters apart, those beyond U+FFFF too', () => {
    expect(show(tokenizer, '北京play\u{20000}s')).toEqual([
      '北|北|0',
      '京|京|0',
      'play|play|0',
      '[UNK]|\u{20000}|0',
      's|s|0',
    ]);
  });

  test('leaves control characters out, and covers those that it skips within a piece', () => {
    expect(show(tokenizer, '\u200bpl\u200bay\u200b \ufeff')).toEqual(['play|pl\u200bay|0']);
    expect(show(tokenizer, '\0 \ud800 play')).toEqual(['play|play|2']);
    expect(tokenizer.encode('')).toEqual([]);
  });

  test('takes special tokens as they stand', () => {
    expect(show(tokenizer, 'play[MASK]. [mask] [SEP]')).toEqual([
      'play|play|0',
      '[MASK]|[MASK]|0',
      '.|.|0',
      '[UNK]|[|1',
      '[UNK]|mask|1',
      '[UNK]|]|1',
      '[SEP]|[SEP]|2',
    ]);
    expect(tokenizer.special).toEqual({ padding: 0, unknown: 1, cls: 2, separator: 3, mask: 4 });
    expect([0, 4, 5, 99].map(tokenizer.isSpecial)).toEqual([true, true, false, true]);
  });

  test('follows the vocabulary in case and accents unless it is told otherwise', () => {
    const cased = vocabularyOf('Play', 'é');
    expect(wordPiece({ vocabulary: cased }).record).toMatchObject({ lowercase: false, stripAccents: false });
    expect(tokenizer.record).toMatchObject({ lowercase: true, stripAccents: true });
    const settings = { vocabulary: cased, lowercase: true, stripAccents: false, unicode: 'NFC' } as const;
    expect(show(wordPiece(settings), 'E\u0301 Play')).toEqual(['é|E\u0301|0', '[UNK]|Play|1']);
  });

  test('gives up on a unit that is too long, in characters', () => {
    const short = wordPiece({ vocabulary: vocabularyOf('😀', '##😀'), maximumCharacters: 3 });
    expect(show(short, '😀😀😀 😀😀😀😀')).toEqual([
      '😀|😀|0',
      '##😀|😀|0+',
      '##😀|😀|0+',
      '[UNK]|😀😀😀😀|1',
    ]);
  });

  test('needs its tokens in the vocabulary', () => {
    const plain = palm.parseVocabulary('[UNK]\na\n');
    expect(() => wordPiece({ vocabulary: plain, special: ['[MASK]'] })).toThrow(
      "[FROND-D023] wordPiece needs [MASK], which the vocabulary does not have\n  hint: take a vocabulary that has it, or build one with special: ['[MASK]']",
    );
    expect(() => wordPiece({ vocabulary: plain, unknown: '<unk>' })).toThrow(
      '[FROND-D011] there is no <unk>',
    );
    expect(() => specialId(wordPiece({ vocabulary: plain }), 'mask', 'maskedLM')).toThrow(
      '[FROND-D023] maskedLM needs [MASK]',
    );
    expect(specialId(tokenizer, 'mask', 'maskedLM')).toBe(4);
  });

  test('is linear in a text without end', () => {
    const long = `${'a'.repeat(200_000)} ${'play'.repeat(25)} ${'é\u0301'.repeat(100_000)}`;
    const start = performance.now();
    expect(tokenizer.encode(long).map(({ id }) => id)).toEqual([1, 1, 1]);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('tokenizers of words and characters', () => {
  const vocabulary = vocabularyOf('play', 'café', '爵', 'p', 'é');

  test('give words with their spans', () => {
    expect(show(word({ vocabulary }), ' Play CAFE\u0301,\tcafe\u0301\u00a0[PAD] [MASK]')).toEqual([
      'play|Play|0',
      '[UNK]|CAFE\u0301,|1',
      'café|cafe\u0301|2',
      '[UNK]|[PAD]|3',
      '[MASK]|[MASK]|4',
    ]);
    // a sign whose compatibility form holds a space is no second word
    const compatible = word({ vocabulary: vocabularyOf('a\u0301b'), unicode: 'NFKC' });
    expect(show(compatible, 'a\u00b4b')).toEqual(['a\u0301b|a\u00b4b|0']);
  });

  test('give characters with their spans', () => {
    expect(show(character({ vocabulary }), 'P 爵\u200bE\u0301😀[MASK]')).toEqual([
      'p|P|0',
      '爵|爵|1',
      'é|E\u0301|1',
      '[UNK]|😀|1',
      '[MASK]|[MASK]|1',
    ]);
  });
});

test('every tokenizer comes back from its record, and no other kind does', () => {
  const vocabulary = palm.parseVocabulary('[UNK]\t2\n[PAD]\t0\nplay\t7\n##s\t9\np\t8\n');
  const text = 'Plays P [PAD] é\u0301';
  for (const tokenizer of [wordPiece({ vocabulary }), word({ vocabulary }), character({ vocabulary })]) {
    const again = tokenizerFrom(JSON.parse(JSON.stringify(tokenizer.record)));
    expect(again.record).toEqual(tokenizer.record);
    expect(again.encode(text)).toEqual(tokenizer.encode(text));
    expect(() => tokenizer.encode(7 as never)).toThrow('[FROND-T002] encode: text is 7');
  }
  expect(() => tokenizerFrom({ kind: 'constructor' })).toThrow(
    '[FROND-T002] there is no tokenizer of kind constructor',
  );
  expect(() => tokenizerFrom({ kind: 'word', vocabulary: ['[PAD]'] })).toThrow(
    '[FROND-D011] there is no [UNK]',
  );
});

describe('a tokenizer.json', () => {
  const model = { type: 'WordPiece', vocab: { '[UNK]': 0, play: 1 } };
  const whole = {
    model,
    normalizer: { type: 'BertNormalizer' },
    pre_tokenizer: { type: 'BertPreTokenizer' },
  };
  const read = (json: unknown) => fromTokenizerJson(JSON.stringify(json), 'a/tokenizer.json');

  test('may leave out what has a default', () => {
    expect(show(read(whole), 'Play 北')).toEqual(['play|Play|0', '[UNK]|北|1']);
    expect(read({ ...whole, normalizer: null }).record).toMatchObject({ lowercase: false, clean: false });
  });

  test.each([
    [[], 'D024', 'a/tokenizer.json: it is no object'],
    [{}, 'D024', 'a/tokenizer.json: model is missing'],
    [
      { model: { type: 'BPE', vocab: {}, merges: [] } },
      'D024',
      'a/tokenizer.json: model is of type BPE; WordPiece is supported',
    ],
    [
      { model: { type: 'Unigram', vocab: [] } },
      'D024',
      'a/tokenizer.json: model is of type Unigram; WordPiece is supported',
    ],
    [{ model: { vocab: {} } }, 'D024', 'a/tokenizer.json: model has no type'],
    [
      { ...whole, model: { ...model, vocab: ['a'] } },
      'D024',
      'a/tokenizer.json: model.vocab is not an object of ids by token',
    ],
    [
      { ...whole, model: { ...model, vocab: { a: 1 } } },
      'D011',
      'there is no [UNK]\n  at a/tokenizer.json\n',
    ],
    [
      { ...whole, model: { ...model, vocab: { '[UNK]': 0, a: 1, b: 1 } } },
      'D011',
      '"a" and "b" have the same id 1\n  at a/tokenizer.json\n',
    ],
    [
      { ...whole, added_tokens: [{ id: 'x' }] },
      'D024',
      'a/tokenizer.json: added_tokens is not a list of tokens',
    ],
    [
      { ...whole, added_tokens: [{ id: 9, content: 'x', single_word: true }] },
      'D024',
      'a/tokenizer.json: added_tokens: "x" has single_word, which is not supported',
    ],
    [
      { ...whole, normalizer: { type: 'Strip' } },
      'D024',
      'a/tokenizer.json: normalizer Strip is not supported here',
    ],
    [
      { ...whole, normalizer: { type: 'Sequence', normalizers: [{ type: 'Lowercase' }, { type: 'NFKC' }] } },
      'D024',
      'a/tokenizer.json: normalizer NFKC is not supported here',
    ],
    [
      { ...whole, pre_tokenizer: { type: 'ByteLevel' } },
      'D024',
      'a/tokenizer.json: pre_tokenizer "ByteLevel" is not supported',
    ],
  ])('%j is refused', (json, code, summary) => {
    expect(() => read(json)).toThrow(`[FROND-${code}] ${summary}`);
  });

  test('with one token twice is no legal JSON', () => {
    const text = JSON.stringify(whole).replace('"play":1', '"play":1,"play":2');
    expect(() => fromTokenizerJson(text)).toThrow('duplicate name "play"');
  });

  test('that is damaged is refused with a code, whatever the damage', () => {
    const text = JSON.stringify({ ...whole, added_tokens: [{ id: 0, content: '[UNK]', special: true }] });
    const place = fc.nat({ max: text.length - 1 });
    const change = fc.tuple(
      place,
      fc.nat({ max: 9 }),
      fc.constantFrom('', '"', '{', '[', '0', '9'.repeat(20), 'null', 'x'),
    );
    fc.assert(
      fc.property(change, ([at, length, put]) => {
        try {
          fromTokenizerJson(text.slice(0, at) + put + text.slice(at + length)).encode('play Play');
        } catch (error) {
          expect(String((error as { readonly code?: unknown }).code)).toMatch(/^FROND-[DWT]\d+$/);
        }
      }),
      { seed: 5, numRuns: runs(20_000, 1000) },
    );
  });
});

describe('spelling with spans', () => {
  const forms = ['none', 'NFC', 'NFD', 'NFKC', 'NFKD'] as const;
  const every: readonly Spelling[] = forms.flatMap((unicode) =>
    ([false, true, 'all'] as const).map((stripAccents) => ({ unicode, stripAccents, lowercase: true })),
  );

  test('spells as the whole text is spelt, whatever stands side by side', () => {
    const wrong: string[] = [];
    const before = ['a', '\u1100', '\uac00', '\uff76', '\u0915', 'a\u0316', '\u{16d67}', '\u03a3', 'x '];
    for (let code = 0; code < 0x30000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const character = String.fromCodePoint(code);
      for (const unicode of forms) {
        const spelling = { unicode, lowercase: true, stripAccents: false };
        // each character after one of them in a sample, after all of them in the long run
        const some = before.filter((_, i) => (i + code) % runs(1, before.length) === 0);
        const text = some.map((one) => `${one}${character}`).join('.');
        if (alignSpelling(text, spelling, false).text !== spell(text, spelling)) wrong.push(text);
      }
    }
    expect(wrong).toEqual([]);
  });

  const unit = fc.oneof(
    fc.constantFrom(
      'a',
      'É',
      ' ',
      '\u0301',
      '\u0316',
      '\u3099',
      'ｶ',
      'ﾞ',
      'ㄱ',
      'ㅏ',
      '\u1100',
      '\u1161',
      '\u11a8',
      '각',
      'Σ',
      'İ',
      'ﬁ',
      '\u00b4',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  );
  test('gives every unit the text that it came from', () => {
    const texts = fc.array(unit, { maxLength: 12, size: 'max' }).map((units) => units.join(''));
    fc.assert(
      fc.property(texts, fc.constantFrom(...every), (text, spelling) => {
        const { text: spelt, spans } = alignSpelling(text, spelling, false);
        expect(spelt).toBe(spell(text, spelling));
        const { starts, ends } = spans ?? {
          starts: Array.from({ length: spelt.length }, (_, i) => i),
          ends: Array.from({ length: spelt.length }, (_, i) => i + 1),
        };
        if (spans === undefined) expect(spelt.length).toBe(text.length);
        expect([starts.length, ends.length]).toEqual([spelt.length, spelt.length]);
        starts.forEach((start, i) => {
          const end = ends[i] ?? 0;
          expect(end).toBeGreaterThan(start);
          expect(start).toBeGreaterThanOrEqual(starts[i - 1] ?? 0);
          expect(end).toBeGreaterThanOrEqual(ends[i - 1] ?? 0);
          expect(end).toBeLessThanOrEqual(text.length);
        });
      }),
      { seed: 6, numRuns: runs(100_000, 2000) },
    );
  });
});
