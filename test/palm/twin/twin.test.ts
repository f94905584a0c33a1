import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interpreterDevice, wasmDevice } from '../../../src/index.ts';
import { Learner } from '../../../src/palm/learner.ts';
import { runs } from '../../support/counts.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { trainStep } from '../../support/trainStep.ts';
import { openWebgpu } from '../../support/webgpu.ts';
import { settings, twinSetup } from './model.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The data that the stored values belong to. ATIS is not part of the project: it is looked for beside it. */
const CORPORA = [
  { name: 'home', folder: at('../../../examples/data/home') },
  { name: 'atis', folder: process.env.FROND_ATIS ?? at('../../../../shared/data/atis') },
] as const;

const { steps: all } = settings;
const DEVICES = [
  // the quick run takes a sample of the steps where a device is slow
  {
    name: 'interpreter',
    open: async () => interpreterDevice(),
    steps: { home: runs(all, 10), atis: runs(all, 10) },
  },
  { name: 'wasm', open: async () => wasmDevice(), steps: { home: all, atis: all } },
  {
    name: 'wasm, one thread',
    open: async () => wasmDevice({ threads: 1 }),
    steps: { home: runs(all, 20), atis: 20 },
  },
  // software Vulkan takes seconds for a step: only the long run waits for it
  { name: 'webgpu', open: () => openWebgpu(), steps: { home: runs(all, 0), atis: runs(20, 0) } },
] as const;

describe('the twin in PyTorch', () => {
  for (const { name, folder } of CORPORA) {
    const there = existsSync(folder);
    if (!there) console.log(`not run: no ${name} data in ${folder}`);
    const devices = DEVICES.filter(({ steps }) => there && steps[name] > 0);
    it.for(devices)(`has the same losses on ${name}, $name`, async ({ open, steps }, { skip }) => {
      const device = await open();
      if (device === undefined) return skip(NO_ADAPTER);
      const stored = JSON.parse(readFileSync(at(`${name}.json`), 'utf8')) as { losses: [number, number][] };
      const learner = await Learner.create(await twinSetup(folder), device);
      expect(stored.losses.length).toBe(settings.steps);
      let worst = 0;
      for (const [intent, slots] of stored.losses.slice(0, steps[name])) {
        const { losses, loss } = await trainStep(learner);
        worst = Math.max(worst, Math.abs(loss - intent - slots) / (intent + slots));
        worst = Math.max(worst, Math.abs((losses.slots ?? 0) - slots) / slots);
      }
      expect(worst).toBeLessThan(1e-4);
      await device.close();
    });
  }
});
