import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { files } from '../../src/platform/node/index.ts';
import { loadLatest, sweepTemporaries } from '../../src/store/checkpoint.ts';
import { runs } from '../support/counts.ts';
import { bundleScript, startScript, temporaryFolder } from './support/bundle.ts';
import { bytesIn, given } from './support/bytes.ts';
import { contentOf } from './support/content.ts';
import { dice } from './support/files.ts';

const folder = temporaryFolder();
let script = '';
beforeAll(async () => {
  script = await bundleScript('saver', folder.path);
});
afterAll(folder.remove);

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const SIZES = [1024, 256 * 1024, 8 * 1024 * 1024] as const;

it.each(SIZES)(
  'SIGKILL in the middle of saves of %i bytes loses and tears none',
  async (size) => {
    const target = join(folder.path, `run-${size}`);
    const weights = [0, 1].map((parity) => given(contentOf(parity, size), 'weights.bin'));
    const next = dice(`kill ${size}`);
    let step = 1;
    let interrupted = 0;
    for (let kill = 0; kill < runs(200, 4); kill++) {
      const child = startScript(script, [target, String(step), String(size)]);
      await child.seen((line) => line.startsWith('saved'));
      await pause(next(1000) * 0.04);
      child.process.kill('SIGKILL');
      expect(await child.end).toBe('SIGKILL');
      const reported = Number(child.lines.at(-1)?.split(' ')[1]);
      const { step: found, skipped, ...loaded } = await loadLatest(target);
      const content = await bytesIn(loaded);
      // what was reported is there; one more may have been finished without being reported
      expect([reported, reported + 1]).toContain(found);
      expect(skipped).toEqual([]);
      expect(Buffer.from(content.get('weights.bin') ?? []).equals(weights[found % 2] ?? Buffer.of())).toBe(
        true,
      );
      expect(Buffer.from(content.get('progress.json') ?? []).toString()).toBe(`{"step":${found}}`);
      interrupted += (await sweepTemporaries(target)).length;
      expect((await files.list(target)).filter((name) => !/^step-\d{6}$/.test(name))).toEqual([]);
      step = found + 1;
    }
    // kills do hit saves: a fifth of them at the very least
    if (runs(1, 0) === 1) expect(interrupted).toBeGreaterThan(40);
  },
  runs(600_000, 60_000),
);
