import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { interpreterDevice, palm } from '../../src/index.ts';
import { type JointOptions, jointReaderFrom } from '../../src/palm/reader/joint.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { tinyReader, tinyTrainer } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

type Example = palm.JointExample;
type Parts = Record<string, readonly Example[]>;

/** The tiny sentences with words changed. */
const respelt = (change: (word: string) => string): Parts =>
  Object.fromEntries(
    Object.entries(tinyReader().parts).map(([part, { examples }]) => [
      part,
      examples.map((example) => ({ ...example, words: example.words.map(change) })),
    ]),
  );
const same = respelt((word) => word);
const title = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
const readerOf = (parts: Parts, options: JointOptions = {}) =>
  palm.reader.jointReaderOf(parts, { minimumCount: 1, ...options });

/** Shares of intents and of sentences with all tags that predictions have right. */
function scores({ intent = [], slots = [] }: palm.Predictions, examples: readonly Example[]): number[] {
  const right = (list: readonly unknown[], same: (prediction: never, example: Example) => boolean): number =>
    examples.filter((example, i) => same(list[i] as never, example)).length / examples.length;
  return [
    right(intent, ({ label }: palm.head.Classified, example) => label === example.intent),
    right(slots, ({ tags }: palm.head.Tagged, example) => tags.join() === example.tags.join()),
  ];
}

describe('the text path', () => {
  it('is one for training, evaluation, prediction and reloading, whatever the case of the data', async () => {
    const reader = readerOf(respelt(title));
    const run = join(folder.path, 'title');
    const trainer = tinyTrainer({ rate: 0.05, epochs: 6 }, reader);
    await trainer.train({ saveTo: run });
    const examples = reader.parts.test?.examples ?? [];
    const texts = examples.map(({ words }) => words.join(' '));

    const evaluated = (await trainer.evaluate('test')) as {
      intent: { accuracy: number };
      exactMatch: number;
    };
    const predicted = await trainer.predict(texts);
    const [intents = 0, slots = 0] = scores(predicted, examples);
    expect(intents).toBe(evaluated.intent.accuracy);
    expect(intents).toBe(1);
    expect(slots).toBeGreaterThan(0.5);
    expect(await trainer.predict(examples)).toEqual(predicted);

    const reloaded = await palm.Predictor.load(run, { device: interpreterDevice() });
    expect(await reloaded.predict(texts)).toEqual(predicted);
    expect(await reloaded.predict(examples)).toEqual(predicted);
    expect(await reloaded.predict(texts.map((text) => text.toUpperCase()))).toEqual(predicted);
    expect(await reloaded.predict(texts.map((text) => text.replaceAll(' ', '\u00a0\u3000')))).toEqual(
      predicted,
    );
    reloaded.free();
    await trainer.close();

    // with a reader that spells words otherwise it would be another model
    const parts = respelt(title);
    const maps = { vocabulary: reader.vocabulary, intents: reader.intents, tags: reader.tags };
    const other = readerOf({}, { ...maps, lowercase: false }) as palm.Reader;
    await expect(palm.Predictor.load(run, { device: interpreterDevice(), reader: other })).rejects.toThrow(
      `[FROND-D022] reader joint has lowercase false, the run in ${run} true\n`,
    );
    const next = tinyTrainer({ rate: 0.05, epochs: 6 }, readerOf(parts, { unicode: 'none' }));
    await expect(next.resume(run)).rejects.toThrow(/reader was .*"unicode":"NFC".*, is .*"unicode":"none"/);
    await next.close();
  });

  it.each([
    { lowercase: true, unicode: 'NFC', tokens: ['caf\u00e9'] },
    { lowercase: true, unicode: 'NFC', stripAccents: true, tokens: ['cafe'] },
    { lowercase: false, unicode: 'NFKD', stripAccents: 'all', tokens: ['Cafe', 'cafe'] },
    { lowercase: true, unicode: 'none', tokens: ['cafe\u0301', 'caf\u00e9'] },
    { lowercase: false, unicode: 'NFC', tokens: ['Caf\u00e9', 'caf\u00e9'] },
    { lowercase: false, unicode: 'none', tokens: ['Cafe\u0301', 'caf\u00e9'] },
  ] as const)('is kept with the run: $lowercase, $unicode', ({ tokens, ...spelling }) => {
    const words = ['Cafe\u0301', 'caf\u00e9'];
    const train = [{ words, tags: ['O', 'O'], intent: 'x' }];
    const reader = readerOf({ train }, spelling);
    expect(reader.vocabulary.tokens.slice(2)).toEqual([...tokens]);
    expect(reader.record).toMatchObject(spelling);
    const later = jointReaderFrom(JSON.parse(JSON.stringify(reader.record)));
    expect(later.record).toMatchObject(spelling);
    const size = { batch: 1, time: 2 };
    const ids = [...reader.pack(train, size).tokens.data];
    for (const each of [reader, later]) {
      expect([...each.pack(train, size).tokens.data]).toEqual(ids);
      expect([...each.pack([each.parse(words.join(' '))], size).tokens.data]).toEqual(ids);
    }
    expect(ids.every((id) => id >= 2)).toBe(true);
  });

  it('of a run from before the spelling was kept is the one that it was trained and asked with', () => {
    const {
      lowercase: _l,
      unicode: _u,
      ...old
    } = { ...tinyReader().record, kind: 'joint' } as Record<string, never> & { kind: string };
    expect(jointReaderFrom(old).record).toMatchObject({ lowercase: true, unicode: 'none' });
    const capitals = ['[PAD]', '[UNK]', 'Play', 'play'];
    expect(jointReaderFrom({ ...old, vocabulary: capitals }).record).toMatchObject({ lowercase: false });
  });

  it('refuses a vocabulary that it would never look up', () => {
    const vocabulary = palm.buildVocabulary([['Play', 'play']], { minimumCount: 1 });
    expect(() => readerOf(same, { vocabulary })).toThrow(
      '[FROND-D022] the vocabulary spells "Play", which this reader never looks up\n  hint: give lowercase, unicode and stripAccents as the run had them that the vocabulary is from',
    );
    expect(readerOf(same, { vocabulary, lowercase: false }).vocabulary.tokens).toContain('Play');
  });

  it('takes no vocabulary that could not be written and read again', () => {
    const vocabulary = { tokens: ['[PAD]', '[UNK]', 'a\u00a0b'], ids: new Map() };
    expect(() => readerOf(same, { vocabulary })).toThrow(
      '[FROND-D011] the word "a\u00a0b" holds white space\n  at vocabulary:3:1',
    );
  });
});

