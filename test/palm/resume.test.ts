import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrondError, loadLatest, palm, readSafetensors, saveCheckpoint } from '../../src/index.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { bundleScript, startScript, temporaryFolder } from '../store/support/bundle.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { runs } from '../support/counts.ts';
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
import { PER_EPOCH, STEPS, stopAfter, timeless, tinyReader, tinyTrainer } from './support/tiny.ts';

/** Another progress, of the same step. */
const progress =
  (change: (record: { readonly configuration?: object; readonly seal?: string }) => object): Change =>
  (files) => {
    const record = JSON.parse(new TextDecoder().decode(files.get('progress.json')));
    text('progress.json', JSON.stringify(change(record)))(files);
  };

const folder = temporaryFolder();
let script = '';
beforeAll(async () => {
  script = await bundleScript(new URL('./support/run.ts', import.meta.url), folder.path);
});
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

/** Bytes of the newest checkpoint below `run`, by file, the manifest included; its step is in the manifest. */
function bytesOf(run: string): Record<string, string> {
  const inside = join(run, 'checkpoints');
  const newest = readdirSync(inside).sort().at(-1) ?? '';
  const names = readdirSync(join(inside, newest)).sort();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(inside, newest, name)).toString('base64')] as const),
  );
}

/** Runs one process to its end and gives its events. */
async function inProcess(...args: string[]): Promise<Record<string, unknown>[]> {
  const child = startScript(script, args);
  expect(await child.end).toBe(0);
  return child.lines.map((line) => JSON.parse(line));
}

/** Events as they are after `step`, without the folders of checkpoints. */
const since = (step: number, events: readonly Record<string, unknown>[]): unknown[] =>
  events
    .filter(({ type, step: at }) => type !== 'start' && Number(at) > step)
    .map((event) => (event.type === 'checkpoint' ? { ...event, folder: '' } : event));

describe('a run that is cut and resumed in another process', () => {
  let whole: Record<string, unknown>[] = [];
  let wholeRun = '';
  beforeAll(async () => {
    wholeRun = fresh();
    whole = await inProcess(wholeRun, 'begin');
  });

  it('was a whole one to compare with', () => {
    expect(whole.filter(({ type }) => type === 'step')).toHaveLength(STEPS);
    expect(whole.filter(({ type }) => type === 'evaluation')).toHaveLength(2);
    expect(Object.keys(bytesOf(wholeRun))).toEqual([
      'best.safetensors',
      'manifest.json',
      'model.json',
      'moments.safetensors',
      'progress.json',
      'weights.safetensors',
    ]);
    // the best weights are not the last ones, and the model has them at the end
    const { 'best.safetensors': best, 'weights.safetensors': last } = bytesOf(wholeRun);
    expect(whole.filter(({ best: found }) => found)).toMatchObject([{ step: PER_EPOCH }]);
    expect(best).not.toBe(last);
    const end = readSafetensors(
      Buffer.from(bytesOf(join(wholeRun, 'end'))['weights.safetensors'] ?? '', 'base64'),
    );
    const kept = readSafetensors(Buffer.from(best ?? '', 'base64'));
    expect([...end.tensors]).toEqual([...kept.tensors]);
  });

  const cuts = [0, 3, ...(runs(1, 0) === 1 ? [PER_EPOCH, 1, 5, 7, 11, STEPS] : [])];
  it.each(cuts)('after %i steps ends with the same bytes', async (cut) => {
    const run = fresh();
    const first = await inProcess(run, 'begin', String(cut));
    expect(first.at(-1)).toMatchObject({
      type: 'end',
      step: cut,
      reason: cut === STEPS ? 'done' : 'aborted',
    });
    const second = await inProcess(run, 'resume');
    expect(second[0]).toMatchObject({ type: 'start', from: cut });
    expect(since(cut, second)).toEqual(since(cut, whole));
    expect(since(0, first.slice(0, -1)).slice(0, cut)).toEqual(since(0, whole).slice(0, cut));
    expect(bytesOf(run)).toEqual(bytesOf(wholeRun));
    expect(bytesOf(join(run, 'end'))).toEqual(bytesOf(join(wholeRun, 'end')));
  });
});

