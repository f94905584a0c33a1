import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpreterDevice, palm } from '../../src/index.ts';
import { chainConstraints, type LabelScheme } from '../../src/nn/index.ts';
import { convertTags, writtenIn } from '../../src/nn/tags.ts';
import { collectTags } from '../../src/palm/labels.ts';
import { jointReaderFrom, jointReaderOf } from '../../src/palm/reader/joint.ts';
import { runs } from '../support/counts.ts';

const split = (line: string): string[] => line.split(' ');

/** The same sentences in every scheme: a touching chunk of one type, one of another, single words and long chunks. */
const SENTENCES = {
  BIO: ['O B-room B-room I-room O', 'B-room I-room I-room B-hour', 'O O'],
  IOB1: ['O I-room B-room I-room O', 'I-room I-room I-room I-hour', 'O O'],
  BIOES: ['O S-room B-room E-room O', 'B-room I-room E-room S-hour', 'O O'],
  BILOU: ['O U-room B-room L-room O', 'B-room I-room L-room U-hour', 'O O'],
  BMES: ['O S-room B-room E-room O', 'B-room M-room E-room S-hour', 'O O'],
} as const;
const SCHEMES = Object.keys(SENTENCES) as (keyof typeof SENTENCES)[];
const LEARNED = SCHEMES.filter((scheme): scheme is LabelScheme => scheme !== 'IOB1');

const examplesIn = (scheme: keyof typeof SENTENCES) =>
  SENTENCES[scheme].map((line) => ({
    words: split(line).map((_, i) => `w${i}`),
    tags: split(line),
    intent: 'a',
  }));

describe('tag schemes', () => {
  test.each(SCHEMES)('%s is recognised and converted to each that can be learned', (from) => {
    expect(writtenIn(SENTENCES[from].map(split))).toBe(from);
    for (const to of LEARNED) {
      const converted = SENTENCES[from].map((line) => convertTags(split(line), to).join(' '));
      expect(converted).toEqual(SENTENCES[to]);
    }
  });

  test('are told apart by all sentences of a part, and by its rules where letters leave it open', () => {
    const written = (...lines: readonly string[]) => writtenIn(lines.map(split));
    expect(written('O O')).toBe('BIO');
    expect(written('O B-x')).toBe('BIO');
    expect(written('O I-x')).toBe('IOB1');
    expect(written('I-x B-x', 'O I-x')).toBe('IOB1');
    expect(written('I-x I-x', 'B-x O', 'B-x I-x')).toBe('BIO');
    // the second letter decides, not any text that begins alike
    expect(written('LOC-x US-x', 'B-x')).toBe('BIO');
    expect(written('B-x I-x', 'O O', 'S-x')).toBe('BIOES');
    expect(written('B-x I-x', 'O O', 'U-x')).toBe('BILOU');
  });

  test('leave alone what is written so already, and what holds a text that is no tag', () => {
    const bio = split(SENTENCES.BIO[1]);
    expect(convertTags(bio, 'BIO')).toBe(bio);
    const odd = ['I-x', 'city'];
    expect(convertTags(odd, 'BIO')).toBe(odd);
  });

  test('are converted to labellings that their constraints allow, whatever was written', () => {
    const tag = fc.constantFrom(
      'O',
      ...['B', 'I', 'E', 'S', 'L', 'U', 'M'].flatMap((part) => [`${part}-x`, `${part}-y`]),
    );
    const property = fc.property(
      fc.array(tag, { minLength: 1 }),
      fc.constantFrom(...LEARNED),
      (tags, scheme) => {
        const converted = convertTags(tags, scheme);
        const { names, ids } = collectTags(converted);
        const { transitions, start, stop } = chainConstraints(names, scheme);
        const path = converted.map((label) => ids.get(label) ?? -1);
        const steps = path.slice(1).map((to, i) => transitions[(path[i] ?? 0) * names.length + to]);
        const scores = [start[path[0] ?? 0], ...steps, stop[path.at(-1) ?? 0]];
        expect(
          scores.every((score) => score === 0),
          converted.join(' '),
        ).toBe(true);
        expect(convertTags(converted, scheme)).toBe(converted);
      },
    );
    fc.assert(property, { seed: 7, numRuns: runs(3000, 200) });
  });
});

