import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { palm } from '../../../src/index.ts';
import { runs } from '../../support/counts.ts';

const { assembler, character } = palm.tokenizer;
const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const vocabulary = palm.parseVocabulary(
  ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...letters].join('\n'),
);
const tokenizer = character({ vocabulary });
const show = (row: palm.tokenizer.Assembled): string =>
  row.ids.map((id, i) => `${vocabulary.tokens[id]}${row.segments[i]}`).join(' ');

describe('rows', () => {
  test('have special tokens around one text or two', () => {
    const [ab, c] = [tokenizer.encode('ab'), tokenizer.encode('c')];
    const assemble = assembler(tokenizer, 8);
    expect(show(assemble(ab))).toBe('[CLS]0 a0 b0 [SEP]0');
    const pair = assemble(ab, c);
    expect(show(pair)).toBe('[CLS]0 a0 b0 [SEP]0 c1 [SEP]1');
    expect(pair.pieces).toEqual([undefined, ...ab, undefined, ...c, undefined]);
    expect(show(assemble(ab, []))).toBe('[CLS]0 a0 b0 [SEP]0 [SEP]1');
  });

  test('go without those that the vocabulary lacks', () => {
    const plain = character({ vocabulary: palm.parseVocabulary('[UNK]\na\nb\n') });
    const row = assembler(plain, 3)(plain.encode('ab'), plain.encode('a'));
    expect([row.ids, row.segments]).toEqual([
      [1, 2, 1],
      [0, 0, 1],
    ]);
  });

  test('drop pieces one by one from the longer text, of the second where both are as long', () => {
    const length = fc.nat(12);
    fc.assert(
      fc.property(
        length,
        fc.option(length, { nil: undefined }),
        fc.integer({ min: 5, max: 24 }),
        (a, b, maximum) => {
          const first = tokenizer.encode(letters.slice(0, a).join(''));
          const second = b === undefined ? undefined : tokenizer.encode(letters.slice(12, 12 + b).join(''));
          const row = assembler(tokenizer, maximum)(first, second);
          // the rule, word by word
          const texts = [[...first], ...(second === undefined ? [] : [[...second]])];
          const room = maximum - 1 - texts.length;
          let dropped = 0;
          while (texts.flat().length > room) {
            const [one = [], two] = texts;
            (two === undefined || one.length > two.length ? one : two).pop();
            dropped++;
          }
          const wanted = [undefined, ...texts.flatMap((text) => [...text, undefined])];
          expect(row.pieces).toEqual(wanted);
          expect(row.dropped).toBe(dropped);
          expect(row.ids.length).toBeLessThanOrEqual(maximum);
        },
      ),
      { seed: 51, numRuns: runs(20_000, 1000) },
    );
  });

  test('have room for a piece of each text', () => {
    expect(() => assembler(tokenizer, 2)([])).toThrow(
      '[FROND-T002] a row of 2 has no room beside 2 special tokens\n  hint: give a maximumLength of 3 or more',
    );
    expect(() => assembler(tokenizer, 8)('ab' as never)).toThrow('[FROND-T002] assemble: first is "ab"');
  });
});
