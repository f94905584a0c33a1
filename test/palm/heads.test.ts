import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declare, differentiate, f32, graph, interpreterDevice, ops, palm } from '../../src/index.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { lossName, trainingGraph } from '../../src/palm/graphs.ts';
import { compile } from '../../src/runtime/compile.ts';
import { fed } from '../support/goldens.ts';
import { messageOf } from '../support/message.ts';
import { runGraph } from '../support/run.ts';

const tensor = (data: Float32Array | Int32Array, ...shape: number[]) => ({
  dtype: data instanceof Int32Array ? ('i32' as const) : ('f32' as const),
  shape,
  data,
});
const floats = (values: readonly number[], ...shape: number[]) => tensor(Float32Array.from(values), ...shape);
const whole = (values: readonly number[], ...shape: number[]) => tensor(Int32Array.from(values), ...shape);

interface Example {
  readonly words: readonly number[];
  readonly label: string;
  readonly labels: readonly string[];
  readonly value: number;
  readonly tags: readonly string[];
  readonly candidates: readonly palm.metrics.Candidate[];
}

/** Sentences of the words 1 … 4; what is to be learnt follows from whether they have a 3 and a 4. */
const examples = Array.from({ length: 64 }, (_, i): Example => {
  const words = [1 + (i % 2), ...(i % 4 < 2 ? [3] : []), ...(i % 3 === 0 ? [4] : []), 1];
  const [three, four] = [words.includes(3), words.includes(4)];
  return {
    words,
    label: three ? 'three' : 'none',
    labels: [...(three ? ['three'] : []), ...(four ? ['four'] : [])],
    value: Number(three) - 2 * Number(four),
    tags: words.map((_, column) => (words[column + 1] === 3 ? 'B-x' : 'O')),
    candidates: [],
  };
});

const common = {
  tokens: declare('i32', ['batch', 'time']),
  positions: declare('i32', ['batch', 'time']),
  mask: declare('bool', ['batch', 'time']),
  weights: declare('f32', ['batch']),
} as const;

/** A reader with what a task learns from beside the words: `labelsOf` the words of each row. */
function readerOf<const G extends palm.Specs>(
  gives: G,
  labelsOf: (
    rows: readonly Example[],
    size: palm.BatchSize,
  ) => Record<keyof G, { data: Float32Array | Int32Array }>,
  more: { rowsPerExample?: number; rowsOf?: (example: Example) => readonly Example[] } = {},
) {
  const { rowsPerExample = 1, rowsOf = (example) => [example] } = more;
  return palm.defineReader({
    name: 'words',
    gives: { ...common, ...gives },
    parts: { train: examples, test: examples.slice(0, 20) },
    rowsPerExample,
    length: ({ words }: Example) => words.length,
    pack(given, size) {
      const { batch, time } = size;
      const rows = given.flatMap(rowsOf);
      const at = (row: number, column: number): number => rows[row]?.words[column] ?? 0;
      const places = Array.from(
        { length: batch * time },
        (_, i) => [Math.floor(i / time), i % time] as const,
      );
      const tokens = whole(
        places.map(([row, column]) => at(row, column)),
        batch,
        time,
      );
      const all = {
        tokens,
        positions: whole(
          places.map(([, column]) => column),
          batch,
          time,
        ),
        mask: {
          dtype: 'bool' as const,
          shape: [batch, time],
          data: Uint32Array.from(places, ([row, column]) => +(column === 0 || at(row, column) > 0)),
        },
        weights: floats(
          Array.from({ length: batch }, (_, row) => (row < rows.length ? 1 : 0)),
          batch,
        ),
      };
      const labels = Object.entries(labelsOf(rows, size)).map(([name, { data }]) => {
        const shape = (gives[name]?.shape ?? []).map((dim) =>
          dim === 'batch' ? batch : dim === 'time' ? time : Number(dim),
        );
        return [name, tensor(data, ...shape)];
      });
      return { ...all, ...Object.fromEntries(labels) };
    },
  }) as unknown as palm.Reader;
}
const NAMES = ['three', 'four'];

const tasks: Readonly<
  Record<string, { reader: palm.Reader; head: unknown; good: (scores: never) => boolean }>
