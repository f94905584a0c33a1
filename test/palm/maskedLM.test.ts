import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Device,
  declare,
  interpreterDevice,
  loadLatest,
  palm,
  readSafetensors,
  wasmDevice,
} from '../../src/index.ts';
import type { Piece, Tokenizer } from '../../src/palm/tokenizer/tokenizer.ts';
import { vocabularyFrom } from '../../src/palm/tokenizer/vocabulary.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { messageOf } from '../support/message.ts';

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const NOUNS = ['cat', 'dog', 'cow', 'hen', 'fox', 'owl'];
const VERBS = ['purrs', 'barks', 'moos', 'clucks', 'yips', 'hoots'];
const WORDS = ['the', 'old', 'small', 'white', 'and', 'then', 'it', ...NOUNS, ...VERBS];
const vocabulary = vocabularyFrom([...SPECIAL, ...WORDS], 'words');
const tokenizer = palm.tokenizer.word({ vocabulary });
const MASK = 4;

/** Sentences in which the animal says what it says, of 3 to 9 words. */
const sentences = Array.from({ length: 96 }, (_, i) => {
  const animal = i % NOUNS.length;
  const adjectives = ['old', 'small', 'white'].slice(0, Math.floor(i / 6) % 4);
  const rest = i % 2 === 0 ? ' and then it' : '';
  return { text: `the ${[...adjectives, NOUNS[animal]].join(' ')} ${VERBS[animal]}${rest}` };
});

const packed = (reader: palm.reader.MaskedLMReader, rows: readonly number[], time: number, seed = 1) => {
  const draw = palm.drawOf({ seed, name: reader.name, epoch: 0 }, rows);
  const batch = reader.pack(
    rows.map((row) => sentences[row] as (typeof sentences)[0]),
    { batch: rows.length, time },
    draw,
  );
  // what each row shows, and what is to be guessed of it
  const labels = [...batch.maskPositions.data].map((at, i) => [at, batch.maskLabels.data[i] ?? 0] as const);
  let next = 0;
  return rows.map((row, i) => {
    const tokens = [...batch.tokens.data.slice(i * time, i * time + (batch.lengths.data[i] ?? 0))];
    const hidden = Array.from({ length: batch.maskCounts.data[i] ?? 0 }, () => labels[next++] ?? [0, 0]);
    return { row, tokens, hidden: hidden.map(([at, label]) => [at - i * time, label]) };
  });
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frond-masked-'));
});
afterAll(() => rm(folder, { recursive: true }));

const reader = await palm.reader.maskedLM({ train: sentences }, { tokenizer, maximumLength: 16 });

