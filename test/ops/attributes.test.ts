import { describe, expect, it } from 'vitest';
import { checkAttributes } from '../../src/ops/attributes.ts';
import { ops } from '../../src/ops/index.ts';

describe('attributes', () => {
  it('are declared by every op that has operands, and no others are taken', () => {
    const takers = [...ops.values()].filter(({ kind }) => kind !== 'source');
    expect(takers.filter(({ attributes }) => attributes === undefined)).toEqual([]);
    for (const op of takers) {
      expect(() => checkAttributes(op, { constructor: 1 })).toThrow(
        `[FROND-S019] ${op.name}: there is no attribute constructor`,
      );
    }
  });

  it('that are missing or of another kind are named, with what they must be', () => {
    const op = { ...(ops.get('concat') ?? expect.fail('no concat')) };
    expect(() => checkAttributes(op, {})).toThrow(
      'concat: attribute axis must be a whole number, not absent',
    );
    expect(() => checkAttributes(op, { axis: '1' })).toThrow(
      'concat: attribute axis must be a whole number, not "1"',
    );
  });
});
