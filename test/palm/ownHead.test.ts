import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { train } from '../../examples/own-head.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';

// A head that a user wrote in 30 lines learns: the example runs on every tenth sentence of the bundled corpus.
const bundled = fileURLToPath(new URL('../../examples/data/home', import.meta.url));
const PARTS = ['train', 'valid', 'test'];
const FILES = ['seq.in', 'seq.out', 'label'];
let data = '';

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'frond-own-head-'));
  for (const part of PARTS) {
    await mkdir(join(data, part));
    for (const file of FILES) {
      const lines = (await readFile(join(bundled, part, file), 'utf8')).trim().split('\n');
      await writeFile(join(data, part, file), lines.filter((_, i) => i % 10 === 0).join('\n'));
    }
  }
});
afterAll(() => rm(data, { recursive: true }));

test('the example of a user-written head is short, and its head learns', async () => {
  const source = await readFile(new URL('../../examples/own-head.ts', import.meta.url), 'utf8');
  expect(source.split('\n').filter((line) => !/^\s*(\/\/.*)?$/.test(line)).length).toBeLessThanOrEqual(30);
  const { summary, test: scores } = await train({
    data,
    epochs: 8,
    device: interpreterDevice(),
    seed: 1,
    output: data,
    batchSize: undefined,
    resume: false,
    signal: new AbortController().signal,
    on: () => {},
  });
  expect(summary.reason).toBe('done');
  // guessing the most frequent intent scores about 0.1
  const { accuracy } = (scores as { intent: { accuracy: number } }).intent;
  expect(accuracy).toBeGreaterThan(0.3);
});
