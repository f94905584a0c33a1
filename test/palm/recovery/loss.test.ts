import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { permutation } from '../../../src/base/random.ts';
import { type Device, FrondError, interpreterDevice, palm } from '../../../src/index.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { temporaryFolder } from '../../store/support/bundle.ts';
import { runs } from '../../support/counts.ts';
import { type CallKind, type LossyDevice, lossyDevice } from '../../support/lossyDevice.ts';
import { PER_EPOCH, STEPS, stopAfter, tinyTrainer } from '../support/tiny.ts';
import { curve, filesOf, type Outcome, trained } from './support/trained.ts';

const folder = temporaryFolder();
// so that the order of calls does not depend on how fast this machine is
beforeAll(() => void vi.spyOn(performance, 'now').mockReturnValue(0));
afterAll(() => {
  vi.restoreAllMocks();
  folder.remove();
});
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);
const wasm = (): Device => wasmDevice({ threads: 1 });

const recoveries = (events: readonly palm.TrainingEvent[]) =>
  events.filter((event) => event.type === 'recovery');

/** The error that a run ends with. */
const failureOf = (work: Promise<unknown>): Promise<FrondError> =>
  work.then(
    () => expect.fail('an error was expected'),
    (cause) => {
      expect(cause).toBeInstanceOf(FrondError);
      return cause;
    },
  );

/** Copies at every print step, and none but at checkpoints. */
const PERIODS = [0, 1e9] as const;

describe('a device that is lost once', () => {
  /** runs without a loss, and what they called, for each period */
  const whole: Outcome[] = [];
  const called: (readonly CallKind[])[] = [];
  beforeAll(async () => {
    for (const snapshotEvery of PERIODS) {
      const device = lossyDevice(wasm);
      whole.push(await trained(device, fresh(), { snapshotEvery }));
      called.push(device.calls);
      expect(device.opened).toBe(1);
    }
    expect(whole[1]).toEqual({ ...whole[0], events: expect.anything() });
  });

  /** Places among all calls of a run: nearly all that prepare, most of those that train, and some of the many writes. */
  const points = (calls: readonly CallKind[]): number[] => {
    const shuffled = [...permutation(calls.length, 7, 'points')];
    const most = {
      prepare: runs(2, 1),
      bind: runs(2, 1),
      allocate: runs(2, 1),
      reopen: 0,
      run: runs(6, 1),
      read: runs(8, 1),
      write: runs(5, 1),
    };
    return (Object.keys(most) as CallKind[]).flatMap((kind) =>
      shuffled.filter((at) => calls[at] === kind).slice(0, most[kind]),
    );
  };

  it.each([
    [PERIODS[0], 0],
    [PERIODS[1], 1],
  ])(
    'at any point leaves the same curve, bytes and answers, with copies every %i s',
    async (snapshotEvery, i) => {
      const calls = called[i] ?? [];
      const wanted = whole[i];
      const chosen = points(calls);
      expect(chosen).toHaveLength(runs(25, 6));
      for (const at of chosen) {
        const device = lossyDevice(wasm, (call) => call === at);
        const after = await trained(device, fresh(), { snapshotEvery });
        const where = `lost at ${calls[at]} ${at}`;
        expect(device.opened, where).toBe(2);
        expect(curve(after.events), where).toEqual(curve(wanted?.events ?? []));
        expect(after.files, where).toEqual(wanted?.files);
        expect(after.predictions, where).toEqual(wanted?.predictions);
        const told = recoveries(after.events);
        expect(told.length, where).toBeLessThanOrEqual(1);
        for (const event of told) expect(event.reason).toBe(`the wasm device was lost: ${calls[at]} ${at}`);
      }
    },
  );

  it('is lost again while the next one is made ready or runs the steps again', async () => {
    const calls = called[1] ?? [];
    const late = calls.indexOf('run', calls.indexOf('run') + 70);
    for (const behind of [0, 9, 25, 45, 60]) {
      let second = 0;
      const device: LossyDevice = lossyDevice(
        wasm,
        (call) => call === late || (call > late && device.opened === 2 && second++ === behind),
      );
      const after = await trained(device, fresh(), { snapshotEvery: 1e9 });
      expect(device.opened, `${behind}`).toBe(3);
      expect(curve(after.events)).toEqual(curve(whole[1]?.events ?? []));
      expect(after.files).toEqual(whole[1]?.files);
    }
  });

  it('again and again, with some progress between, gets there all the same', async () => {
    let runs = 0;
    // every seventh run, replayed ones included
    const device = lossyDevice(wasm, (_, kind) => kind === 'run' && ++runs % 7 === 0);
    const after = await trained(device, fresh());
    expect(device.opened).toBeGreaterThan(2);
    expect(recoveries(after.events)).toHaveLength(device.opened - 1);
    expect(curve(after.events)).toEqual(curve(whole[0]?.events ?? []));
    expect(after.files).toEqual(whole[0]?.files);
  });

  it('goes on from the weights that were loaded', async () => {
    const [first, second] = [fresh(), fresh()];
    const begun = tinyTrainer({ device: wasm() });
    await begun.train({ saveTo: first, printEvery: 1, ...stopAfter(4) });
    await begun.close();
    for (const [at, run] of [
      [(resumed: number) => resumed === 1, second],
      [() => false, first],
    ] as const) {
      let resumed = -1;
      const device = lossyDevice(wasm, (_, kind) => resumed >= 0 && kind === 'run' && at(resumed++));
      const trainer = tinyTrainer({ device });
      expect(await trainer.resume(first)).toBe(4);
      resumed = 0;
      const events: palm.TrainingEvent[] = [];
      await trainer.train({ saveTo: run, snapshotEvery: 1e9, on: (event) => events.push(event) });
      if (run === second) expect(recoveries(events)).toMatchObject([{ from: 4, losses: 1 }]);
      await trainer.close();
    }
    expect(filesOf(second)).toEqual(filesOf(first));
  });
});

