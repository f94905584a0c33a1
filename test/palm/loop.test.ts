import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { palm } from '../../src/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { messageOf } from '../support/message.ts';
import { alternatingReaders, alternatingTrainer } from './support/alternating.ts';
import { PER_EPOCH, STEPS, stateOf, stopAfter, tinyReader, tinyTrainer } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

describe('evaluations', () => {
  it('come every so many steps, each with a checkpoint and a record', async () => {
    const trainer = tinyTrainer();
    const run = fresh();
    const at: number[] = [];
    const { history } = await trainer.train({
      ...{ saveTo: run, evaluateEvery: 5, best: 'slots.f1' },
      on: (event) => event.type === 'evaluation' && at.push(event.step),
    });
    await trainer.close();
    expect(at).toEqual([5, 10, STEPS]);
    expect(history.map(({ step, epoch, metrics }) => [step, epoch, metrics !== undefined])).toEqual([
      [5, 1, true],
      [PER_EPOCH, 1, false],
      [10, 2, true],
      [STEPS, 2, true],
    ]);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-000010', 'step-000012']);
    const more = tinyTrainer();
    more.setSaver({ folder: fresh(), keep: 4, everySteps: 2 });
    const folders: string[] = [];
    await more.train({ on: (event) => event.type === 'checkpoint' && folders.push(event.folder) });
    await more.close();
    // every second step, the end of the epoch among them
    expect(folders).toHaveLength(STEPS / 2);
    expect(folders.map((one) => existsSync(one))).toEqual([false, false, true, true, true, true]);
  });

  it('of one metric, or of a function of all of them, find the same best', async () => {
    const bests: unknown[] = [];
    for (const best of [
      'intent.accuracy',
      ({ intent }: palm.Metrics) => (intent as { accuracy: number }).accuracy,
    ]) {
      const trainer = tinyTrainer();
      const { bestStep } = await trainer.train({ best, evaluateEvery: 3 });
      bests.push(bestStep);
      await trainer.close();
    }
    expect(bests[0]).toBe(bests[1]);
    const trainer = tinyTrainer();
    expect(await messageOf(() => trainer.train({ best: 'slots.f2' }))).toMatch(
      /^\[FROND-T002\] best is slots\.f2, which is not among the metrics\n {2}hint: give one of intent\.accuracy, .*slots\.f1.*exactMatch$/,
    );
    await trainer.close();
  });

  it('end training early where nothing gets better, also after a resume', async () => {
    const never = () => 0;
    const whole = fresh();
    const trainer = tinyTrainer({ epochs: 9 });
    const summary = await trainer.train({ saveTo: whole, best: never, patience: 2, evaluateEvery: 4 });
    await trainer.close();
    // the first evaluation is the best, and two more are not better
    expect(summary).toMatchObject({ reason: 'early', steps: 12, bestStep: 4 });
    const parts = fresh();
    for (const cut of [9, 54]) {
      const trainer = tinyTrainer({ epochs: 9 });
      if (cut === 54) await trainer.resume(parts);
      const options = { saveTo: parts, best: never, patience: 2, evaluateEvery: 4, printEvery: 1 };
      const { steps } = await trainer.train({ ...options, ...stopAfter(cut) });
      expect(steps).toBe(Math.min(cut, 12));
      await trainer.close();
    }
    const [one, other] = [await stateOf(whole), await stateOf(parts)];
    expect(other).toEqual(one);
    // and it is over: resuming does not begin again
    const again = tinyTrainer({ epochs: 9 });
    await again.resume(parts);
    const options = { best: never, patience: 2, evaluateEvery: 4 };
    expect(await again.train(options)).toMatchObject({ reason: 'early', steps: 12, bestStep: 4 });
    await again.close();
  });

  it('are refused where there is nothing to evaluate, or nothing to be better', async () => {
    const trainer = tinyTrainer();
    expect(await messageOf(() => trainer.train({ evaluateEvery: 2, evaluate: null }))).toBe(
      '[FROND-T002] evaluateEvery is given, but nothing is evaluated\n  hint: give evaluate, one of train, valid, test, or leave evaluateEvery out',
    );
    expect(await messageOf(() => trainer.train({ patience: 2 }))).toBe(
      '[FROND-T002] patience is given, but not what is to become better\n  hint: give best, such as slots.f1, or leave patience out',
    );
    await trainer.close();
  });
});

describe('a loop of its own', () => {
  it('does the steps that train does, byte for byte', async () => {
    const [own, theirs] = [fresh(), fresh()];
    const trainer = alternatingTrainer({ epochs: 1 });
    const events: unknown[] = [];
    await trainer.train({
      ...{ saveTo: theirs, printEvery: 1, evaluate: null },
      on: (event) => event.type === 'step' && events.push([event.step, event.loss, event.rate, event.slot]),
    });
    await trainer.close();
    const looped = alternatingTrainer({ epochs: 1 });
    const steps: unknown[] = [];
    for (let done = await looped.trainStep(); done !== undefined; done = await looped.trainStep())
      steps.push([done.step, done.loss, done.rate, done.slot]);
    expect(steps).toHaveLength(15);
    expect(steps).toEqual(events);
    await looped.save(own);
    await looped.close();
    expect(await stateOf(own)).toEqual(await stateOf(theirs));
  });
});

describe('predictions', () => {
  it('of a whole part are those of its examples', async () => {
    const trainer = tinyTrainer();
    const examples = tinyReader().parts.test?.examples ?? [];
    expect(await trainer.predictAll('test')).toEqual(await trainer.predict(examples));
    expect(await messageOf(() => trainer.predictAll('dev'))).toBe(
      '[FROND-D015] the reader joint has no part dev\n  hint: it has: train, valid, test',
    );
    await trainer.close();
  });

  it('of a batch are those of its rows, by task', async () => {
    const trainer = alternatingTrainer({ tasks: ['intent', 'slots'] });
    const { intent: reader } = alternatingReaders();
    const examples = (reader.parts.test?.examples ?? []).slice(0, 3);
    const batch = reader.pack(examples, { batch: 4, time: 8 });
    const all = await trainer.predict(examples);
    for (const task of ['intent', 'slots']) {
      const found = await trainer.predictBatch(task, batch);
      expect(found.length).toBeGreaterThanOrEqual(3);
      expect(found[0]).toEqual(all[task]?.[0]);
    }
    expect(await messageOf(() => trainer.predictBatch('slot', batch))).toBe(
      '[FROND-T003] there is no task slot\n  hint: give one of intent, slots',
    );
    expect(await messageOf(() => trainer.predictBatch('slots', {}))).toMatch(/^\[FROND-R009\]/);
    await trainer.close();
  });
});
