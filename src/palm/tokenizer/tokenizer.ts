import { checkArguments } from '../../base/arguments.ts';
import * as is from '../../base/kinds.ts';
import type { ComponentRecord } from '../contract.ts';
import { checkSettings } from '../settings.ts';
import { alignSpelling, type Spelling, spellingOf, spellingOptions, spellWord } from './spelling.ts';
import {
  idIn,
  SPECIAL_TOKENS,
  type SpecialToken,
  type Vocabulary,
  vocabularyFrom,
  vocabularyKind,
} from './vocabulary.ts';

/** A piece of a text that has an id. */
export interface Piece {
  readonly id: number;
  /** [start, end) in UTF-16 units of the text, never empty; neither ever falls from one piece to the next */
  readonly start: number;
  readonly end: number;
  /** number, from 0, of the word that it begins in; words are parted by white space (`\s`), whatever the tokenizer */
  readonly word: number;
  /** it goes on with what the piece before it began, as `##ing` after `play` does: whole-word masking hides both */
  readonly continues: boolean;
}

/** Turns texts into ids: what readers take. Plain data beside `encode`. */
export interface Tokenizer {
  readonly name: string;
  /** token of each id, and id of each token */
  readonly vocabulary: Vocabulary;
  /** ids of the special tokens that the vocabulary has */
  readonly special: { readonly [K in SpecialToken]?: number };
  /** whether an id stands for no text: special tokens, and ids without a token */
  isSpecial(id: number): boolean;
  /** The pieces of a text in their order, without special tokens around it. A special token that stands in the text is a piece. */
  encode(text: string): readonly Piece[];
  /** what a checkpoint keeps of it: see `tokenizerFrom` */
  readonly record: ComponentRecord;
}

export const tokenizerKind = is.typed<Tokenizer>(
  is.withFields('a tokenizer, such as palm.tokenizer.wordPiece gives', {
    name: is.name,
    vocabulary: vocabularyKind,
    special: is.objectOf(is.natural, 'ids of special tokens'),
    isSpecial: is.callable,
    encode: is.callable,
    record: is.withFields('what a tokenizer is made of', { kind: is.text }),
  }),
);

const specialKind = is.oneOf(...(Object.keys(SPECIAL_TOKENS) as SpecialToken[]));

/** The id of a special token that a reader cannot do without. @throws FROND-D023 when the vocabulary has none */
export function specialId(tokenizer: Tokenizer, token: SpecialToken, reader: string): number {
  const kinds = { tokenizer: tokenizerKind, token: specialKind, reader: is.text };
  checkArguments('specialId', kinds, [tokenizer, token, reader], 'FROND-T002');
  return tokenizer.special[token] ?? idIn(tokenizer.vocabulary, SPECIAL_TOKENS[token], reader);
}

/** Text in the spelling of the vocabulary, between two special tokens, is cut into units, and each unit into parts. */
interface Scheme {
  readonly vocabulary: Vocabulary;
  readonly spelling: Spelling;
  readonly clean: boolean;
  /** what the units are; with the flags g and u */
  readonly unit: RegExp;
  /** ids of a unit, each with its end in the unit */
  readonly parts: (unit: string) => readonly Part[];
  /** tokens that are found in a text before it is spelt, and those found after */
  readonly verbatim: readonly string[];
  readonly added?: readonly string[];
  /** the token of what has no id; default [UNK] */
  readonly unknown?: string;
}
export interface Part {
  readonly id: number;
  readonly end: number;
}

/** Matches any of `tokens`, the longest first, and keeps it when it splits; undefined for none. */
export function anyOf(tokens: readonly string[]): RegExp | undefined {
  const longestFirst = tokens.filter((token) => token !== '').sort((a, b) => b.length - a.length);
  const escaped = longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return escaped.length === 0 ? undefined : new RegExp(`(${escaped.join('|')})`);
}
/** A text cut at what matches, which stands at the odd places. */
export const cutAt = (pattern: RegExp | undefined, text: string): readonly string[] =>
  pattern === undefined ? [text] : text.split(pattern);

