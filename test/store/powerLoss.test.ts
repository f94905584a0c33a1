import { expect, it } from 'vitest';
import { loadLatest, saveCheckpoint } from '../../src/store/checkpoint.ts';
import { runs } from '../support/counts.ts';
import { bytesIn } from './support/bytes.ts';
import { contentOf } from './support/content.ts';
import { dice } from './support/files.ts';
import { MemoryFiles } from './support/memoryFiles.ts';

const FOLDER = 'run/checkpoints';

/** Step of the checkpoint that is loaded, after proving that it is whole; 0 where there is none. */
async function survivor(disk: MemoryFiles): Promise<number> {
  const loaded = await loadLatest(FOLDER, disk.files).catch((error: { code?: string }) => {
    expect(error.code).toBe('FROND-F012');
    return undefined;
  });
  if (loaded === undefined) return 0;
  expect(await bytesIn(loaded)).toEqual(contentOf(loaded.step).files);
  return loaded.step;
}

it('a loss of power at any moment leaves the old checkpoint or the new one', async () => {
  const disk = new MemoryFiles();
  const saved: number[] = [0];
  for (let step = 1; step <= 4; step++) {
    await saveCheckpoint(FOLDER, step, contentOf(step), { files: disk.files });
    saved.push(disk.log.length);
  }
  expect(disk.log.length).toBeGreaterThan(60);
  const next = dice('power');
  let tried = 0;
  let lost = 0;
  for (let length = 0; length <= disk.log.length; length++) {
    // the last step whose save had returned, and the one that may have been under way
    const before = saved.filter((end) => end <= length).length - 1;
    const open = disk.unflushed(length);
    const suffixes = Array.from({ length: open + 1 }, (_, count) => (index: number) => index < count);
    const subsets = Array.from({ length: runs(40, 6) }, () => () => next(2) === 0);
    for (const kept of open === 0 ? suffixes : [...suffixes, ...subsets]) {
      const found = await survivor(disk.afterPowerLoss(length, kept));
      expect([before, before + 1]).toContain(found);
      tried++;
      lost += open;
    }
  }
  // the model drops something, and often
  expect(lost).toBeGreaterThan(200);
  expect(tried).toBeGreaterThan(200);
  expect(await survivor(disk)).toBe(4);
});

it('the model notices a save that does not flush', async () => {
  const disk = new MemoryFiles();
  const careless = { ...disk.files, syncFolder: async () => undefined };
  await saveCheckpoint(FOLDER, 1, contentOf(1), { files: careless });
  expect(await survivor(disk.afterPowerLoss(disk.log.length, () => false))).toBe(0);
  expect(await survivor(disk.afterPowerLoss(disk.log.length, () => true))).toBe(1);
});
