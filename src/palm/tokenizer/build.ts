import { checkArguments } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { insert, remembered } from '../../base/own.ts';
import { checkSettings } from '../settings.ts';
import { bertSpelling, type Spelling, spell, spellingOptions, withoutControls } from './spelling.ts';
import { anyOf, cutAt } from './tokenizer.ts';
import { SPECIAL_TOKENS, type Vocabulary, vocabularyFrom } from './vocabulary.ts';
import { UNITS } from './wordPiece.ts';

export const buildOptions = {
  /** most tokens, special ones and single characters included */
  size: is.count,
  /** by default small letters, without accents where letters are small: give a tokenizer the same */
  ...spellingOptions,
  /** characters and pairs seen less often are left out; default 2 */
  minimumCount: is.optional(is.count),
  /** tokens in front; default [PAD], [UNK], [CLS], [SEP], [MASK] */
  special: is.optional(is.names),
};
export type WordPieceVocabularyOptions = is.OptionsOf<typeof buildOptions>;

const textsKind = is.series('texts');
const PREFIX = '##';
/** Longer units (in UTF-16) are no words. */
const LONGEST = 100;

/**
 * A WordPiece vocabulary of a corpus, by merging the most frequent pair of neighbouring tokens again and again (Sennrich et al.
 * 2016), of equal ones the first in code-unit order. Every character that is kept stands in it alone and as a continuation, so
 * that what is made of them always has pieces. Does not depend on the order of the texts.
 *
 *     const vocabulary = palm.tokenizer.buildWordPieces(texts, { size: 8000 });
 *     const tokenizer = palm.tokenizer.wordPiece({ vocabulary });
 *
 * @throws FROND-T002 for options out of range, and a size that the special tokens and characters exceed
 */
export function buildWordPieces(texts: Iterable<string>, options: WordPieceVocabularyOptions): Vocabulary {
  checkArguments('buildWordPieces', { texts: textsKind }, [texts], 'FROND-T002');
  checkSettings('buildWordPieces', options, buildOptions);
  const { size, minimumCount = 2, special = Object.values(SPECIAL_TOKENS) } = options;
  const counts = unitsOf(texts, bertSpelling(options), special);
  const characters = new Map<string, number>();
  for (const [unit, count] of counts) {
    for (const character of unit) characters.set(character, (characters.get(character) ?? 0) + count);
  }
  const kept = [...characters].flatMap(([one, count]) => (count < minimumCount ? [] : [one])).sort();
  const tokens = new Set([...special, ...kept, ...kept.map((character) => PREFIX + character)]);
  if (tokens.size > size) {
    const summary = `size ${size} is less than the ${tokens.size} special tokens and characters`;
    throw new FrondError('FROND-T002', `buildWordPieces: ${summary}`, {
      hint: 'raise size, or minimumCount, which leaves rare characters out',
    });
  }
  const known = new Set(kept);
  const words = [...counts].filter(([unit]) => Array.from(unit).every((character) => known.has(character)));
  for (const token of merges(words, minimumCount)) {
    if (tokens.size === size) break;
    tokens.add(token);
  }
  return vocabularyFrom([...tokens], 'vocabulary');
}

/** How often each unit occurs. */
function unitsOf(
  texts: Iterable<string>,
  spelling: Spelling,
  special: readonly string[],
): ReadonlyMap<string, number> {
  const [counts, unit, specials] = [new Map<string, number>(), UNITS.bert(), anyOf(special)];
  for (const text of texts) {
    checkArguments('buildWordPieces', { text: is.text }, [text], 'FROND-T002');
    for (const [i, section] of cutAt(specials, text).entries()) {
      if (i % 2 === 1) continue;
      for (const found of spell(withoutControls(section), spelling).match(unit) ?? []) {
        if (found.length <= LONGEST) counts.set(found, (counts.get(found) ?? 0) + 1);
      }
    }
  }
  return counts;
}

/** Two neighbouring tokens, with where they stand. */
interface Pair {
  readonly first: string;
  readonly second: string;
  count: number;
  /** the highest count that it waits under; its own may have fallen since */
  queued: number;
  /** words that it stands in, and some where it stood */
  readonly words: Set<number>;
}

/** Whether `a` is merged after `b`, where they are as frequent. */
const follows = (a: Pair, b: Pair): boolean =>
  a.first !== b.first ? a.first > b.first : a.second > b.second;

/** Pairs that wait, by count: the most frequent is taken, of equal ones the first in code-unit order. */
function waitingLine(minimumCount: number) {
  const waiting = new Map<number, Pair[]>();
  /** the count that is taken from; only its pairs are sorted, the first at the end */
  let top = Number.POSITIVE_INFINITY;
  const add = (pair: Pair): void => {
    pair.queued = pair.count;
    if (pair.count < minimumCount) return;
    top = Math.max(top, pair.count);
    const equal = remembered(waiting, pair.count, (): Pair[] => []);
    if (pair.count === top) insert(equal, pair, follows);
    else equal.push(pair);
  };
  const take = (): Pair | undefined => {
    while (waiting.size > 0) {
      const pair = waiting.get(top)?.pop();
      if (pair === undefined) {
        waiting.delete(top);
        top = Math.max(...waiting.keys());
        waiting.get(top)?.sort((a, b) => (follows(a, b) ? -1 : 1));
      } else if (pair.count === top) return pair;
      else add(pair);
    }
    return undefined;
  };
  return { add, take };
}

/** The tokens that merging makes, in its order; one may come twice, from different pairs. */
function* merges(words: readonly (readonly [string, number])[], minimumCount: number): Generator<string> {
  const symbols = words.map(([unit]) =>
    Array.from(unit, (character, i) => (i === 0 ? character : PREFIX + character)),
  );
  const pairs = new Map<string, Map<string, Pair>>();
  const line = waitingLine(minimumCount);
  /** Counts the pairs of a word, or takes them back with `sign` −1. */
  const count = (word: number, sign: 1 | -1): void => {
    const list = symbols[word] ?? [];
    for (let i = 1; i < list.length; i++) {
      const [first = '', second = ''] = [list[i - 1], list[i]];
      const after = pairs.get(first) ?? new Map<string, Pair>();
      if (after.size === 0) pairs.set(first, after);
      const pair = after.get(second) ?? { first, second, count: 0, queued: 0, words: new Set<number>() };
      after.set(second, pair);
      pair.count += sign * (words[word]?.[1] ?? 0);
      if (sign < 0) continue;
      pair.words.add(word);
      touched.add(pair);
    }
  };
  const touched = new Set<Pair>();
  const addTouched = (): void => {
    for (const pair of touched) if (pair.count > pair.queued) line.add(pair);
    touched.clear();
  };
  for (const word of words.keys()) count(word, 1);
  addTouched();
  for (let pair = line.take(); pair !== undefined; pair = line.take()) {
    const merged = pair.first + pair.second.slice(PREFIX.length);
    for (const word of pair.words) {
      const list = symbols[word] ?? [];
      count(word, -1);
      symbols[word] = joined(list, pair, merged);
      count(word, 1);
    }
    pairs.get(pair.first)?.delete(pair.second);
    addTouched();
    yield merged;
  }
}

/** The tokens of a word with each occurrence of a pair, from the left, as one. */
function joined(list: readonly string[], { first, second }: Pair, merged: string): string[] {
  const result: string[] = [];
  for (let i = 0; i < list.length; i++) {
    const both = list[i] === first && list[i + 1] === second;
    result.push(both ? merged : (list[i] ?? ''));
    if (both) i++;
  }
  return result;
}
