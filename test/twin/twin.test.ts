import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interpreterDevice, wasmDevice } from '../../src/index.ts';
import { Learner } from '../../src/palm/learner.ts';
import { runs } from '../support/counts.ts';
import { settings, twinPlan } from './model.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The data that the stored values belong to. ATIS is not part of the project: it is looked for beside it. */
const CORPORA = [
  { name: 'home', folder: at('../../examples/data/home') },
  { name: 'atis', folder: process.env.FROND_ATIS ?? at('../../../shared/data/atis') },
] as const;

const DEVICES = [
  // the quick run takes a sample of the steps where the slower device meets the bundled corpus
  { device: interpreterDevice, steps: { home: runs(settings.steps, 20), atis: settings.steps } },
  { device: wasmDevice, steps: { home: settings.steps, atis: settings.steps } },
] as const;

describe('the twin in PyTorch', () => {
  for (const { name, folder } of CORPORA) {
    const there = existsSync(folder);
    if (!there) console.log(`not run: no ${name} data in ${folder}`);
    it.runIf(there).each(DEVICES)(
      `has the same losses on ${name}, $device.name`,
      async ({ device, steps }) => {
        const stored = JSON.parse(readFileSync(at(`${name}.json`), 'utf8')) as { losses: [number, number][] };
        const learner = await Learner.create(await twinPlan(folder), device());
        expect(stored.losses.length).toBe(settings.steps);
        let worst = 0;
        for (const [intent, slots] of stored.losses.slice(0, steps[name])) {
          const { losses, loss } = await learner.trainStep();
          worst = Math.max(worst, Math.abs(loss - intent - slots) / (intent + slots));
          worst = Math.max(worst, Math.abs((losses.slots ?? 0) - slots) / slots);
        }
        expect(worst).toBeLessThan(1e-4);
      },
    );
  }
});