it('a device whose memory is in chunks is copied chunk by chunk', async () => {
  const chunkWords = 2304;
  const widest: number[] = [];
  const open = (): Device => {
    const inner = wasm();
    const within = <T>(at: { offset: number; length: number }, result: T): T => {
      expect(Math.floor(at.offset / chunkWords)).toBe(Math.floor((at.offset + at.length - 1) / chunkWords));
      widest.push(at.length);
      return result;
    };
    return {
      ...inner,
      chunkWords,
      read: async (location) => within(location, await inner.read(location)),
      write: async (location, data) => within(location, await inner.write(location, data)),
    };
  };
  const whole = await trained(lossyDevice(open), fresh());
  expect(Math.max(...widest)).toBe(chunkWords);
  let runs = 0;
  const device = lossyDevice(open, (_, kind) => kind === 'run' && ++runs === 9);
  const after = await trained(device, fresh());
  expect(device.opened).toBe(2);
  expect(after.files).toEqual(whole.files);
});

describe('a device that stays lost', () => {
  it('ends the run after three losses without progress, and says where the last checkpoint is', async () => {
    const run = fresh();
    let runs = 0;
    const device = lossyDevice(wasm, (_, kind) => kind === 'run' && ++runs > 8);
    const events: palm.TrainingEvent[] = [];
    const trainer = tinyTrainer({ device });
    const on = (event: palm.TrainingEvent) => void events.push(event);
    const error = await failureOf(
      trainer.train({ saveTo: run, printEvery: 1, evaluate: null, snapshotEvery: 0, on }),
    );
    await trainer.close();
    expect(error.code).toBe('FROND-T011');
    expect(error.message).toMatch(
      /^\[FROND-T011\] the wasm device was lost: run \d+, 3 times at step 8\n {2}hint: the last checkpoint is .*step-000006, of step 6: resume there, on another device if need be$/,
    );
    expect(device.opened).toBe(3);
    expect(recoveries(events)).toMatchObject([
      { step: 8, losses: 1 },
      { step: 8, losses: 2 },
    ]);
    // and that checkpoint is good to go on from
    const again = tinyTrainer({ device: wasm() });
    expect(await again.resume(run)).toBe(PER_EPOCH);
    await again.close();
  });

  it('or of which there is no other, ends it at once', async () => {
    const none = lossyDevice(wasm, (call) => call === 100, 0);
    const trainer = tinyTrainer({ device: none });
    const error = await failureOf(trainer.train());
    expect(error.message).toBe(
      '[FROND-T011] the wasm device was lost: write 100, and there is none any more\n  hint: nothing was saved',
    );
    expect((error.cause as Error).message).toBe('no adapter');
    await trainer.close();
    const { reopen: _, ...rest } = lossyDevice(wasm, (call) => call === 100);
    const fixed = tinyTrainer({ device: rest });
    const other = await failureOf(fixed.train());
    expect(other.summary).toBe('the wasm device was lost: write 100, and cannot be opened again');
    await fixed.close();
  });

  it('is not taken for a fault of the model', async () => {
    let lost = false;
    const device = lossyDevice(wasm, (_, kind) => lost && kind === 'run');
    const trainer = tinyTrainer({ device });
    await trainer.train({ ...stopAfter(2), printEvery: 1 });
    lost = true;
    expect((await failureOf(trainer.evaluate('test'))).code).toBe('FROND-T011');
    await trainer.close();
  });
});