it('a run on WebAssembly that is cut ends with the same bytes as well', async () => {
  const train = async (run: string, stop?: number): Promise<void> => {
    const device = wasmDevice();
    const trainer = tinyTrainer({ device });
    if (stop === undefined && existsSync(run)) await trainer.resume(run);
    await trainer.train({ saveTo: run, printEvery: 1, ...(stop === undefined ? {} : stopAfter(stop)) });
    await trainer.close();
    await device.close();
  };
  const [whole, cut] = [fresh(), fresh()];
  await train(whole);
  await train(cut, 4);
  await train(cut);
  expect(bytesOf(cut)).toEqual(bytesOf(whole));
});

describe('runs of one seed', () => {
  it('end with the same bytes, and those of another seed do not', async () => {
    const endOf = async (seed: number) => {
      const run = fresh();
      const events: unknown[] = [];
      const trainer = tinyTrainer({ seed });
      await trainer.train({ saveTo: run, on: (event) => events.push(timeless(event)) });
      await trainer.close();
      const {
        'weights.safetensors': weights,
        'moments.safetensors': moments,
        'progress.json': progress,
      } = bytesOf(run);
      return { weights, moments, progress };
    };
    const first = await endOf(3);
    for (let i = 1; i < runs(20, 2); i++) expect(await endOf(3)).toEqual(first);
    const other = await endOf(4);
    expect(other.weights).not.toBe(first.weights);
  });
});

/** A run of the default settings, stopped after two steps. */
let stopped = '';
beforeAll(async () => {
  stopped = fresh();
  const trainer = tinyTrainer();
  await trainer.train({ saveTo: stopped, printEvery: 1, ...stopAfter(2) });
  await trainer.close();
});

const weightsOf = async (trainer: {
  save: (folder: string) => Promise<string>;
}): Promise<Record<string, string>> => {
  const target = fresh();
  await trainer.save(target);
  return bytesOf(target);
};

/** Saves the checkpoint of `run` anew with changed files, sealed as a whole one, to a run of its own. */
async function forged(run: string, change: Change): Promise<string> {
  const { step, summary, ...checkpoint } = await loadLatest(join(run, 'checkpoints'));
  const files = await bytesIn(checkpoint);
  change(files);
  const target = fresh();
  await saveCheckpoint(join(target, 'checkpoints'), step, { files, summary });
  return target;
}

