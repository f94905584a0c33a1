import { show } from '../base/arguments.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';

// The one rule of what parts words. Files, standard input, texts to predict, examples in memory and vocabularies all keep to it,
// so that whatever is written can be read back.

/** A part of a text, and the offset at which it begins. */
export interface Word {
  readonly text: string;
  readonly at: number;
}

/**
 * The words of a line, parted by white space: all that `\s` matches, such as the space that does not break (U+00A0), the one of
 * Chinese and Japanese (U+3000), U+2028, and a byte-order mark. `from`: where the line itself begins.
 */
export const splitWords = (line: string, from = 0): readonly Word[] =>
  Array.from(line.matchAll(/\S+/g), (match) => ({ text: match[0], at: from + match.index }));

/** What a text holds between separators, of one character each. */
export function splitAt(separator: string, text: string, from = 0): readonly Word[] {
  let next = from;
  return text.split(separator).map((part) => {
    next += part.length + 1;
    return { text: part, at: next - part.length - 1 };
  });
}

/** The words without their places. */
export const wordsIn = (line: string): readonly string[] => line.match(/\S+/g) ?? [];

/** The lines of a text without their ends, which are those of Unix, Windows or old Macs; without a byte-order mark. */
export const linesOf = (text: string): string[] => text.replace(/^\uFEFF/, '').split(/\r\n?|\n/);

/** What no text holds: zero bytes, and halves of surrogate pairs, which have no UTF-8. */
const BROKEN = /[\0\p{Cs}]/u;

/** Index of the first character that no text holds; -1 where there is none. */
export const brokenAt = (text: string): number => text.search(BROKEN);

/** What keeps `word` from being one; undefined where nothing does. */
export function wordProblem(word: unknown): string | undefined {
  if (typeof word !== 'string') return `${JSON.stringify(word) ?? String(word)} is no text`;
  if (word === '') return 'a word is empty';
  if (/\s/.test(word)) return `the word ${show(word)} holds white space`;
  return BROKEN.test(word) ? `the word ${show(word)} holds a zero byte or half of a character` : undefined;
}

/** @throws FROND-D021 for an invalid word; `where` says which one it is */
export function checkWord(word: unknown, where: string, place?: SourcePlace): void {
  const problem = wordProblem(word);
  if (problem === undefined) return;
  throw new FrondError('FROND-D021', `${where}: ${problem}`, {
    place,
    hint: 'white space parts words: a word is a text without any',
  });
}

/** A sentence that the model would not see to its end. */
export const tooLong = (what: string, words: number, maximum: number, place?: SourcePlace): FrondError =>
  new FrondError('FROND-D008', `${what} of ${words} words is longer than ${maximum}`, {
    place,
    hint: 'raise maximumLength, or set truncate: true to let the model see the first words only',
  });