> = {
  'several labels': {
    reader: readerOf({ labels: declare('f32', ['batch', 2]) }, (rows, { batch }) => ({
      labels: {
        data: Float32Array.from({ length: 2 * batch }, (_, i) =>
          Number(rows[i >> 1]?.labels.includes(NAMES[i % 2] ?? '') ?? false),
        ),
      },
    })),
    head: palm.head.classify({ classes: NAMES, multiLabel: true, threshold: 0.4 }),
    good: ({ microF1, exactMatch }: { microF1: number; exactMatch: number }) =>
      microF1 > 0.9 && exactMatch > 0.8,
  },
  'one class, weighted and smoothed': {
    reader: readerOf({ labels: declare('i32', ['batch']) }, (rows, { batch }) => ({
      labels: { data: Int32Array.from({ length: batch }, (_, i) => (rows[i]?.label === 'three' ? 1 : 0)) },
    })),
    head: palm.head.classify({
      classes: ['none', 'three'],
      classWeights: { three: 2 },
      labelSmoothing: 0.1,
      dropout: 0.1,
    }),
    good: ({ accuracy }: { accuracy: number }) => accuracy > 0.9,
  },
  'a number': {
    reader: readerOf({ labels: declare('f32', ['batch']) }, (rows, { batch }) => ({
      labels: { data: Float32Array.from({ length: batch }, (_, i) => rows[i]?.value ?? 0) },
    })),
    head: palm.head.regress(),
    good: ({ pearson, meanSquaredError }: { pearson: number; meanSquaredError: number }) =>
      pearson > 0.95 && meanSquaredError < 0.2,
  },
  'which of two': {
    // the better one has one 4 fewer
    reader: readerOf({}, () => ({}), {
      rowsPerExample: 2,
      rowsOf: (example) => [
        { ...example, words: example.words.map((word) => (word === 4 ? 2 : word)) },
        { ...example, words: [4, ...example.words.slice(1)] },
      ],
    }),
    head: palm.head.match({
      gold: ({ words }: Example) => [
        { query: words.join(), relevance: 1 },
        { query: words.join(), relevance: 0 },
      ],
    }),
    good: ({ precisionAt1 }: { precisionAt1: number }) => precisionAt1 > 0.9,
  },
  'tags of words, of which every other piece is the first': {
    reader: readerOf(
      {
        firstPieces: declare('i32', ['batch', 'time']),
        wordCounts: declare('i32', ['batch']),
        tags: declare('i32', ['batch', 'time']),
      },
      (rows, { batch, time }) => ({
        firstPieces: {
          data: Int32Array.from({ length: batch * time }, (_, i) => {
            const [row, word] = [Math.floor(i / time), i % time];
            return row * time + (2 * word < (rows[row]?.words.length ?? 0) ? 2 * word : 0);
          }),
        },
        wordCounts: {
          data: Int32Array.from({ length: batch }, (_, row) => Math.ceil((rows[row]?.words.length ?? 0) / 2)),
        },
        tags: {
          data: Int32Array.from({ length: batch * time }, (_, i) => {
            const [row, word] = [Math.floor(i / time), i % time];
            return rows[row]?.tags[2 * word] === 'B-x' ? 1 : 0;
          }),
        },
      }),
    ),
    head: palm.head.sequenceLabel({
      labels: ['O', 'B-x'],
      pieces: true,
      dropout: 0.1,
      gold: ({ tags }: Example) => tags.filter((_, i) => i % 2 === 0),
    }),
    good: ({ f1 }: { f1: number }) => f1 > 0.9,
  },
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frond-heads-'));
});
afterAll(() => rm(folder, { recursive: true }));

const backbone = () =>
  palm.backbone.compactEncoder({ vocabulary: 5, width: 8, layers: 1, heads: 2, dropout: 0, outerDropout: 0 });

describe('a head learns, is scored, and is loaded from its record', () => {
  it.each(Object.entries(tasks))('%s', async (name, { reader, head, good }) => {
    const trainer = palm.trainer('task', { device: interpreterDevice() });
    trainer.buildForward(backbone(), head as palm.Head);
    trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.01) }) });
    trainer.fitReader(reader, { epochs: 20, batchSize: 8, seed: 1 });
    const scored = async () => ((await trainer.evaluate('test')) as { task: never }).task;
    expect(good(await scored())).toBe(false);
    await trainer.train();
    const after = await scored();
    expect(good(after), JSON.stringify(after)).toBe(true);
    const run = join(folder, name.replaceAll(' ', '-'));
    await trainer.save(run);
    const { task: predicted } = await trainer.predict(examples.slice(0, 5));
    await trainer.close();
    const predictor = await palm.Predictor.load(run, { reader, device: interpreterDevice() });
    expect((await predictor.predict(examples.slice(0, 5))).task).toEqual(predicted);
    predictor.free();
  });
});

