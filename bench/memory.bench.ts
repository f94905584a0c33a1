import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Context, judged, type Row } from './row.ts';

export const about =
  "resident memory while a run of BERT-base's sizes is saved and resumed: 1.3 GB of weights and moments";

interface Memory {
  /** megabytes before, and the most from then on */
  readonly before: number;
  readonly peak: number;
  readonly seconds: number;
}

/** In a process of its own. */
async function once(what: string, folder: string, threads: number): Promise<Memory> {
  const load = ['--expose-gc', '--import', new URL('load.mjs', import.meta.url).href];
  const file = fileURLToPath(new URL('memoryOnce.ts', import.meta.url));
  const args = [...load, file, what, folder, String(threads)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout.slice(stdout.lastIndexOf('@') + 1));
}

const MEASURES = [
  { what: 'save: memory added', how: 'save', most: 300, of: ({ peak, before }: Memory) => peak - before },
  {
    what: 'two epochs, saved, best kept: memory added',
    how: 'best',
    most: 300,
    of: ({ peak, before }: Memory) => peak - before,
  },
  { what: 'resume: peak of the process', how: 'resume', most: 2600, of: ({ peak }: Memory) => peak },
] as const;

async function rowsOf(threads: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'frond-memory-'));
  for (const { what, how, most, of } of MEASURES) {
    const row = { case: 'BERT-base', what, by: 'frond wasm', threads, unit: 'MB' };
    // each way of saving begins a run; the last one is resumed
    if (how !== 'resume') rmSync(folder, { recursive: true });
    try {
      const memory = await once(how, folder, threads);
      const note = how === 'resume' ? undefined : `${memory.seconds.toFixed(1)} s`;
      rows.push(judged({ ...row, value: Math.max(0, of(memory)), asked: { of: 'value', most }, note }));
    } catch (cause) {
      // Linux alone tells the peak since a moment
      rows.push({ ...row, note: `not measured: ${String(cause).split('\n')[0]}` });
    }
  }
  rmSync(folder, { recursive: true, force: true });
  return rows;
}

export async function run({ quick }: Context): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const threads of quick ? [1] : [1, 2]) rows.push(...(await rowsOf(threads)));
  return rows;
}
