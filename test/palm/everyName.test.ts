import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { reportPage } from '../../src/cli/report.ts';
import {
  add,
  compile,
  f32,
  graph,
  interpreterDevice,
  linear,
  ones,
  palm,
  parseGraph,
  printGraph,
  rearrange,
  sum,
  type Tensor,
  toDot,
  toMermaid,
  toSvg,
} from '../../src/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';

/** What every object of JavaScript answers to; `__proto__` is no name in a graph, but a word, a label, a part like any other. */
const NAMES = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'] as const;
const WORDS = [...NAMES, '__proto__'];

const folder = temporaryFolder();
afterAll(folder.remove);

it('a graph may call everything by names that objects have already', async () => {
  const [one, two, three, four] = NAMES;
  const model = graph(one, (g) => {
    const x = g.input(one, f32, [two, 4]);
    const y = g.scope(three, () => linear(x, 4, { name: four }));
    // the types refuse such labels, as every object answers to them
    const z = (rearrange as (...given: unknown[]) => Tensor)(y, `n (${one} d) -> d n ${one}`, { d: 2 });
    return { [one]: sum(z, [0, 2]), [two]: add(x, g.parameter(three, f32, [4], ones())) };
  });
  for (const draw of [toDot, toMermaid, toSvg, printGraph]) expect(draw(model)).toContain(one);
  expect(toSvg(model, { depth: 1 })).toContain(three);
  expect(parseGraph(printGraph(model))).toEqual(model.ir);
  const device = interpreterDevice();
  const { executable } = await compile(model.ir, { device });
  await executable.state.initialize(1);
  const fed = await executable.run({ [one]: { dtype: 'f32', shape: [1, 4], data: [1, 2, 3, 4] } } as never);
  expect(Object.keys(fed)).toEqual([one, two]);
  expect(Array.from(fed[two]?.data ?? [])).toEqual([2, 3, 4, 5]);
  await expect(executable.run({})).rejects.toThrow(/FROND-R009.*input constructor was not fed/);
  await device.close();
});

it('a run may have such words, intents, tags, parts and tasks: it trains, saves, loads, predicts, reports', async () => {
  const examples = Array.from({ length: 10 }, (_, i) => {
    const word = WORDS[i % 5] ?? '';
    return {
      words: ['say', word, WORDS[(i + 1) % 5] ?? ''],
      tags: ['O', `B-${word}`, `I-${word}`],
      intent: word,
    };
  });
  const parts = Object.fromEntries([
    ['train', examples],
    ['valid', examples],
    ['test', examples],
    ...WORDS.map((name) => [name, examples] as const),
  ]);
  const reader = palm.reader.jointReaderOf(parts, { minimumCount: 1 });
  expect(reader.vocabulary.tokens).toEqual(expect.arrayContaining(WORDS.map((word) => word.toLowerCase())));
  const backbone = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length,
    width: 8,
    layers: 1,
    heads: 2,
  });
  const intent = palm.trainer('constructor');
  const slots = palm.trainer('toString');
  intent.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
  slots.buildForward(backbone, palm.head.sequenceLabel({ labels: reader.tags.names }));
  const trainer = palm.multiHeadTrainer([intent, slots], { device: interpreterDevice() });
  trainer.buildForward();
  trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.01) }) });
  trainer.fitReader(reader, { epochs: 1, batchSize: 5, seed: 1 });
  const run = join(folder.path, 'run');
  const steps: palm.TrainingEvent[] = [];
  const summary = await trainer.train({ saveTo: run, printEvery: 1, on: (event) => void steps.push(event) });
  for (const { losses } of steps.flatMap((event) => (event.type === 'step' ? [event] : [])))
    for (const name of ['constructor', 'toString']) expect(losses[name]).toBeGreaterThan(0);
  const [epoch] = summary.history;
  expect(JSON.stringify(epoch)).not.toContain('native code');
  const test = await trainer.evaluate('__proto__');
  await expect(trainer.evaluate('valueOf')).resolves.toEqual(test);
  await expect(trainer.evaluate('isPrototypeOf')).rejects.toThrow(/FROND-D015/);
  const texts = WORDS.map((word) => `say ${word}`);
  const said = await trainer.predict(texts);
  const predictor = await palm.Predictor.load(run, { device: interpreterDevice(), heads: {} });
  expect(await predictor.predict(texts)).toEqual(said);
  const page = reportPage({
    name: 'constructor',
    result: { trainer, summary, test },
    test,
    mistakes: await trainer.mistakes('__proto__'),
    facts: { seconds: 1, seed: 1, device: 'interpreter' },
    gradients: [],
    steps: steps.flatMap((event) => (event.type === 'step' ? [event] : [])),
  });
  for (const word of WORDS) expect(page).toContain(word);
  expect(page).not.toContain('native code');
  await predictor.free();
  await trainer.close();
});
