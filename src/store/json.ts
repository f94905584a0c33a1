import { JsonCursor } from './cursor.ts';

/** A JSON value with objects as maps, so that no key can touch a prototype and none can be lost. */
export type Json = null | boolean | number | string | readonly Json[] | ReadonlyMap<string, Json>;

const MAX_DEPTH = 32;
const LITERALS = { t: ['true', true], f: ['false', false], n: ['null', null] } as const;

/**
 * Strict JSON (RFC 8259) that refuses what `JSON.parse` lets through: duplicate names, halves of surrogate pairs and nesting
 * without end. Linear in the text. Errors are FROND-W002 with the offset.
 */
export function parseStrictJson(text: string, file: string): Json {
  const cursor = new JsonCursor(text, file);
  const value = (depth: number): Json => {
    if (depth > MAX_DEPTH) cursor.fail(`nested deeper than ${MAX_DEPTH}`);
    const first = cursor.peek();
    switch (first) {
      case '{': {
        const entries = new Map<string, Json>();
        cursor.members((name) => entries.set(name, value(depth + 1)));
        return entries;
      }
      case '[': {
        const items: Json[] = [];
        cursor.elements(() => items.push(value(depth + 1)));
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
  const result = value(0);
  cursor.end();
  return result;
}
