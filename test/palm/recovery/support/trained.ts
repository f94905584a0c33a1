import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Device, palm } from '../../../../src/index.ts';
import { timeless, tinyTrainer } from '../../support/tiny.ts';

/** All that a run leaves behind: what it told, the files of its newest checkpoint, and its answers. */
export interface Outcome {
  readonly events: readonly palm.TrainingEvent[];
  readonly files: Readonly<Record<string, string>>;
  readonly predictions: unknown;
}

/** The files of the newest checkpoint of a run. */
export function filesOf(run: string): Record<string, string> {
  const folder = join(run, 'checkpoints');
  const newest = existsSync(folder) ? readdirSync(folder).sort().at(-1) : undefined;
  if (newest === undefined) return {};
  const inside = join(folder, newest);
  return Object.fromEntries(
    readdirSync(inside).map((name) => [name, readFileSync(join(inside, name), 'base64')] as const),
  );
}

/** Trains the tiny model to its end, with evaluations, the best weights and checkpoints in `run`; then asks it. */
export async function trained(
  device: Device,
  run: string,
  options: palm.TrainOptions = {},
): Promise<Outcome> {
  const trainer = tinyTrainer({ device, backward: { ema: { decay: 0.9 } } });
  const events: palm.TrainingEvent[] = [];
  try {
    await trainer.train({
      printEvery: 2,
      saveTo: run,
      snapshotEvery: 0,
      best: ({ exactMatch }) => -Number(exactMatch),
      ...options,
      on: (event) => events.push(event),
    });
    const predictions = await trainer.predict(['fly to rome']);
    return { events, files: filesOf(run), predictions };
  } finally {
    await trainer.close();
  }
}

/** What a run tells of learning, without what a clock or the place decides. */
export const curve = (events: readonly palm.TrainingEvent[]): unknown[] =>
  events
    .filter(({ type }) => type !== 'recovery')
    .map((event) => (event.type === 'checkpoint' ? { ...event, folder: '' } : timeless(event)));
