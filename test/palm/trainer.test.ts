import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { FrondError, palm } from '../../src/index.ts';
import { files } from '../../src/platform/node/index.ts';
import { lockFolder } from '../../src/store/lock.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import {
  PER_EPOCH,
  STEPS,
  stateOf,
  stopAfter,
  timeless,
  tinyBackbone,
  tinyReader,
  tinyTrainer,
} from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
afterEach(() => vi.restoreAllMocks());
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);
const checkpoints = (run: string): string => join(run, 'checkpoints');

/** The error that a promise ends with. */
const errorOf = (work: Promise<unknown>): Promise<FrondError> =>
  work.then(
    () => expect.fail('an error was expected'),
    (cause) => {
      expect(cause).toBeInstanceOf(FrondError);
      return cause;
    },
  );

describe('training', () => {
  it('tells its events in order, and ends with the best weights of all', async () => {
    const run = fresh();
    const trainer = tinyTrainer();
    const events: palm.TrainingEvent[] = [];
    const summary = await trainer.train({ saveTo: run, printEvery: 4, on: (event) => events.push(event) });
    expect(events.map(({ type }) => type)).toEqual([
      ...['start', 'step', 'evaluation', 'checkpoint'],
      ...['step', 'step', 'evaluation', 'checkpoint', 'end'],
    ]);
    expect(events[0]).toMatchObject({ tasks: ['intent', 'slots'], examples: 22, steps: STEPS, from: 0 });
    expect(summary).toMatchObject({ steps: STEPS, reason: 'done' });
    expect(summary.history.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, PER_EPOCH],
      [2, STEPS],
    ]);
    expect(readdirSync(run)).toEqual(['checkpoints']);
    expect(readdirSync(checkpoints(run))).toEqual(['step-000006', 'step-000012']);
    await trainer.close();
  });

  it('warns at its beginning of what the reader notes', async () => {
    const trainer = tinyTrainer({}, { ...tinyReader(), notes: ['something is odd'] });
    const events: palm.TrainingEvent[] = [];
    await trainer.train({ ...stopAfter(0), on: (event) => events.push(event) });
    expect(events.slice(0, 2)).toMatchObject([
      { type: 'start' },
      { type: 'warning', message: 'something is odd' },
    ]);
    await trainer.close();
  });

  it('never takes a score that is no number for the best', async () => {
    const trainer = tinyTrainer();
    const scores = [Number.NaN, 0.5];
    const found: unknown[] = [];
    const summary = await trainer.train({
      best: () => scores.shift() ?? Number.NaN,
      on: (event) => event.type === 'evaluation' && found.push(event.best),
    });
    expect(found).toEqual([false, true]);
    expect(summary.bestStep).toBe(STEPS);
    await trainer.close();
  });

  it('stopped during an evaluation has measured and saved the epoch, and goes on as if it had not been', async () => {
    const [whole, cut] = [fresh(), fresh()];
    const events = { whole: [] as unknown[], cut: [] as unknown[] };
    const first = tinyTrainer();
    await first.train({ saveTo: whole, best: () => 1, on: (event) => events.whole.push(timeless(event)) });
    await first.close();
    const stop = new AbortController();
    const second = tinyTrainer();
    const summary = await second.train({
      saveTo: cut,
      signal: stop.signal,
      best: () => {
        stop.abort();
        return 1;
      },
    });
    expect(summary).toMatchObject({ reason: 'aborted', steps: PER_EPOCH });
    expect(summary.history[0]?.metrics).toBeDefined();
    await second.close();
    const third = tinyTrainer();
    await third.resume(cut);
    await third.train({ saveTo: cut, best: () => 1 });
    await third.close();
    expect(await stateOf(cut)).toEqual(await stateOf(whole));
  });

  it('goes on in the same process after a stop', async () => {
    const [whole, cut] = [fresh(), fresh()];
    const first = tinyTrainer();
    await first.train({ saveTo: whole });
    const second = tinyTrainer();
    expect((await second.train({ saveTo: cut, printEvery: 1, ...stopAfter(4) })).reason).toBe('aborted');
    expect((await second.train({ saveTo: cut })).reason).toBe('done');
    expect(await stateOf(cut)).toEqual(await stateOf(whole));
    // nothing is left to do, and nothing happens
    expect(await second.train({ saveTo: cut })).toMatchObject({ reason: 'done', steps: STEPS });
    await Promise.all([first.close(), second.close()]);
  });
});

