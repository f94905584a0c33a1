import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { interpreterDevice, type palm } from '../../src/index.ts';
import { runs } from '../support/counts.ts';
import { regression, reader as regressionReader } from './recovery/support/regression.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const live = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 1e6;
};

/** A part that makes its examples when they are read, each with a text of a kilobyte that nothing needs; all would be a gigabyte. */
function made(size: number): palm.Part {
  const point = (row: number) => {
    const features = [row % 3, row % 5, (row * 7) % 4, 1].map((value) => value / 2 - 0.5);
    return { features, target: features[0] ?? 0, text: `${row} `.repeat(200) };
  };
  const read = async (rows: readonly number[]) => rows.map(point);
  return { size, read, lengthOf: (row) => 1 + (row % 40), digest: `${size} points` };
}

it('trains and evaluates over a million examples that do not fit in memory', async () => {
  const [size, evaluated] = [1_000_000, runs(1_000_000, 100_000)];
  const parts = { train: made(size), test: made(evaluated) };
  const own = { ...regressionReader(), parts } as unknown as palm.Reader;
  const trainer = regression(interpreterDevice(), { reader: own });
  const before = live();
  const start = performance.now();
  expect(await trainer.trainStep()).toMatchObject({ step: 1 });
  expect(performance.now() - start).toBeLessThan(5000);
  for (let step = 2; step <= 200; step++) await trainer.trainStep();
  expect(live() - before).toBeLessThan(20);
  const metrics = await trainer.evaluate('test');
  expect(metrics.plane).toMatchObject({ squaredError: expect.any(Number) });
  expect(live() - before).toBeLessThan(20);
  await trainer.close();
});
