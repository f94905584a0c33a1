import { mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrondError } from '../../../src/base/errors.ts';
import { palm } from '../../../src/index.ts';
import { textReaderFrom } from '../../../src/palm/reader/classify.ts';
import { matchFrom } from '../../../src/palm/reader/match.ts';
import { sequenceLabelFrom } from '../../../src/palm/reader/sequenceLabel.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const file = (name: string, text: string) => palm.formats.open(encode(text), { name });
const tokens = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'good',
  'bad',
  'so',
  '##up',
  'to',
  'new',
  'york',
  ',',
  '"',
];
const tokenizer = palm.tokenizer.wordPiece({ vocabulary: palm.parseVocabulary(`${tokens.join('\n')}\n`) });

const messageOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return error instanceof FrondError ? error.message : `not a FrondError: ${String(error)}`;
  }
  return 'nothing was thrown';
};
const draw = { uniform: () => 0.5 };
const list = (batch: palm.Batch, name: string) => Array.from(batch[name]?.data ?? []);
const all = async <E>(part: palm.Part<E> | undefined) =>
  part?.read(Array.from({ length: part.size }, (_, i) => i)) ?? [];

describe('classify', () => {
  test('gives pieces, classes by sorted name and weights', async () => {
    const train = file('train.tsv', 'id\tlabel\ttext_a\n1\tyes\tgood soup\n2\tno\tBad\n');
    const valid = file('valid.tsv', 'text_a\tlabel\nso\tmaybe\ngood\t\nbad\tno\n');
    const reader = await palm.reader.classify({ train, valid }, { tokenizer, maximumLength: 4 });
    expect(reader.classes).toEqual(['no', 'yes']);
    expect(reader.names).toEqual({ tokens, labels: ['no', 'yes'] });
    expect([0, 1].map((row) => reader.parts.train?.lengthOf(row))).toEqual([4, 3]);
    expect(reader.notes).toEqual([
      '1 labels of valid are never shown in training and count as errors: maybe',
      'the model sees the first 4 pieces only of 1 of 2 texts of train',
    ]);
    const examples = await all(reader.parts.train);
    expect(examples).toEqual([
      { text: 'good soup', label: 'yes', file: 'train.tsv', line: 2 },
      { text: 'Bad', label: 'no', file: 'train.tsv', line: 3 },
    ]);
    const batch = reader.pack(examples, { batch: 3, time: 4 }, draw);
    expect(list(batch, 'tokens')).toEqual([2, 4, 6, 3, 2, 5, 3, 0, 0, 0, 0, 0]);
    expect(list(batch, 'lengths')).toEqual([4, 3, 1]);
    expect(list(batch, 'labels')).toEqual([1, 0, 0]);
    expect(list(batch, 'weights')).toEqual([1, 1, 0]);
    const others = reader.pack(await all(reader.parts.valid), { batch: 3, time: 4 }, draw);
    expect(list(others, 'weights')).toEqual([0, 0, 1]);
  });

  test('reads the same records of all formats and of memory, with the same digest of the same file', async () => {
    const records = [
      { text_a: 'good, "so"', label: 'yes' },
      { text_a: 'bad', label: 'no' },
    ];
    const sources: readonly palm.reader.Source[] = [
      records,
      file('a.tsv', 'text_a\tlabel\ngood, "so"\tyes\nbad\tno\n'),
      file('a.csv', 'label,text_a\nyes,"good, ""so"""\nno,bad\n'),
      file('a.jsonl', records.map((one) => JSON.stringify(one)).join('\n')),
    ];
    for (const train of sources) {
      const [one, two] = await Promise.all([1, 2].map(() => palm.reader.classify({ train }, { tokenizer })));
      expect(await all(one?.parts.train)).toMatchObject([
        { text: 'good, "so"', label: 'yes' },
        { text: 'bad', label: 'no' },
      ]);
      expect(one?.parts.train?.digest).toBe(two?.parts.train?.digest);
    }
    const digests = await Promise.all(
      [40, 41].map(async (maximumLength) => {
        const { parts } = await palm.reader.classify({ train: records }, { tokenizer, maximumLength });
        return parts.train?.digest;
      }),
    );
    expect(digests[0]).not.toBe(digests[1]);
  });

  test('numbers sort by size, and several labels or a number are read too', async () => {
    const counted = await palm.reader.classify(
      { train: file('a.tsv', 'text\tlabel\nso\t10\nso\t9\n') },
      { tokenizer },
    );
    expect(counted.classes).toEqual(['9', '10']);
    const many = await palm.reader.classify(
      {
        train: file(
          'a.jsonl',
          '{"text":"so","label":"b|a"}\n{"text":"so","label":["c"]}\n{"text":"so","label":[]}',
        ),
      },
      { tokenizer, labels: 'many' },
    );
    const batch = many.pack(await all(many.parts.train), { batch: 3, time: 4 }, draw);
    expect(many.classes).toEqual(['a', 'b', 'c']);
    expect(batch.labels).toMatchObject({ dtype: 'f32', shape: [3, 3] });
    expect(list(batch, 'labels')).toEqual([1, 1, 0, 0, 0, 1, 0, 0, 0]);
    expect(list(batch, 'weights')).toEqual([1, 1, 1]);
    const scored = await palm.reader.classify(
      {
        train: [
          { text: 'so', value: 1.5 },
          { text: 'bad', score: '-2' },
        ],
      },
      { tokenizer, labels: 'number' },
    );
    expect(list(scored.pack(await all(scored.parts.train), { batch: 2, time: 4 }, draw), 'labels')).toEqual([
      1.5, -2,
    ]);
  });

  const header = 'text_a\tlabel\n';
  test.each([
    [
      'a column that is missing',
      'text\tclass\nso\tyes\n',
      {},
      '[FROND-D026] there is no column label\n  at a.tsv:2:1\n  hint: the record has text, class; say with columns which one it is',
    ],
    [
      'a text without words',
      `${header}so\tyes\n \tno\n`,
      {},
      '[FROND-D009] text_a has no words\n  at a.tsv:3:1\n  hint: take the record out, or fill it',
    ],
    [
      'a label that is missing',
      `${header}so\t\n`,
      {},
      '[FROND-D027] label holds no label\n  at a.tsv:2:4\n  hint: give each training example a label',
    ],
    [
      'a label that is not given',
      `${header}so\tyes\nbad\tperhaps\n`,
      { classes: ['yes', 'no'] },
      '[FROND-D006] unknown class perhaps\n  at a.tsv:3:5\n  hint: known are: yes, no',
    ],
    [
      'a label that is no number',
      `${header}so\t1\nbad\tx\n`,
      { labels: 'number' as const },
      '[FROND-D027] label is "x", no number\n  at a.tsv:3:5\n  hint: write numbers as 1.5; for classes leave labels: \'number\' out',
    ],
  ])('says where there is %s', async (_, text, options, message) => {
    expect(
      await messageOf(palm.reader.classify({ train: file('a.tsv', text) }, { tokenizer, ...options })),
    ).toBe(message);
  });

  test.each([
    ['one', '{"id":1}', 'is an object, no label'],
    ['one', '["x"]', 'is a list, no label'],
    ['many', '{"id":1}', 'is an object, no label'],
    ['many', '["x",{}]', 'holds an object, no label'],
    ['many', '["x",null]', 'holds null, no label'],
  ] as const)('says what a label may be: labels: %s, %s', async (labels, label, what) => {
    const train = file('a.jsonl', `{"text":"so","label":"x"}\n{"text":"so","label":${label}}\n`);
    expect(await messageOf(palm.reader.classify({ train }, { tokenizer, labels: labels as 'many' }))).toBe(
      [
        `[FROND-D027] label ${what}`,
        '  at a.jsonl:2:14',
        "  hint: a label is a text, a number, or true or false; with labels: 'many' it may be a list of them",
      ].join('\n'),
    );
  });

  test.each(['{}', '[5]', '" "'])('a list or an object is no number: %s', async (label) => {
    const train = file('a.jsonl', `{"text":"so","label":${label}}`);
    expect(await messageOf(palm.reader.classify({ train }, { tokenizer, labels: 'number' }))).toContain(
      `, no number\n  at a.jsonl:1:14\n  hint: write numbers as 1.5`,
    );
  });

  test('names the nearest of the columns that it reads', async () => {
    const columns = { text: 'review', label: 'stars' } as never;
    expect(await messageOf(palm.reader.classify({ train: [] }, { tokenizer, columns }))).toMatch(
      /^\[FROND-T002\] classify: columns is an object\n.*\n {2}hint: did you mean text_a by text\? give names of columns: { text_a, text_b, label }$/,
    );
  });

  test('refuses strange labels of other parts where it is strict, and parts that give no classes', async () => {
    const train = [{ text: 'so', label: 'yes' }];
    const valid = [
      { text: 'so', label: 'yes' },
      { text: 'so', label: 'no' },
    ];
    expect(await messageOf(palm.reader.classify({ train, valid }, { tokenizer, strict: true }))).toContain(
      '[FROND-D006] unknown class no\n  at valid:2:1',
    );
    expect(await messageOf(palm.reader.classify({ valid }, { tokenizer }))).toContain('[FROND-D014]');
    expect(
      await messageOf(palm.reader.classify({ train: [{ text: {}, label: 'x' }] }, { tokenizer })),
    ).toContain('[FROND-D020] text is an object, no text\n  at train:1:1');
    expect(await messageOf(palm.reader.classify('a.tsv' as never, { tokenizer }))).toContain('[FROND-T002]');
  });

  test('is made again from its record', async () => {
    const made = await palm.reader.classify(
      { train: [{ s: 'so good', label: 'x' }] },
      { tokenizer, columns: { text_a: 's' }, maximumLength: 3, name: 'mine' },
    );
    const again = textReaderFrom(JSON.parse(JSON.stringify(made.record)));
    for (const input of ['so good', { s: 'so good' }, { text: 'so good' }]) {
      const [one, two] = [made.parse?.(input), again.parse?.(input)];
      expect(one).toEqual(two);
      const size = { batch: 1, time: 4 };
      expect(made.pack([one as never], size, draw)).toEqual(again.pack([two as never], size, draw));
      expect([again.unseen?.(two as never), again.length(two as never)]).toEqual([1, 3]);
    }
    expect(again.name).toBe('mine');
  });
});

