import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Device, interpreterDevice, loadLatest, type palm, saveCheckpoint } from '../../../src/index.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { temporaryFolder } from '../../store/support/bundle.ts';
import { stopAfter, tinyTrainer } from '../support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);
const wasm = (): Device => wasmDevice({ threads: 1 });

/** A run that was stopped after four steps on wasm. */
let stopped = '';
let losses: readonly number[] = [];
const lossesIn = (events: readonly palm.TrainingEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
beforeAll(async () => {
  stopped = fresh();
  const trainer = tinyTrainer({ device: wasm() });
  await trainer.train({ saveTo: stopped, printEvery: 1, ...stopAfter(4) });
  const events: palm.TrainingEvent[] = [];
  await trainer.train({ printEvery: 1, on: (event) => events.push(event) });
  losses = lossesIn(events);
  await trainer.close();
});

/** Goes on from a run, on a device; gives what resuming says, and the losses that follow. */
async function resumed(run: string, device: Device) {
  const trainer = tinyTrainer({ device });
  const said: palm.TrainingEvent[] = [];
  expect(await trainer.resume(run, (event) => said.push(event))).toBe(4);
  const events: palm.TrainingEvent[] = [];
  await trainer.train({ printEvery: 1, on: (event) => events.push(event) });
  const folder = await trainer.save(fresh());
  await trainer.close();
  return { said, events, losses: lossesIn(events), folder };
}

/** The same checkpoint with another text in its model record. */
async function edited(from: RegExp, to: string): Promise<string> {
  const { files, step, summary } = await loadLatest(join(stopped, 'checkpoints'));
  const text = new TextDecoder().decode(await files.get('model.json')?.read());
  expect(text).toMatch(from);
  const changed = new Map<string, Uint8Array | AsyncIterable<Uint8Array>>(files);
  changed.set('model.json', new TextEncoder().encode(text.replace(from, to)));
  const target = fresh();
  await saveCheckpoint(join(target, 'checkpoints'), step, { files: changed, summary });
  return target;
}

describe('a run that goes on', () => {
  it('on the same device says nothing', async () => {
    const { said, losses: same } = await resumed(stopped, wasm());
    expect(said).toEqual([]);
    expect(same).toEqual(losses);
  });

  it('on another device says so, learns on nearly the same way, and is recorded as of that device', async () => {
    const other = await resumed(stopped, interpreterDevice());
    expect(other.said).toEqual([
      {
        type: 'warning',
        message: `${stopped}/checkpoints/step-000004: it was trained on wasm and goes on on interpreter; the bytes may differ from those of a run without a break`,
      },
    ]);
    expect(other.losses).toHaveLength(losses.length);
    other.losses.forEach((loss, i) => {
      expect(Math.abs(loss - (losses[i] ?? 0))).toBeLessThan(1e-3 * loss);
    });
    const back = tinyTrainer({ device: wasm() });
    const said: palm.TrainingEvent[] = [];
    await back.resume(join(other.folder, '..', '..'), (event) => said.push(event));
    expect(said).toMatchObject([
      { message: expect.stringContaining('trained on interpreter and goes on on wasm') },
    ]);
    await back.close();
  });

  it('on other hardware, or with other schedules, says which', async () => {
    const hardware = await resumed(await edited(/"adapter": null/, '"adapter": "an older one"'), wasm());
    expect(hardware.said).toMatchObject([
      { message: expect.stringContaining('it was trained on wasm (an older one) and goes on on wasm; ') },
    ]);
    const schedule = /("name": "layerNorm",[^}]*"tiles": \{\s*"r": )\d+/;
    const tuned = await resumed(await edited(schedule, '$132'), wasm());
    expect(tuned.said).toMatchObject([
      { message: expect.stringContaining('it was trained with other schedules of layerNorm; ') },
    ]);
    expect(tuned.losses).toEqual(losses);
  });

  it('from a checkpoint that does not tell says nothing', async () => {
    const { said } = await resumed(await edited(/"device": \{[^}]*\},/, ''), interpreterDevice());
    expect(said).toEqual([]);
  });

  it('without a listener is told of when training begins', async () => {
    const trainer = tinyTrainer({ device: interpreterDevice() });
    await trainer.resume(stopped);
    const events: palm.TrainingEvent[] = [];
    await trainer.train({ ...stopAfter(0), on: (event) => events.push(event) });
    expect(events[0]).toMatchObject({
      type: 'warning',
      message: expect.stringContaining('goes on on interpreter'),
    });
    await trainer.close();
  });
});
