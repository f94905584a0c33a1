import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { interpreterDevice, loadLatest, palm, readSafetensors, saveCheckpoint } from '../../src/index.ts';
import type { Location } from '../../src/runtime/device.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { messageOf } from '../support/message.ts';
import { alternatingTrainer } from './support/alternating.ts';
import { flat, integers, lacking, tensorsIn, without } from './support/damage.ts';
import { stateOf, type TinyOptions, tinyTrainer } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

const AVERAGE = 'average.safetensors';
const WEIGHTS = 'weights.safetensors';
const TEXTS = ['fly to rome', 'light in the attic', 'from lima please fly to oslo'];
/** Steps so long that weights and their average tell apart. */
const options: TinyOptions = { rate: 0.1, warmup: 0.1, backward: { ema: { decay: 0.9 } } };

type Saving = Pick<palm.Trainer, 'save'>;
type Values = ReadonlyMap<string, Float32Array>;

/** Numbers in a file of the newest checkpoint. */
async function valuesIn(run: string, file: string): Promise<Values> {
  const files = await bytesIn(await loadLatest(join(run, 'checkpoints')));
  const { tensors } = readSafetensors(files.get(file) ?? new Uint8Array(), file);
  return new Map([...tensors].map(([name, { bytes }]) => [name, new Float32Array(bytes.slice().buffer)]));
}

async function savedBy(trainer: Saving): Promise<{ readonly weights: Values; readonly average: Values }> {
  const run = fresh();
  await trainer.save(run);
  return { weights: await valuesIn(run, WEIGHTS), average: await valuesIn(run, AVERAGE) };
}

/** What a model without an average predicts from a file. */
async function predictedFrom(file: string, given: TinyOptions = {}): Promise<palm.Predictions> {
  const trainer = tinyTrainer({ ...options, backward: {}, ...given });
  await trainer.loadCheckpoint(file);
  const predicted = await trainer.predict(TEXTS);
  await trainer.close();
  return predicted;
}

/** Trains to the end, and gives the folder of its last checkpoint. */
async function checkpointOf(trainer: palm.Trainer, train: palm.TrainOptions = {}): Promise<string> {
  const saveTo = fresh();
  await trainer.train({ saveTo, ...train });
  return (await loadLatest(join(saveTo, 'checkpoints'))).folder;
}