describe('match', () => {
  test('pairs have two segments; in prediction a tab parts them', async () => {
    const reader = await palm.reader.match(
      { train: file('a.tsv', 'label\ttext_a\ttext_b\n1\tso\tgood bad\n0\tso\tto\n') },
      { tokenizer },
    );
    const batch = reader.pack([reader.parse?.('so\tgood bad') as never], { batch: 1, time: 8 }, draw);
    expect(list(batch, 'tokens')).toEqual([2, 6, 3, 4, 5, 3, 0, 0]);
    expect(list(batch, 'segments')).toEqual([0, 0, 0, 1, 1, 1, 0, 0]);
    expect(list(batch, 'weights')).toEqual([0]);
    expect(() => reader.parse?.('so')).toThrow('[FROND-D026] there is no second text');
  });

  test('pairwise, better and worse stand side by side', async () => {
    const text = 'text_a\ttext_b\ttext_b_neg\tqid\nso\tgood\tbad to\tq1\nto\tto\tso\tq2\n';
    const reader = await palm.reader.match({ train: file('a.tsv', text) }, { tokenizer, pairwise: true });
    expect(reader.rowsPerExample).toBe(2);
    const [first, second] = await all(reader.parts.train);
    expect(first?.candidates).toEqual([
      { query: 'q1', relevance: 1 },
      { query: 'q1', relevance: 0 },
    ]);
    expect(reader.parts.train?.lengthOf(0)).toBe(6);
    const again = matchFrom(JSON.parse(JSON.stringify(reader.record)));
    const alone = again.parse?.({ text_a: 'so', text_b: 'good' });
    const batch = again.pack([first, alone, second], { batch: 6, time: 6 }, draw);
    expect(list(batch, 'weights')).toEqual([1, 1, 0, 0, 1, 1]);
    expect(list(batch, 'tokens').slice(0, 24)).toEqual(
      [
        [2, 6, 3, 4, 3, 0],
        [2, 6, 3, 5, 8, 3],
        [2, 6, 3, 4, 3, 0],
        [2, 6, 3, 4, 3, 0],
      ].flat(),
    );
    expect((alone as palm.reader.RankedExample).candidates).toEqual([{ query: 'so', relevance: 1 }]);
  });
});

