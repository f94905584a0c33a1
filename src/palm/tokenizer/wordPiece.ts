import * as is from '../../base/kinds.ts';
import { checkSettings } from '../settings.ts';
import { bertSpelling, spellingOptions } from './spelling.ts';
import { type Part, specialIn, type Tokenizer, tokenizerOf } from './tokenizer.ts';
import { idIn, SPECIAL_TOKENS, type Vocabulary, vocabularyFrom, vocabularyKind } from './vocabulary.ts';

/** What is split off as a unit of its own: punctuation, among it every sign of ASCII (Devlin et al. 2019, `tokenization.py`). */
const PUNCTUATION = String.raw`!-\/:-@\[-\x60\{-~\p{P}`;
/** Blocks of Chinese characters, each of which is a unit; Japanese kana and Hangul are not among them. */
const CHINESE = String.raw`\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\u{2F800}-\u{2FA1F}`;

/** What the units are that WordPiece cuts into pieces: makers of a pattern with the flags g and u. */
export const UNITS = {
  /** words, signs of punctuation and single Chinese characters */
  bert: () => new RegExp(`[${PUNCTUATION}${CHINESE}]|[^\\s${PUNCTUATION}${CHINESE}]+`, 'gu'),
  /** words and signs of punctuation */
  punctuation: () => new RegExp(`[${PUNCTUATION}]|[^\\s${PUNCTUATION}]+`, 'gu'),
  /** words only */
  whiteSpace: () => /\S+/gu,
};
export type Units = keyof typeof UNITS;

const wordPieceOptions = {
  vocabulary: vocabularyKind,
  /**
   * by default small letters where no token has a capital, and accents left out where letters are small, as BERT does; Unicode
   * form `none`
   */
  ...spellingOptions,
  /** leave control characters out; default true */
  clean: is.optional(is.flag),
  /** what text is cut into before pieces are looked for: see `UNITS`; default `bert` */
  units: is.optional(is.oneOf(...(Object.keys(UNITS) as Units[]))),
  /** how a token begins that continues a word; default `##` */
  prefix: is.optional(is.text),
  /** a unit of more characters (code points) is unknown; default 100 */
  maximumCharacters: is.optional(is.count),
  /** the token of what has no pieces; default [UNK] */
  unknown: is.optional(is.name),
  /** tokens that are found in a text as they are, before it is spelt; default: those of [PAD], [UNK], [CLS], [SEP], [MASK] that there are */
  special: is.optional(is.names),
  /** tokens that are found whole once the text is spelt; default none */
  added: is.optional(is.names),
};
export type WordPieceOptions = is.OptionsOf<typeof wordPieceOptions>;

/**
 * WordPiece as BERT has it (Schuster and Nakajima 2012; Devlin et al. 2019): text is cleaned and spelt, cut at white space,
 * punctuation and around Chinese characters, and each unit is cut greedily into the longest tokens of the vocabulary; tokens
 * that continue a unit begin with `##`. A unit that cannot be cut so is one unknown piece.
 *
 *     const tokenizer = palm.tokenizer.wordPiece({ vocabulary: palm.parseVocabulary(await readFile('vocab.txt', 'utf8')) });
 *
 * @throws FROND-T002 for options that are missing, unknown or out of range
 */
export function wordPiece(options: WordPieceOptions): Tokenizer {
  checkSettings('wordPiece', options, wordPieceOptions);
  const { clean = true, units = 'bert', prefix = '##', maximumCharacters = 100 } = options;
  const { unknown = SPECIAL_TOKENS.unknown, added = [] } = options;
  const vocabulary = vocabularyFrom(options.vocabulary.tokens, 'vocabulary', unknown);
  const { special = specialIn(vocabulary) } = options;
  const { lowercase = !hasCapitals(vocabulary, special) } = options;
  const spelling = bertSpelling({ ...options, lowercase });
  const parts = piecesOf(vocabulary, prefix, maximumCharacters, idIn(vocabulary, unknown, 'wordPiece'));
  const settings = { ...spelling, clean, units, prefix, maximumCharacters, unknown, special, added };
  const cutting = { spelling, clean, unit: UNITS[units](), parts, verbatim: special, added, unknown };
  return tokenizerOf({ kind: 'wordPiece', ...settings }, { vocabulary, ...cutting });
}

const hasCapitals = ({ tokens }: Vocabulary, special: readonly string[]): boolean => {
  const verbatim = new Set([...Object.values<string>(SPECIAL_TOKENS), ...special]);
  return tokens.some((token) => token.toLowerCase() !== token && !verbatim.has(token));
};

/** Units whose pieces are remembered: most of a text is made of few words. */
const REMEMBERED = 2 ** 15;

/** Greedy longest match first. Linear in the unit, for a vocabulary: no token is looked for that is longer than the longest. */
function piecesOf({ ids }: Vocabulary, prefix: string, most: number, unknown: number) {
  let longest = 0;
  for (const token of ids.keys()) longest = Math.max(longest, token.length);
  const cut = (unit: string): readonly Part[] => {
    const parts: Part[] = [];
    const whole = [{ id: unknown, end: unit.length }];
    if (unit.length > most && Array.from(unit).length > most) return whole;
    for (let start = 0; start < unit.length; ) {
      const begin = start === 0 ? '' : prefix;
      let end = Math.min(unit.length, start + longest - begin.length);
      let id: number | undefined;
      for (; end > start && id === undefined; end--) id = ids.get(begin + unit.slice(start, end));
      if (id === undefined) return whole;
      start = end + 1;
      parts.push({ id, end: start });
    }
    return parts;
  };
  const known = new Map<string, readonly Part[]>();
  return (unit: string): readonly Part[] => {
    const earlier = known.get(unit);
    if (earlier !== undefined) return earlier;
    const parts = cut(unit);
    if (known.size >= REMEMBERED) known.clear();
    if (unit.length <= 64) known.set(unit, parts);
    return parts;
  };
}