describe('a reader of tags in any scheme', () => {
  const wanted = jointReaderOf({ train: examplesIn('BIO'), test: examplesIn('BIO') });

  test.each(SCHEMES)('gives tags of BIO for data in %s, and says so', (scheme) => {
    const reader = jointReaderOf({ train: examplesIn(scheme), test: examplesIn('BIO') });
    expect(reader.tags.names).toEqual(['O', 'B-hour', 'B-room', 'I-room']);
    for (const [part, { examples }] of Object.entries(wanted.parts))
      expect(reader.parts[part]?.examples).toEqual(examples);
    expect(reader.names).toEqual(wanted.names);
    expect(reader.notes).toEqual(
      scheme === 'BIO' ? [] : [`the tags of train are written in ${scheme} and were converted to BIO`],
    );
    expect(reader.pack(reader.parts.train?.examples ?? [], { batch: 3, time: 5 }).weights.data).toEqual(
      Float32Array.of(1, 1, 1),
    );
  });

  test('learns another scheme where that is declared or given, and records it', () => {
    const reader = jointReaderOf({ train: examplesIn('IOB1') }, { scheme: 'BIOES' });
    expect(reader.tags.names).toEqual(['O', 'S-hour', 'B-room', 'E-room', 'I-room', 'S-room']);
    expect(reader.record).toMatchObject({ scheme: 'BIOES' });
    const { vocabulary, intents, tags } = reader;
    const later = jointReaderOf({ test: examplesIn('BILOU') }, { vocabulary, intents, tags });
    expect(later.parts.test?.examples).toEqual(reader.parts.train?.examples);
    const older = JSON.parse(JSON.stringify({ ...reader.record, scheme: undefined }));
    expect(jointReaderFrom(older).record).toEqual(reader.record);
  });

  test('numbers labels by their names, also where a map made by hand says otherwise', () => {
    const names = ['O', 'B-hour', 'B-room', 'I-room'];
    const odd = { names, ids: new Map(names.map((name, id) => [name, 3 - id])) };
    const reader = jointReaderOf({ train: examplesIn('BIO') }, { tags: odd });
    const { tags } = reader.pack(reader.parts.train?.examples.slice(0, 1) ?? [], { batch: 1, time: 5 });
    expect(tags.data).toEqual(Int32Array.of(0, 2, 2, 3, 0));
  });

  test.each([
    ['B-x O', 'I-x B-x', 'BIO'],
    ['B-x E-x', 'B-x B-x', 'BIOES'],
    ['B-x L-x', 'B-x E-x', 'BILOU'],
  ])('names sentences that break their own scheme: %j is right, %j is not', (right, wrong, scheme) => {
    const example = (line: string, at: number) => ({
      words: ['a', 'b'],
      tags: split(line),
      intent: 'a',
      file: 'seq.out',
      line: at,
    });
    const { notes } = jointReaderOf({ train: [right, right, wrong].map((line, i) => example(line, 4 + i)) });
    expect(notes).toEqual([
      ...(scheme === 'BIO' ? [] : [`the tags of train are written in ${scheme} and were converted to BIO`]),
      `1 of 3 sentences of train have tags that ${scheme} forbids, the first in seq.out:6; their chunks were read as conlleval reads them`,
    ]);
  });

  test('refuses a scheme that does not exist', () => {
    expect(() => jointReaderOf({ train: examplesIn('BIO') }, { scheme: 'IOB2' as 'BIO' })).toThrow(
      /^\[FROND-T002\] jointReaderOf: scheme is "IOB2"\n.*\n {2}hint: give one of BIO, BIOES, BILOU, BMES; data may be written in any of them, or in IOB1$/,
    );
  });
});

test('a tagger of data in IOB1 finds the chunks that it was trained on', async () => {
  const rooms = ['kitchen', 'attic', 'hall', 'cellar'];
  const train = rooms.map((room) => ({
    words: ['light', 'the', room, 'now'],
    tags: ['O', 'O', 'I-room', 'O'],
    intent: 'a',
  }));
  const reader = jointReaderOf({ train }, { minimumCount: 1 });
  const trainer = palm.trainer('slots', { device: interpreterDevice() });
  const encoder = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length,
    width: 8,
    layers: 1,
    heads: 1,
    dropout: 0,
    outerDropout: 0,
  });
  trainer.buildForward(encoder, palm.head.sequenceLabel({ labels: reader.tags.names }));
  trainer.buildBackward({ optimizer: palm.adam({ rate: 0.02 }) });
  trainer.fitReader(reader, { epochs: 20, batchSize: 4 });
  await trainer.train();
  expect((await trainer.evaluate('train')).slots).toMatchObject({ f1: 1, expected: 4 });
  await trainer.close();
});
