import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { interpreterDevice, palm } from '../../src/index.ts';
import { jointReaderFrom } from '../../src/palm/reader/joint.ts';
import { bundleScript, startScript, temporaryFolder } from '../store/support/bundle.ts';
import { messageOf } from '../support/message.ts';
import { kinds, loaded, readerIn, scoresOf, tested, texts, trainerOf } from './support/oneText.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

describe('one text path', () => {
  it.each(kinds)(
    'evaluation and prediction agree, before and after loading elsewhere: %s',
    async (kind) => {
      const run = join(folder.path, kind);
      const trainer = trainerOf(kind);
      await trainer.train({ saveTo: run, evaluate: null });
      const evaluated = await trainer.evaluate('test');
      const predictions = await trainer.predict(texts);
      expect(scoresOf(predictions)).toEqual(evaluated);
      expect(await trainer.predict(tested)).toEqual(predictions);
      expect(await trainer.predict(texts.map((text) => text.toUpperCase().normalize('NFD')))).toEqual(
        predictions,
      );
      await trainer.close();
      expect(await loaded(kind, run)).toEqual({ evaluated, predictions });
      const script = await bundleScript(new URL('./support/oneText.ts', import.meta.url), folder.path);
      const child = startScript(script, [kind, run]);
      expect(await child.end).toBe(0);
      expect(JSON.parse(child.lines.join(''))).toEqual(
        JSON.parse(JSON.stringify({ evaluated, predictions })),
      );
      // the model has learnt something: neither all right by chance nor all wrong
      const { accuracy } = evaluated.intent as { accuracy: number };
      expect(accuracy).toBeGreaterThan(0.9);
    },
    60_000,
  );
});

it('refuses to load or resume a run with a reader whose tokenizer has other settings', async () => {
  const run = join(folder.path, 'settings');
  const trainer = trainerOf('wordPiece');
  await trainer.trainStep();
  await trainer.save(run);
  await trainer.close();
  const { tokenizer, ...given } = readerIn('wordPiece');
  const { vocabulary } = tokenizer;
  const spelt = palm.tokenizer.wordPiece({
    vocabulary,
    lowercase: true,
    unicode: 'NFC',
    stripAccents: 'all',
  });
  const { intents, tags } = given;
  const other = palm.reader.jointReaderOf({}, { tokenizer: spelt, intents, tags });
  const device = interpreterDevice();
  const heads = { reader: other as unknown as palm.Reader, device };
  expect(await messageOf(() => palm.Predictor.load(run, heads))).toContain(
    `[FROND-D022] reader joint has stripAccents all, the run in ${run} true\n`,
  );
  const again = trainerOf('wordPiece', { stripAccents: 'all' });
  expect(await messageOf(() => again.resume(run))).toMatch(
    /^\[FROND-F030\] .*reader was .*"stripAccents":true.*"lists":"[0-9a-f]{16}".*, is .*"stripAccents":"all"/,
  );
  await again.close();
});

const corpus = ['play some jazz', 'playing jazz again', 'zoë plays it'];
const vocabulary = palm.tokenizer.buildWordPieces(corpus, { size: 40, minimumCount: 1 });
const tokenizer = palm.tokenizer.wordPiece({ vocabulary });
const sentence = (words: readonly string[], intent = 'a'): palm.JointExample => ({
  words,
  tags: words.map((_, i) => (i % 2 === 0 ? 'B-x' : 'O')),
  intent,
});
const readerOf = (words: readonly string[] = ['play'], options: object = {}) =>
  palm.reader.jointReaderOf(
    { train: [sentence(words), sentence(['it', 'again'], 'b')] },
    { tokenizer, ...options },
  );