describe('sequenceLabel', () => {
  const conll = 'to O\nnew I-LOC\nyork I-LOC\nsoup B-LOC\n\nsoup O\n';
  test('tags of words, whatever they are written in, at their first pieces', async () => {
    const reader = await palm.reader.sequenceLabel({ train: file('a.conll', conll) }, { tokenizer });
    expect(reader.tags).toEqual(['O', 'B-LOC', 'I-LOC']);
    const examples = await all(reader.parts.train);
    expect(examples[0]).toEqual({
      words: ['to', 'new', 'york', 'soup'],
      tags: ['O', 'B-LOC', 'I-LOC', 'B-LOC'],
      file: 'a.conll',
      line: 1,
    });
    const batch = reader.pack([...examples].reverse(), { batch: 2, time: 8 }, draw);
    expect(list(batch, 'tokens')).toEqual([2, 6, 7, 3, 0, 0, 0, 0, 2, 8, 9, 10, 6, 7, 3, 0]);
    expect(list(batch, 'firstPieces').slice(8, 12)).toEqual([9, 10, 11, 12]);
    expect(list(batch, 'wordCounts')).toEqual([1, 4]);
    expect(list(batch, 'tags')).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0]);
    const again = sequenceLabelFrom(JSON.parse(JSON.stringify(reader.record)));
    const parsed = again.parse?.('new york');
    expect(parsed?.words).toEqual(['new', 'york']);
    expect(list(again.pack([parsed as never], { batch: 1, time: 4 }, draw), 'weights')).toEqual([0]);
  });

  test('the same of PALM’s form, of white space, of JSON, in all schemes', async () => {
    const sources = [
      file('a.tsv', 'text_a\tlabel\nto\x02new\x02york\tO\x02B-LOC\x02L-LOC\n'),
      file('a.tsv', 'text_a\tlabel\nto new york\tO B-LOC E-LOC\n'),
      file('a.jsonl', '{"tokens":["to","new","york"],"ner_tags":["O","B-LOC","I-LOC"]}'),
      [{ words: ['to', 'new', 'york'], tags: ['O', 'B-LOC', 'I-LOC'] }],
    ];
    for (const train of sources) {
      const reader = await palm.reader.sequenceLabel({ train }, { tokenizer, scheme: 'BIOES' });
      expect(await all(reader.parts.train)).toMatchObject([
        { words: ['to', 'new', 'york'], tags: ['O', 'B-LOC', 'E-LOC'] },
      ]);
    }
  });

  test.each([
    ['a.conll', 'to O\nnew LOC\n', '[FROND-D005] "LOC" is not a tag\n  at a.conll:2:5\n'],
    [
      'a.tsv',
      'text_a\tlabel\nto\x02new\x02york\tO\x02O\n',
      '[FROND-D004] 3 words have 2 tags\n  at a.tsv:2:8\n',
    ],
    ['a.tsv', 'text_a\tlabel\nto\tO O\n', '[FROND-D004] 1 words have 2 tags\n  at a.tsv:2:6\n'],
    [
      'a.tsv',
      'text_a\tlabel\nto\x02\x02york\tO\x02O\x02O\n',
      '[FROND-D021] a word is empty\n  at a.tsv:2:4\n',
    ],
    [
      'a.jsonl',
      '{"words":["to"],"tags":{"to":"O"}}',
      '[FROND-D020] tags is an object, no text\n  at a.jsonl:1:17\n  hint: give a list of texts, or one text of words with white space between',
    ],
    ['a.conll', 'to\tO\n\tO\n', '[FROND-D021] a word is empty\n  at a.conll:2:1\n'],
  ])('%s %j is refused with its place', async (name, text, message) => {
    expect(await messageOf(palm.reader.sequenceLabel({ train: file(name, text) }, { tokenizer }))).toContain(
      message,
    );
  });
});