describe('a full disk', () => {
  it('gives a typed error that names the file, and leaves the old checkpoint to resume from', async () => {
    const [whole, run] = [fresh(), fresh()];
    const reference = tinyTrainer();
    await reference.train({ saveTo: whole });
    const trainer = tinyTrainer();
    const write = files.writeDurably;
    vi.spyOn(files, 'writeDurably').mockImplementation((path, bytes) => {
      if (path.includes('step-000012') && path.endsWith('moments.safetensors')) {
        const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        const hint = 'the disk is full: free some space and try again, what was there before is untouched';
        throw new FrondError('FROND-F001', `cannot write ${path}: ENOSPC`, {
          place: { file: path },
          hint,
          cause,
        });
      }
      return write(path, bytes);
    });
    const error = await errorOf(trainer.train({ saveTo: run }));
    expect(error.code).toBe('FROND-F001');
    expect(error.message).toContain(join(checkpoints(run), 'step-000012.tmp', 'moments.safetensors'));
    expect(error.message).toContain('the disk is full');
    vi.restoreAllMocks();
    // neither a lock nor half a checkpoint is left
    expect(readdirSync(run)).toEqual(['checkpoints']);
    expect(readdirSync(checkpoints(run))).toEqual(['step-000006']);
    await trainer.close();
    const again = tinyTrainer();
    expect(await again.resume(run)).toBe(PER_EPOCH);
    await again.train({ saveTo: run });
    expect(await stateOf(run)).toEqual(await stateOf(whole));
    await Promise.all([again.close(), reference.close()]);
  });
});

describe('a folder', () => {
  it('is saved to by one run at a time', async () => {
    const run = fresh();
    const trainer = tinyTrainer({ epochs: 1 });
    const release = await lockFolder(run);
    expect((await errorOf(trainer.train({ saveTo: run }))).code).toBe('FROND-F020');
    expect((await errorOf(trainer.save(run))).code).toBe('FROND-F020');
    expect(readdirSync(run)).toHaveLength(1);
    await release();
    // a run's own saves while it trains are its own affair
    const saves: Promise<string>[] = [];
    const on = ({ type }: palm.TrainingEvent) =>
      void (type === 'evaluation' && saves.push(trainer.save(run)));
    await trainer.train({ saveTo: run, on });
    expect(await Promise.all(saves)).toEqual([join(checkpoints(run), 'step-000006')]);
    await trainer.close();
  });

  it('with a later checkpoint of another run is refused before the first step', async () => {
    const run = fresh();
    const first = tinyTrainer();
    await first.train({ saveTo: run });
    const before = await stateOf(run);
    const second = tinyTrainer({ seed: 6 });
    const events: unknown[] = [];
    const error = await errorOf(second.train({ saveTo: run, on: (event) => events.push(event) }));
    expect(error.code).toBe('FROND-F021');
    expect(error.summary).toBe(`${checkpoints(run)} has a checkpoint of step 12, this run is at step 0`);
    expect(events).toEqual([]);
    expect((await errorOf(second.save(run))).code).toBe('FROND-F021');
    expect(await stateOf(run)).toEqual(before);
    await Promise.all([first.close(), second.close()]);
  });

  it('is swept of what a killed save left', async () => {
    const run = fresh();
    await files.makeFolder(join(checkpoints(run), 'step-000003.tmp'));
    const trainer = tinyTrainer();
    await trainer.train({ saveTo: run, printEvery: 1, ...stopAfter(2) });
    expect(readdirSync(checkpoints(run))).toEqual(['step-000002']);
    await trainer.close();
  });
});