describe('a joint reader with a tokenizer', () => {
  it('has the first piece of each word, which is a word of its own where it has none', () => {
    const word = fc.oneof(
      fc.constantFrom('play', 'plays', 'Jazz', 'zoë', 'again', '\u200b', "it's", '[MASK]'),
      fc.stringMatching(/^[a-z!]{1,6}$/),
    );
    const property = fc.property(
      fc.array(fc.array(word, { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 4 }),
      (sentences) => {
        const reader = readerOf();
        const examples = sentences.map((words) => sentence(words));
        const time = Math.max(...examples.map((example) => reader.length(example)));
        const packed = reader.pack(examples, { batch: 5, time });
        for (const [row, { words }] of examples.entries()) {
          const pieces = words.map((one) => {
            const ids = tokenizer.encode(one).map(({ id }) => id);
            return ids.length === 0 ? [tokenizer.special.unknown] : ids;
          });
          const { cls, separator } = tokenizer.special;
          const ids = [cls, ...pieces.flat(), separator];
          const at = row * time;
          expect([...packed.tokens.data].slice(at, at + ids.length)).toEqual(ids);
          expect(packed.wordCounts.data[row]).toBe(words.length);
          const first = [...packed.firstPieces.data].slice(at, at + words.length);
          expect(first.map((place) => packed.tokens.data[place])).toEqual(pieces.map(([id]) => id));
          expect(first.every((place, i) => place > (first[i - 1] ?? at))).toBe(true);
          const tags = [...packed.tags.data].slice(at, at + words.length);
          expect(tags.map((id) => reader.tags.names[id])).toEqual(examples[row]?.tags);
          expect([...packed.mask.data].slice(at, at + time).reduce((x, y) => x + y)).toBe(ids.length);
        }
        expect([...packed.weights.data]).toEqual(
          Array.from({ length: 5 }, (_, row) => +(row < examples.length)),
        );
      },
    );
    fc.assert(property, { seed: 2, numRuns: 300 });
  });

  it('is made again from its record, whatever the tokenizer', async () => {
    const characters = palm.buildVocabulary([[...'playsomejzgint']], { minimumCount: 1 });
    for (const one of [tokenizer, palm.tokenizer.character({ vocabulary: characters, lowercase: false })]) {
      const reader = readerOf(['Play', 'jazz'], { tokenizer: one });
      const later = jointReaderFrom(JSON.parse(JSON.stringify(reader.record)));
      expect(later.record).toEqual(reader.record);
      const size = { batch: 2, time: 12 };
      const examples = reader.parts.train?.examples ?? [];
      expect(later.pack(examples, size)).toEqual(reader.pack(examples, size));
      expect(Object.keys(later.gives)).toEqual(Object.keys(reader.gives));
    }
    const damaged = { ...readerOf().record, tokenizer: { kind: 'wordPiece', vocabulary: ['a', 'a'] } };
    expect(await messageOf(() => jointReaderFrom(damaged as never))).toMatch(/^\[FROND-D011\]/);
    const own = { ...readerOf().record, tokenizer: { kind: 'own' } };
    expect(await messageOf(() => jointReaderFrom(own as never))).toMatch(
      /^\[FROND-T002\] there is no tokenizer of kind own/,
    );
  });

  it('lets the model see the first pieces of longer sentences, and says so', () => {
    const long = ['playing', 'some', 'jazz', 'again'];
    const reader = readerOf(long, { maximumLength: 6 });
    const [example] = reader.parts.train?.examples ?? [];
    if (example === undefined) throw new Error('no example');
    expect(reader.length(example)).toBe(6);
    const { wordCounts } = reader.pack([example], { batch: 1, time: 6 });
    const seen = Number(wordCounts.data[0]);
    expect(seen).toBeLessThan(4);
    expect(reader.unseen?.(example)).toBe(4 - seen);
    expect(reader.notes).toEqual([
      '1 of 2 sentences of train are longer than 6: the model does not see their ends',
    ]);
  });

  it('refuses what its tokenizer says already, and one without padding', async () => {
    for (const given of [{ lowercase: true }, { unicode: 'NFC' }, { minimumCount: 1 }, { vocabulary }]) {
      expect(await messageOf(() => readerOf(['play'], given))).toBe(
        `[FROND-T002] ${Object.keys(given)[0]} has no effect beside a tokenizer\n  hint: make the tokenizer with it, or leave it out`,
      );
    }
    const bare = palm.tokenizer.wordPiece({ vocabulary: palm.parseVocabulary('[UNK]\nplay\nit\nagain') });
    expect(await messageOf(() => readerOf(['play'], { tokenizer: bare }))).toBe(
      "[FROND-D023] joint needs [PAD], which the vocabulary does not have\n  hint: take a vocabulary that has it, or build one with special: ['[PAD]']",
    );
  });

  it('names words that the model has never seen', () => {
    const example = sentence(['Play', 'qqq', 'it', '\u200b', 'play☂']);
    expect(readerOf().unknown?.(example)).toEqual(['qqq', '\u200b', 'play☂']);
    const ofWords = palm.reader.jointReaderOf({ train: [sentence(['play', 'it'])] }, { minimumCount: 1 });
    expect(ofWords.unknown?.(example)).toEqual(['qqq', '\u200b', 'play☂']);
  });

  it('packs examples without labels, or with others, with weight 0', () => {
    const examples = [
      { words: ['play', 'it'], tags: [], intent: '' },
      { words: ['play', 'it'], tags: ['O', 'B-other'], intent: 'a' },
      { words: ['play', 'it'], tags: ['O', 'O'], intent: 'other' },
      { words: ['play', 'it'], tags: ['O'], intent: 'a' },
      { words: ['play', 'it'] } as unknown as palm.JointExample,
      sentence(['play', 'it']),
    ];
    for (const reader of [readerOf(), palm.reader.jointReaderOf({ train: [sentence(['play', 'it'])] })])
      expect([...reader.pack(examples, { batch: 7, time: 8 }).weights.data]).toEqual([0, 0, 0, 0, 0, 1, 0]);
  });

  it('cannot be met by a head that tags pieces', async () => {
    const reader = readerOf();
    const head = palm.head.sequenceLabel({ labels: reader.tags.names });
    const encoder = palm.backbone.compactEncoder({ vocabulary: 90, width: 4, layers: 1, heads: 1 });
    // @ts-expect-error the reader gives no lengths
    expect(await messageOf(() => palm.register(reader, encoder, head))).toContain(
      '[FROND-C001] head sequenceLabel needs lengths: i32[batch], which reader joint does not give',
    );
    const tagger = palm.head.sequenceLabel({ labels: reader.tags.names, pieces: true });
    expect(palm.register(reader, encoder, tagger).reader).toBe(reader);
  });
});
