import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrondError } from '../../../src/base/errors.ts';
import { type Device, palm, wasmDevice } from '../../../src/index.ts';
import { removeFolder, repository, temporaryFolder } from '../../support/build.ts';

const home = temporaryFolder('tasks');
let device: Device;
beforeAll(async () => {
  device = await wasmDevice({ threads: 1 });
});
afterAll(async () => {
  await device.close();
  removeFolder(home);
});

const contextOf = (output: string, more: Partial<palm.RecipeContext> = {}): palm.RecipeContext => ({
  data: undefined,
  output: join(home, output),
  epochs: 1,
  batchSize: undefined,
  seed: 1,
  resume: false,
  device,
  signal: new AbortController().signal,
  on: () => undefined,
  ...more,
});

const example = join(repository, 'examples/tasks.json');

/** Files of a dozen records in every format, and tasks of every kind that learn from them. */
function everyKind(): object {
  const folder = join(home, 'data');
  mkdirSync(folder, { recursive: true });
  const colors = ['red', 'green', 'blue'];
  const of = (line: (color: string, i: number) => string): string =>
    Array.from({ length: 12 }, (_, i) => line(colors[i % 3] ?? '', i)).join('');
  const files = {
    'kinds.csv': `words,label\n${of((color, i) => `"a ${color} hat, nume\u0301ro ${i}",${color}\n`)}`,
    'many.jsonl': of((color) => `${JSON.stringify({ text: `a ${color} hat`, label: [color, 'hat'] })}\n`),
    'number.tsv': `text_a\tlabel\n${of((color, i) => `${color} ${i}\t${i / 4}\n`)}`,
    'pairs.tsv': `text_a\ttext_b\tlabel\n${of((color, i) => `${color}\t${colors[i % 2]}\t${i % 2}\n`)}`,
    'ranks.tsv': `text_a\ttext_b\ttext_b_neg\n${of((color, i) => `${color}\t${color} ${i}\tno ${i}\n`)}`,
    'tags.conll': of((color) => `a\tO\n${color}\tB-color\nhat\tO\n\n`),
    'plain.txt': of((color, i) => `a ${color} hat for ${i}\n`),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const set = (name: string, format: string) => ({ format, train: name, valid: name, test: name });
  return {
    data: {
      kinds: set('kinds.csv', 'csv'),
      many: set('many.jsonl', 'jsonl'),
      number: set('number.tsv', 'tsv'),
      pairs: set('pairs.tsv', 'tsv'),
      ranks: set('ranks.tsv', 'tsv'),
      tags: set('tags.conll', 'conll'),
      plain: set('plain.txt', 'lines'),
    },
    tasks: {
      color: { kind: 'classify', data: 'kinds', columns: { text_a: 'words' }, maximumLength: 5 },
      things: { kind: 'multiLabel', data: 'many', threshold: 0.4 },
      size: { kind: 'regress', data: 'number' },
      same: { kind: 'match', data: 'pairs', labelSmoothing: 0.1 },
      better: { kind: 'pairwise', data: 'ranks', margin: 0.2 },
      words: { kind: 'sequenceLabel', data: 'tags', scheme: 'BIOES' },
      hidden: { kind: 'maskedLM', data: 'plain', auxiliary: true, mixRatio: 0.5 },
    },
    backbone: { kind: 'bert', width: 16, layers: 1, heads: 2, maximumLength: 24 },
    optimizer: { rate: 0.01, schedule: { kind: 'constant' }, ema: {}, groups: [{ match: '*', rate: 0.5 }] },
    training: { batchSize: 4 },
  };
}

describe('a tasks file', () => {
  it.each(['word', 'character', 'wordPiece'])(
    'trains every kind of task, on pieces of the kind %s',
    async (kind) => {
      const settings = {
        ...everyKind(),
        tokenizer: kind === 'wordPiece' ? { kind, size: 80 } : { kind, minimumCount: 1 },
      };
      const recipe = await palm.tasksRecipe(settings, join(home, 'data/tasks.json'));
      const { trainer, test, summary } = await recipe(contextOf(kind));
      expect(summary).toMatchObject({ reason: 'done', bestStep: expect.any(Number) });
      expect(test).toMatchObject({
        color: { accuracy: expect.any(Number) },
        things: { microF1: expect.any(Number) },
        size: { pearson: expect.any(Number) },
        same: { accuracy: expect.any(Number) },
        better: { meanReciprocalRank: expect.any(Number) },
        words: { f1: expect.any(Number) },
        hidden: { perplexity: expect.any(Number) },
      });
      await trainer.close();
      // whatever stands in a training text is known, also where its spelling joins letters and accents
      const predictor = await palm.Predictor.load(join(home, kind), { device });
      expect(predictor.unknown(['a hat, nume\u0301ro'], { tasks: ['color'] })).toEqual([[]]);
      predictor.free();
      // by a model that is loaded anew, of the weights that did best
      expect(await palm.evaluateRun(join(home, kind), { device })).toEqual(test);
      expect(await palm.evaluateRun(join(home, kind), { device, part: 'valid' })).toEqual(test);
    },
  );

  it('does what the same recipe in TypeScript does, and what it came to is saved with the run', async () => {
    const text = JSON.stringify({
      data: { reviews: { format: 'tsv', train: 'train.tsv', test: 'test.tsv' } },
      tasks: { sentiment: { kind: 'classify' } },
      backbone: { kind: 'compact', width: 16, layers: 1, heads: 2 },
      optimizer: { rate: 0.01 },
    });
    const folder = join(repository, 'examples/data/sentiment');
    const recipe = await palm.tasksRecipe(text, join(folder, 'tasks.json'));
    const ours = await recipe(contextOf('json', { seed: 7, batchSize: 64 }));

    const words = readFileSync(join(folder, 'train.tsv'), 'utf8').trim().split('\n').slice(1);
    const vocabulary = palm.buildVocabulary(
      words.map((line) => (line.split('\t')[0] ?? '').toLowerCase().match(/\S+/g) ?? []),
      { special: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] },
    );
    const tokenizer = palm.tokenizer.word({ vocabulary });
    const parts = { train: join(folder, 'train.tsv'), test: join(folder, 'test.tsv') };
    const reader = await palm.reader.classify(parts, { tokenizer, name: 'sentiment' });
    const encoder = palm.backbone.compactEncoder({
      vocabulary: vocabulary.tokens.length,
      width: 16,
      layers: 1,
      heads: 2,
    });
    const theirs = palm.trainer('sentiment', { device });
    theirs.buildForward(encoder, palm.head.classify({ classes: reader.classes }));
    const rate = palm.triangular({ warmup: 0.1 }, 0.01);
    theirs.buildBackward({ optimizer: palm.adam({ rate }), weightDecay: 0.01, clipNorm: 1 });
    theirs.fitReader(reader, { epochs: 1, batchSize: 64, seed: 7 });
    await theirs.train();
    expect(ours.test).toEqual(await theirs.evaluate('test'));

    const saved = readFileSync(join(home, 'json/tasks.json'), 'utf8');
    expect(JSON.parse(saved)).toMatchObject({
      data: { reviews: { train: parts.train } },
      training: { epochs: 1, batchSize: 64 },
      seeds: [7],
    });
    const again = await palm.tasksRecipe(saved, join(home, 'json/tasks.json'));
    const context = contextOf('again', { epochs: undefined, seed: again.settings.seeds[0] ?? 0 });
    expect((await again(context)).test).toEqual(ours.test);
  });

  it('is an example: three tasks of their own data on one encoder', async () => {
    const recipe = await palm.tasksRecipe(readFileSync(example, 'utf8'), example);
    const { test, summary } = await recipe(contextOf('example', { epochs: 1, batchSize: 128 }));
    expect(summary.reason).toBe('done');
    expect(Object.keys(test ?? {})).toEqual(['sentiment', 'same', 'entities']);
  });

  it('is measured again and asked without the program that trained it', async () => {
    const run = join(home, 'word');
    const predictor = await palm.Predictor.load(run, { device });
    const inputs = ['a red hat', 'a mauve hat'];
    const tasks = ['color', 'words'];
    expect(Object.keys(await predictor.predict(inputs, { tasks }))).toEqual(tasks);
    expect(predictor.unknown(inputs, { tasks })).toEqual([[], ['mauve']]);
    // the task's own, or else that of the encoder
    expect(tasks.map((task) => predictor.readerOf(task).maximumLength)).toEqual([5, 24]);
    const pair = await predictor.predict([{ text_a: 'red', text_b: 'blue' }], { tasks: ['same'] });
    expect(pair).toEqual({
      same: [{ label: expect.stringMatching(/^[01]$/), probability: expect.any(Number) }],
    });
    await expect(predictor.predict(inputs, { tasks: ['colour'] })).rejects.toThrow(
      /^\[FROND-F016\] the run has no task colour\n {2}hint: its tasks are: color, things/,
    );
    predictor.free();
    await expect(palm.evaluateRun(run, { device, part: 'dev' })).rejects.toThrow('no task has a part dev');
  });

  it('names its place where a reader or a trainer finds a fault', async () => {
    const fault = async (change: object): Promise<string> => {
      const recipe = await palm.tasksRecipe({ ...everyKind(), ...change }, join(home, 'data/tasks.json'));
      return recipe(contextOf('fault')).then(
        () => 'none',
        (error) => (error instanceof FrondError ? error.message : String(error)),
      );
    };
    const data = { d: { format: 'tsv', train: 'none.tsv' } };
    expect(await fault({ data, tasks: { t: { kind: 'classify' } } })).toMatch(/^\[FROND-\w\d+\] .*none\.tsv/);
    expect(await fault({ training: { shares: 'size', reference: 'color' } })).toMatch(
      /^\[FROND-T002\] reference has no effect: shares is size, not mixRatio\n {2}at .*tasks\.json\n/,
    );
  });
});
