import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { parseStrictJson } from '../../src/store/json.ts';
import { runs } from '../support/counts.ts';

const codeOf = (text: string): string => {
  try {
    parseStrictJson(text, 'x.json');
    return 'accepted';
  } catch (error) {
    if (error instanceof FrondError) return error.code;
    throw error;
  }
};

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('strict JSON', () => {
  it('means what JSON means', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6 }),
        fc.constantFrom(undefined, 1, '\t', ' \r\n'),
        (value, space) => {
          const text = JSON.stringify(value, null, space);
          expect(parseStrictJson(text, 'x.json')).toEqual(JSON.parse(text));
        },
      ),
      { seed: 8, numRuns: runs(5000, 500) },
    );
  });

  it('accepts nothing that JSON.parse does not, whatever is changed', () => {
    const change = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.constantFrom(
        '',
        ',',
        ':',
        '"',
        '\\',
        '{',
        ']',
        '0',
        '-',
        '.',
        'e',
        'null',
        ' ',
        '\u0000',
        '\ud800',
      ),
    });
    const outcomes = { accepted: 0, 'FROND-W002': 0 };
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), change, (value, { at, remove, insert }) => {
        const text = JSON.stringify(value);
        const start = at % (text.length + 1);
        const changed = text.slice(0, start) + insert + text.slice(start + remove);
        const code = codeOf(changed);
        outcomes[code as keyof typeof outcomes]++;
        if (code === 'accepted') expect(parses(changed), changed).toBe(true);
        else expect(code).toBe('FROND-W002');
      }),
      { seed: 9, numRuns: runs(20_000, 2000) },
    );
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(runs(20_000, 2000) / 20);
  });

  it.each([
    ['an empty text', ''],
    ['a duplicate name', '{"a":1,"a":1}'],
    ['a duplicate name in disguise', '{"a":1,"\\u0061":1}'],
    ['nesting beyond 32', `${'['.repeat(40)}${']'.repeat(40)}`],
    ['nesting without end', '['.repeat(1_000_000)],
    ['half of a surrogate pair', '"\\udc00"'],
    ['two values', '1 2'],
    ['a leading zero', '01'],
    ['a plus', '+1'],
    ['a bare dot', '1.'],
    ['NaN', 'NaN'],
    ['a word that begins like true', 'tru'],
    ['a comma at the end', '[1,]'],
    ['a name without quotes', '{a:1}'],
    ['a space that JSON does not know', '\u00a01'],
    ['a byte-order mark', '\ufeff1'],
  ])('refuses %s', (_, text) => {
    expect(codeOf(text)).toBe('FROND-W002');
  });

  it('keeps names that touch the prototype of an object', () => {
    const parsed = Object(parseStrictJson('{"__proto__":{"x":1},"constructor":2}', 'x.json'));
    expect(Object.entries(parsed)).toEqual([
      ['__proto__', { x: 1 }],
      ['constructor', 2],
    ]);
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  });
});
