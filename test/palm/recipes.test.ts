import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { palm, type WasmDevice, wasmDevice } from '../../src/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';

/** Examples with what a few epochs bring at least; `chance`: what the most frequent answer, or none, would bring. */
const EXAMPLES = {
  sentiment: { epochs: 6, score: 'sentiment.accuracy', chance: 0.5, least: 0.64 },
  matching: { epochs: 3, score: 'same.accuracy', chance: 0.5, least: 0.62 },
  tagging: { epochs: 4, score: 'entities.f1', chance: 0, least: 0.5 },
  // of the pieces that are hidden, the most frequent one is every twelfth
  maskedLM: { epochs: 2, score: 'words.accuracy', chance: 0.09, least: 0.2 },
} as const;

const folder = temporaryFolder();
let device: WasmDevice;
beforeAll(() => {
  device = wasmDevice();
});
afterAll(async () => {
  await device.close();
  await folder.remove();
});

const numberAt = (metrics: unknown, path: string): number =>
  Number(path.split('.').reduce((inner: unknown, name) => Object(inner)[name], metrics));

describe.each(Object.entries(EXAMPLES))('the example %s', (name, { epochs, score, chance, least }) => {
  it('learns, predicts the same after loading, and has less than 80 lines', async () => {
    const module = new URL(`../../examples/${name}.ts`, import.meta.url);
    const { train } = (await import(module.href)) as { readonly train: palm.Recipe };
    const output = join(folder.path, name);
    const { trainer, summary, test, examples } = await train({
      ...{ data: undefined, output, epochs, batchSize: undefined, seed: 1, resume: false },
      ...{ device, signal: new AbortController().signal, on: () => undefined },
    });
    expect(summary).toMatchObject({ reason: 'done' });
    expect(least).toBeGreaterThan(chance + 0.1);
    expect(numberAt(test, score)).toBeGreaterThan(least);

    const predictions = await trainer.predict(examples ?? []);
    await trainer.close();
    const predictor = await palm.Predictor.load(output, { device });
    expect(await predictor.predict(examples ?? [])).toEqual(predictions);
    predictor.free();
    expect((await readFile(module, 'utf8')).split('\n').length).toBeLessThan(80);
  });
});
