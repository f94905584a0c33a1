import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  declare,
  FrondError,
  f32,
  i32,
  interpreterDevice,
  linear,
  loadLatest,
  mean,
  mul,
  normal,
  palm,
  saveCheckpoint,
  sum,
  tanh,
} from '../../src/index.ts';
import { parseVocabulary } from '../../src/palm/tokenizer/vocabulary.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { bytesIn } from '../store/support/bytes.ts';
import {
  type Change,
  empty,
  flat,
  integers,
  lacking,
  surplus,
  tensorsIn,
  text,
  without,
} from './support/damage.ts';
import { tinyBackbone, tinyReader, tinyTrainer } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);
const checkpoints = (run: string): string => join(run, 'checkpoints');

const TEXTS = ['fly to rome', 'light in the attic', 'from lima please fly to oslo', 'unheard words'];

const load = (target: string, options: palm.PredictorOptions = {}): Promise<palm.Predictor> =>
  palm.Predictor.load(target, { device: interpreterDevice(), ...options });

let run = '';
let predicted: palm.Predictions = {};
beforeAll(async () => {
  run = fresh();
  const trainer = tinyTrainer();
  // the weights of the first epoch are kept as the best: other ones than the last
  await trainer.train({ saveTo: run, best: (metrics) => -Number((metrics.slots as { f1: number }).f1) });
  predicted = await trainer.predict(TEXTS);
  await trainer.close();
});

/** The run's checkpoint with changed files, as a whole one. */
async function forged(change: Change): Promise<string> {
  const checkpoint = await loadLatest(checkpoints(run));
  const files = await bytesIn(checkpoint);
  change(files);
  const target = fresh();
  await saveCheckpoint(checkpoints(target), checkpoint.step, { files, summary: checkpoint.summary });
  return target;
}

const errorOf = async (target: string, options: palm.PredictorOptions = {}): Promise<FrondError> => {
  const error = await load(target, options).catch((cause) => cause);
  expect(error).toBeInstanceOf(FrondError);
  return error;
};

describe('a predictor', () => {
  it('says what the trainer said, from the folder of the run and from that of its checkpoints', async () => {
    expect(predicted.intent).toHaveLength(TEXTS.length);
    for (const target of [run, checkpoints(run)]) {
      const predictor = await load(target);
      expect(await predictor.predict(TEXTS)).toEqual(predicted);
      expect(predictor.tasks.map(({ name }) => name)).toEqual(['intent', 'slots']);
      expect(predictor.name).toBe('intent-slots');
      predictor.free();
    }
  });

  it('answers what was asked before it was freed, and nothing afterwards', async () => {
    const predictor = await load(run);
    const asked = predictor.predict(TEXTS);
    predictor.free();
    predictor.free();
    expect(await asked).toEqual(predicted);
    await expect(predictor.predict(TEXTS)).rejects.toThrow(
      '[FROND-T006] predict was called after intent-slots was given back\n  hint: call it before close or free, or load the run again',
    );
  });

  it('agrees with itself on another device', async () => {
    const predictor = await palm.Predictor.load(run, { device: wasmDevice() });
    const { intent = [], slots = [] } = await predictor.predict(TEXTS);
    for (const [task, found] of Object.entries({ intent, slots }))
      found.forEach((prediction, i) => {
        const { probability, ...rest } = prediction as { probability: number };
        const { probability: expected, ...wanted } = (predicted[task] ?? [])[i] as { probability: number };
        expect(rest).toEqual(wanted);
        expect(probability).toBeCloseTo(expected, 5);
      });
    predictor.free();
  });

  it('takes the last weights where no best ones were kept', async () => {
    const target = fresh();
    const trainer = tinyTrainer({ epochs: 1 });
    await trainer.train({ saveTo: target });
    const predictor = await load(target);
    expect(await predictor.predict(TEXTS)).toEqual(await trainer.predict(TEXTS));
    predictor.free();
    await trainer.close();
  });

  it('goes back to the previous checkpoint when the newest is damaged, and says so', async () => {
    const target = fresh();
    cpSync(run, target, { recursive: true });
    writeFileSync(join(checkpoints(target), 'step-000012', 'best.safetensors'), 'no');
    const predictor = await load(target);
    expect(predictor.checkpoint.step).toBe(6);
    expect(predictor.checkpoint.skipped).toEqual([
      { name: 'step-000012', reason: expect.stringContaining('best.safetensors has 2 bytes, not ') },
    ]);
    expect(await predictor.predict(TEXTS)).toEqual(predicted);
    predictor.free();
  });

  it('is not made from a folder without a run', async () => {
    const error = await errorOf(fresh());
    expect(error.code).toBe('FROND-F012');
  });

  it.each([
    ['best weights that lack a parameter', 'FROND-W010', tensorsIn('best.safetensors', lacking)],
    ['best weights with one more', 'FROND-W011', tensorsIn('best.safetensors', surplus)],
    ['best weights of another shape', 'FROND-W012', tensorsIn('best.safetensors', flat)],
    ['best weights of no use', 'FROND-W013', tensorsIn('best.safetensors', empty)],
    ['best weights of integers', 'FROND-W004', tensorsIn('best.safetensors', integers)],
    ['best weights of text', 'FROND-W001', text('best.safetensors', 'weights, honestly')],
    ['no model', 'FROND-F013', without('model.json')],
    ['a model that is no JSON', 'FROND-F013', text('model.json', '{"name":')],
    ['a model that is null', 'FROND-F013', text('model.json', 'null')],
    ['a model without graphs', 'FROND-F013', text('model.json', '{"name":"x","tasks":[]}')],
    [
      'no weights at all',
      'FROND-F013',
      (files: Map<string, Uint8Array>) => {
        files.delete('best.safetensors');
        files.delete('weights.safetensors');
      },
    ],
  ] as const)('is not made of %s: %s', async (_, code, change) => {
    const target = await forged(change);
    const error = await errorOf(target);
    expect(error.code).toBe(code);
    expect(error.message).toContain(target);
    if (code.startsWith('FROND-W')) expect(error.message).toContain('best.safetensors');
  });
});