it('steps that run on another device again are held against those of before, and a difference is said', async () => {
  let opened = 0;
  const open = (): Device => (opened++ === 0 ? wasm() : interpreterDevice());
  let runs = 0;
  const device = lossyDevice(open, (_, kind) => kind === 'run' && ++runs === 6);
  const trainer = tinyTrainer({ device });
  const warnings: string[] = [];
  await trainer.train({
    printEvery: 1,
    snapshotEvery: 1e9,
    evaluate: null,
    on: (event) => void (event.type === 'warning' && warnings.push(event.message)),
  });
  await trainer.close();
  expect(warnings).toEqual([
    expect.stringMatching(
      /^step [1-5] went another way than before the device was lost: it is not the same device, and the run will not be byte for byte what it would have been$/,
    ),
  ]);
});

it('predictions asked for during a loss are answered all the same', async () => {
  const device = lossyDevice(wasm);
  const trainer = tinyTrainer({ device });
  const answers: Promise<unknown>[] = [];
  const on = (event: palm.TrainingEvent): void => {
    if (event.type !== 'step' || event.step !== 4) return;
    device.lose();
    answers.push(trainer.predict(['fly to rome']), trainer.predict(['light in the hall']));
  };
  expect((await trainer.train({ printEvery: 1, on })).reason).toBe('done');
  expect(await Promise.all(answers)).toMatchObject([
    { intent: [expect.anything()] },
    { slots: [expect.anything()] },
  ]);
  expect(device.opened).toBe(2);
  await trainer.close();
});

describe('a loaded model', () => {
  it('answers on another device after a loss, and gives up after three', async () => {
    const run = fresh();
    const trainer = tinyTrainer({ device: wasm() });
    await trainer.train({ saveTo: run, printEvery: 1, ...stopAfter(2) });
    const texts = ['fly to rome', 'light in the hall'];
    const wanted = await trainer.predict(texts);
    await trainer.close();
    let losses = 1;
    const device = lossyDevice(wasm, (_, kind) => kind === 'run' && losses-- > 0);
    const predictor = await palm.Predictor.load(run, { device });
    expect(await Promise.all([predictor.predict(texts), predictor.predict(texts)])).toEqual([wanted, wanted]);
    expect(device.opened).toBe(2);
    losses = 3;
    expect((await failureOf(predictor.predict(texts))).code).toBe('FROND-R030');
    expect(device.opened).toBe(4);
    predictor.free();
  });
});

describe('between print steps', () => {
  it('nothing waits for the device', async () => {
    const device = lossyDevice(wasm);
    const trainer = tinyTrainer({ device });
    await trainer.predict(['fly to rome']);
    const before = device.calls.length;
    await trainer.train({ printEvery: 4, evaluate: null, snapshotEvery: 1e9 });
    const calls = device.calls.slice(before).filter((kind) => kind === 'run' || kind === 'read');
    const groups = calls
      .join(' ')
      .split('read')
      .map((group) => group.trim().split(' ').filter(Boolean).length);
    // after 4 and 8 steps, at the end of the first epoch between them, and at the end
    expect(groups).toEqual([4, 2, 2, 4, 0]);
    expect(device.deepest).toBe(4);
    expect(STEPS).toBe(12);
    await trainer.close();
  });
});