/** A tokenizer that cuts spelt text as `scheme` says; `record`: what it is made of, beside the vocabulary. */
export function tokenizerOf(record: ComponentRecord, scheme: Scheme): Tokenizer {
  const { vocabulary, spelling, clean, unit, parts, verbatim, added = [] } = scheme;
  const specials = anyOf(verbatim);
  const respelt = new Map(added.map((token) => [alignSpelling(token, spelling, clean).text, token]));
  const addedTokens = anyOf([...respelt.keys()]);
  const idOf = (token: string): number => idIn(vocabulary, token, record.kind);
  for (const token of added) idOf(token);
  const special = specialIds(vocabulary, scheme.unknown);
  const apart = new Set([...Object.values(special), ...verbatim.map(idOf)]);

  function encode(text: string): readonly Piece[] {
    checkArguments('encode', { text: is.text }, [text], 'FROND-T002');
    const pieces: Piece[] = [];
    const wordAt = wordCounter(text);
    const put = (id: number, start: number, end: number, continues: boolean): void => {
      pieces.push({ id, start, end, word: wordAt(start), continues });
    };
    let offset = 0;
    for (const [i, section] of cutAt(specials, text).entries()) {
      if (i % 2 === 1) put(idOf(section), offset, offset + section.length, false);
      else encodeSection(section, offset, put);
      offset += section.length;
    }
    return pieces;
  }

  function encodeSection(section: string, offset: number, put: Put): void {
    if (section === '') return;
    const { text, spans } = alignSpelling(section, spelling, clean);
    const startOf = (at: number): number => offset + (spans === undefined ? at : (spans.starts[at] ?? 0));
    const endOf = (at: number): number => offset + (spans === undefined ? at : (spans.ends[at - 1] ?? 0));
    let from = 0;
    for (const [i, run] of cutAt(addedTokens, text).entries()) {
      if (i % 2 === 1) put(idOf(respelt.get(run) ?? run), startOf(from), endOf(from + run.length), false);
      else {
        for (const match of run.matchAll(unit)) {
          const at = from + match.index;
          let begin = 0;
          for (const { id, end } of parts(match[0])) {
            put(id, startOf(at + begin), endOf(at + end), begin > 0);
            begin = end;
          }
        }
      }
      from += run.length;
    }
  }

  return {
    name: record.kind,
    vocabulary,
    special,
    isSpecial: (id) => apart.has(id) || (vocabulary.tokens[id] ?? '') === '',
    encode,
    record: { ...record, vocabulary: vocabulary.tokens },
  };
}
type Put = (id: number, start: number, end: number, continues: boolean) => void;

/** Gives the number of the word in which a place stands; places ascend. */
function wordCounter(text: string): (place: number) => number {
  const words = /\S+/g;
  let [number, end] = [-1, 0];
  return (place) => {
    while (place >= end && words.test(text)) [number, end] = [number + 1, words.lastIndex];
    return number;
  };
}

const specialIds = ({ ids }: Vocabulary, unknown: string = SPECIAL_TOKENS.unknown): Tokenizer['special'] => {
  const tokens = Object.entries({ ...SPECIAL_TOKENS, unknown });
  return Object.fromEntries(
    tokens.flatMap(([name, token]) => (ids.has(token) ? [[name, ids.get(token)]] : [])),
  );
};

/** The special tokens that a vocabulary has. */
export const specialIn = ({ ids }: Vocabulary): readonly string[] =>
  Object.values(SPECIAL_TOKENS).filter((token) => ids.has(token));

const wordOptions = { vocabulary: vocabularyKind, ...spellingOptions };
export type WordOptions = is.OptionsOf<typeof wordOptions>;

/**
 * One piece for each word: what white space parts. By default words are spelt in small letters and NFC.
 * A word that looks like padding is unknown.
 * @throws FROND-T002 for options that are missing, unknown or out of range
 */
export function word(options: WordOptions): Tokenizer {
  checkSettings('word', options, wordOptions);
  const vocabulary = vocabularyFrom(options.vocabulary.tokens, 'vocabulary');
  const spelling = spellingOf(options);
  const special = specialIn(vocabulary).filter((token) => token !== SPECIAL_TOKENS.padding);
  const unknown = idIn(vocabulary, SPECIAL_TOKENS.unknown, 'word');
  const idOf = (text: string): number => {
    const token = special.includes(text) ? text : spellWord(text, spelling);
    return token === SPECIAL_TOKENS.padding ? unknown : (vocabulary.ids.get(token) ?? unknown);
  };
  const parts = (unit: string): readonly Part[] => [{ id: idOf(unit), end: unit.length }];
  // words are spelt one by one, so that special tokens stand alone and spans are those of whole words
  const asItComes = spellingOf({ lowercase: false, unicode: 'none' });
  const cutting = { spelling: asItComes, clean: false, unit: /\S+/gu, verbatim: [] };
  return tokenizerOf({ kind: 'word', ...spelling }, { vocabulary, ...cutting, parts });
}

const characterOptions = {
  ...wordOptions,
  /** leave control characters out; default true */
  clean: is.optional(is.flag),
};
export type CharacterOptions = is.OptionsOf<typeof characterOptions>;

/**
 * One piece for each character (Unicode code point) that is no white space. By default in small letters and NFC.
 * @throws FROND-T002 for options that are missing, unknown or out of range
 */
export function character(options: CharacterOptions): Tokenizer {
  checkSettings('character', options, characterOptions);
  const vocabulary = vocabularyFrom(options.vocabulary.tokens, 'vocabulary');
  const { clean = true } = options;
  const spelling = spellingOf(options);
  const unknown = idIn(vocabulary, SPECIAL_TOKENS.unknown, 'character');
  const parts = (unit: string): readonly Part[] => [
    { id: vocabulary.ids.get(unit) ?? unknown, end: unit.length },
  ];
  const cutting = { spelling, clean, unit: /\S/gu, verbatim: specialIn(vocabulary) };
  return tokenizerOf({ kind: 'character', ...spelling, clean }, { vocabulary, ...cutting, parts });
}
