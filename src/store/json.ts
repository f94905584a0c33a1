import { show } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NATURAL = /(?:0|[1-9]\d*)(?![\d.eE])/y;
/** an escaped or literal half of a surrogate pair without its other half */
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** True where a text can be written as UTF-8. */
export const isWellFormed = (text: string): boolean => !LONE_SURROGATE.test(text);

/** Reads JSON (RFC 8259) token by token, linear in the text. Errors are FROND-W002 with the offset. */
export class JsonCursor {
  readonly text: string;
  readonly file: string;
  at = 0;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  fail(what: string): never {
    const before = this.text.slice(0, this.at).split('\n');
    throw new FrondError('FROND-W002', `${this.file}: malformed JSON at offset ${this.at}: ${what}`, {
      place: { file: this.file, line: before.length, column: (before.at(-1) ?? '').length + 1 },
      hint: 'the file is damaged, or was edited by hand',
    });
  }

  space(): void {
    // anything above a space is none: the usual case
    if (this.text.charCodeAt(this.at) > 32) return;
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  /** The next character that is not space; undefined at the end. */
  peek(): string | undefined {
    this.space();
    return this.text[this.at];
  }

  /** Takes `token` if it comes next. */
  take(token: string): boolean {
    this.space();
    const isNext = this.text.startsWith(token, this.at);
    if (isNext) this.at += token.length;
    return isNext;
  }

  expect(token: string): void {
    if (!this.take(token)) this.fail(`expected ${token}`);
  }

  string(): string {
    this.expect('"');
    const start = this.at - 1;
    // most strings hold no escape and nothing beyond the first code units: they are taken as they stand
    let simple = true;
    for (let code = this.text.charCodeAt(this.at); code !== 34; code = this.text.charCodeAt(this.at)) {
      if (Number.isNaN(code)) this.fail('unterminated string');
      if (code < 32) this.fail('control character in a string');
      if (code === 92 || code >= 0xd800) simple = false;
      this.at += code === 92 ? 2 : 1;
    }
    this.at++;
    if (simple) return this.text.slice(start + 1, this.at - 1);
    const value = this.#unescape(start);
    return isWellFormed(value) ? value : this.fail('half of a surrogate pair in a string');
  }

  #unescape(start: number): string {
    try {
      return JSON.parse(this.text.slice(start, this.at)) as string;
    } catch {
      return this.fail('bad escape in a string');
    }
  }

  number(): number {
    return Number(this.#token(NUMBER) ?? this.fail('a value was expected'));
  }

  /** A number written with digits only, and small enough to be exact; undefined, staying in place, for any other value. */
  natural(): number | undefined {
    const start = this.at;
    const value = Number(this.#token(NATURAL));
    if (Number.isSafeInteger(value)) return value;
    this.at = start;
    return undefined;
  }

  #token(pattern: RegExp): string | undefined {
    this.space();
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.at = pattern.lastIndex;
    return match[0];
  }

  /**
   * The members of an object: calls `member` with each name and its offset, which must read the value. Names are distinct.
   * @param most members that are read before giving up
   */
  members(member: (name: string, at: number) => void, most = Number.POSITIVE_INFINITY): void {
    const names = new Set<string>();
    this.expect('{');
    if (this.take('}')) return;
    do {
      this.space();
      const { at } = this;
      const name = this.string();
      if (names.has(name)) this.fail(`duplicate name ${show(name)}`);
      if (names.add(name).size > most) this.fail(`more than ${most} members`);
      this.expect(':');
      member(name, at);
    } while (this.take(','));
    this.expect('}');
  }

  /** The elements of a list: `element` must read each. */
  elements(element: () => void): void {
    this.expect('[');
    if (this.take(']')) return;
    do element();
    while (this.take(','));
    this.expect(']');
  }

  end(): void {
    if (this.peek() !== undefined) this.fail('text after the value');
  }
}

/** A JSON value; what an object holds is its own, also under names such as `__proto__`. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const MAX_DEPTH = 32;
const LITERALS = { t: ['true', true], f: ['false', false], n: ['null', null] } as const;

/** The names and numbers that lead to a value. */
export type JsonPath = readonly PropertyKey[];

/**
 * Strict JSON (RFC 8259) that refuses what `JSON.parse` lets through: duplicate names, halves of surrogate pairs and nesting
 * without end. Linear in the text. Errors are FROND-W002 with the offset.
 * @param note is told where each value begins, and where its name does if it has one
 */
export function parseStrictJson(
  text: string,
  file: string,
  note?: (path: JsonPath, value: number, name?: number) => void,
): Json {
  const cursor = new JsonCursor(text, file);
  const value = (path: JsonPath, name?: number): Json => {
    if (path.length > MAX_DEPTH) cursor.fail(`nested deeper than ${MAX_DEPTH}`);
    const first = cursor.peek();
    note?.(path, cursor.at, name);
    switch (first) {
      case '{': {
        const entries: [string, Json][] = [];
        cursor.members((name, at) => entries.push([name, value([...path, name], at)]));
        return Object.fromEntries(entries);
      }
      case '[': {
        const items: Json[] = [];
        cursor.elements(() => items.push(value([...path, items.length])));
        return items;
      }
      case '"':
        return cursor.string();
      case 't':
      case 'f':
      case 'n':
        cursor.expect(LITERALS[first][0]);
        return LITERALS[first][1];
      default:
        return cursor.number();
    }
  };
  const result = value([]);
  cursor.end();
  return result;
}
