import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interpreterDevice } from '../../src/index.ts';
import { Learner } from '../../src/palm/learner.ts';
import { runs } from '../support/counts.ts';
import { settings, twinPlan } from './model.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The data that the stored values belong to. ATIS is not part of the project: it is looked for beside it. */
const CORPORA = [
  { name: 'home', steps: runs(settings.steps, 20), folder: at('../../examples/data/home') },
  { name: 'atis', steps: settings.steps, folder: process.env.FROND_ATIS ?? at('../../../shared/data/atis') },
] as const;

describe('the twin in PyTorch', () => {
  for (const { name, steps, folder } of CORPORA) {
    const there = existsSync(folder);
    if (!there) console.log(`not run: no ${name} data in ${folder}`);
    it.runIf(there)(`has the same losses for ${steps} steps on ${name}`, async () => {
      const stored = JSON.parse(readFileSync(at(`${name}.json`), 'utf8')) as { losses: [number, number][] };
      const learner = await Learner.create(await twinPlan(folder), interpreterDevice());
      expect(stored.losses.length).toBe(settings.steps);
      let worst = 0;
      for (const [intent, slots] of stored.losses.slice(0, steps)) {
        const { losses, loss } = await learner.trainStep();
        worst = Math.max(worst, Math.abs(loss - intent - slots) / (intent + slots));
        worst = Math.max(worst, Math.abs((losses.slots ?? 0) - slots) / slots);
      }
      expect(worst).toBeLessThan(1e-4);
    });
  }
});