describe('a reader for masked language models', () => {
  it('selects 15 % of the pieces; 80 % of them become [MASK], 10 % another piece, 10 % stay', async () => {
    const ordinary = Array.from({ length: 1000 }, (_, i) => `w${i}`);
    const many = vocabularyFrom([...SPECIAL, ...ordinary], 'many');
    const pieces: Piece[] = ordinary.map((_, i) => ({
      id: 5 + i,
      start: i,
      end: i + 1,
      word: i,
      continues: false,
    }));
    const plain: Tokenizer = { ...palm.tokenizer.word({ vocabulary: many }), encode: () => pieces };
    const wide = await palm.reader.maskedLM({}, { tokenizer: plain, maximumLength: 1002 });
    let [selected, masked, other, kept] = [0, 0, 0, 0];
    for (let part = 0; part < 10; part++) {
      const rows = Array.from({ length: 100 }, (_, i) => 100 * part + i);
      const draw = palm.drawOf({ seed: 3, name: 'maskedLM', epoch: 2 }, rows);
      const { tokens, maskPositions, maskLabels } = wide.pack(
        rows.map(() => ({ text: '' })),
        { batch: 100, time: 1002 },
        draw,
      );
      for (const [i, label] of maskLabels.data.entries()) {
        if (label < 0) continue;
        const shown = tokens.data[maskPositions.data[i] ?? 0];
        selected++;
        if (shown === MASK) masked++;
        else if (shown === label) kept++;
        else other++;
        if (shown !== MASK && (shown ?? 0) < 5) throw new Error('a special piece in place of one');
      }
    }
    expect(Math.abs(selected / 1e6 - 0.15)).toBeLessThan(0.002);
    expect(Math.abs(masked / selected - 0.8)).toBeLessThan(0.01);
    expect(Math.abs(other / selected - 0.1)).toBeLessThan(0.01);
    expect(Math.abs(kept / selected - 0.1)).toBeLessThan(0.01);
  });

  it('hides the same of a row in any batch, of any size, in any order', () => {
    const alone = sentences.map((_, row) => packed(reader, [row], 12)[0]);
    const rows = fc.uniqueArray(fc.nat({ max: sentences.length - 1 }), { minLength: 1 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 12, max: 20 }), (some, time) => {
        expect(packed(reader, some, time)).toEqual(some.map((row) => alone[row]));
      }),
      { numRuns: 50 },
    );
    // and something else for another seed
    expect(packed(reader, [...sentences.keys()], 12, 2)).not.toEqual(alone);
  });

  it('hides at least one piece of a text, never a special one, and tells what it was', () => {
    for (const { tokens, hidden, row } of packed(reader, [...sentences.keys()], 12)) {
      expect(hidden.length).toBeGreaterThan(0);
      const words = sentences[row]?.text.split(' ') ?? [];
      for (const [column = 0, label] of hidden) {
        expect(vocabulary.tokens[label ?? 0]).toBe(words[column - 1]);
        if (tokens[column] !== MASK) expect(tokens[column]).toBeGreaterThan(MASK);
      }
      const untouched = words.filter((_, i) => !hidden.some(([column]) => column === i + 1));
      const shown = tokens.slice(1, -1).filter((_, i) => !hidden.some(([column]) => column === i + 1));
      expect(shown.map((id) => vocabulary.tokens[id])).toEqual(untouched);
    }
  });

  it('hides all pieces of a word together where it is told to', async () => {
    const pieces = vocabularyFrom([...SPECIAL, 'un', '##do', '##ing', 'it', 'all'], 'pieces');
    const cut = palm.tokenizer.wordPiece({ vocabulary: pieces });
    const whole = await palm.reader.maskedLM({}, { tokenizer: cut, wholeWords: true, share: 0.4 });
    const examples = Array.from({ length: 200 }, () => ({ text: 'undoing it all undoing' }));
    const { maskPositions, maskCounts } = whole.pack(
      examples,
      { batch: 200, time: 10 },
      palm.drawOf({ seed: 1, name: 'maskedLM', epoch: 0 }),
    );
    let next = 0;
    const seen = new Set<string>();
    for (const [row, count] of maskCounts.data.entries()) {
      const columns = Array.from({ length: count }, () => (maskPositions.data[next++] ?? 0) - row * 10);
      for (const word of [
        [1, 2, 3],
        [6, 7, 8],
      ])
        expect([0, 3]).toContain(word.filter((column) => columns.includes(column)).length);
      seen.add(columns.join());
    }
    expect(seen.size).toBeGreaterThan(5);
  });

  it('takes [MASK] in a text to predict for what is to be guessed', () => {
    const example = reader.parse?.('the [MASK] barks');
    const { tokens, maskPositions, maskLabels, maskCounts } = reader.pack(
      [example as palm.reader.MaskedExample],
      { batch: 2, time: 6 },
      palm.drawOf({ seed: 1, name: 'maskedLM', epoch: 0 }),
    );
    expect([...tokens.data].slice(0, 5).map((id) => vocabulary.tokens[id])).toEqual([
      '[CLS]',
      'the',
      '[MASK]',
      'barks',
      '[SEP]',
    ]);
    expect([...maskCounts.data]).toEqual([1, 0]);
    expect([maskPositions.data[0], maskLabels.data[0], maskLabels.data.length]).toEqual([2, -1, 16]);
  });

  it('reads files by their columns, and says where a record has no text', async () => {
    const file = join(folder, 'texts.tsv');
    await writeFile(file, 'text_a\ttext_b\tkind\nthe cat purrs\tand then it moos\tx\nthe dog barks\tit\ty\n');
    const pairs = await palm.reader.maskedLM({ train: file }, { tokenizer, columns: { text_b: 'text_b' } });
    const { train } = pairs.parts;
    expect(await train?.read([1, 0])).toEqual([
      { text: 'the dog barks', second: 'it' },
      { text: 'the cat purrs', second: 'and then it moos' },
    ]);
    expect([train?.lengthOf(0), train?.lengthOf(1)]).toEqual([10, 7]);
    expect(pairs.parse?.('the [MASK]\tand [MASK]')).toMatchObject({ second: 'and [MASK]', hidden: true });
    await writeFile(file, 'text_a\tkind\nthe cat purrs\tx\n \ty\n');
    expect(await messageOf(() => palm.reader.maskedLM({ train: file }, { tokenizer }))).toMatch(
      /^\[FROND-D009\] text_a has no words\n {2}at .*texts\.tsv:3:1/,
    );
  });

  it('refuses a tokenizer without [MASK]', async () => {
    const maskless = palm.tokenizer.word({ vocabulary: vocabularyFrom(['[PAD]', '[UNK]', 'a'], 'v') });
    expect(await messageOf(() => palm.reader.maskedLM({}, { tokenizer: maskless }))).toMatch('[FROND-D023]');
  });
});

