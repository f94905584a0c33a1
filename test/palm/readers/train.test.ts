import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { interpreterDevice, palm } from '../../../src/index.ts';

const data = (path: string): string =>
  fileURLToPath(new URL(`../../../examples/data/${path}`, import.meta.url));
const sources = (task: string, ending: string) => ({
  train: data(`${task}/train.${ending}`),
  valid: data(`${task}/valid.${ending}`),
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frond-readers-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function tokenizerOf(path: string, ...columns: readonly string[]) {
  const texts: string[] = [];
  for await (const record of palm.formats.open(data(path)))
    for (const column of columns) texts.push([record[column]].flat().join(' '));
  return palm.tokenizer.wordPiece({ vocabulary: palm.tokenizer.buildWordPieces(texts, { size: 400 }) });
}

const losses = (events: readonly palm.TrainingEvent[]) =>
  events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));

/** Trains a few steps, evaluates, and asks the saved run for the same examples and scores. */
async function train(
  name: string,
  reader: palm.Reader & { tokenizer: palm.tokenizer.Tokenizer },
  head: palm.Head,
  rate = 0.01,
) {
  const backbone = palm.backbone.bert({
    vocabulary: reader.tokenizer.vocabulary.tokens.length,
    ...{ width: 16, layers: 1, heads: 2, maximumLength: 64, dropout: 0, attentionDropout: 0 },
  });
  const trainer = palm.trainer(name, { device: interpreterDevice() });
  trainer.buildForward(backbone as never, head as never);
  trainer.buildBackward({ optimizer: palm.adam({ rate }) });
  trainer.fitReader(reader as never, { epochs: 3, batchSize: 16, seed: 3 });
  const run = join(folder, name);
  trainer.setSaver({ folder: run });
  const events: palm.TrainingEvent[] = [];
  await trainer.train({ on: (event) => events.push(event) });
  const seen = losses(events);
  expect(seen.every(Number.isFinite)).toBe(true);
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.at(-1)).toBeLessThan(seen[0] ?? 0);

  const part = reader.parts.valid as palm.Part;
  const rows = Array.from({ length: 12 }, (_, i) => i);
  const examples = (await part.read(rows)) as object[];
  const predictor = await palm.Predictor.load(run, { device: interpreterDevice() });
  const found = await predictor.predict(examples);
  const scores = await trainer.evaluate('valid');
  predictor.free();
  return { events, found: found[name] as never[], scores, predictor, run, examples };
}

describe('a few steps on the data of the examples', () => {
  test('classify', { timeout: 120_000 }, async () => {
    const tokenizer = await tokenizerOf('sentiment/train.tsv', 'text_a');
    const reader = await palm.reader.classify(sources('sentiment', 'tsv'), { tokenizer, maximumLength: 40 });
    expect(reader.classes).toEqual(['negative', 'positive']);
    expect(reader.parts.train?.size).toBe(400);
    const head = palm.head.classify({ classes: reader.classes });
    const { found, scores, run } = await train('sentiment', reader, head as palm.Head);
    expect(found).toHaveLength(12);
    expect(scores).toMatchObject({ sentiment: { accuracy: expect.any(Number) } });
    // texts, and what was read of a file, are asked alike in a new model
    const predictor = await palm.Predictor.load(run, { device: interpreterDevice() });
    const texts = ['a lovely hotel !', 'the soup was awful .'];
    const both = await predictor.predict([...texts, ...texts.map((text_a) => ({ text_a }))]);
    expect(both.sentiment?.slice(0, 2)).toEqual(both.sentiment?.slice(2));
    expect(predictor.reader.unknown?.(predictor.reader.parse?.('a ☃ hotel'))).toEqual(['☃']);
    predictor.free();
  });

  test('match, pointwise', { timeout: 120_000 }, async () => {
    const tokenizer = await tokenizerOf('matching/train.tsv', 'text_a', 'text_b');
    const reader = await palm.reader.match(sources('matching', 'tsv'), { tokenizer, maximumLength: 48 });
    expect(reader.classes).toEqual(['0', '1']);
    const { found } = await train(
      'matching',
      reader,
      palm.head.match({ classes: reader.classes }) as palm.Head,
    );
    expect(found).toHaveLength(12);
  });

  test('match, pairwise', { timeout: 120_000 }, async () => {
    const tokenizer = await tokenizerOf('matching/train.tsv', 'text_a', 'text_b');
    const pairs: Record<string, string>[] = [];
    for await (const { text_a, text_b, label } of palm.formats.open(data('matching/train.tsv')))
      if (label === '1')
        pairs.push({ text_a: String(text_a), text_b: String(text_b), text_b_neg: 'a lovely hotel' });
    const parts = { train: pairs.slice(20), valid: pairs.slice(0, 20) };
    const reader = await palm.reader.match(parts, { tokenizer, maximumLength: 48, pairwise: true });
    const { found, scores } = await train('ranking', reader, palm.head.match() as palm.Head, 0.002);
    expect(found[0]).toHaveLength(2);
    expect(scores).toMatchObject({ ranking: { queries: 20, meanReciprocalRank: expect.any(Number) } });
  });

  test('sequenceLabel', { timeout: 120_000 }, async () => {
    const tokenizer = await tokenizerOf('entities/train.conll', 'text_a');
    const reader = await palm.reader.sequenceLabel(sources('entities', 'conll'), {
      tokenizer,
      maximumLength: 64,
    });
    expect(reader.tags).toEqual(['O', 'B-LOC', 'I-LOC', 'B-ORG', 'I-ORG', 'B-PER', 'I-PER']);
    const head = palm.head.sequenceLabel({ labels: reader.tags, pieces: true });
    const { found, examples, scores } = await train('entities', reader, head as palm.Head);
    expect(found.map(({ tags }: { tags: string[] }) => tags.length)).toEqual(
      examples.map((example) => (example as palm.reader.TaggedExample).words.length),
    );
    expect(scores).toMatchObject({ entities: { f1: expect.any(Number) } });
  });
});
