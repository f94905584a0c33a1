import { describe, expect, test } from 'vitest';
import { FrondError, palm } from '../../src/index.ts';
import { planBatches } from '../../src/palm/batches.ts';
import type { JointFolderOptions, JointOptions } from '../../src/palm/reader/joint.ts';

const good = { words: ['to', 'rome'], tags: ['O', 'B-city'], intent: 'travel' };
type Part = readonly palm.JointExample[];
const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof FrondError ? error.message : `not a FrondError: ${String(error)}`;
  }
  return 'nothing was thrown';
};

describe('examples in memory are held to the rules of files', () => {
  const of = (example: unknown, part = 'train'): string =>
    messageOf(() => palm.reader.jointReaderOf({ train: [good], [part]: [good, example] as Part }));

  test.each([
    [
      'fewer tags than words',
      { ...good, words: ['to', 'new', 'york'], tags: ['O'] },
      'D004',
      '3 words have 1 tags',
    ],
    ['more tags than words', { ...good, tags: ['O', 'O', 'O'] }, 'D004', '2 words have 3 tags'],
    ['a text that is no tag', { ...good, tags: ['O', 'city'] }, 'D005', '"city" is not a tag'],
    [
      'a tag of two words',
      { ...good, tags: ['O', 'B-the\u00a0city'] },
      'D005',
      '"B-the\u00a0city" is not a tag',
    ],
    ['no words', { ...good, words: [], tags: [] }, 'D020', 'words is no list of texts, at least one'],
    ['one text for words', { ...good, words: 'to rome' }, 'D020', 'words is no list of texts, at least one'],
    ['numbers for words', { ...good, words: [1, 2] }, 'D020', 'words is no list of texts, at least one'],
    ['no tags', { words: good.words, intent: 'travel' }, 'D020', 'tags is no list of texts'],
    ['no intent', { words: good.words, tags: good.tags }, 'D020', 'intent is no text'],
    ['an intent without letters', { ...good, intent: '' }, 'D020', 'intent is empty'],
    ['nothing', null, 'D020', 'words is no list of texts, at least one'],
    ['a text', 'to rome', 'D020', 'words is no list of texts, at least one'],
    [
      'two words in one',
      { ...good, words: ['to', 'new york'] },
      'D021',
      'the word "new york" holds white space',
    ],
    [
      'a word with a line end',
      { ...good, words: ['to', 'ro\nme'] },
      'D021',
      'the word "ro\\nme" holds white space',
    ],
  ])('with %s are refused', (_, example, code, summary) => {
    expect(of(example)).toContain(`[FROND-${code}] example 1 of train: ${summary}\n`);
  });

  test('name the file that they are from', () => {
    const message = of({ ...good, tags: ['O'], file: 'mine.tsv', line: 7 }, 'test');
    expect(message).toBe(
      '[FROND-D004] example 1 of test: 2 words have 1 tags\n  at mine.tsv:7\n  hint: give each word its tag',
    );
  });

  test('go without labels in other parts than training', () => {
    expect(of({ words: ['to'], tags: [], intent: '' }, 'test')).toBe('nothing was thrown');
    expect(of({ words: ['to'], tags: [], intent: '' })).toContain('[FROND-D004]');
  });

  test('are a list, and what is predicted too', () => {
    const lists = { train: good } as unknown as Record<string, Part>;
    expect(messageOf(() => palm.reader.jointReaderOf(lists))).toContain(
      '[FROND-D020] part train: it is no list',
    );
    const reader = palm.reader.jointReaderOf({ train: [good] });
    expect(messageOf(() => reader.length({ text: 'to rome' } as never))).toContain(
      '[FROND-D020] an example: ',
    );
  });
});

