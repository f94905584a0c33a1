import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { jointReader, jointReaderOf } from '../../src/palm/reader/joint.ts';
import { type JointExample, jointFiles, readJoint } from '../../src/palm/reader/jointFiles.ts';
import { UNKNOWN } from '../../src/palm/tokenizer/vocabulary.ts';
import { runs } from '../support/counts.ts';

const WORDS = 'turn on the lights\nfly from new york\n';
const TAGS = 'O O O O\nO O B-city I-city\n';
const INTENTS = 'lights\nflight\n';

/** Reads the part `train` of a folder `d` with these three texts; undefined: no such file. */
function read(
  words: string | Uint8Array | undefined,
  tags: string | undefined,
  intents: string | undefined,
  maximumLength?: number,
) {
  const texts = new Map([
    ['d/train/seq.in', words],
    ['d/train/seq.out', tags],
    ['d/train/label', intents],
  ]);
  const readText = async (path: string): Promise<string | Uint8Array> => {
    const text = texts.get(path);
    if (text === undefined) throw new Error('ENOENT: no such file');
    return text;
  };
  return readJoint(jointFiles('d/train'), {
    readText,
    ...(maximumLength === undefined ? {} : { maximumLength }),
  });
}

const messageOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return error instanceof FrondError ? error.message : `not a FrondError: ${String(error)}`;
  }
  return 'nothing was thrown';
};

describe('files of a joint data set', () => {
  const wanted: readonly Partial<JointExample>[] = [
    { words: ['turn', 'on', 'the', 'lights'], tags: ['O', 'O', 'O', 'O'], intent: 'lights' },
    { words: ['fly', 'from', 'new', 'york'], tags: ['O', 'O', 'B-city', 'I-city'], intent: 'flight' },
  ];

  test.each([
    ['as they are', WORDS, TAGS, INTENTS],
    ['with line ends of Windows', WORDS.replaceAll('\n', '\r\n'), TAGS.replaceAll('\n', '\r\n'), INTENTS],
    ['without a last line end', WORDS.trimEnd(), TAGS, INTENTS],
    ['with blank lines at the end', `${WORDS}\n\n`, TAGS, `${INTENTS}  \n`],
    [
      'with a byte order mark, tabs and more spaces',
      `\uFEFF${WORDS.replace(' ', '\t ')}`,
      ` ${TAGS}`,
      INTENTS,
    ],
    ['from bytes', Buffer.from(`\uFEFF${WORDS}`), TAGS, INTENTS],
    ['with line ends of old Macs', WORDS.replaceAll('\n', '\r'), TAGS, INTENTS],
    ['parted by any white space', WORDS.replaceAll(' ', '\u00a0'), TAGS.replaceAll(' ', '\u3000'), INTENTS],
  ])('are read %s', async (_, words, tags, intents) => {
    expect(await read(words, tags, intents)).toMatchObject(wanted);
  });

  test('may hold U+FFFD, which is a character', async () => {
    for (const words of ['a\ufffd \ufffd', Buffer.from('a\ufffd \ufffd')]) {
      expect((await read(words, 'O B-x', 'x'))[0]?.words).toEqual(['a\ufffd', '\ufffd']);
    }
  });

  test('keep file and line of each sentence', async () => {
    expect((await read(WORDS, TAGS, INTENTS))[1]).toMatchObject({ file: 'd/train/seq.in', line: 2 });
  });

  test.each([
    [
      'a missing file',
      WORDS,
      undefined,
      INTENTS,
      '[FROND-D001] cannot read d/train/seq.out: ENOENT: no such file\n  at d/train/seq.out\n  hint: a part has three files: seq.in (words), seq.out (tags) and label (intents)',
    ],
    [
      'an empty file',
      ' \n\n',
      TAGS,
      INTENTS,
      '[FROND-D002] d/train/seq.in is empty\n  at d/train/seq.in:1:1\n  hint: one sentence per line is expected',
    ],
    [
      'a file that ends early',
      WORDS,
      TAGS,
      'lights\n',
      '[FROND-D003] the three files differ in length: d/train/seq.in has 2 lines, d/train/seq.out 2, d/train/label 1\n  at d/train/label:2\n  hint: line n of each file belongs to the same sentence',
    ],
    [
      'a word without a tag',
      WORDS,
      'O O O O\nO O B-city\n',
      INTENTS,
      '[FROND-D004] 4 words have 3 tags\n  at d/train/seq.in:2:14\n  hint: line 2 of d/train/seq.in and of d/train/seq.out must have the same number of entries',
    ],
    [
      'a tag without a word',
      WORDS,
      'O O O O O\nO O B-city I-city\n',
      INTENTS,
      '[FROND-D004] 4 words have 5 tags\n  at d/train/seq.out:1:9\n  hint: line 1 of d/train/seq.in and of d/train/seq.out must have the same number of entries',
    ],
    [
      'a malformed tag',
      WORDS,
      'O O O O\nO O X-city I-city\n',
      INTENTS,
      '[FROND-D005] "X-city" is not a tag\n  at d/train/seq.out:2:5\n  hint: a tag is O, or the part of a chunk and its type: B-type, I-type, and where the scheme has them E-, L-, M-, S-, U-',
    ],
    [
      'broken UTF-8',
      Buffer.from('turn on the l\xefghts\nfly from new york\n', 'latin1'),
      TAGS,
      INTENTS,
      '[FROND-D007] d/train/seq.in is not valid UTF-8 here\n  at d/train/seq.in:1:14\n  hint: convert the file to UTF-8',
    ],
    [
      'a zero byte',
      WORDS,
      'O O O O\nO \0 B-city I-city\n',
      INTENTS,
      '[FROND-D007] d/train/seq.out holds a zero byte\n  at d/train/seq.out:2:3\n  hint: convert the file to UTF-8',
    ],
    [
      'half of a character',
      WORDS,
      TAGS,
      '\ufefflights\nfl\ud83dght\n',
      '[FROND-D007] d/train/label holds half of a character\n  at d/train/label:2:3\n  hint: convert the file to UTF-8',
    ],
    [
      'a blank line',
      'turn on the lights\n\nfly from new york\n',
      'O O O O\nO\nO O B-city I-city\n',
      'a\nb\nc\n',
      '[FROND-D009] line 2 has no words\n  at d/train/seq.in:2:1\n  hint: take the line out of all three files, or fill it',
    ],
    [
      'an intent of two words',
      WORDS,
      TAGS,
      'lights\nfly from new york\n',
      '[FROND-D010] "fly from new york" is not one intent\n  at d/train/label:2:4\n  hint: an intent is one word; is this the file of the sentences?',
    ],
  ])('with %s are refused', async (_, words, tags, intents, message) => {
    expect(await messageOf(read(words, tags, intents))).toBe(message);
  });

  test.each(['B-', 'I-', 'b-city', 'o', 'BIO', '-city', 'B_city', 'city'])('%s is no tag', async (tag) => {
    expect(await messageOf(read('a', tag, 'x'))).toContain('[FROND-D005]');
  });

  test('with a sentence that is too long are refused', async () => {
    expect(await messageOf(read(WORDS, TAGS, INTENTS, 3))).toBe(
      [
        '[FROND-D008] a sentence of 4 words is longer than 3',
        '  at d/train/seq.in:1:13',
        '  hint: raise maximumLength, or set truncate: true to let the model see the first words only',
      ].join('\n'),
    );
  });

  test('are read or refused with a code, whatever is in them', async () => {
    const text = fc.array(
      fc.constantFrom(
        'a',
        'O',
        'B-x',
        'I-x',
        'X',
        ' ',
        '\n',
        '\r',
        '\t',
        '\0',
        '\uFFFD',
        'é',
        '\u2028',
        '\ufeff',
      ),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(text, text, text, async (words, tags, intents) => {
        const outcome = await messageOf(read(words.join(''), tags.join(''), intents.join('')));
        expect(outcome).toMatch(/^(nothing was thrown|\[FROND-D0\d\d\])/);
      }),
      { seed: 1, numRuns: runs(20_000, 1000) },
    );
  });
});

