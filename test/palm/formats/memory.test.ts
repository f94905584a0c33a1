import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { runs } from '../../support/counts.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

test('a table is read within a heap that its records do not fit in, and once only with a cache', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'frond-large-'));
  const file = join(folder, 'large.tsv');
  const page = Array.from({ length: 1000 }, (_, i) => {
    const words = Array.from({ length: 16 }, (_, j) => `w${((i * 31 + j * 7) % 5000).toString(36)}`);
    return `${words.join(' ')}\tclass${i % 4}\n`;
  }).join('');
  const pages = runs(1000, 250);
  await writeFile(file, `text_a\tlabel\n${page.repeat(pages)}`);
  const once = async () => {
    const load = ['--max-old-space-size=64', '--import', at('bench/load.mjs'), at('bench/dataOnce.ts')];
    const { stdout } = await promisify(execFile)(execPath, [...load, file, join(folder, 'cache')]);
    return JSON.parse(stdout.slice(stdout.lastIndexOf('@') + 1)) as Record<string, number>;
  };
  const first = await once();
  const again = await once();
  await rm(folder, { recursive: true });
  expect(first).toMatchObject({ rows: pages * 1000 });
  expect(again.rows).toBe(first.rows);
  expect(again.pass).toBeLessThan((first.pass ?? 0) / 4);
  expect(Math.max(first.heap ?? 0, again.heap ?? 0)).toBeLessThan(64);
});