describe('options of a joint reader', () => {
  test.each([
    ['minimumCount', 'x'],
    ['minimumCount', -1],
    ['maximumLength', -1],
    ['maximumLength', 0],
    ['maximumLength', Number.NaN],
    ['truncate', 'yes'],
    ['lowercase', 0],
    ['unicode', 'NFX'],
    ['vocabulary', ['a']],
    ['intents', 'travel'],
    ['minimalCount', 2],
  ])('%s: %j is refused', (name, value) => {
    const message = messageOf(() =>
      palm.reader.jointReaderOf({ train: [good] }, { [name]: value } as JointOptions),
    );
    expect(message).toMatch(/^\[FROND-T002\] jointReaderOf(: | has no option )/);
    expect(message).toContain(name);
    expect(message).toMatch(/\n {2}hint: (give|did you mean) /);
  });

  const folderOf = (readText: unknown, options = {}): Promise<string> =>
    palm.reader.jointReader({ folder: 'd', readText, ...options } as JointFolderOptions).then(
      () => 'nothing was thrown',
      (error: unknown) =>
        error instanceof FrondError ? error.message : `not a FrondError: ${String(error)}`,
    );
  const lines = new Map([
    ['seq.in', 'to rome'],
    ['seq.out', 'O B-city'],
    ['label', 'travel'],
  ]);
  const contentOf = (path: string): string => lines.get(path.split('/').at(-1) ?? '') ?? '';

  test('readText may give bytes, or a text, and nothing else', async () => {
    expect(await folderOf(async (path: string) => Buffer.from(contentOf(path)))).toBe('nothing was thrown');
    expect(await folderOf(contentOf)).toBe('nothing was thrown');
    for (const odd of [null, 7, new Uint16Array(4), { toString: () => 'x' }]) {
      expect(await folderOf(async () => odd)).toBe(
        '[FROND-D001] cannot read d/train/seq.in: readText gave neither text nor bytes\n  at d/train/seq.in\n  hint: give a function such as (path) => readFile(path)',
      );
    }
    expect(await folderOf(undefined)).toContain('[FROND-T002] jointReader: readText is missing\n');
    const failing = (): never => {
      throw new Error('no such folder');
    };
    expect(await folderOf(failing)).toContain('[FROND-D001] cannot read d/train/seq.in: no such folder\n');
  });

  test('what to do about a file fits the file', async () => {
    const hint = async (words: string, ...other: string[]): Promise<string> => {
      const files = { train: { words, tags: other[0] ?? 'seq.out', intents: other[1] ?? 'label' } };
      const missing = async (path: string): Promise<string> =>
        path === words ? Promise.reject(new Error('no such file')) : contentOf(path);
      return folderOf(missing, { files });
    };
    expect(await hint('d/seq.in')).toContain(
      'hint: a part has three files: seq.in (words), seq.out (tags) and label',
    );
    expect(await hint('d/sentences.txt')).toContain(
      'hint: the words of a part are read from it: check its path among the files of the part',
    );
  });

  test('a text that somebody decoded is taken, and what could not be decoded is said', async () => {
    const broken = (path: string): Buffer =>
      Buffer.from(contentOf(path).replace('rome', 'r\u00f6me'), 'latin1');
    const decoded = await palm.reader.jointReader({
      folder: 'd',
      parts: ['train'],
      readText: async (path) => broken(path).toString('utf8'),
    });
    expect(decoded.notes).toEqual([
      'd/train/seq.in holds U+FFFD, perhaps for what is not UTF-8: let readText give bytes, as (path) => readFile(path) does, to have that checked',
    ]);
    expect(await folderOf(async (path: string) => broken(path))).toContain(
      '[FROND-D007] d/train/seq.in is not valid UTF-8 here\n  at d/train/seq.in:1:5',
    );
    const literal = await palm.reader.jointReader({
      folder: 'd',
      parts: ['train'],
      readText: async (path) => Buffer.from(contentOf(path).replace('rome', 'r\ufffdme')),
    });
    expect(literal.notes).toEqual([]);
    expect(literal.parts.train?.examples[0]?.words).toEqual(['to', 'r\ufffdme']);
  });
});

describe('whatever is given to readers, vocabularies and labels', () => {
  const odd: readonly unknown[] = [
    ...[undefined, null, 7, 'x', [], {}, Symbol('s'), () => 0, [null], [7], new Map()],
    ...[
      { train: null },
      { train: 7 },
      { train: [null] },
      { tokens: 7, ids: 7 },
      { names: [null], ids: new Map() },
    ],
  ];
  const train = [good];
  const reader = palm.reader.jointReaderOf({ train });
  const size = { batch: 1, time: 2 };
  const readText = async (): Promise<string> => 'O';
  // each takes one odd value, whatever its type says
  const calls: Readonly<Record<string, (odd: never) => unknown>> = {
    'parts of a reader': (parts) => palm.reader.jointReaderOf(parts),
    'options of a reader': (options) => palm.reader.jointReaderOf({ train }, options),
    'a vocabulary of a reader': (vocabulary) => palm.reader.jointReaderOf({ train }, { vocabulary }),
    'intents of a reader': (intents) => palm.reader.jointReaderOf({ train }, { intents }),
    'tags of a reader': (tags) => palm.reader.jointReaderOf({ train }, { tags }),
    'options of a folder': (options) => palm.reader.jointReader(options),
    'files of a folder': (files) => palm.reader.jointReader({ readText, files }),
    'a folder': (folder) => palm.reader.jointReader({ readText, folder }),
    'parts of a folder': (parts) => palm.reader.jointReader({ readText, parts }),
    'a function that reads': (readText) => palm.reader.jointReader({ readText }),
    'what a function reads': (content) => palm.reader.jointReader({ readText: async () => content }),
    'what a function gives at once': (content) => palm.reader.jointReader({ readText: () => content }),
    'what a function throws': (thrown) =>
      palm.reader.jointReader({
        readText: async () => {
          throw thrown;
        },
      }),
    'the folder of a part': palm.reader.jointFiles,
    'files of a part': (files) => palm.reader.readJoint(files, { readText }),
    'options of a part': (options) => palm.reader.readJoint(palm.reader.jointFiles('d'), options),
    'a text': reader.parse,
    'examples of a batch': (examples) => reader.pack(examples, size),
    'an example of a batch': (example) => reader.pack([example], size),
    'the size of a batch': (odd) => reader.pack([], odd),
    'an example': reader.length,
    'sentences of a vocabulary': (sentences) => palm.buildVocabulary(sentences),
    'a sentence of a vocabulary': (sentence) => palm.buildVocabulary([sentence]),
    'options of a vocabulary': (options) => palm.buildVocabulary([['a']], options),
    'the text of a vocabulary': (text) => palm.parseVocabulary(text),
    'a vocabulary to print': palm.printVocabulary,
    labels: palm.collectLabels,
    tags: palm.collectTags,
  };

  test.each(Object.keys(calls))('is taken or refused with a code: %s', async (name) => {
    let refused = 0;
    for (const value of odd) {
      try {
        await calls[name]?.(value as never);
      } catch (error) {
        refused++;
        expect(error instanceof FrondError ? 'refused' : error, String(value)).toBe('refused');
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});

test('batches are padded to no more than the maximum, be it below a bucket', () => {
  const times = (lengths: readonly number[], maximum: number): number[] =>
    [...planBatches({ lengths, batchSize: 1, maximum })].map(({ time }) => time);
  expect(times([1, 4, 5, 48, 49, 50], 50)).toEqual([4, 4, 8, 48, 50, 50]);
  expect(times([1, 2, 3], 3)).toEqual([3, 3, 3]);
  expect(times([4], 4)).toEqual([4]);
});
