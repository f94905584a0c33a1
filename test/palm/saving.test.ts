import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type Device, FrondError, type palm, readSafetensors } from '../../src/index.ts';
import { files } from '../../src/platform/node/index.ts';
import { deviceLost } from '../../src/runtime/device.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { runs } from '../support/counts.ts';
import { descent, PER_EPOCH, stopAfter, tinyTrainer } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

/** Bytes of a checkpoint, by file. */
const filesOf = (path: string): Record<string, Buffer> =>
  Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name))]));

/** The sooner in the run the better: the first epoch is the best one. */
const first = (metrics: palm.Metrics): number => -Number((metrics.slots as { f1: number }).f1);

describe('a save', () => {
  it('holds one state, though training begins while it is under way', async () => {
    const trainer = tinyTrainer();
    await trainer.train({ ...stopAfter(3), printEvery: 1 });
    const wanted = filesOf(await trainer.save(fresh()));
    const saving = trainer.save(fresh());
    const training = trainer.train();
    expect(filesOf(await saving)).toEqual(wanted);
    await training;
    await trainer.close();
  });

  it('holds one state, though other weights are loaded while it is under way', async () => {
    const trainer = tinyTrainer();
    const before = await trainer.save(fresh());
    const other = tinyTrainer({ seed: 9 });
    const file = join(await other.save(fresh()), 'weights.safetensors');
    const [saved] = await Promise.all([trainer.save(fresh()), trainer.loadCheckpoint(file)]);
    expect(filesOf(saved)).toEqual(filesOf(before));
    expect(filesOf(await trainer.save(fresh()))['weights.safetensors']).toEqual(readFileSync(file));
    await Promise.all([trainer.close(), other.close()]);
  });
});

it.each([0, 1] as const)('an optimizer with %i moments saves no others, and resumes', async (moments) => {
  const options = { backward: { optimizer: descent(moments) } };
  const [whole, run] = [fresh(), fresh()];
  for (const [saveTo, stops] of [
    [whole, [12]],
    [run, [4, 12]],
  ] as const) {
    for (const stop of stops) {
      const trainer = tinyTrainer(options);
      if (stops.indexOf(stop as never) > 0) await trainer.resume(saveTo);
      await trainer.train({ saveTo, printEvery: 1, ...stopAfter(stop) });
      await trainer.close();
    }
  }
  const saved = filesOf(join(whole, 'checkpoints', 'step-000012'));
  expect(filesOf(join(run, 'checkpoints', 'step-000012'))).toEqual(saved);
  const file = saved['moments.safetensors'];
  expect(file === undefined).toBe(moments === 0);
  const names = file === undefined ? [] : [...readSafetensors(file).tensors.keys()];
  expect(names.every((name) => name.startsWith('moment1/'))).toBe(true);
});

describe('the best weights', () => {
  it('are the same in memory as in checkpoints', async () => {
    const ends: unknown[] = [];
    for (const saveTo of [undefined, fresh()]) {
      const trainer = tinyTrainer();
      await trainer.train({ best: first, ...(saveTo === undefined ? {} : { saveTo }) });
      ends.push(filesOf(await trainer.save(fresh()))['weights.safetensors']);
      await trainer.close();
    }
    expect(ends[1]).toEqual(ends[0]);
  });

  it('are not lost with the checkpoint that should have taken them', async () => {
    const run = fresh();
    const trainer = tinyTrainer();
    const write = files.writeDurably;
    vi.spyOn(files, 'writeDurably').mockImplementation((path, content) => {
      if (path.endsWith('moments.safetensors'))
        throw new FrondError('FROND-F001', `cannot write ${path}: ENOSPC`);
      return write(path, content);
    });
    await expect(trainer.train({ saveTo: run, best: first })).rejects.toThrow('[FROND-F001]');
    vi.restoreAllMocks();
    expect(await trainer.train({ saveTo: run, best: first })).toMatchObject({ bestStep: PER_EPOCH });
    const { 'weights.safetensors': end } = filesOf(await trainer.save(fresh()));
    await trainer.close();
    const whole = tinyTrainer();
    await whole.train({ best: first });
    expect(filesOf(await whole.save(fresh()))['weights.safetensors']).toEqual(end);
    await whole.close();
  });

  it('move with the checkpoint that takes the place of theirs', async () => {
    const run = fresh();
    const trainer = tinyTrainer();
    trainer.setSaver({ folder: run, keep: 1 });
    await trainer.train({ best: first });
    // the model has the best weights now, the checkpoint of this step the last ones
    await trainer.save(run);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-000012.1']);
    expect(await trainer.train({ best: first })).toMatchObject({ reason: 'done', bestStep: PER_EPOCH });
    await trainer.close();
  });

  it('that are gone or damaged are a typed error, and the run can be trained on', async () => {
    const run = fresh();
    const trainer = tinyTrainer();
    await trainer.train({ saveTo: run, best: first, ...stopAfter(PER_EPOCH + 1), printEvery: 1 });
    for (const name of readdirSync(join(run, 'checkpoints')))
      rmSync(join(run, 'checkpoints', name, 'best.safetensors'));
    await expect(trainer.train({ best: first })).rejects.toThrow('[FROND-F041]');
    await trainer.close();
  });
});

/** More than 256 MiB of weights and moments, most of them words that are never seen. */
const large = (device: Device) =>
  tinyTrainer({ device, vocabulary: 180_000, width: 128, sentences: 8, epochs: 2 });

/** A device on the processor that is lost at its run number `at`. */
function losing(at: number, told: { copied: number }): Device {
  let done = 0;
  const open = (): Device => {
    const inner = wasmDevice({ threads: 1 });
    return {
      ...inner,
      read: (location) => {
        if (location.length > 2 ** 20) told.copied++;
        return inner.read(location);
      },
      bind: async (commands) => {
        const program = await inner.bind(commands);
        return {
          ...program,
          run: async () => {
            if (done++ === at) throw deviceLost('wasm', 'taken away');
            await program.run();
          },
        };
      },
      reopen: async () => open(),
    };
  };
  return open();
}

// its 23 million first weights take their time
it.skipIf(runs(1, 0) === 0)(
  'a large model on the processor is not copied: it goes on from its checkpoints, with the same bytes',
  async () => {
    const ends: unknown[] = [];
    // two steps and an evaluation in each epoch: the last evaluation is lost
    for (const at of [-1, 5]) {
      const told = { copied: 0 };
      const run = fresh();
      const events: palm.TrainingEvent[] = [];
      const trainer = large(losing(at, told));
      await trainer.train({ saveTo: run, snapshotEvery: 0, best: first, on: (event) => events.push(event) });
      expect(told.copied).toBe(0);
      expect(
        events.flatMap((event) => (event.type === 'recovery' ? [[event.step, event.from]] : [])),
      ).toEqual(at < 0 ? [] : [[4, 2]]);
      const paths = readdirSync(join(run, 'checkpoints')).map((name) => join(run, 'checkpoints', name));
      ends.push([
        await trainer.predict(['fly to rome']),
        ...paths.map((path) => filesOf(path)['manifest.json']?.toString()),
      ]);
      await trainer.close();
      rmSync(run, { recursive: true });
    }
    expect(ends[1]).toEqual(ends[0]);
  },
  60_000,
);
