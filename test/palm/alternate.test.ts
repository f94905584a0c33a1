import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { interpreterDevice, loadLatest, palm, readSafetensors } from '../../src/index.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { messageOf } from '../support/message.ts';
import { type AlternatingOptions, alternatingReaders, alternatingTrainer } from './support/alternating.ts';
import { stateOf, stopAfter, timeless, tinyBackbone } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

const TASKS = ['intent', 'slots', 'travel'];

/** Weights and moments in the newest checkpoint of a run. */
async function tensorsIn(run: string): Promise<(readonly [string, string])[]> {
  const files = await bytesIn(await loadLatest(join(run, 'checkpoints')));
  return ['weights.safetensors', 'moments.safetensors'].flatMap((file) =>
    [...readSafetensors(files.get(file) ?? new Uint8Array(), file).tensors].map(
      ([name, { bytes }]) => [name, Buffer.from(bytes).toString('base64')] as const,
    ),
  );
}

/** Of the heads, by task. */
async function headsIn(run: string): Promise<Record<string, unknown[]>> {
  const tensors = await tensorsIn(run);
  const of = (task: string) =>
    tensors.filter(([name]) => name.replace(/^moment.\//, '').startsWith(`${task}/`));
  return Object.fromEntries(TASKS.map((task) => [task, of(task)]));
}

type StepEvent = Extract<palm.TrainingEvent, { type: 'step' }>;

/** Steps of a run, trained to its end. */
async function stepsOf(options: AlternatingOptions = {}): Promise<StepEvent[]> {
  const trainer = alternatingTrainer(options);
  const steps: StepEvent[] = [];
  await trainer.train({ printEvery: 1, on: (event) => event.type === 'step' && steps.push(event) });
  await trainer.close();
  return steps;
}

const tasksIn = (steps: readonly StepEvent[]): Record<string, number> => {
  const names = steps.map(({ slot }) => slot?.task ?? 'none');
  return Object.fromEntries(
    [...new Set(names)].sort().map((name) => [name, names.filter((one) => one === name).length]),
  );
};

describe('tasks that alternate', () => {
  it('have their planned steps, each with a loss of its own', async () => {
    // intent is the reference: 6 batches, 2 epochs; slots as many, travel half of them
    const steps = await stepsOf();
    expect(tasksIn(steps)).toEqual({ intent: 12, slots: 12, travel: 6 });
    expect(steps).toHaveLength(30);
    for (const { slot, losses, loss } of steps) {
      expect(Object.keys(losses)).toEqual([slot?.task]);
      expect(losses[slot?.task ?? '']).toBe(loss);
    }
    // 13 examples of slots are 4 batches: three passes
    const slots = steps.flatMap(({ slot }) =>
      slot?.task === 'slots' ? [[slot.epoch, slot.step, slot.steps]] : [],
    );
    expect(slots).toEqual([0, 1, 2].flatMap((epoch) => [1, 2, 3, 4].map((step) => [epoch, step, 4])));
  });

  it('share steps as they are asked to', async () => {
    const shared = async (fit: AlternatingOptions['fit'], rest: AlternatingOptions = {}) =>
      tasksIn(await stepsOf({ tasks: ['intent', 'slots'], epochs: 1, ...rest, fit: { ...fit } }));
    expect(await shared({ reference: 'slots' })).toEqual({ intent: 4, slots: 4 });
    expect(await shared({}, { slots: { mixRatio: 1.5 } })).toEqual({ intent: 6, slots: 9 });
    expect(await shared({ shares: 'epochs' }, { slots: { epochs: 2 } })).toEqual({ intent: 6, slots: 8 });
    expect(await shared({ shares: 'size' })).toEqual({ intent: 6, slots: 4 });
    expect(await shared({ shares: 'equal' })).toEqual({ intent: 5, slots: 5 });
    expect(await shared({ shares: 'epochs' }, { slots: { batchSize: 13 } })).toEqual({ intent: 6, slots: 1 });
    expect(await shared({ shares: 'epochs', tokens: 32 })).toEqual({ intent: 4, slots: 3 });
  });

  it('learn: losses of both fall, and each has its metrics', async () => {
    const trainer = alternatingTrainer({ epochs: 6, tasks: ['intent', 'slots'], dropout: 0 });
    const { history } = await trainer.train({});
    const [first, last] = [history[0]?.losses ?? {}, history.at(-1)?.losses ?? {}];
    for (const task of ['intent', 'slots']) expect(last[task]).toBeLessThan((first[task] ?? 0) / 2);
    const metrics = await trainer.evaluate('test');
    expect(metrics).toMatchObject({ intent: { accuracy: 1 }, slots: { f1: expect.any(Number) } });
    await trainer.close();
  });

  it('take a rate and a weight of their own', async () => {
    const [plain, other] = [
      await stepsOf({ epochs: 1 }),
      await stepsOf({ epochs: 1, slots: { rate: 0.5, weight: 3 } }),
    ];
    for (const [i, { slot, rate }] of plain.entries())
      expect(other[i]?.rate).toBe(slot?.task === 'slots' ? rate * 0.5 : rate);
    const first = plain.findIndex(({ slot }) => slot?.task === 'slots');
    expect(first).toBeLessThan(4);
    const { loss = 0, losses = {} } = other[first] ?? {};
    expect(loss).toBeCloseTo(3 * (losses.slots ?? 0), 5);
  });
});

describe('laws of alternating', () => {
  it.each([{}, { accumulate: 2, ema: { decay: 0.9 }, groups: [{ match: 'encoder/*', freeze: 2 }] }])(
    'one task alone is its trainer, byte for byte: %j',
    async (backward) => {
      const { intent: reader } = alternatingReaders();
      const single = palm.trainer('intent', { device: interpreterDevice() });
      single.buildForward(tinyBackbone(reader), palm.head.classify({ classes: reader.intents.names }));
      single.buildBackward({
        optimizer: palm.adamW({ rate: palm.triangular({ warmup: 0.2 }, 0.01) }),
        weightDecay: 0.01,
        clipNorm: 1,
        ...backward,
      });
      single.fitReader(reader, { epochs: 2, batchSize: 4, seed: 5 });
      const alternating = alternatingTrainer({ tasks: ['intent'], backward });
      const [a, b] = [fresh(), fresh()];
      const events: unknown[][] = [];
      for (const [trainer, saveTo] of [
        [single, a],
        [alternating, b],
      ] as const) {
        const heard: unknown[] = [];
        await trainer.train({
          saveTo,
          printEvery: 1,
          on: (event) => heard.push(event.type === 'checkpoint' ? event.type : timeless(event)),
        });
        events.push(heard);
        await trainer.close();
      }
      expect(events[1]).toEqual(events[0]);
      const [one, other] = [await stateOf(a), await stateOf(b)];
      for (const file of Object.keys(one).filter(
        (name) => !['progress.json', 'manifest.json'].includes(name),
      ))
        expect(other[file], file).toBe(one[file]);
      expect(Object.keys(one).includes('average.safetensors')).toBe('ema' in backward);
    },
  );

  it('heads of idle tasks keep parameters and moments, byte for byte', async () => {
    const trainer = alternatingTrainer({ epochs: 1 });
    const run = fresh();
    await trainer.save(run);
    let before = await headsIn(run);
    expect(before.intent?.length).toBe(2 * 3);
    const active = new Set<string>();
    for (let step = 1; step <= 15; step++) {
      let task = '';
      const stop = stopAfter(step);
      await trainer.train({
        ...{ saveTo: run, printEvery: 1, evaluate: null, signal: stop.signal },
        on: (event) => {
          if (event.type === 'step') task = event.slot?.task ?? '';
          stop.on(event);
        },
      });
      const now = await headsIn(run);
      for (const name of TASKS) {
        if (name === task) expect(now[name], `step ${step}`).not.toEqual(before[name]);
        else expect(now[name], `${name} at step ${step} of ${task}`).toEqual(before[name]);
      }
      before = now;
      active.add(task);
    }
    expect([...active].sort()).toEqual([...TASKS].sort());
    await trainer.close();
  });
});

describe('a run of tasks that alternate, cut and resumed', () => {
  const options = { epochs: 2 };

  it.each([0, 1, 7, 15, 22])('after %i of 30 steps, ends with the same bytes', async (cut) => {
    const [whole, parts] = [fresh(), fresh()];
    const train = async (run: string, stop?: number): Promise<void> => {
      const trainer = alternatingTrainer(options);
      if (existsSync(run)) await trainer.resume(run);
      const best = ({ slots, intent }: palm.Metrics) =>
        (slots as { f1: number }).f1 + (intent as { accuracy: number }).accuracy;
      const { steps } = await trainer.train({
        ...{ saveTo: run, printEvery: 1, best },
        ...(stop === undefined ? {} : stopAfter(stop)),
      });
      expect(steps).toBe(stop ?? 30);
      await trainer.close();
    };
    await train(whole);
    await train(parts, cut);
    await train(parts);
    expect(await stateOf(parts)).toEqual(await stateOf(whole));
  });

  it('on WebAssembly too', async () => {
    const [whole, parts] = [fresh(), fresh()];
    for (const [run, cuts] of [
      [whole, [30]],
      [parts, [9, 30]],
    ] as const) {
      for (const cut of cuts) {
        const device = wasmDevice();
        const trainer = alternatingTrainer({ ...options, device });
        if (existsSync(run)) await trainer.resume(run);
        await trainer.train({ saveTo: run, printEvery: 1, ...stopAfter(cut) });
        await trainer.close();
        await device.close();
      }
    }
    expect(await stateOf(parts)).toEqual(await stateOf(whole));
  });

  it('goes on for more epochs with what is left of each task, and after another cut too', async () => {
    const [whole, parts] = [fresh(), fresh()];
    const turns: string[][] = [];
    for (const [run, cuts] of [
      [whole, [15, 30]],
      [parts, [15, 21, 30]],
    ] as const) {
      const heard: string[] = [];
      for (const cut of cuts) {
        const trainer = alternatingTrainer({ epochs: cut === 15 ? 1 : 2 });
        if (existsSync(run)) await trainer.resume(run);
        const stop = stopAfter(cut);
        const { steps } = await trainer.train({
          ...{ saveTo: run, printEvery: 1, evaluate: null, signal: stop.signal },
          on: (event) => {
            if (event.type === 'step') heard.push(event.slot?.task ?? '');
            stop.on(event);
          },
        });
        expect(steps).toBe(cut);
        await trainer.close();
      }
      turns.push(heard);
    }
    expect(TASKS.map((task) => turns[0]?.filter((turn) => turn === task).length)).toEqual([12, 12, 6]);
    expect(turns[1]).toEqual(turns[0]);
    expect(await stateOf(parts)).toEqual(await stateOf(whole));
  });

  it('is refused with another plan, and says what differs', async () => {
    const run = fresh();
    const trainer = alternatingTrainer(options);
    await trainer.train({ saveTo: run, printEvery: 1, ...stopAfter(2) });
    await trainer.close();
    for (const [change, what] of [
      [{ slots: { mixRatio: 2 } }, /: plan was .*, is .*"mixRatio":2/],
      [{ fit: { reference: 'slots' } }, /: reference was undefined, is "slots"/],
      [{ slots: { batchSize: 3 } }, /: plan was /],
      [{ slots: { rate: 2 } }, /: plan was .*, is .*"rate":2/],
    ] as const) {
      const other = alternatingTrainer({ ...options, ...change });
      const said = await messageOf(() => other.resume(run));
      expect(said).toMatch(/^\[FROND-F030\]/);
      expect(said).toMatch(what);
      await other.close();
    }
  });
});

describe('a model of tasks that alternate', () => {
  it('predicts every task, each through its own reader, in the trainer and after loading', async () => {
    const trainer = alternatingTrainer({ epochs: 3 });
    const run = fresh();
    await trainer.train({ saveTo: run });
    const texts = ['fly to rome', 'light in the attic'];
    const predicted = await trainer.predict(texts);
    expect(Object.keys(predicted)).toEqual(TASKS);
    expect(predicted.intent).toHaveLength(2);
    await trainer.close();
    const predictor = await palm.Predictor.load(run, { device: interpreterDevice() });
    expect(predictor.tasks.map(({ name }) => name)).toEqual(TASKS);
    expect(await predictor.predict(texts)).toEqual(predicted);
    predictor.free();
  });

  it('needs one pass where the tasks share a reader, and then has metrics over all of them', async () => {
    const reader = alternatingReaders().intent;
    const backbone = tinyBackbone(reader);
    const [intent, slots] = [palm.trainer('intent'), palm.trainer('slots')];
    intent.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
    slots.buildForward(backbone, palm.head.sequenceLabel({ labels: reader.tags.names }));
    const both = palm.multiHeadTrainer([intent, slots], {
      ...{ policy: 'alternate', device: interpreterDevice() },
      metrics: palm.head.exactMatch({ intent: 'intent', slots: 'slots' }),
    });
    both.buildForward();
    both.buildBackward({ optimizer: palm.adam({ rate: 0.01 }) });
    both.fitReader(reader, { epochs: 1 });
    await both.train();
    expect(await both.evaluate()).toMatchObject({
      intent: { accuracy: expect.any(Number) },
      exactMatch: expect.any(Number),
    });
    expect(Object.keys(both.prediction.outputs).map((name) => name.split('.')[0])).toContain('slots');
    await both.close();
  });

  it.each(['alternate', 'joint'] as const)('may use the head of another task: %s', async (policy) => {
    const { intent: a, slots: b } = alternatingReaders();
    const backbone = tinyBackbone(a);
    const head = palm.head.classify({ classes: a.intents.names });
    const first = palm.trainer('first');
    first.buildForward(backbone, head);
    const second = palm.trainer('second', { reuseHeadWith: first });
    second.buildForward(backbone, head);
    const both = palm.multiHeadTrainer([first, second], { policy, device: interpreterDevice() });
    both.buildForward();
    both.buildBackward({ optimizer: palm.adam({ rate: 0.01 }) });
    both.fitReaders({ first: a, second: policy === 'joint' ? a : b }, { epochs: 1 });
    const run = fresh();
    await both.train({ saveTo: run });
    const found = await both.predict(['fly to rome']);
    expect(found.second).toEqual(found.first);
    await both.close();
    const names = (await tensorsIn(run)).map(([name]) => name);
    expect(names.some((name) => name.startsWith('first/'))).toBe(true);
    expect(names.some((name) => name.startsWith('second/'))).toBe(false);
    const predictor = await palm.Predictor.load(run, { device: interpreterDevice() });
    expect(await predictor.predict(['fly to rome'])).toEqual(found);
    predictor.free();
  });
});

describe('tasks that alternate are refused', () => {
  const said = async (work: () => unknown): Promise<string> =>
    (await messageOf(work)).replace(/\n {2}at test\S+/, '');
  const fitting = (fit: object, rest: AlternatingOptions = {}) =>
    said(() => alternatingTrainer({ ...rest, fit: fit as never }));

  it('with settings that would do nothing', async () => {
    expect(await fitting({ temperature: 2 })).toBe(
      '[FROND-T002] temperature has no effect: shares is mixRatio, not size\n  hint: leave it out',
    );
    expect(await fitting({ shares: 'size', reference: 'intent' })).toBe(
      '[FROND-T002] reference has no effect: shares is size, not mixRatio\n  hint: leave it out',
    );
    expect(await fitting({}, { slots: { epochs: 3 } })).toBe(
      '[FROND-T002] epochs of task slots has no effect: shares is mixRatio, not epochs\n  hint: leave it out',
    );
    expect(await fitting({ shares: 'equal' })).toBe(
      '[FROND-T002] mixRatio of task travel has no effect: shares is equal, not mixRatio\n  hint: leave it out',
    );
  });

  it('and so are settings of alternating where tasks learn jointly', async () => {
    const { intent: reader } = alternatingReaders();
    const backbone = tinyBackbone(reader);
    const joint = (options: palm.TrainerOptions, fit: object = {}) =>
      said(() => {
        const trainers = ['a', 'b'].map((name, i) => palm.trainer(name, i === 0 ? options : {}));
        for (const trainer of trainers)
          trainer.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
        const both = palm.multiHeadTrainer(trainers);
        both.buildForward();
        both.fitReader(reader, { epochs: 1, ...fit });
      });
    const why = 'the tasks learn jointly, the policy is not alternate\n  hint: leave it out';
    expect(await joint({ mixRatio: 2 })).toBe(`[FROND-T002] mixRatio of task a has no effect: ${why}`);
    expect(await joint({ batchSize: 2 })).toBe(`[FROND-T002] batchSize of task a has no effect: ${why}`);
    expect(await joint({}, { shares: 'equal' })).toBe(`[FROND-T002] shares has no effect: ${why}`);
  });

  it('with unknown tasks, shares and ratios', async () => {
    expect(await fitting({ shares: 'sizes' })).toBe(
      '[FROND-T002] fitReaders: shares is "sizes"\n  hint: give one of mixRatio, epochs, size, annealed, equal, roundRobin',
    );
    expect(await fitting({ shares: 'size', temperature: [1] })).toContain(
      '[FROND-T002] fitReaders: temperature is',
    );
    expect(await said(() => palm.trainer('a', { mixRatio: Number.NaN }))).toContain(
      '[FROND-T002] trainer: mixRatio is NaN',
    );
    const trainer = alternatingTrainer({ tasks: ['intent', 'slots'] });
    const { intent } = alternatingReaders();
    expect(await said(() => trainer.fitReaders({ intent }, { epochs: 1 }))).toBe(
      '[FROND-T003] task slots has no reader\n  hint: give a reader for each task',
    );
    expect(await said(() => trainer.fitReaders({ intents: intent }, { epochs: 1 }))).toBe(
      '[FROND-T003] there is no task intents\n  hint: give readers of intent, slots',
    );
    trainer.fitReaders({ intent, slots: intent }, { epochs: 1, reference: 'travel' });
    expect(await said(() => trainer.train())).toBe(
      '[FROND-T003] the reference task travel is no target\n  hint: give one of intent, slots',
    );
    await trainer.close();
  });
});