describe('a cache', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'frond-cache-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('saves the pass over a file, until the file or the settings change, or it is damaged', async () => {
    const [train, cache] = [join(folder, 'a.tsv'), join(folder, 'cache')];
    let passes = 0;
    const counting = {
      ...tokenizer,
      encode: (text: string) => {
        passes++;
        return tokenizer.encode(text);
      },
    };
    const read = async (maximumLength = 8) => {
      passes = 0;
      const reader = await palm.reader.classify({ train }, { tokenizer: counting, cache, maximumLength });
      const { digest, size, lengthOf } = reader.parts.train as palm.Part;
      const lengths = Array.from({ length: size }, (_, row) => lengthOf(row));
      return {
        passes,
        classes: reader.classes,
        digest,
        lengths,
        notes: reader.notes,
        texts: await all(reader.parts.train),
      };
    };
    await writeFile(train, 'text_a\tlabel\nso\tx\ngood bad\ty\n');
    const first = await read();
    expect(first).toMatchObject({ passes: 2, classes: ['x', 'y'], lengths: [3, 4] });
    expect(await read()).toEqual({ ...first, passes: 0 });
    expect((await read(3)).passes).toBe(2);
    expect((await readdir(cache)).length).toBe(2);
    // the same size, other content, the same time
    const { mtime, atime } = await stat(train);
    await writeFile(train, 'text_a\tlabel\nto\tx\ngood bad\ty\n');
    await utimes(train, atime, mtime);
    const changed = await read();
    expect(changed.passes).toBe(2);
    expect(changed.digest).not.toBe(first.digest);
    for (const name of await readdir(cache)) await truncate(join(cache, name), 100);
    expect(await read()).toEqual(changed);
  });
});
