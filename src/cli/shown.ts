import { shown, UNSEEN } from '../base/shown.ts';

export { shown };

/** The same for text of several lines, such as an error's. */
export const shownLines = (text: string): string => text.split('\n').map(shown).join('\n');

/** `intent 0.53, slots 0.41` */
export const shownPairs = (pairs: readonly (readonly [name: string, value: string | number])[]): string =>
  pairs.map(([name, value]) => `${shown(name)} ${value}`).join(', ');

/** One line of JSON that a terminal may see: `JSON.stringify` leaves some of those characters as they are. */
export const shownJson = (value: unknown): string =>
  (JSON.stringify(value) ?? 'null').replace(
    UNSEEN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A fraction of 1 as percent, without the sign. */
export const percent = (fraction: unknown, digits = 1): string =>
  typeof fraction === 'number' ? (100 * fraction).toFixed(digits) : '–';

/** A word of a command line, quoted where a shell would read something else; control characters as `$'\x1b'`. */
export function shellWord(word: string): string {
  if (/^[\w./][\w@%+=:,./-]*$/.test(word)) return word;
  const safe = word.replace(/[\\']/g, '\\$&');
  return shown(word) === word ? `'${word.replace(/'/g, `'\\''`)}'` : `$'${shown(safe)}'`;
}