const sizes = { vocabulary: vocabulary.tokens.length, width: 16, layers: 1, heads: 2, maximumLength: 16 };
const backbone = (dropout = 0) => palm.backbone.bert({ ...sizes, dropout, attentionDropout: dropout });
const head = () => palm.head.maskedLM({ vocabulary: vocabulary.tokens });

/** A masked language model, ready to be trained. */
async function trainerOf(options: {
  batchSize: number;
  accumulate?: number;
  epochs?: number;
  rate?: number;
  device?: Device;
}) {
  const { batchSize, accumulate = 1, epochs = 1, rate = 0.01 } = options;
  const parts = { train: sentences, valid: sentences.slice(0, 30) };
  const reader = await palm.reader.maskedLM(parts, { tokenizer, maximumLength: 16 });
  const trainer = palm.trainer('words', { device: options.device ?? interpreterDevice() });
  trainer.buildForward(backbone(), head());
  trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(rate) }), accumulate });
  trainer.fitReader(reader as palm.Reader, { epochs, batchSize, seed: 2 });
  return trainer;
}

describe('training a masked language model', () => {
  it('has the gradient of a batch of 32 where 4 batches of 8, of unequal counts, make a step', async () => {
    const moments = async (accumulate: number) => {
      const trainer = await trainerOf({ batchSize: 32 / accumulate, accumulate });
      const step = await trainer.trainStep();
      const run = join(folder, `accumulated-${accumulate}`);
      await trainer.save(run);
      await trainer.close();
      const files = await bytesIn(await loadLatest(join(run, 'checkpoints')));
      const { tensors } = readSafetensors(files.get('moments.safetensors') ?? new Uint8Array(), 'moments');
      return { step, tensors };
    };
    const [whole, parts] = [await moments(1), await moments(4)];
    const names = [...whole.tensors.keys()].filter((name) => name.startsWith('moment1/'));
    expect(names.length).toBeGreaterThan(20);
    const floats = (of: typeof whole, name: string) => {
      const bytes = of.tensors.get(name)?.bytes.slice().buffer;
      return new Float32Array(bytes ?? new ArrayBuffer(0));
    };
    // the first moment after a step is 0.1 of the gradient
    for (const name of names) {
      const [a, b] = [floats(whole, name), floats(parts, name)];
      const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
      expect(10 * worst, name).toBeLessThan(1e-6);
    }
    expect(parts.step?.gradientNorm).toBeCloseTo(whole.step?.gradientNorm ?? 0, 6);
    expect(parts.step?.loss).toBeCloseTo(whole.step?.loss ?? 0, 6);
  });

  it('computes on threads and SIMD what the interpreter computes', async () => {
    const figures = async (device: Device) => {
      const trainer = await trainerOf({ batchSize: 16, device });
      const step = await trainer.trainStep();
      const { words } = (await trainer.evaluate('valid')) as { words: { perplexity: number } };
      const predicted = await trainer.predict(['the old [MASK] hoots']);
      await trainer.close();
      return { step, perplexity: words.perplexity, predicted };
    };
    const [one, other] = [await figures(interpreterDevice()), await figures(wasmDevice({ threads: 1 }))];
    expect(other.step?.loss).toBeCloseTo(one.step?.loss ?? 0, 5);
    expect(other.step?.gradientNorm).toBeCloseTo(one.step?.gradientNorm ?? 0, 5);
    expect(other.perplexity / one.perplexity).toBeCloseTo(1, 4);
    const guesses = ({ predicted }: typeof one) =>
      (predicted.words as readonly palm.head.Unmasked[])[0]?.guesses[0]?.map(({ piece }) => piece);
    expect(guesses(other)).toEqual(guesses(one));
  });

  it('learns, is loaded without the program, and its encoder goes on into another task', async () => {
    const trainer = await trainerOf({ batchSize: 16, epochs: 60 });
    const scores = async () => (await trainer.evaluate('valid')) as { words: Record<string, number> };
    const before = await scores();
    expect(before.words.perplexity).toBeGreaterThan(12);
    await trainer.train();
    const after = await scores();
    expect(after.words.perplexity).toBeLessThan(4);
    expect(after.words.accuracy).toBeGreaterThan(0.6);
    const text = 'the old [MASK] hoots';
    const { words } = await trainer.predict([text]);
    const [first] = words as readonly palm.head.Unmasked[];
    expect(first?.guesses[0]?.[0]?.piece).toBe('owl');
    const probabilities = first?.guesses[0]?.map(({ probability }) => probability) ?? [];
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    expect(probabilities).toHaveLength(5);

    const run = join(folder, 'pretrained');
    const checkpoint = await trainer.save(run);
    await trainer.close();
    const predictor = await palm.Predictor.load(run, { device: interpreterDevice() });
    expect((await predictor.predict([text])).words).toEqual(words);
    predictor.free();

    const reader = await palm.reader.maskedLM({ train: sentences }, { tokenizer, maximumLength: 16 });
    const { parts: _, ...texts } = reader;
    const labelled = palm.defineReader({
      ...texts,
      gives: { ...reader.gives, labels: declare('i32', ['batch']), weights: declare('f32', ['batch']) },
      names: { ...reader.names, labels: ['odd', 'even'] },
      parts: { train: sentences },
      pack: (examples, size, draw) => ({
        ...reader.pack(examples, size, draw),
        labels: { dtype: 'i32' as const, shape: [size.batch], data: new Int32Array(size.batch) },
        weights: { dtype: 'f32' as const, shape: [size.batch], data: new Float32Array(size.batch).fill(1) },
      }),
    });
    const fine = palm.trainer('parity', { device: interpreterDevice() });
    fine.buildForward(backbone(0.1), palm.head.classify({ classes: ['odd', 'even'] }));
    fine.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.001) }) });
    fine.fitReader(labelled as palm.Reader, { epochs: 1, batchSize: 32 });
    const file = join(checkpoint, 'weights.safetensors');
    const strict = await messageOf(() => fine.loadCheckpoint(file));
    expect(strict).toMatch(/lacks 2 parameters: parity\/output\/weight, parity\/output\/bias/);
    const report = await fine.loadCheckpoint(file, { partial: true });
    expect(report.missing).toEqual(['parity/output/weight', 'parity/output/bias']);
    expect(report.surplus.every((name) => name.startsWith('words/'))).toBe(true);
    expect(report.loaded.length).toBeGreaterThan(20);
    expect(report.loaded.every((name) => name.startsWith('encoder/'))).toBe(true);
    expect((await fine.train()).reason).toBe('done');
    await fine.close();
  });
});
