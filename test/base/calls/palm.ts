import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as frond from '../../../src/index.ts';
import { tinyReader } from '../../palm/support/tiny.ts';
import { open } from './fuzz.ts';
import type { Rows } from './row.ts';

const { palm, f32, i32 } = frond;
/** Made once: what changes nothing that a later call would see. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
const reader = once(() => tinyReader({ sentences: 6 }));
const sizes = { vocabulary: 40, width: 4, layers: 1, heads: 1, inner: 4, maximumLength: 128 };
const encoder = once(() => palm.backbone.compactEncoder(sizes));
const classes = once(() => palm.head.classify({ classes: reader().intents.names }));
const optimizer = () => palm.adam({ rate: 0.01 });
/** The folder for all that calls write. */
export const removedAtEnd = once(() => mkdtempSync(join(tmpdir(), 'frond-calls-')));
/** A run that does not exist yet. */
const fresh = (): string => join(removedAtEnd(), `run-${runs++}`);
let runs = 0;
const device = () => frond.interpreterDevice();

function build() {
  const trainer = palm.trainer('intent', { device: device() });
  trainer.buildForward(encoder() as never, classes() as never);
  return trainer;
}
const built = once(build);
const ready = once(() => {
  const trainer = build();
  trainer.buildBackward({ optimizer: optimizer() });
  trainer.fitReader(reader(), { epochs: 1, batchSize: 4, seed: 1 });
  return trainer;
});
const both = once(() => {
  const trainer = palm.multiHeadTrainer([built()], { device: device() });
  trainer.buildForward();
  return trainer;
});
const alternating = once(() => {
  const trainer = palm.multiHeadTrainer([built()], { device: device(), policy: 'alternate' });
  trainer.buildForward();
  return trainer;
});
/** A batch; its insides, of which a graph takes what it needs, are tried where graphs are fed. */
const packed = () => Object.assign(Object.create({}), reader().pack([example()], { batch: 1, time: 4 }));
/** The checkpoint of a run. */
const saved = once(() => ready().save(fresh()));
const run = async (): Promise<string> => join(await saved(), '..', '..');

const stopped = () => {
  const stop = new AbortController();
  stop.abort();
  return stop.signal;
};

const example = () => ({ words: ['fly', 'home'], tags: ['O', 'B-place'], intent: 'travel' });
const chunks = [
  ['O', 'B-a', 'I-a'],
  ['B-b', 'O', 'O'],
];
const texts = new Map([
  ['d/train/seq.in', 'fly home\n'],
  ['d/train/seq.out', 'O B-place\n'],
  ['d/train/label', 'travel\n'],
]);
const readText = async (path: string) => texts.get(path) ?? '';
const files = () => palm.reader.jointFiles('d/train');
const vocabulary = () => palm.parseVocabulary('[PAD]\n[UNK]\na\n');
/** Its insides are tried where tokenizers are made. */
const maskedTokenizer = () => {
  const vocabulary = palm.parseVocabulary('[PAD]\n[UNK]\n[MASK]\na\n');
  return Object.assign(Object.create({}), palm.tokenizer.word({ vocabulary }));
};
const tokenizerJson = JSON.stringify({
  model: { type: 'WordPiece', vocab: { '[UNK]': 0, a: 1 } },
  pre_tokenizer: { type: 'BertPreTokenizer' },
});
const tasksFile = JSON.stringify({
  data: { d: { format: 'joint', folder: 'd' } },
  tasks: { intent: { kind: 'classify' } },
});
const specs = { x: frond.declare(f32, ['batch', 4]) };

/** A run with the tasks file and the data that it is said to be of. */
const tasksRun = async (): Promise<string> => {
  const folder = await run();
  for (const part of ['train', 'test']) {
    mkdirSync(join(folder, 'd', part), { recursive: true });
    for (const [path, text] of texts) writeFileSync(join(folder, path.replace('train', part)), text);
  }
  writeFileSync(join(folder, 'tasks.json'), tasksFile);
  return folder;
};

