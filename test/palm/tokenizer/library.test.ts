import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromTokenizerJson, tokenizerFrom } from '../../../src/palm/tokenizer/index.ts';
import { spell } from '../../../src/palm/tokenizer/spelling.ts';
import { runs } from '../../support/counts.ts';

// WordPiece against the library of Hugging Face, which gives ids but no spans.

interface Library {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly number[] };
}
const { Tokenizer } = createRequire(import.meta.url)('@huggingface/tokenizers') as {
  readonly Tokenizer: new (json: object, config: object) => Library;
};

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const alphabet = [
  ...'abcdegijlnopstuyzABÉİΣσςß019',
  ...'éèñåçıđ',
  ...'中文字北京一\u{20000}\u{2f800}豈',
  ...'かがカガｶ한국각힣ᄒ',
  ...'привет',
  ...'.,-_\'"()$+^`~。、「」¿',
  ...'😀👍🏽❤',
  '\u0301',
  '\u0323',
  '\u0915',
  '\u093e',
  '\ufe0f',
  '\u200d',
];
/** Every character of the alphabet but a few, alone and as a continuation, and some longer tokens: most words have pieces. */
const tokens = new Set(
  alphabet
    .filter((_, i) => i % 29 !== 5)
    .flatMap((unit) => [unit, unit.toLowerCase(), unit.normalize('NFD'), ...unit.normalize('NFD')])
    .flatMap((unit) => [unit, `##${unit}`]),
);
for (const word of ['play', 'playing', '##ing', 'cafe', 'café', '##no', 'στο', '##ος', '北京', 'a\u0301b'])
  tokens.add(word);
const vocab = Object.fromEntries(
  [...SPECIAL, 'new token', '中文x', ...tokens].map((token, id) => [token, id]),
);

interface Settings {
  readonly normalizer: object | null;
  readonly pre_tokenizer?: object;
}
const bert = (settings: object = {}): Settings => ({
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
    ...settings,
  },
});
const sequence = (...types: readonly string[]): Settings => ({
  normalizer: { type: 'Sequence', normalizers: types.map((type) => ({ type })) },
});
const settings: Readonly<Record<string, Settings>> = {
  uncased: bert(),
  cased: bert({ lowercase: false }),
  'small letters with accents': bert({ strip_accents: false }),
  'capitals without accents': bert({ strip_accents: true, lowercase: false }),
  'no cleaning': bert({ clean_text: false }),
  'no Chinese characters apart': bert({ handle_chinese_chars: false }),
  'no normalizer': { normalizer: null },
  'words of white space': { normalizer: null, pre_tokenizer: { type: 'WhitespaceSplit' } },
  'NFD, small letters, all marks': sequence('NFD', 'Lowercase', 'StripAccents'),
  'NFC and small letters': sequence('NFC', 'Lowercase'),
  'NFKC and small letters': sequence('NFKC', 'Lowercase'),
};
const jsonOf = ({ normalizer, pre_tokenizer = { type: 'BertPreTokenizer' } }: Settings) => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [
    ...SPECIAL.map((content, id) => ({ id, content, special: true, normalized: false })),
    { id: 5, content: 'new token', special: false, normalized: true },
    { id: 6, content: '中文x', special: false, normalized: false },
  ],
  normalizer,
  pre_tokenizer,
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 20,
    vocab,
  },
});

/** The library looks at UTF-16 units, and so does not set Chinese characters beyond U+FFFF apart as BERT does. */
const setApart = (text: string): string =>
  text.replace(/[\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu, ' $& ');

const unit = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...alphabet) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(' ', ' ', '\t', '\n', '\r\n', '\u00a0', '\u3000', '\u2028', '\v', '\u0085'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'play',
      'Playing',
      'CAFE\u0301',
      '👩‍👩‍👧',
      '🇫🇷',
      'ΟΔΟΣ',
      'New Token',
      'ﬁ',
      'Ａ',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(...SPECIAL, 'new token', '中文x', '[mask]') },
  { weight: 1, arbitrary: fc.constantFrom('\0', '\ufffd', '\u200b', '\ufeff', '\ue000', '\ud800', '\udc00') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }) },
);
const texts = fc.array(unit, { maxLength: 24, size: 'max' }).map((units) => units.join(''));

describe('WordPiece and its spans, against the library', () => {
  test.each(Object.entries(settings))('%s', (_, given) => {
    const json = jsonOf(given);
    const library = new Tokenizer(json, {});
    const tokenizer = fromTokenizerJson(JSON.stringify(json));
    const { record, vocabulary } = tokenizer;
    const again = tokenizerFrom(JSON.parse(JSON.stringify(record)));
    const spelling = record as unknown as Parameters<typeof spell>[1];
    const bare = (text: string): string => spell(text.replace(/\p{C}/gu, ''), spelling).replaceAll('ς', 'σ');
    const apart = record.units === 'bert' ? setApart : (text: string) => text;
    let known = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const pieces = tokenizer.encode(text);
        expect(pieces.map(({ id }) => id)).toEqual(
          library.encode(apart(text), { add_special_tokens: false }).ids,
        );
        expect(again.encode(text)).toEqual(pieces);
        let [before, word] = [{ start: 0, end: 0 }, 0];
        const words = [...text.matchAll(/\S+/g)];
        for (const piece of pieces) {
          expect(piece.end).toBeGreaterThan(piece.start);
          expect(piece.start).toBeGreaterThanOrEqual(before.start);
          expect(piece.end).toBeGreaterThanOrEqual(before.end);
          expect(piece.end).toBeLessThanOrEqual(text.length);
          expect(piece.word).toBeGreaterThanOrEqual(word);
          const within = words[piece.word];
          expect(within?.index).toBeLessThanOrEqual(piece.start);
          expect((within?.index ?? 0) + (within?.[0].length ?? 0)).toBeGreaterThan(piece.start);
          ({ word } = piece);
          before = piece;
          const token = vocabulary.tokens[piece.id] ?? '';
          const body = piece.continues ? token.slice(2) : token;
          const covered = text.slice(piece.start, piece.end);
          if (token === '[UNK]' || covered === token) continue;
          expect(bare(covered)).toContain(bare(body));
          known++;
        }
      }),
      { seed: 41, numRuns: runs(Math.ceil(100_000 / Object.keys(settings).length), 200) },
    );
    expect(known).toBeGreaterThan(runs(5000, 100));
  });
});