const sentence = (length: number): Example => ({
  words: Array.from({ length }, (_, i) => `w${i % 7}`),
  tags: new Array<string>(length).fill('O'),
  intent: length % 2 === 0 ? 'even' : 'odd',
});

/** One task on a backbone that takes 50 words. */
function fiftyWords(lengths: readonly number[], options: JointOptions = { maximumLength: 50 }) {
  const reader = readerOf({ train: lengths.map(sentence) }, options);
  const { length: vocabulary } = reader.vocabulary.tokens;
  const sizes = { width: 4, layers: 1, heads: 1, inner: 4, maximumLength: 50 };
  const trainer = palm.trainer('parity', { device: interpreterDevice() });
  trainer.buildForward(
    palm.backbone.compactEncoder({ vocabulary, ...sizes }),
    palm.head.classify({ classes: reader.intents.names }),
  );
  trainer.buildBackward({ optimizer: palm.adam({ rate: palm.constantRate(0.01) }) });
  return { reader, trainer };
}
const rowOf = (words: number): string => sentence(words).words.join(' ');

describe('padding', () => {
  it('never exceeds what the backbone takes, whether words are trained on or predicted', async () => {
    for (const lengths of [
      [49, 50],
      [1, 2],
    ]) {
      const { reader, trainer } = fiftyWords(lengths);
      trainer.fitReader(reader, { epochs: 1, batchSize: 2 });
      const run = join(folder.path, `fifty-${lengths[0]}`);
      expect((await trainer.train({ saveTo: run, evaluate: null })).steps).toBe(1);
      const texts = [1, 48, 49, 50, 51, 60].map(rowOf);
      const events: unknown[] = [];
      const on = (event: unknown) => void events.push(event);
      const { parity = [] } = await trainer.predict(texts, { on });
      expect(parity).toHaveLength(texts.length);
      // the model sees the first 50 words of longer ones
      expect(parity[5]).toEqual((await trainer.predict([rowOf(50)])).parity?.[0]);
      const reloaded = await palm.Predictor.load(run, { device: interpreterDevice() });
      expect((await reloaded.predict(texts, { on })).parity).toEqual(parity);
      const message = '2 of 6 texts are longer than 50: the model does not see their ends';
      expect(events).toEqual([
        { type: 'warning', message },
        { type: 'warning', message },
      ]);
      reloaded.free();
      await trainer.close();
    }
  });

  it('is that of the backbone where the reader has no limit of its own', async () => {
    const { reader, trainer } = fiftyWords([49, 50]);
    const { maximumLength: _, ...free } = reader;
    trainer.fitReader(free as palm.Reader, { epochs: 1, batchSize: 2 });
    await trainer.train({ evaluate: null });
    await expect(trainer.predict([sentence(51)])).resolves.toBeDefined();
    const unlimited = { ...free, length: ({ words }: Example) => words.length } as palm.Reader;
    const { trainer: other } = fiftyWords([49, 50]);
    other.fitReader(unlimited, { epochs: 1, batchSize: 2 });
    await expect(other.predict([sentence(51)])).rejects.toThrow(
      '[FROND-D008] reader joint: example 0 of 51 words is longer than 50',
    );
    await Promise.all([trainer.close(), other.close()]);
  });

  it('is no question where the reader gives more words than the backbone takes: that is refused at once', () => {
    const { reader, trainer } = fiftyWords([3], {});
    const message =
      '[FROND-D019] backbone encoder takes 50 words, but reader joint gives up to 128\n  hint: give both the same maximumLength';
    expect(() => trainer.fitReader(reader, { epochs: 1, batchSize: 2 })).toThrow(message);
    for (const maximumLength of [0, -1, 2.5, Number.NaN, '50' as never]) {
      expect(() => trainer.fitReader({ ...reader, maximumLength } as palm.Reader, { epochs: 1 })).toThrow(
        `[FROND-C006] reader joint: maximumLength is ${maximumLength}\n  hint: it is the most words of a sentence`,
      );
    }
  });
});

describe('a sentence that the model does not see to its end', () => {
  it('is refused, or counted and said', () => {
    const parts = { train: [sentence(3)], test: [sentence(3), sentence(5), sentence(9)] };
    expect(() => readerOf(parts, { maximumLength: 4 })).toThrow(
      '[FROND-D008] example 1 of test of 5 words is longer than 4\n  hint: raise maximumLength, or set truncate: true to let the model see the first words only',
    );
    expect(readerOf(parts, { maximumLength: 4, truncate: true }).notes).toEqual([
      '2 of 3 sentences of test are longer than 4: the model does not see their ends',
    ]);
  });
});
