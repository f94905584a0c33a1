import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Device, interpreterDevice, palm } from '../../src/index.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { runs } from '../support/counts.ts';
import { alternatingTrainer } from './support/alternating.ts';
import { stateOf, timeless } from './support/tiny.ts';

// Four tasks that alternate, several batches to a step, an average of the weights, an encoder that is frozen at first, and an end that
// comes early: whatever cuts such a run, it ends with the bytes of one that was never cut.

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

const EVALUATE_EVERY = 7;
/** The first evaluation is the best, and two more are not better. */
const STEPS = 21;
const END_OF_EPOCH = 18;

type Kind = 'batch' | 'update' | 'prediction';
/** Hears of every command list before it runs; what it throws, the run meets. */
type Hook = (kind: Kind) => void;

/** A device that lets a hook know what it is about to do. */
function hooked(inner: Device, hook: Hook): Device {
  return {
    ...inner,
    async bind(commands) {
      const program = await inner.bind(commands);
      const names = commands.map(({ kernel }) => kernel.name);
      const kind = names.includes('noteLosses') ? 'batch' : names.includes('adamW') ? 'update' : 'prediction';
      return {
        ...program,
        async run() {
          hook(kind);
          await program.run();
        },
      };
    },
  };
}

interface Cut {
  readonly hook?: Hook;
  readonly signal?: AbortSignal;
  readonly heard?: unknown[];
  /** on the event of a step */
  readonly onStep?: (step: number) => void;
}

function trainerOn(device: Device): palm.MultiHeadTrainer<never> {
  const trainer = alternatingTrainer({
    device,
    batchSize: 2,
    tasks: ['intent', 'slots', 'travel', 'rooms'],
    backward: {
      accumulate: 2,
      ema: { decay: 0.9 },
      groups: [{ match: 'encoder/*', freeze: 4 }, palm.layerwise(0.9)],
    },
  });
  return trainer;
}

async function train(
  trainer: palm.Trainer,
  saveTo: string,
  { heard, onStep, signal }: Cut,
): Promise<palm.TrainingSummary> {
  trainer.setSaver({ folder: saveTo, everySteps: 3 });
  // of the metrics of all tasks, but so coarse that none is better than the first
  const best = ({ intent, slots, rooms }: palm.Metrics) => {
    const f1 = (task: unknown): number => (task as { f1: number }).f1;
    return Math.floor(((intent as { accuracy: number }).accuracy + f1(slots) + f1(rooms)) / 10);
  };
  return trainer.train({
    ...{ printEvery: 1, best, patience: 2, evaluateEvery: EVALUATE_EVERY },
    ...(signal === undefined ? {} : { signal }),
    on(event) {
      if (event.type === 'step') onStep?.(event.step);
      if (event.type === 'step' || event.type === 'evaluation') heard?.push(timeless(event));
    },
  });
}

/** A process of the run in `folder`: begins it, or goes on with it. */
async function proceed(run: string, cut: Cut = {}, inner: Device = interpreterDevice()) {
  const trainer = trainerOn(cut.hook === undefined ? inner : hooked(inner, cut.hook));
  if (existsSync(join(run, 'checkpoints'))) await trainer.resume(run);
  try {
    return await train(trainer, run, cut);
  } finally {
    await trainer.close();
    await inner.close();
  }
}

let whole: Record<string, string> = {};
const events: unknown[] = [];
beforeAll(async () => {
  const run = fresh();
  expect(await proceed(run, { heard: events })).toMatchObject({ reason: 'early', steps: STEPS, bestStep: 7 });
  whole = await stateOf(run);
});

/** Counts batches within their step, from 0; the update ends a step. */
function counting(found: (step: number, batch: number) => void): Hook {
  const at = { step: 0, batch: 0 };
  return (kind) => {
    if (kind === 'batch') found(at.step, at.batch++);
    if (kind === 'update') Object.assign(at, { step: at.step + 1, batch: 0 });
  };
}

const killed = new Error('killed');