const example = (words: string, tags: string, intent: string): JointExample => ({
  words: words.split(' '),
  tags: tags.split(' '),
  intent,
});
const train = [
  example('turn on the lights', 'O O O O', 'lights'),
  example('fly from new york to the moon', 'O O B-city I-city O O B-city', 'flight'),
];

describe('a joint reader', () => {
  const reader = jointReaderOf(
    { train, test: [example('fly on the dragon', 'O O O B-beast', 'magic')] },
    { minimumCount: 1 },
  );

  test('takes words, intents and tags from training alone', () => {
    expect(reader.vocabulary.tokens).toContain('moon');
    expect(reader.vocabulary.tokens).not.toContain('dragon');
    expect(reader.intents.names).toEqual(['flight', 'lights']);
    expect(reader.tags.names).toEqual(['O', 'B-city', 'I-city']);
  });

  test('packs ids, lengths and weights, and fills a partial batch with rows of weight 0', () => {
    const id = (word: string) => reader.vocabulary.ids.get(word);
    const { tokens, lengths, labels, tags, weights, mask, positions } = reader.pack(train.slice(0, 1), {
      batch: 2,
      time: 5,
    });
    expect([...tokens.data]).toEqual([id('turn'), id('on'), id('the'), id('lights'), 0, 0, 0, 0, 0, 0]);
    expect([...lengths.data]).toEqual([4, 1]);
    expect([...labels.data]).toEqual([1, 0]);
    expect([...weights.data]).toEqual([1, 0]);
    expect([...tags.data]).toEqual(new Array(10).fill(0));
    expect([...mask.data]).toEqual([1, 1, 1, 1, 0, 1, 0, 0, 0, 0]);
    expect([...positions.data]).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    expect(tokens.shape).toEqual([2, 5]);
  });

  test('gives unknown words the id of unknown, and sentences with unknown labels weight 0', () => {
    const { tokens, weights } = reader.pack(reader.parts.test?.examples ?? [], { batch: 1, time: 4 });
    expect(tokens.data[3]).toBe(UNKNOWN);
    expect([...weights.data]).toEqual([0]);
  });

  test('reads a sentence for prediction', () => {
    expect(reader.parse('  Fly to  the\tMoon\n').words).toEqual(['Fly', 'to', 'the', 'Moon']);
    expect(() => reader.parse(' \n')).toThrow('[FROND-D009] the sentence has no words');
  });

  test('refuses unknown labels when strict, and in training always', () => {
    const test = [example('fly on', 'O O', 'magic')];
    expect(() => jointReaderOf({ train, test }, { strict: true })).toThrow(
      '[FROND-D006] unknown intent magic\n  at test:1\n  hint: known are: flight, lights',
    );
    const { intents, tags, vocabulary } = reader;
    expect(() => jointReaderOf({ train: test }, { intents, tags, vocabulary })).toThrow('[FROND-D006]');
    const beast = [{ ...example('a dragon', 'O B-beast', 'flight'), file: 'train/seq.in', line: 7 }];
    expect(() => jointReaderOf({ train: beast }, { intents, tags, vocabulary })).toThrow(
      '[FROND-D006] unknown tag B-beast\n  at train/seq.in:7',
    );
  });

  test('lets sentences go without labels when strict, but in training', () => {
    const plain = { words: ['fly'], tags: [], intent: '' };
    const strict = jointReaderOf({ train, test: [plain] }, { strict: true });
    expect([strict.parts.test?.size, strict.notes]).toEqual([1, []]);
    expect(() => jointReaderOf({ train: [plain] })).toThrow('[FROND-D004]');
  });

  test('notes unknown labels of other parts, and nothing else', () => {
    const odd = [
      example('fly on', 'O O', 'magic'),
      example('fly', 'O', 'flight'),
      example('a dragon', 'O B-beast', 'magic'),
    ];
    expect(jointReaderOf({ train, valid: odd.slice(1, 2), test: odd }).notes).toEqual([
      '2 of 3 sentences of test have labels that training never shows, which count as errors: B-beast, magic',
    ]);
  });

  test('works without training sentences on the maps of an earlier run, and not without both', () => {
    const { intents, tags, vocabulary } = reader;
    const later = jointReaderOf({}, { intents, tags, vocabulary });
    expect(later.names).toEqual(reader.names);
    expect(() => jointReaderOf({ test: train })).toThrow('[FROND-D014]');
  });

  test('shows the model the first words of a long sentence, and keeps all of them for the scores', () => {
    const short = jointReaderOf({ train }, { maximumLength: 3, truncate: true });
    expect(short.notes).toEqual([
      '2 of 2 sentences of train are longer than 3: the model does not see their ends',
    ]);
    const [, long] = train;
    expect(long && short.length(long)).toBe(3);
    const { lengths, tokens } = short.pack(train, { batch: 2, time: 4 });
    expect([...lengths.data]).toEqual([3, 3]);
    expect([tokens.data[3], tokens.data[7]]).toEqual([0, 0]);
    expect(short.parts.train?.examples[1]?.words).toHaveLength(7);
  });

  test('reads a folder', async () => {
    const folder = new Map(
      ['train', 'valid', 'test'].flatMap((part) => [
        [`d/${part}/seq.in`, WORDS],
        [`d/${part}/seq.out`, TAGS],
        [`d/${part}/label`, INTENTS],
      ]),
    );
    const readText = async (path: string) => folder.get(path) ?? Promise.reject(new Error('no such file'));
    const whole = await jointReader({ folder: 'd', readText });
    expect(Object.entries(whole.parts).map(([part, { size }]) => [part, size])).toEqual([
      ['train', 2],
      ['valid', 2],
      ['test', 2],
    ]);
    expect(await messageOf(jointReader({ folder: 'd', readText, maximumLength: 3 }))).toContain(
      '[FROND-D008]',
    );
    const cut = await jointReader({
      folder: 'd',
      readText,
      maximumLength: 3,
      truncate: true,
      parts: ['train'],
    });
    expect(Object.keys(cut.parts)).toEqual(['train']);
    const files = { train: jointFiles('d/train'), held: jointFiles('d/test') };
    expect(Object.keys((await jointReader({ files, readText })).parts)).toEqual(['train', 'held']);
  });
});
