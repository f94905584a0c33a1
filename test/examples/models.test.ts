import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { wasmDevice } from '../../src/index.ts';
import { repository } from '../support/build.ts';

/** How far the loss of each falls within the steps that it trains by itself: the last over the first. */
const FALLS: Readonly<Record<string, number>> = {
  characterGpt: 0.02,
  convolution: 0.05,
  encoderDecoder: 0.1,
  llamaBlock: 0.1,
  logisticRegression: 0.3,
  ownOptimizer: 0.01,
  triplet: 0.1,
  variationalAutoencoder: 0.6,
  xor: 0.02,
};

interface Trained {
  readonly losses: readonly number[];
  readonly said?: string;
  readonly run: { free(): Promise<void> };
}

const device = wasmDevice();
afterAll(() => device.close());

const models = readdirSync(join(repository, 'examples', 'models')).filter((file) => file !== 'training.ts');

it.each(models)('%s learns, in at most 50 lines', async (file) => {
  const name = file.replace('.ts', '');
  const { train } = await import(`../../examples/models/${file}`);
  const { losses, said, run }: Trained = await train(device);
  const mean = (some: readonly number[]): number => some.reduce((sum, loss) => sum + loss, 0) / some.length;
  const fall = mean(losses.slice(-5)) / mean(losses.slice(0, 5));
  await run.free();
  process.stdout.write(`${name}: the loss falls to ${fall.toFixed(3)} of what it was\n`);
  expect(fall).toBeLessThan(FALLS[name] ?? 0);
  if (said !== undefined) expect(said).toBe('the quick brown fox jumps over the lazy dog. ');
  const text = readFileSync(join(repository, 'examples', 'models', file), 'utf8');
  const code = text.split('\n').filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line));
  expect(code.length).toBeLessThanOrEqual(50);
  // typed without casts
  expect(code.join('\n')).not.toMatch(/ as (?!const|f from)|\bany\b|!\./);
});
