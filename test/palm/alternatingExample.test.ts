import { readFile } from 'node:fs/promises';
import { afterAll, expect, it } from 'vitest';
import { train } from '../../examples/alternating.ts';
import { reportPage } from '../../src/cli/report.ts';
import { type palm, wasmDevice } from '../../src/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

it('trains the example of tasks that alternate, as planned, in less than 80 lines', async () => {
  const device = wasmDevice();
  const events: palm.TrainingEvent[] = [];
  const result = await train({
    ...{ data: undefined, output: folder.path, epochs: 1, batchSize: undefined, seed: 1, resume: false },
    ...{ device, signal: new AbortController().signal, on: (event) => events.push(event) },
  });
  const { trainer, summary, test = {} } = result;
  const [start] = events;
  expect(start).toMatchObject({ type: 'start', planned: { intent: 94, slots: 141 } });
  expect(summary).toMatchObject({ reason: 'done', steps: 94 + 141 });
  const { intent, slots } = test as { intent: { accuracy: number }; slots: { f1: number } };
  expect(intent.accuracy).toBeGreaterThan(0.8);
  // untrained, hardly any entity is right
  expect(slots.f1).toBeGreaterThan(0.3);
  const steps = events.filter((event) => event.type === 'step');
  const gradients = events.filter((event) => event.type === 'gradients');
  expect(gradients.map(({ step }) => step)).toEqual([50, 100, 150, 200]);
  const facts = { seconds: 1, seed: 1, device: 'wasm' };
  const mistakes = await trainer.mistakes();
  const html = reportPage({ name: 'both', result, test, mistakes, facts, gradients, steps });
  const [, chart] = /<svg[^>]*>(.*?training loss by task.*?)<\/svg>/s.exec(html) ?? [];
  for (const task of ['intent', 'slots']) expect(chart).toContain(task);
  expect(html).toContain('cosine of gradients');
  const [, strip] = /<svg[^>]*the plan of steps[^>]*>(.*?)<\/svg>/s.exec(html) ?? [];
  // a column for each step, in the row of its task
  const rows = [...(strip ?? '').matchAll(/<rect y="(\d+)"/g)].map(([, y]) => y);
  expect(rows).toEqual(
    Array.from({ length: 94 + 141 }, (_, step) => (trainer.plan?.turn(step).task === 'intent' ? '1' : '19')),
  );
  const { wrong = 0, examples = 0, worst = [] } = mistakes.intent ?? {};
  expect(1 - wrong / examples).toBeCloseTo(intent.accuracy, 12);
  expect(worst.length).toBe(Math.min(wrong, 20));
  expect(html).toContain(`intent: ${wrong} of ${examples} wrong in the test part`);
  await trainer.close();
  await device.close();
  const source = await readFile(new URL('../../examples/alternating.ts', import.meta.url), 'utf8');
  expect(source.split('\n').length).toBeLessThan(80);
});