describe('an exponential moving average of the weights', () => {
  it('is e ← d · e + (1 − d) · p from the first weights on, d = min(decay, (1 + n) / (10 + n))', async () => {
    const trainer = tinyTrainer({ ...options, backward: { ema: { decay: 0.3 } } });
    const first = await savedBy(trainer);
    expect(first.average).toEqual(first.weights);
    const mean = new Map([...first.weights].map(([name, values]) => [name, Float64Array.from(values)]));
    for (let n = 0; n < 6; n++) {
      await trainer.trainStep();
      const { weights, average } = await savedBy(trainer);
      const d = Math.min(0.3, (1 + n) / (10 + n));
      expect(d < 0.3).toBe(n < 3);
      for (const [name, values] of mean) {
        for (let i = 0; i < values.length; i++)
          values[i] = d * (values[i] ?? 0) + (1 - d) * (weights.get(name)?.[i] ?? 0);
        for (const [i, value] of values.entries()) expect(average.get(name)?.[i]).toBeCloseTo(value, 6);
      }
      expect(average).not.toEqual(weights);
    }
    await trainer.close();
  });

  it('of tasks that alternate goes by the steps of each parameter', async () => {
    const trainer = alternatingTrainer({ ...options, backward: { ema: {} } });
    const heads = { intent: 0, slots: 0, travel: 0 };
    let before = await savedBy(trainer);
    for (let step = 0; step < 9; step++) {
      const task = (await trainer.trainStep())?.slot?.task as keyof typeof heads;
      const { weights, average } = await savedBy(trainer);
      for (const [name, n] of Object.entries(heads)) {
        for (const [parameter, values] of average) {
          if (!parameter.startsWith(`${name}/`)) continue;
          const [e, p] = [before.average.get(parameter), weights.get(parameter)];
          const d = name === task ? (1 + n) / (10 + n) : 1;
          for (const [i, value] of values.entries())
            expect(value).toBeCloseTo(d * (e?.[i] ?? 0) + (1 - d) * (p?.[i] ?? 0), 6);
        }
      }
      heads[task]++;
      before = { weights, average };
    }
    expect(Object.values(heads).every((n) => n > 0)).toBe(true);
    await trainer.close();
  });

  it('changes nothing of the training: the bytes are those of a run without it', async () => {
    const [plain, averaged] = [fresh(), fresh()];
    for (const [run, backward] of [
      [plain, {}],
      [averaged, { ema: { decay: 0.9 } }],
    ] as const) {
      const trainer = tinyTrainer({ ...options, backward });
      await trainer.train({ saveTo: run, evaluate: null });
      await trainer.close();
    }
    const [one, other] = [await stateOf(plain), await stateOf(averaged)];
    for (const file of [WEIGHTS, 'moments.safetensors']) expect(other[file]).toBe(one[file]);
    expect(Object.keys(one)).not.toContain(AVERAGE);
    expect(other[AVERAGE]).not.toBe(other[WEIGHTS]);
  });

  const devices = [
    ['the interpreter', interpreterDevice],
    ['WebAssembly', () => wasmDevice({ threads: 1 })],
  ] as const;
  it.each(devices)(
    'is what evaluation and prediction use on %s, frozen weights beside it',
    async (_, open) => {
      const device = open();
      const groups = [{ match: 'encoder/words/*', freeze: true }];
      const trainer = tinyTrainer({ ...options, device, backward: { ...options.backward, groups } });
      const file = await checkpointOf(trainer);
      const predicted = await trainer.predict(TEXTS);
      const { metrics } = trainer.history.at(-1) ?? {};
      expect(await trainer.evaluate('valid')).toEqual(metrics);
      expect(await predictedFrom(join(file, AVERAGE), { device: open() })).toEqual(predicted);
      expect(await predictedFrom(join(file, WEIGHTS), { device: open() })).not.toEqual(predicted);
      const predictor = await palm.Predictor.load(join(file, '..'), { device: open() });
      expect(await predictor.predict(TEXTS)).toEqual(predicted);
      predictor.free();
      await trainer.close();
    },
  );

  it('is bound by evaluation where it lies: nothing is copied to evaluate', async () => {
    const moved: number[][] = [];
    for (const backward of [{}, { ema: {} }]) {
      const [words, inner] = [[0, 0], interpreterDevice()];
      const counted =
        <A extends readonly unknown[], R>(i: number, work: (location: Location, ...rest: A) => R) =>
        (location: Location, ...rest: A): R => {
          words[i] = (words[i] ?? 0) + location.length;
          return work(location, ...rest);
        };
      const device = { ...inner, read: counted(0, inner.read), write: counted(1, inner.write) };
      const trainer = tinyTrainer({ ...options, device, backward });
      await trainer.trainStep();
      words.fill(0);
      await trainer.evaluate('valid');
      await trainer.close();
      moved.push([...words]);
    }
    expect(moved[0]?.every((words) => words > 0)).toBe(true);
    expect(moved[1]).toEqual(moved[0]);
  });

  it('is what did best, restored at the end, and saved', async () => {
    const trainer = tinyTrainer(options);
    const best = (metrics: palm.Metrics) =>
      -Number((metrics.slots as { tokenAccuracy: number }).tokenAccuracy);
    const file = await checkpointOf(trainer, { best, evaluateEvery: 2 });
    const predicted = await trainer.predict(TEXTS);
    expect(await predictedFrom(join(file, 'best.safetensors'))).toEqual(predicted);
    expect(await predictedFrom(join(file, AVERAGE))).not.toEqual(predicted);
    const predictor = await palm.Predictor.load(join(file, '..'), { device: interpreterDevice() });
    expect(await predictor.predict(TEXTS)).toEqual(predicted);
    predictor.free();
    const { weights, average } = await savedBy(trainer);
    expect(weights).toEqual(average);
    await trainer.close();
    // the same without a folder, from memory
    const unsaved = tinyTrainer(options);
    await unsaved.train({ best, evaluateEvery: 2 });
    expect(await unsaved.predict(TEXTS)).toEqual(predicted);
    await unsaved.close();
  });

  it('begins anew at weights that are loaded', async () => {
    const trained = tinyTrainer(options);
    const file = join(await checkpointOf(trained), WEIGHTS);
    await trained.close();
    const trainer = tinyTrainer(options);
    await trainer.trainStep();
    await trainer.loadCheckpoint(file);
    expect(await trainer.predict(TEXTS)).toEqual(await predictedFrom(file));
    await trainer.close();
  });

  it.each([
    ['that is gone', 'FROND-F013', undefined, without(AVERAGE)],
    ['without a parameter', 'FROND-W010', 'FROND-W010', tensorsIn(AVERAGE, lacking)],
    ['of another shape', 'FROND-W012', 'FROND-W012', tensorsIn(AVERAGE, flat)],
    ['of integers', 'FROND-W004', 'FROND-W004', tensorsIn(AVERAGE, integers)],
  ] as const)('%s is found before a weight changes', async (_, resuming, loading, change) => {
    const trainer = tinyTrainer(options);
    const { step, summary, ...checkpoint } = await loadLatest(join(await checkpointOf(trainer), '..'));
    const files = await bytesIn(checkpoint);
    change(files);
    const run = fresh();
    await saveCheckpoint(join(run, 'checkpoints'), step, { files, summary });
    const before = await trainer.predict(TEXTS);
    const codeOf = (work: Promise<unknown>) => work.then(() => undefined).catch(({ code }) => code);
    expect(await codeOf(trainer.resume(run))).toBe(resuming);
    expect(await trainer.predict(TEXTS)).toEqual(before);
    expect(await codeOf(palm.Predictor.load(run, { device: interpreterDevice() }))).toBe(loading);
    await trainer.close();
  });

  it('is refused with a decay that is none', async () => {
    const given = (ema: unknown) =>
      messageOf(() => tinyTrainer({ backward: { ema: ema as { readonly decay: number } } }));
    expect(await given({ decay: 1 })).toMatch(
      /^\[FROND-T002\] ema: decay is 1\n.*\n.*give a number from 0 on, below 1$/,
    );
    expect(await given(0.9)).toMatch(
      /^\[FROND-T002\] buildBackward: ema is 0\.9\n.*\n.*give an object, such as { decay: 0\.999 }$/,
    );
    expect(await given({ decya: 0.9 })).toMatch(
      /^\[FROND-T002\] ema has no option decya\n.*\n.*did you mean decay/,
    );
  });
});