describe('wrong calls', () => {
  it('are told what to call first', async () => {
    const reader = tinyReader();
    const trainer = palm.trainer('intent');
    expect(() => trainer.connection).toThrow('[FROND-T001] trainer intent was called before buildForward');
    expect(() => trainer.prediction).toThrow('[FROND-T001] prediction was called before buildForward');
    expect(() => trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(1) }) })).toThrow(
      '[FROND-T001] buildBackward was called before buildForward',
    );
    trainer.buildForward(tinyBackbone(reader), palm.head.classify({ classes: reader.intents.names }));
    expect((await errorOf(trainer.train())).summary).toBe('train was called before buildBackward');
    trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(1) }) });
    expect((await errorOf(trainer.resume('x'))).summary).toBe('resume was called before fitReader');
  });

  it('with numbers that are no counts are refused', async () => {
    const reader = tinyReader();
    const trainer = tinyTrainer({}, reader);
    for (const wrong of [
      { epochs: 0 },
      { epochs: 1.5 },
      { batchSize: -1 },
      { seed: 1.5 },
      { seed: -1 },
      { seed: 2 ** 32 },
    ]) {
      const [setting, value] = Object.entries(wrong)[0] ?? [];
      expect(() => trainer.fitReader(reader, { epochs: 1, ...wrong })).toThrow(
        `[FROND-T002] fitReader: ${setting} is ${value}`,
      );
    }
    expect(() => trainer.setSaver({ folder: 'x', everySteps: 0 })).toThrow(
      '[FROND-T002] setSaver: everySteps is 0',
    );
    expect(() => trainer.setSaver({ folder: 'x', keep: 0.5 })).toThrow('[FROND-T002] setSaver: keep is 0.5');
    expect((await errorOf(trainer.train({ printEvery: 0 }))).code).toBe('FROND-T002');
  });

  it('that come too late are refused, not ignored', async () => {
    const reader = tinyReader();
    const trainer = tinyTrainer({}, reader);
    await trainer.predict(['fly to rome']);
    const late = (name: string) => `[FROND-T004] ${name} was called after the model was made`;
    expect(() => trainer.fitReader(reader, { epochs: 1 })).toThrow(late('fitReader'));
    expect(() => trainer.buildForward()).toThrow(late('buildForward'));
    expect(() => trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(1) }) })).toThrow(
      late('buildBackward'),
    );
    await trainer.close();
  });

  it('while it trains are refused', async () => {
    const trainer = tinyTrainer({ epochs: 1 });
    const training = trainer.train();
    expect((await errorOf(trainer.train())).summary).toBe('intent-slots is training already');
    expect((await errorOf(trainer.resume('x'))).code).toBe('FROND-T005');
    expect((await training).reason).toBe('done');
    await trainer.close();
  });

  it('for parts that are not there are refused', async () => {
    const trainer = tinyTrainer();
    const error = await errorOf(trainer.evaluate('exam'));
    expect(error.message).toBe(
      '[FROND-D015] the reader joint has no part exam\n  hint: it has: train, valid, test',
    );
    await trainer.close();
    const reader = tinyReader();
    expect(() => tinyTrainer({}, { ...reader, parts: { train: palm.partOf([], reader.length) } })).toThrow(
      '[FROND-D014] the reader joint has no training examples',
    );
  });

  it('with tasks that do not fit together are refused', () => {
    const reader = tinyReader();
    const [a, b] = [palm.trainer('a'), palm.trainer('b')];
    const head = () => palm.head.classify({ classes: reader.intents.names });
    expect(() => palm.multiHeadTrainer([])).toThrow('[FROND-T003] no tasks were given');
    expect(() => palm.multiHeadTrainer([a, palm.trainer('a')])).toThrow(
      '[FROND-T003] two tasks are called a',
    );
    a.buildForward(tinyBackbone(reader), head());
    b.buildForward(tinyBackbone(reader), head());
    expect(() => palm.multiHeadTrainer([a, b]).buildForward()).toThrow(
      '[FROND-T003] task b stands on another backbone than a',
    );
  });
});