describe('what heads give', () => {
  it('labels above the threshold, with their probabilities', () => {
    const several = palm.head.classify({ classes: ['a', 'b', 'c'], multiLabel: true, threshold: 0.25 });
    const probabilities = floats([0.2, 0.45, 0.9, 0.25, 0, 1.000001], 2, 3);
    const [first, second] = several.decode({ probabilities }, {});
    expect(first?.labels).toEqual(['b', 'c']);
    expect(first?.probabilities.map((one) => one.toFixed(2))).toEqual(['0.45', '0.90']);
    expect(second).toEqual({ labels: ['c'], probabilities: [1] });
    const scores = several.score();
    scores.add([first, second] as palm.head.Labelled[], [{ labels: ['c'] }, { labels: ['c'] }] as never);
    expect(scores.value()).toMatchObject({ recall: 1, exactMatch: 0.5 });
  });

  it('tags of the words that are there', () => {
    const head = palm.head.sequenceLabel({ labels: ['O', 'B-x'], pieces: true });
    const found = head.decode(
      { tags: whole([1, 0, 0, 0, 1, 0], 2, 3), probability: floats([0.5, 1], 2) },
      { firstPieces: whole([], 2, 3), wordCounts: whole([2, 0], 2) },
    );
    expect(found).toEqual([
      { tags: ['B-x', 'O'], probability: 0.5 },
      { tags: [], probability: 1 },
    ]);
  });

  it('guesses of hidden pieces by row, with what the known ones are worth', () => {
    const head = palm.head.maskedLM({ vocabulary: ['a', 'b', 'c'], top: 2 });
    const values = {
      ids: whole([0, 1, 2, 0, 1, 2, 0, 0], 4, 2),
      probabilities: floats([0.5, 0.25, 0.75, 0.125, 1, 0, 0, 0], 4, 2),
      losses: floats([0.5, 0.25, 0, 0], 4),
      right: floats([1, 0, 0, 0], 4),
    };
    const batch = {
      maskCounts: whole([2, 0, 1], 3),
      maskLabels: whole([0, 1, -1, -1], 4),
      maskPositions: whole([0, 0, 0, 0], 4),
    };
    const found = head.decode(values, batch);
    const guess = (piece: string, probability: number) => ({ piece, probability });
    expect(found).toEqual([
      {
        guesses: [
          [guess('a', 0.5), guess('b', 0.25)],
          [guess('c', 0.75), guess('a', 0.125)],
        ],
        pieces: 2,
        right: 1,
        negativeLogLikelihood: 0.75,
      },
      { guesses: [], pieces: 0, right: 0, negativeLogLikelihood: 0 },
      { guesses: [[guess('b', 1)]], pieces: 0, right: 0, negativeLogLikelihood: 0 },
    ]);
    expect(head.weigh?.(batch as never)).toBe(2);
    const scores = head.score();
    scores.add(found, [{}, {}, {}]);
    expect(scores.value()).toEqual({ perplexity: Math.exp(0.375), accuracy: 0.5, pieces: 2 });
  });

  it('ranks of texts, one or two of an example', () => {
    const scores = palm.head.match().score();
    const pair = (query: string) => ({
      candidates: [
        { query, relevance: 1 },
        { query, relevance: 0 },
      ],
    });
    const single = (relevance: number) => ({ candidates: [{ query: 'c', relevance }] });
    const all = [pair('a'), pair('b'), single(1), single(0)];
    // what fills the second row of an example with one text does not count
    scores.add(
      [
        [0.9, 0.1],
        [0.2, 0.3],
        [0.6, 0.9],
        [0.5, 0.9],
      ] as never,
      all as never,
    );
    expect(scores.value()).toMatchObject({ queries: 3, precisionAt1: 2 / 3 });
  });

  it('a mean over batches that divides by the factors of classes', () => {
    const head = palm.head.classify({ classes: ['a', 'b'], classWeights: { b: 3 } });
    const batch = { labels: whole([0, 1, 1], 3), weights: floats([1, 0.5, 0], 3) };
    expect(head.weigh?.(batch as never)).toBe(2.5);
    expect(palm.head.classify({ classes: ['a', 'b'] }).weigh).toBeUndefined();
  });
});