describe("a run with a head of the user's own", () => {
  const loudness = palm.defineHead({
    name: 'loudness',
    needs: {
      backbone: { sentence: declare(f32, ['batch', 8]) },
      labels: { labels: declare(i32, ['batch']), weights: declare(f32, ['batch']) },
    },
    build: (_, { sentence }) => ({ score: sum(tanh(linear(sentence, 1, { name: 'output' })), 1) }),
    // a parameter that only training uses
    loss: (g, { score }) => mean(mul(score, g.parameter('calibration', f32, [], normal(1))), 0),
    decode: ({ score: { data } }): readonly number[] => Array.from(data),
    score: () => palm.metrics.mean({ mean: (score: number) => score }),
  });

  it('is loaded with that head given, and refused without', async () => {
    const target = fresh();
    const reader = tinyReader();
    const trainer = palm.trainer('loudness', { device: interpreterDevice() });
    trainer.buildForward(tinyBackbone(reader), loudness);
    trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.01) }) });
    trainer.fitReader(reader, { epochs: 1, batchSize: 8 });
    await trainer.train({ saveTo: target });
    const heads = { loudness: loudness as unknown as palm.Head };
    const predictor = await load(target, { heads });
    expect(await predictor.predict(TEXTS)).toEqual(await trainer.predict(TEXTS));
    predictor.free();
    await trainer.close();
    expect((await errorOf(target)).message).toBe(
      `[FROND-F014] the run in ${target} has a head of task loudness of its own, which its checkpoint cannot make again
  at ${target}
  hint: load it in a program, with the option \`heads\``,
    );
    expect((await errorOf(target, { heads: { ...heads, volume: heads.loudness } })).message).toBe(
      `[FROND-F016] the run in ${target} has no task volume
  at ${target}
  hint: its tasks are: loudness`,
    );
  });

  it('is loaded with functions that make its components again from their records', async () => {
    const target = fresh();
    const tiny = tinyReader();
    const reader = { ...tiny, record: { ...tiny.record, kind: 'tiny' } } as unknown as palm.Reader;
    const trainer = palm.trainer('loudness', { device: interpreterDevice() });
    trainer.buildForward(tinyBackbone(tiny), { ...loudness, record: { kind: 'loudness', unit: 'phon' } });
    trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.01) }) });
    trainer.fitReader(reader, { epochs: 1, batchSize: 8 });
    await trainer.train({ saveTo: target });
    const records: palm.ComponentRecord[] = [];
    const making =
      <C>(component: C) =>
      (record: palm.ComponentRecord): C => {
        records.push(record);
        return component;
      };
    const components = { tiny: making(reader), loudness: making(loudness as unknown as palm.Head) };
    const predictor = await load(target, { components });
    expect(records).toEqual([{ kind: 'loudness', unit: 'phon' }, reader.record]);
    expect(await predictor.predict(TEXTS)).toEqual(await trainer.predict(TEXTS));
    predictor.free();
    await trainer.close();
    expect((await errorOf(target, { components: { loudness: components.loudness } })).code).toBe(
      'FROND-F014',
    );
    // what makes no head
    const odd = { ...components, loudness: making(reader) };
    expect((await errorOf(target, { components: odd })).code).toBe('FROND-F014');
  });

  it('refuses the head of another task', async () => {
    const { intents, tags } = tinyReader();
    const heads = {
      intent: palm.head.sequenceLabel({ labels: tags.names }) as palm.Head,
      slots: palm.head.classify({ classes: intents.names }) as palm.Head,
    };
    expect((await errorOf(run, { heads })).message).toBe(
      `[FROND-F016] head sequenceLabel reads probability, tags, task intent of the run in ${run} gives probabilities
  at ${run}
  hint: give each task the head that it was trained with`,
    );
    const right = { intent: heads.slots, slots: heads.intent };
    const predictor = await load(run, { heads: right });
    expect(await predictor.predict(TEXTS)).toEqual(predicted);
    predictor.free();
  });

  it('refuses labels and words in another order than it was trained with', async () => {
    const reader = tinyReader();
    const { intents, tags, vocabulary } = reader;
    const refusal = (what: string, tensor: string) =>
      `[FROND-C012] ${what} has other names for the ids of ${tensor} than the run in ${run}, or has them in another order
  at ${run}
  hint: give it those that the run was trained with`;
    const classify = (classes: readonly string[]) => palm.head.classify({ classes }) as palm.Head;
    const reversed = { intent: classify([...intents.names].reverse()) };
    expect((await errorOf(run, { heads: reversed })).message).toBe(refusal('head classify', 'labels'));
    const others = (options: Parameters<typeof palm.reader.jointReaderOf>[1]) =>
      palm.reader.jointReaderOf({}, options) as palm.Reader;
    const [pad = '', unknown = '', ...words] = vocabulary.tokens;
    const swapped = parseVocabulary(`${[pad, unknown, ...words.reverse()].join('\n')}\n`);
    const wordless = others({ intents, tags, vocabulary: swapped });
    expect((await errorOf(run, { reader: wordless })).message).toBe(refusal('reader joint', 'tokens'));
    const tagless = others({ intents, vocabulary, tags: palm.labelSet([...tags.names].reverse()) });
    expect((await errorOf(run, { reader: tagless })).message).toBe(refusal('reader joint', 'tags'));
    // also where the file itself was changed
    const changed = await forged((files) => {
      const record = JSON.parse(new TextDecoder().decode(files.get('model.json')));
      record.tasks[0].head.classes.reverse();
      files.set('model.json', new TextEncoder().encode(JSON.stringify(record)));
    });
    expect((await errorOf(changed)).code).toBe('FROND-C012');
    // runs of earlier versions have classes under another name
    const earlier = await forged((files) => {
      const record = JSON.parse(new TextDecoder().decode(files.get('model.json')));
      const { labels: intents, ...names } = record.names;
      files.set(
        'model.json',
        new TextEncoder().encode(JSON.stringify({ ...record, names: { intents, ...names } })),
      );
    });
    expect((await errorOf(earlier, { heads: reversed })).message).toBe(
      refusal('head classify', 'labels').replaceAll(run, earlier),
    );
    const answering = await load(earlier);
    expect(await answering.predict(TEXTS)).toEqual(predicted);
    answering.free();
    // still earlier ones do not say what ids stood for
    const older = await forged((files) => {
      const { names, ...record } = JSON.parse(new TextDecoder().decode(files.get('model.json')));
      expect(Object.keys(names)).toEqual(['tokens', 'labels', 'tags']);
      files.set('model.json', new TextEncoder().encode(JSON.stringify(record)));
    });
    expect((await errorOf(older, { heads: reversed })).summary).toBe(
      'head classify calls id 0 of labels "travel", reader joint calls it "light"',
    );
    const predictor = await load(older, { reader: reader as palm.Reader });
    expect(await predictor.predict(TEXTS)).toEqual(predicted);
    predictor.free();
  });

  it("is loaded with the user's own reader given, and refused without", async () => {
    const target = fresh();
    const { record: _, ...reader } = tinyReader();
    const trainer = tinyTrainer({ epochs: 1 }, reader as ReturnType<typeof tinyReader>);
    await trainer.train({ saveTo: target });
    expect((await errorOf(target)).summary).toBe(
      `the run in ${target} has a reader of its own, which its checkpoint cannot make again`,
    );
    const predictor = await load(target, { reader: reader as unknown as palm.Reader });
    expect(await predictor.predict(TEXTS)).toEqual(await trainer.predict(TEXTS));
    predictor.free();
    await trainer.close();
  });
});
