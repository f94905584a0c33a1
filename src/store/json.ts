import { FrondError } from '../base/errors.ts';

/** A JSON value with objects as maps, so that no key can touch a prototype and none can be lost. */
export type Json = null | boolean | number | string | readonly Json[] | ReadonlyMap<string, Json>;

const MAX_DEPTH = 32;

/**
 * Strict JSON (RFC 8259) that refuses what `JSON.parse` lets through: duplicate names and nesting without end.
 * Linear in the text. Errors are FROND-W002 with the offset.
 */
export function parseStrictJson(text: string, file: string): Json {
  let at = 0;
  const fail = (what: string): never => {
    throw new FrondError('FROND-W002', `${file}: malformed JSON at offset ${at}: ${what}`, {
      place: { file },
    });
  };
  const space = (): void => {
    while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  };
  const expect = (token: string): void => {
    if (!text.startsWith(token, at)) fail(`expected ${token}`);
    at += token.length;
  };

  const string = (): string => {
    const start = at;
    expect('"');
    for (let code = text.charCodeAt(at); code !== 34; code = text.charCodeAt(at)) {
      if (Number.isNaN(code)) fail('unterminated string');
      if (code < 32) fail('control character in a string');
      at += code === 92 ? 2 : 1;
    }
    at++;
    try {
      return JSON.parse(text.slice(start, at)) as string;
    } catch {
      return fail('bad escape in a string');
    }
  };

  const number = (): number => {
    const match = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/.exec(text.slice(at, at + 400));
    if (match === null) return fail('a value was expected');
    at += match[0].length;
    return Number(match[0]);
  };

  const list = (depth: number): Json[] => {
    const items: Json[] = [];
    expect('[');
    space();
    if (text[at] !== ']') {
      for (;;) {
        items.push(value(depth));
        if (text[at] !== ',') break;
        at++;
      }
    }
    expect(']');
    return items;
  };

  const object = (depth: number): Map<string, Json> => {
    const entries = new Map<string, Json>();
    expect('{');
    space();
    if (text[at] !== '}') {
      for (;;) {
        space();
        const name = string();
        if (entries.has(name)) fail(`duplicate name ${JSON.stringify(name)}`);
        space();
        expect(':');
        entries.set(name, value(depth));
        if (text[at] !== ',') break;
        at++;
      }
    }
    expect('}');
    return entries;
  };

  const literals = { t: ['true', true], f: ['false', false], n: ['null', null] } as const;
  const value = (depth: number): Json => {
    if (depth > MAX_DEPTH) fail(`nested deeper than ${MAX_DEPTH}`);
    space();
    const first = text[at];
    let result: Json;
    if (first === '{') result = object(depth + 1);
    else if (first === '[') result = list(depth + 1);
    else if (first === '"') result = string();
    else if (first === 't' || first === 'f' || first === 'n') {
      expect(literals[first][0]);
      result = literals[first][1];
    } else result = number();
    space();
    return result;
  };

  const result = value(0);
  if (at !== text.length) fail('text after the value');
  return result;
}