describe('a resume is refused', () => {
  it('with other settings or data, each of them named, and nothing changes', async () => {
    const run = stopped;
    const cases: readonly (readonly [Parameters<typeof tinyTrainer>[0], readonly string[]])[] = [
      [{ seed: 6 }, ['seed']],
      [{ epochs: 3, batchSize: 5 }, ['batchSize']],
      [{ rate: 0.02, warmup: 0.5 }, ['schedule']],
      [{ clipNorm: 2 }, ['clipNorm']],
      [{ backward: { ema: {} } }, ['graph', 'ema']],
      [{ backward: { groups: [{ match: 'slots/*', clipNorm: 2 }] } }, ['graph', 'groups']],
      [{ weightDecay: 0.5 }, ['weightDecay']],
      [{ width: 12 }, ['graph']],
      [{ dropout: 0.3 }, ['graph']],
      [{ weight: 2 }, ['tasks']],
      [{ sentences: 23 }, ['trainingData', 'reader']],
    ];
    for (const [options, names] of cases) {
      const trainer = tinyTrainer(options);
      const before = names[0] === 'seed' ? await weightsOf(trainer) : undefined;
      const error = await trainer.resume(run).catch((cause) => cause);
      expect(error).toBeInstanceOf(FrondError);
      expect(error.code).toBe('FROND-F030');
      expect([...error.summary.matchAll(/(\w+) was /g)].map(([, name]) => name)).toEqual(names);
      if (before !== undefined) expect(await weightsOf(trainer)).toEqual(before);
      await trainer.close();
    }
  });

  it('but not because the data lies elsewhere', async () => {
    const run = stopped;
    const reader = tinyReader();
    const train = (reader.parts.train?.examples ?? []).map((example, i) => ({
      ...example,
      file: 'elsewhere',
      line: i,
    }));
    const moved = palm.partOf(train, reader.length);
    const trainer = tinyTrainer({}, { ...reader, parts: { ...reader.parts, train: moved } });
    expect(await trainer.resume(run)).toBe(2);
    await trainer.close();
  });

  it('but not because an earlier version told data apart by packing them: a warning says so', async () => {
    const earlier = await forged(
      stopped,
      progress(({ configuration, seal: _, ...record }) => ({
        ...record,
        configuration: { ...configuration, trainingData: '0123456789abcdef' },
      })),
    );
    const trainer = tinyTrainer();
    const warnings: palm.TrainingEvent[] = [];
    expect(await trainer.resume(earlier, (event) => warnings.push(event))).toBe(2);
    const message = `${earlier}/checkpoints/step-000002 is of an earlier version: whether the training data are the same is not known`;
    expect(warnings).toEqual([{ type: 'warning', message }]);
    await trainer.close();
  });

  it('without a checkpoint, and with one that no training run saved', async () => {
    const trainer = tinyTrainer();
    const empty = fresh();
    await expect(trainer.resume(empty)).rejects.toThrow(
      `[FROND-F012] there is no whole checkpoint in ${empty}/checkpoints`,
    );
    await saveCheckpoint(join(empty, 'checkpoints'), 1, { files: new Map(), summary: {} });
    await expect(trainer.resume(empty)).rejects.toThrow(`has no progress.json`);
    await trainer.close();
  });
});

describe('a finished run goes on for more epochs', () => {
  /** Trains to the end, from where the run stands, and gives the warnings. */
  async function train(run: string, options: Parameters<typeof tinyTrainer>[0]): Promise<string[]> {
    const trainer = tinyTrainer(options);
    const warnings: string[] = [];
    const on = (event: palm.TrainingEvent): void => {
      if (event.type === 'warning') warnings.push(event.message);
    };
    if (existsSync(run)) await trainer.resume(run, on);
    await trainer.train({
      saveTo: run,
      on,
      best: (metrics) => -Number((metrics.slots as { f1: number }).f1),
    });
    expect(trainer.history).toHaveLength(options?.epochs ?? 2);
    await trainer.close();
    return warnings;
  }

  it('as one that had them from the beginning, byte for byte, where the rate does not depend on them', async () => {
    const [whole, run] = [fresh(), fresh()];
    const schedule = palm.constantRate(0.01);
    await train(whole, { epochs: 3, schedule });
    await train(run, { epochs: 2, schedule });
    expect(await train(run, { epochs: 3, schedule })).toEqual([]);
    expect(bytesOf(run)).toEqual(bytesOf(whole));
  });

  it('with the schedule of the new number of steps, which is said', async () => {
    const run = fresh();
    await train(run, {});
    expect(await train(run, { epochs: 3 })).toEqual([
      'the run was planned with epochs 2, and goes on with 3: its schedule triangular now covers 18 steps instead of 12, the next rate is 0.00395, not 0',
    ]);
  });

  it('or ends earlier, but not before where it is', async () => {
    const run = fresh();
    const trainer = tinyTrainer({ epochs: 3 });
    await trainer.train({ saveTo: run, printEvery: 1, ...stopAfter(7) });
    await trainer.close();
    expect(await train(run, { epochs: 2 })).toEqual([
      'the run was planned with epochs 3, and goes on with 2: its schedule triangular now covers 12 steps instead of 18, the next rate is 0.00481, not 0.00724',
    ]);
    const shorter = tinyTrainer({ epochs: 1 });
    await expect(shorter.resume(run)).rejects.toThrow(
      `[FROND-F030] the run in ${run}/checkpoints/step-000012 cannot be resumed: it has done 12 steps, and epochs is now 1, 6 steps\n  at ${run}/checkpoints/step-000012\n  hint: give it more epochs, or start a new run in another folder`,
    );
    await shorter.close();
  });
});