const line = () =>
  frond.graph('line', (_, { x }) => ({ loss: frond.sum(frond.linear(x, 1, { name: 'scores' }), [0, 1]) }), {
    inputs: { x: frond.declare(f32, ['batch', 4]) },
    training: true,
  });
const opened = async () => {
  const step = frond.trainStep(line(), { optimizer: frond.sgd({ rate: 0.1 }) });
  const run = await frond.compile(step, { device: device() });
  await run.initialize(1);
  return run;
};

export const palmRows: Rows = {
  sgd: (call) => call(frond.sgd, { rate: 0.1, momentum: 0.9, nesterov: true }),
  lion: (call) => call(frond.lion, { rate: 0.1, beta1: 0.9, beta2: 0.99 }),
  trainStep: (call) =>
    call(frond.trainStep, line(), {
      optimizer: frond.adamW({ rate: 0.1 }),
      loss: 'loss',
      read: ['loss'],
      steps: 3,
      weightDecay: 0.1,
      clipNorm: 1,
      accumulate: 1,
    }),
  'trainStep#initialize': async (call) => {
    const run = await opened();
    return call(run.initialize.bind(run), 1);
  },
  'trainStep#step': async (call) => {
    const run = await opened();
    return call(run.step.bind(run), { x: { dtype: f32, shape: [1, 4], data: [1, 2, 3, 4] } });
  },
  'trainStep#save': async (call) => {
    const run = await opened();
    return call(run.save.bind(run), 'line.safetensors');
  },
  'trainStep#load': async (call) => {
    const run = await opened();
    await run.save('line.safetensors');
    return call(run.load.bind(run), 'line.safetensors', { partial: true });
  },
  'palm.labelSet': (call) => call(palm.labelSet, ['a', 'b']),
  'palm.collectLabels': (call) => call(palm.collectLabels, ['a', 'b', 'a']),
  'palm.collectTags': (call) => call(palm.collectTags, ['O', 'B-a', 'I-a']),
  'palm.convertTags': (call) => call(palm.convertTags, ['O', 'B-a', 'I-a'], 'BIOES'),
  'palm.buildVocabulary': (call) => call(palm.buildVocabulary, [['a', 'b'], ['a']], { minimumCount: 1 }),
  'palm.printVocabulary': (call) => call(palm.printVocabulary, palm.buildVocabulary([['a', 'a']])),
  'palm.parseVocabulary': (call) => call(palm.parseVocabulary, '[PAD]\n[UNK]\na\n', 'a file'),
  'palm.tokenizer.wordPiece': (call) =>
    call(palm.tokenizer.wordPiece, {
      vocabulary: vocabulary(),
      lowercase: true,
      unicode: 'NFC',
      stripAccents: true,
      clean: true,
      units: 'bert',
      prefix: '##',
      maximumCharacters: 100,
      unknown: '[UNK]',
      special: ['[PAD]'],
      added: ['a'],
    }),
  'palm.tokenizer.assembler': (call) =>
    call(palm.tokenizer.assembler, palm.tokenizer.word({ vocabulary: vocabulary() }), 8),
  'palm.tokenizer.buildWordPieces': (call) =>
    call(palm.tokenizer.buildWordPieces, ['play', 'playing'], { size: 40, minimumCount: 1 }),
  'palm.tokenizer.word': (call) => call(palm.tokenizer.word, { vocabulary: vocabulary(), lowercase: false }),
  'palm.tokenizer.character': (call) =>
    call(palm.tokenizer.character, { vocabulary: vocabulary(), clean: false }),
  'palm.tokenizer.fromTokenizerJson': (call) =>
    call(palm.tokenizer.fromTokenizerJson, tokenizerJson, 'a file'),
  'palm.tokenizer.tokenizerFrom': (call) =>
    call(palm.tokenizer.tokenizerFrom, { kind: 'word', vocabulary: ['[UNK]', 'a'] }),
  'palm.tokenizer.specialId': (call) =>
    call(palm.tokenizer.specialId, palm.tokenizer.word({ vocabulary: vocabulary() }), 'unknown', 'a reader'),
  'palm.metrics.chunksOf': (call) => call(palm.metrics.chunksOf, chunks[0]),
  'palm.metrics.entityScores': (call) => call(palm.metrics.entityScores, chunks, chunks),
  'palm.metrics.classScores': (call) => call(palm.metrics.classScores, ['a', 'b'], ['a', 'a']),
  'palm.metrics.confusionMatrix': (call) => call(palm.metrics.confusionMatrix, ['a', 'b'], ['a', 'a']),
  'palm.metrics.jointScores': (call) => call(palm.metrics.jointScores, [example()], [example()]),
  'palm.metrics.classes': (call) => call(palm.metrics.classes, { positive: 'a' }),
  'palm.metrics.labelSets': (call) => call(palm.metrics.labelSets),
  'palm.metrics.entities': (call) => call(palm.metrics.entities),
  'palm.metrics.joint': (call) => call(palm.metrics.joint),
  'palm.metrics.numbers': (call) => call(palm.metrics.numbers),
  'palm.metrics.perplexity': (call) => call(palm.metrics.perplexity),
  'palm.metrics.ranking': (call) => call(palm.metrics.ranking, { k: 3 }),
  'palm.metrics.mean': (call) => call(palm.metrics.mean, { right: () => 1 }),
  'palm.metrics.reading': (call) =>
    call(
      palm.metrics.reading,
      palm.metrics.classes(),
      (result: unknown) => result,
      (example: unknown) => example,
      () => true,
    ),
  'palm.constantRate': (call) => call(palm.constantRate, 0.1),
  'palm.studentQuantile': (call) => call(palm.studentQuantile, 0.95, 3),
  'palm.pairedInterval': (call) => call(palm.pairedInterval, [1, 2], 0.95),
  'palm.layerwise': (call) => call(palm.layerwise, 0.95),
  'palm.balance.uncertainty': (call) => call(palm.balance.uncertainty),
  'palm.balance.dynamicAverage': (call) => call(palm.balance.dynamicAverage, { temperature: 2 }),
  'palm.balance.gradNorm': (call) => call(palm.balance.gradNorm, { alpha: 1, over: '*' }),
  'palm.balance.pcGrad': (call) => call(palm.balance.pcGrad),
  'palm.balance.define': (call) => call(palm.balance.define, palm.balance.pcGrad()),
  'palm.triangular': (call) => call(palm.triangular, { warmup: 0.1 }, 0.1),
  'palm.warmUp': (call) => call(palm.warmUp, { warmup: 0.1 }, 0.1),
  'palm.linearDecay': (call) => call(palm.linearDecay, { warmup: 0.1, end: 0.01 }, 0.1),
  'palm.cosineDecay': (call) => call(palm.cosineDecay, { warmup: 0.1, end: 0.01 }, 0.1),
  'palm.polynomialDecay': (call) => call(palm.polynomialDecay, { warmup: 0.1, end: 0.01, power: 2 }, 0.1),
  'palm.noam': (call) => call(palm.noam, { warmup: 0.1, width: 64 }, 1),
  'palm.defineSchedule': (call) => call(palm.defineSchedule, 'halving', () => 1),
  'palm.adam': (call) => call(palm.adam, { rate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }),
  'palm.adamW': (call) => call(palm.adamW, { rate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }),
  'palm.defineOptimizer': (call) =>
    call(palm.defineOptimizer, {
      name: 'plain',
      moments: 0,
      settings: { beta: 0.9 },
      apply: () => ({}),
      corrections: () => [1, 1],
    }),
  'palm.backbone.compactEncoder': (call) =>
    call(palm.backbone.compactEncoder, {
      ...sizes,
      dropout: 0.1,
      attentionDropout: 0.1,
      activationDropout: 0.1,
      outerDropout: 0.1,
      wordDropout: 0.1,
      unknown: 1,
      name: 'encoder',
    }),
  'palm.backbone.bert': (call) =>
    call(palm.backbone.bert, {
      ...{
        vocabulary: 9,
        width: 8,
        layers: 1,
        heads: 2,
        inner: 8,
        maximumLength: 9,
        segments: 2,
        taskTypes: 3,
      },
      activation: 'relu',
      dropout: 0.1,
      attentionDropout: 0.1,
      deviation: 0.02,
      epsilon: 1e-12,
      name: 'encoder',
    }),
  'palm.backbone.bertConfig': (call) =>
    call(palm.backbone.bertConfig, {
      ...{ vocab_size: 9, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 },
      ...{ intermediate_size: 8, max_position_embeddings: 9, type_vocab_size: 2, hidden_act: 'relu' },
      ...{ task_type_vocab_size: 3, use_task_id: true, hidden_dropout_prob: 0.1 },
      ...{ attention_probs_dropout_prob: 0.1, initializer_range: 0.02, layer_norm_eps: 1e-12 },
    }),
  'palm.head.classify': (call) =>
    call(palm.head.classify, {
      classes: ['a', 'b'],
      gold: () => 'a',
      dropout: 0.1,
      classWeights: { a: 2 },
      labelSmoothing: 0.1,
    }),
  'palm.head.regress': (call) => call(palm.head.regress, { gold: () => 1, dropout: 0.1 }),
  'palm.head.match': (call) => call(palm.head.match, { margin: 0.5, gold: () => [], dropout: 0.1 }),
  'palm.head.maskedLM': (call) =>
    call(palm.head.maskedLM, {
      vocabulary: ['a', 'b'],
      top: 2,
      activation: 'relu',
      epsilon: 1e-5,
      dropout: 0.1,
    }),
  'palm.head.sequenceLabel': (call) =>
    call(palm.head.sequenceLabel, {
      labels: ['O', 'B-a', 'I-a'],
      scheme: 'BIO',
      gold: () => [],
      pieces: true,
    }),
  'palm.head.exactMatch': (call) => call(palm.head.exactMatch, { intent: 'a', slots: 'b' }),
  'palm.head.weightedMean': (call) =>
    frond.graph('called', (g) => {
      call(palm.head.weightedMean, g.input('losses', f32, ['batch']), g.input('weights', f32, ['batch']));
      return {};
    }),
  'palm.defineReader': (call) => call(palm.defineReader, reader()),
  'palm.evaluateRun': async (call) =>
    call(palm.evaluateRun, await tasksRun(), {
      part: 'test',
      device: device(),
      signal: new AbortController().signal,
    }),
  'palm.tasksRecipe': (call) => call(palm.tasksRecipe, tasksFile, 'tasks.json'),
  'palm.partOf': (call) => call(palm.partOf, ['a'], () => 1),
  'palm.drawOf': (call) => call(palm.drawOf, { seed: 1, name: 'joint', epoch: 0 }, [0]),
  'palm.defineBackbone': (call) =>
    call(palm.defineBackbone, open({ name: 'bag', needs: specs, gives: specs, build: () => ({}) })),
  'palm.defineHead': (call) =>
    call(
      palm.defineHead,
      open({
        name: 'own',
        needs: { backbone: specs, reader: {}, labels: { gold: frond.declare(i32, ['batch']) } },
        ...{
          build: () => ({}),
          loss: () => undefined,
          predict: () => ({}),
          decode: () => [],
          score: () => palm.metrics.mean({}),
        },
      }),
    ),
  'palm.register': (call) => call(palm.register, reader(), encoder(), classes()),
  'palm.checkContract': (call) =>
    call(palm.checkContract, { reader: reader(), backbone: encoder(), head: classes() }),
  'palm.reader.jointFiles': (call) => call(palm.reader.jointFiles, 'd'),
  'palm.reader.readJoint': (call) => call(palm.reader.readJoint, files(), { readText, maximumLength: 9 }),
  'palm.reader.jointReaderOf': (call) =>
    call(
      palm.reader.jointReaderOf,
      { train: [example()] },
      {
        name: 'joint',
        minimumCount: 1,
        maximumLength: 9,
        truncate: false,
        lowercase: true,
        unicode: 'NFC',
        strict: false,
        scheme: 'BIO',
      },
    ),
  'palm.formats.open': (call) =>
    call(palm.formats.open, 'data.tsv', { format: 'tsv', columns: ['a'], name: 'data.tsv', cache: 'cache' }),
  'palm.reader.classify': (call) =>
    call(
      palm.reader.classify,
      { train: [{ text_a: 'a', label: 'x' }] },
      {
        ...{ tokenizer: maskedTokenizer(), name: 'texts', maximumLength: 9, strict: true, cache: 'cache' },
        ...{ labels: 'one', classes: ['x', 'y'], columns: { text_a: 'text_a' } },
      },
    ),
  'palm.reader.match': (call) =>
    call(
      palm.reader.match,
      { train: [{ text_a: 'a', text_b: 'b', text_b_neg: 'a' }] },
      {
        ...{ tokenizer: maskedTokenizer(), name: 'pairs', maximumLength: 9, strict: true, cache: 'cache' },
        ...{ pairwise: true, columns: { text_b: 'text_b' } },
      },
    ),
  'palm.reader.sequenceLabel': (call) =>
    call(
      palm.reader.sequenceLabel,
      { train: [{ text_a: 'a', label: 'O' }] },
      {
        ...{ tokenizer: maskedTokenizer(), name: 'tagged', maximumLength: 9, strict: true, cache: 'cache' },
        ...{ tags: ['O', 'B-x'], scheme: 'BIO', columns: { text_a: 'text_a' } },
      },
    ),
  'palm.reader.maskedLM': (call) =>
    call(
      palm.reader.maskedLM,
      { train: [{ text_a: 'a b' }] },
      {
        ...{ tokenizer: maskedTokenizer(), name: 'words', maximumLength: 9, cache: 'cache' },
        ...{ columns: { text_a: 'text_a' }, share: 0.2, wholeWords: true },
      },
    ),
  'palm.reader.textsOf': (call) => call(palm.reader.textsOf, [{ text_a: 'a b' }], ['text_a']),
  'palm.reader.jointReader': (call) =>
    call(palm.reader.jointReader, { readText, folder: 'd', parts: ['train'], minimumCount: 1 }),
  'palm.trainer': (call) =>
    call(palm.trainer, 'intent', {
      ...{ mixRatio: 1, weight: 1, rate: 1, batchSize: 4, tokens: 64, epochs: 2, mixLayers: false },
      reuseHeadWith: built(),
      device: device(),
    }),
  'palm.Trainer': (call) =>
    call((...given) => Reflect.construct(palm.Trainer, given), 'intent', { mixRatio: 1, device: device() }),
  'palm.multiHeadTrainer': (call) =>
    call(palm.multiHeadTrainer, [built()], {
      metrics: () => palm.metrics.mean({}),
      device: device(),
      policy: 'joint',
    }),
  'palm.MultiHeadTrainer': (call) =>
    call((...given) => Reflect.construct(palm.MultiHeadTrainer, given), [built()], {
      metrics: () => palm.metrics.mean({}),
    }),
  'palm.Trainer#buildForward': (call) => {
    const trainer = palm.trainer('intent', { device: device() });
    return call(trainer.buildForward.bind(trainer), encoder(), classes());
  },
  'palm.Trainer#buildBackward': (call) =>
    call(built().buildBackward.bind(built()), {
      optimizer: optimizer(),
      weightDecay: 0.1,
      clipNorm: 1,
      groups: [{ match: '*', rate: 1, weightDecay: 0, clipNorm: 1, freeze: false }],
      accumulate: 1,
      ema: { decay: 0.9 },
    }),
  'palm.Trainer#fitReader': (call) =>
    call(built().fitReader.bind(built()), reader(), { epochs: 1, batchSize: 4, tokens: 64, seed: 1 }),
  'palm.Trainer#setAux': (call) => call(built().setAux.bind(built())),
  'palm.Trainer#setSaver': (call) =>
    call(built().setSaver.bind(built()), { folder: 'run', everySteps: 1, keep: 2 }),
  'palm.Trainer#train': (call) =>
    call(ready().train.bind(ready()), {
      printEvery: 1,
      evaluate: 'test',
      evaluateEvery: 3,
      best: () => 1,
      patience: 2,
      saveTo: fresh(),
      signal: stopped(),
      snapshotEvery: 30,
      on: () => undefined,
    }),
  'palm.Trainer#evaluate': (call) =>
    call(ready().evaluate.bind(ready()), 'test', new AbortController().signal),
  'palm.Trainer#predict': (call) => call(ready().predict.bind(ready()), ['fly home', example()]),
  'palm.Trainer#predictAll': (call) =>
    call(ready().predictAll.bind(ready()), 'test', { signal: new AbortController().signal }),
  'palm.Trainer#mistakes': (call) =>
    call(ready().mistakes.bind(ready()), 'test', { most: 3, signal: new AbortController().signal }),
  'palm.Trainer#predictBatch': (call) => call(ready().predictBatch.bind(ready()), 'intent', packed()),
  'palm.Trainer#trainStep': (call) => call(ready().trainStep.bind(ready())),
  'palm.Trainer#save': (call) => call(ready().save.bind(ready()), fresh()),
  'palm.Trainer#resume': async (call) => call(ready().resume.bind(ready()), await run(), () => undefined),
  'palm.Trainer#loadCheckpoint': async (call) =>
    call(ready().loadCheckpoint.bind(ready()), join(await saved(), 'weights.safetensors'), { partial: true }),
  'palm.Trainer#close': (call) => {
    const trainer = palm.trainer('intent', { device: device() });
    return call(trainer.close.bind(trainer));
  },
  'palm.MultiHeadTrainer#buildForward': (call) => call(both().buildForward.bind(both())),
  'palm.MultiHeadTrainer#fitReaders': (call) =>
    call(
      alternating().fitReaders.bind(alternating()),
      { intent: reader() },
      { epochs: 1, batchSize: 4, tokens: 64, seed: 1, shares: 'size', temperature: 2 },
    ),
  'palm.loadModelRecord': async (call) => call(palm.loadModelRecord, await run()),
  'palm.Predictor.load': async (call) => {
    const loaded = await call(palm.Predictor.load, await run(), {
      device: device(),
      reader: reader(),
      heads: { intent: classes() },
    });
    if (loaded instanceof palm.Predictor) await loaded.free();
  },
  'palm.Predictor#predict': async (call) => {
    const predictor = await palm.Predictor.load(await run(), { device: device() });
    return call(predictor.predict.bind(predictor), ['fly home'], { signal: new AbortController().signal });
  },
  'palm.Predictor#unknown': async (call) => {
    const predictor = await palm.Predictor.load(await run(), { device: device() });
    return call(predictor.unknown.bind(predictor), ['fly home'], { tasks: ['intent'] });
  },
  'palm.Predictor#readerOf': async (call) => {
    const predictor = await palm.Predictor.load(await run(), { device: device() });
    return call(predictor.readerOf.bind(predictor), 'intent');
  },
  'palm.Predictor#evaluate': async (call) => {
    const predictor = await palm.Predictor.load(await run(), { device: device() });
    const part = palm.partOf([example()], () => 2);
    return call(predictor.evaluate.bind(predictor), { intent: part }, new AbortController().signal);
  },
  'palm.Predictor#free': async (call) => {
    const predictor = await palm.Predictor.load(await run(), { device: device() });
    return call(predictor.free.bind(predictor));
  },
};

/** Files of a checkpoint. */
const content = () => ({ files: new Map([['a', Uint8Array.of(1, 2)]]), summary: { loss: 1 } });

export const checkpointRows: Rows = {
  saveCheckpoint: (call) => call(frond.saveCheckpoint, fresh(), 3, content(), { keep: 2 }),
  readCheckpoint: async (call) =>
    call(frond.readCheckpoint, await frond.saveCheckpoint(fresh(), 3, content())),
  loadLatest: async (call) => {
    const place = fresh();
    await frond.saveCheckpoint(place, 3, content());
    return call(frond.loadLatest, place);
  },
};