describe('a run of four tasks', () => {
  it('has steps of all of them, of several batches, and holds all that there is to hold', () => {
    const steps = events.flatMap((event) => (event as { slot?: { task: string } }).slot?.task ?? []);
    expect(steps).toHaveLength(STEPS);
    expect([...new Set(steps)].sort()).toEqual(['intent', 'rooms', 'slots', 'travel']);
    expect(Object.keys(whole)).toEqual(
      expect.arrayContaining(['average', 'best', 'moments', 'weights'].map((name) => `${name}.safetensors`)),
    );
    const { best, weights } = { best: whole['best.safetensors'], weights: whole['average.safetensors'] };
    expect(best).not.toBe(weights);
  });

  const cuts = [
    ['at step 0', 0],
    ['while the encoder is frozen', 2],
    ['in the middle of an epoch', 11],
    ['at the end of an epoch', END_OF_EPOCH],
    ['at an evaluation', EVALUATE_EVERY],
    ['before the last evaluation', 20],
  ] as const;
  it.each(cuts.slice(0, runs(6, 4)))('cut %s, ends with the same bytes', async (_, cut) => {
    const run = fresh();
    const stop = new AbortController();
    if (cut === 0) stop.abort();
    const heard: unknown[] = [];
    const onStep = (step: number): void => void (step === cut && stop.abort());
    expect(await proceed(run, { onStep, heard, signal: stop.signal })).toMatchObject({ steps: cut });
    expect(await proceed(run, { heard })).toMatchObject({ reason: 'early', steps: STEPS, bestStep: 7 });
    expect(heard).toEqual(events);
    expect(await stateOf(run)).toEqual(whole);
  });

  it.runIf(runs(1, 0) === 1)('cut again and again, ends with the same bytes', async () => {
    const run = fresh();
    for (let cut = 1; cut < STEPS; cut += 4) {
      const stop = new AbortController();
      await proceed(run, { onStep: (step) => void (step === cut && stop.abort()), signal: stop.signal });
    }
    await proceed(run);
    expect(await stateOf(run)).toEqual(whole);
  });

  it('stopped between the batches of a step, ends the step first', async () => {
    const run = fresh();
    const stop = new AbortController();
    const hook = counting((step, batch) => void (step === 10 && batch === 1 && stop.abort()));
    const { steps } = await proceed(run, { hook, signal: stop.signal });
    expect(steps).toBe(11);
    await proceed(run);
    expect(await stateOf(run)).toEqual(whole);
  });

  it('killed between the batches of a step, goes on from its checkpoint', async () => {
    const run = fresh();
    const hook = counting((step, batch) => {
      if (step === 10 && batch === 1) throw killed;
    });
    await expect(proceed(run, { hook })).rejects.toBe(killed);
    expect((await stateOf(run)).step).toBe('9');
    await proceed(run);
    expect(await stateOf(run)).toEqual(whole);
  });

  it('failing between the batches of a step, does not count it, and goes on in the same process', async () => {
    const run = fresh();
    let failures = 0;
    const hook = counting((step, batch) => {
      if (step === 10 && batch === 1 && failures++ === 0) throw killed;
    });
    // the step is begun again: the hook counts its batches on
    const trainer = trainerOn(hooked(interpreterDevice(), hook));
    const heard: unknown[] = [];
    await expect(train(trainer, run, { heard })).rejects.toBe(killed);
    expect(heard.at(-1)).toMatchObject({ type: 'step', step: 10 });
    expect(await train(trainer, run, { heard })).toMatchObject({ reason: 'early', steps: STEPS });
    await trainer.close();
    expect(heard).toEqual(events);
    expect(await stateOf(run)).toEqual(whole);
  });

  it.each(runs(1, 0) === 1 ? [7, 14] : [7])(
    'stopped or killed while step %i is evaluated, ends with the same bytes',
    async (at) => {
      for (const kills of [true, false]) {
        const run = fresh();
        const stop = new AbortController();
        let steps = 0;
        const hook = (kind: Kind): void => {
          if (kind === 'update') steps++;
          if (kind !== 'prediction' || steps !== at) return;
          if (kills) throw killed;
          stop.abort();
        };
        const process = proceed(run, { hook, signal: stop.signal });
        if (kills) await expect(process).rejects.toBe(killed);
        // what was begun is measured and saved
        else expect(await process).toMatchObject({ reason: 'aborted', steps: at });
        expect(Number((await stateOf(run)).step)).toBe(kills ? at - (at % 3) : at);
        await proceed(run);
        expect(await stateOf(run)).toEqual(whole);
      }
    },
  );

  it('on WebAssembly too', async () => {
    const [one, other] = [fresh(), fresh()];
    const open = () => wasmDevice({ threads: 1 });
    await proceed(one, {}, open());
    const stop = new AbortController();
    await proceed(
      other,
      { onStep: (step) => void (step === 8 && stop.abort()), signal: stop.signal },
      open(),
    );
    await proceed(other, {}, open());
    expect(await stateOf(other)).toEqual(await stateOf(one));
  });
});