describe('what is damaged in a checkpoint', () => {
  const trainer = tinyTrainer();
  let before: Record<string, string> = {};
  beforeAll(async () => {
    before = await weightsOf(trainer);
  });
  afterAll(() => trainer.close());

  it.each([
    ['a missing parameter', 'FROND-W010', tensorsIn('weights.safetensors', lacking)],
    ['a surplus tensor', 'FROND-W011', tensorsIn('weights.safetensors', surplus)],
    ['another shape', 'FROND-W012', tensorsIn('weights.safetensors', flat)],
    ['no parameter at all', 'FROND-W013', tensorsIn('weights.safetensors', empty)],
    ['integers for weights', 'FROND-W004', tensorsIn('weights.safetensors', integers)],
    ['a missing moment', 'FROND-W010', tensorsIn('moments.safetensors', lacking)],
    ['a surplus moment', 'FROND-W011', tensorsIn('moments.safetensors', surplus)],
    ['another shape of a moment', 'FROND-W012', tensorsIn('moments.safetensors', flat)],
    ['no moments', 'FROND-F013', without('moments.safetensors')],
    ['no progress', 'FROND-F013', without('progress.json')],
    ['progress that is no JSON', 'FROND-F013', text('progress.json', '{')],
    ['progress that is null', 'FROND-F013', text('progress.json', 'null')],
    ['a history that is none', 'FROND-F013', progress((record) => ({ ...record, history: [null] }))],
    [
      'sums of text',
      'FROND-F013',
      progress((record) => ({ ...record, sums: { count: 1, loss: '1', losses: {} } })),
    ],
    [
      'progress that was changed',
      'FROND-F013',
      progress((record) => ({ ...record, sums: { count: 9, loss: 1, losses: {} } })),
    ],
    ['progress of another kind', 'FROND-F013', text('progress.json', '{"step":2}')],
  ] as const)('(%s: %s) is found before the first weight changes', async (_, code, change) => {
    const run = await forged(stopped, change);
    const error = await trainer.resume(run).catch((cause) => cause);
    expect(error).toBeInstanceOf(FrondError);
    expect(error.code).toBe(code);
    expect(error.message).toContain(run);
    expect(await weightsOf(trainer)).toEqual(before);
  });

  it('is passed over for the checkpoint before it, with a warning', async () => {
    const run = fresh();
    const trainer = tinyTrainer();
    await trainer.train({ saveTo: run });
    await trainer.close();
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(run, 'checkpoints', 'step-000012', 'weights.safetensors'), 'damaged');
    const again = tinyTrainer();
    const warnings: palm.TrainingEvent[] = [];
    expect(await again.resume(run, (event) => warnings.push(event))).toBe(PER_EPOCH);
    expect(warnings).toEqual([
      {
        type: 'warning',
        message: expect.stringMatching(
          /^checkpoint step-000012 was passed over: checkpoint .* is not whole: weights.safetensors has 7 bytes, not \d+; going on from .*step-000006$/,
        ),
      },
    ]);
    // and the run goes on to its end, beside the damaged one
    await again.train({ saveTo: run });
    expect((await loadLatest(join(run, 'checkpoints'))).folder).toBe(
      join(run, 'checkpoints', 'step-000012.1'),
    );
    await again.close();
  });

  it('is loaded in part where that is asked for', async () => {
    const run = await forged(stopped, tensorsIn('weights.safetensors', lacking));
    const file = join(run, 'checkpoints', 'step-000002', 'weights.safetensors');
    const trainer = tinyTrainer();
    await expect(trainer.loadCheckpoint(file)).rejects.toThrow('[FROND-W010]');
    const report = await trainer.loadCheckpoint(file, { partial: true });
    expect(report.missing).toHaveLength(1);
    expect(report.surplus).toEqual([]);
    expect(report.loaded.length).toBeGreaterThan(5);
    await trainer.close();
  });
});