describe('the loss of several labels', () => {
  /** The loss of one score, and its gradient. */
  const { ir } = graph('loss', (g) => {
    const head = palm.head.classify({ classes: ['a'], multiLabel: true });
    const inputs = { labels: g.input('y', f32, ['batch', 1]), weights: g.input('w', f32, ['batch']) };
    return { loss: head.loss(g, { ...inputs, logits: g.input('z', f32, ['batch', 1]) }) };
  });
  const { graph: both, gradients } = differentiate(ir, ops, { loss: 'loss', wrt: ['z'], parameters: [] });
  const builder = new GraphBuilder('both', ops, both);
  builder.output('slope', gradients.z ?? '');
  const finished = builder.finish();

  it('is −y log σ(z) − (1 − y) log σ(−z), whatever the score', async () => {
    const { executable } = await compile(finished, { device: interpreterDevice({ precision: 'f64' }) });
    const scores = fc.oneof(
      fc.double({ min: -1e4, max: 1e4, noNaN: true }),
      fc.double({ min: -3, max: 3, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(scores, fc.constantFrom(0, 1, 0.25), async (z, y) => {
        const feeds = { z: floats([z], 1, 1), y: floats([y], 1, 1), w: floats([1], 1) };
        const { loss, slope } = await executable.run(feeds);
        const score = Math.fround(z);
        const soft = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
        expect(loss?.data[0]).toBeCloseTo(y * soft(-score) + (1 - y) * soft(score), 9);
        expect(slope?.data[0]).toBeCloseTo(1 / (1 + Math.exp(-score)) - y, 9);
      }),
      {
        numRuns: 60,
        examples: [
          [0, 1],
          [0, 0],
          [-0, 0.25],
        ],
      },
    );
  });
});

describe('a head', () => {
  const { reader } = tasks['which of two'] ?? {};

  it('drops out what it gets while it trains, and draws its weights as it is told to', () => {
    const make = (dropout: number, deviation: number) =>
      palm.head.classify({ classes: ['a', 'b'], dropout, initializer: { kind: 'normal', deviation } });
    const nodes = (dropout: number) => {
      const task = { name: 'task', head: make(dropout, 0.5) as unknown as palm.Head, weight: 1 };
      return Object.values(trainingGraph('x', backbone() as unknown as palm.Backbone, [task]).nodes);
    };
    const rates = (dropout: number) => nodes(dropout).flatMap(({ attributes }) => attributes.rate ?? []);
    expect(rates(0)).toEqual([]);
    expect(rates(0.25)).toEqual([0.25]);
    const weight = nodes(0).find(({ id }) => id === 'task/output/weight');
    expect(weight?.attributes.initializer).toEqual({ kind: 'normal', deviation: 0.5 });
    expect(lossName('task')).toBe('task.loss');
  });

  it('refuses a class that there is not, settings of another form, and half a pair', async () => {
    expect(await messageOf(() => palm.head.classify({ classes: ['a'], classWeights: { b: 1 } }))).toBe(
      '[FROND-T002] classify: classWeights has b, which is no class\n  hint: the classes are a',
    );
    const several = { classes: ['a'], multiLabel: true, labelSmoothing: 0.1 };
    expect(await messageOf(() => palm.head.classify(several as never))).toMatch(
      '[FROND-T002] classify has no option labelSmoothing',
    );
    expect(await messageOf(() => palm.head.match({ margin: -1 }))).toMatch('FROND-T002');
    expect(palm.head.match({ classes: ['a', 'b'] }).names).toEqual({ labels: ['a', 'b'] });
    expect(reader?.rowsPerExample).toBe(2);
    const { needs, build, loss } = palm.head.match() as unknown as palm.Head;
    const { ir } = graph('pairs', (g) => {
      const sentence = g.input('sentence', f32, ['batch', 1]);
      const given = { sentence, weights: g.input('weights', f32, ['batch']) };
      return { loss: loss(g, { ...given, ...build(g, given) }) };
    });
    expect(Object.keys(needs.labels)).toEqual(['weights']);
    const parameters = { 'output/weight': floats([1], 1, 1), 'output/bias': floats([0], 1) };
    const feeds = { sentence: floats([1, 2, 3], 3, 1), weights: floats([1, 1, 1], 3), ...parameters };
    expect(await messageOf(() => runGraph(fed(ir), feeds))).toMatch(/not divisible by 2/);
  });
});
