import { describe, expect, it } from 'vitest';
import { ops } from '../../src/ops/index.ts';
import { checkAttributes } from '../../src/ops/rules.ts';
import { builtIn } from './run.ts';

describe('attributes', () => {
  it('are declared by every op that has operands, and no others are taken', () => {
    for (const { name, kind, attributes } of builtIn()) {
      if (kind === 'source') continue;
      expect(attributes, name).toBeDefined();
      expect(() => checkAttributes(name, attributes ?? {}, { constructor: 1 })).toThrow(
        `[FROND-S019] ${name}: there is no attribute constructor`,
      );
    }
  });

  it('that are missing or of another kind are named, with what they must be', () => {
    const kinds = ops.get('concat')?.attributes ?? expect.fail('no concat');
    expect(() => checkAttributes('concat', kinds, {})).toThrow(
      'concat: attribute axis must be a whole number, not absent',
    );
    expect(() => checkAttributes('concat', kinds, { axis: '1' })).toThrow(
      'concat: attribute axis must be a whole number, not "1"',
    );
  });
});
