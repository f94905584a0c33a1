/** Control characters, separators of lines, those that turn the direction of writing, halves and no characters. */
export const UNSEEN = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const digits = (count: number): string => code.toString(16).padStart(count, '0');
  // two digits would be a byte to a shell
  return NAMED[character] ?? (code < 128 ? `\\x${digits(2)}` : `\\u${digits(4)}`);
}

/**
 * A word, a label, a name of a file as a terminal may see it: what would move its cursor, colour it, break the line or turn
 * the direction of writing stands there as `\x1b`, `\n`, `\u202e`. Everything from data that the command prints goes through this.
 */
export const shown = (text: string): string => text.replace(UNSEEN, escaped);

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text within HTML or SVG. */
export const escapeMarkup = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
