import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { palm } from '../../../src/index.ts';
import { messageOf } from '../../support/message.ts';

const { textsOf } = palm.reader;
const file = (name: string, text: string) => palm.formats.open(new TextEncoder().encode(text), { name });

describe('texts that a vocabulary is built of', () => {
  it('are those of all columns that readers look for, or of those that are named', async () => {
    const pairs = file('pairs.tsv', 'text_a\ttext_b\tlabel\na b\tc\t1\nd\te\t0\n');
    expect(await textsOf(pairs)).toEqual(['a b', 'c', 'd', 'e']);
    expect(await textsOf(pairs, ['text_b'])).toEqual(['c', 'e']);
    expect(await textsOf(file('words.conll', 'a\tO\nb\tB-x\n\nc\tO\n'))).toEqual(['a b', 'c']);
    expect(await textsOf(file('plain.txt', 'a b\n\nc\n'))).toEqual(['a b', 'c']);
    expect(await textsOf([{ text: 'a' }, { text: 'b', second: 'c' }])).toEqual(['a', 'b', 'c']);
  });

  it('are no folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'frond-texts-'));
    const hint = `hint: give the path of a file of records, such as ${folder}/train.tsv`;
    expect(await messageOf(() => textsOf(folder))).toBe(
      `[FROND-T002] textsOf: ${folder} is a folder\n  ${hint}`,
    );
    const { tokenizer } = palm;
    const vocabulary = palm.buildVocabulary([['a']]);
    const options = { tokenizer: tokenizer.word({ vocabulary }) };
    expect(await messageOf(() => palm.reader.classify({ train: `${folder}/` }, options))).toBe(
      `[FROND-T002] classify: ${folder}/ is a folder\n  ${hint}`,
    );
    await rmdir(folder);
  });

  it('are missed with their place', async () => {
    const odd = file('odd.tsv', 'review\tlabel\na b\t1\n');
    expect(await messageOf(() => textsOf(odd))).toBe(
      '[FROND-D026] there is no column text_a\n  at odd.tsv:2:1\n  hint: the record has review, label; say with columns which one it is',
    );
    expect(await messageOf(() => textsOf(file('commas.tsv', 'text_a,label\na b,1\n')))).toContain(
      '  hint: its only column is "text_a,label": does another format separate columns so?',
    );
    expect(await messageOf(() => textsOf(file('blank.tsv', 'text_a\tlabel\n \t1\n')))).toContain(
      '[FROND-D009] text_a has no words\n  at blank.tsv:2:1\n',
    );
  });
});
