import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create, globals } from 'webgpu';
import { type Device, FrondError, interpreterDevice } from '../../../src/index.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { webgpuDevice } from '../../../src/runtime/webgpu/webgpuDevice.ts';
import { temporaryFolder } from '../../store/support/bundle.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { lossyDevice } from '../../support/lossyDevice.ts';
import { stopAfter } from '../support/tiny.ts';
import { poisoned, regression } from './support/regression.ts';
import { filesOf } from './support/trained.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

let gpu: GPU | undefined;
beforeAll(async () => {
  Object.assign(globalThis, globals);
  const entry = create([]);
  if ((await entry.requestAdapter()) !== null) gpu = entry;
  else console.log(NO_ADAPTER);
});

/** Devices, one of them working through its queue long after it was filled. */
const DEVICES: Readonly<Record<string, () => Promise<Device | undefined>>> = {
  interpreter: async () => interpreterDevice(),
  wasm: async () => wasmDevice({ threads: 1 }),
  'wasm behind a queue': async () => lossyDevice(() => wasmDevice({ threads: 1 })),
  webgpu: async () => (gpu === undefined ? undefined : webgpuDevice({ gpu })),
};

const CAUSES = [
  {
    name: 'a value that is no number',
    options: { train: poisoned(13) },
    op: /\(NaN\) of \w+, in the forward part/,
  },
  { name: 'a learning rate that explodes', options: { rate: 1e25 }, op: /of \w+, in the forward part/ },
] as const;

describe.each(Object.keys(DEVICES))('on %s', (name) => {
  it.for(CAUSES)(
    '$name stops all updates at that step, though later ones were submitted',
    async ({ options, op }, { skip }) => {
      const device = await DEVICES[name]?.();
      if (device === undefined) return skip(NO_ADAPTER);
      const run = fresh();
      const trainer = regression(device, options);
      // one look at the end of an epoch: the steps behind the one at fault have run by then
      const error = await trainer.train({ printEvery: 1000, evaluate: null }).catch((cause) => cause);
      expect(error).toBeInstanceOf(FrondError);
      expect(error.code).toBe('FROND-T010');
      expect(error.summary).toMatch(op);
      const step = Number(/^step (\d+)/.exec(error.summary)?.[1]) - 1;
      expect(error.details.hint).toContain(`the weights are those of step ${step};`);
      // it must not be the last one that was submitted, or nothing would have come after it
      expect(step % 6).toBeLessThan(5);
      await trainer.save(run);
      const before = regression(device, options);
      const until = fresh();
      await before.train({ printEvery: 1, evaluate: null, saveTo: until, ...stopAfter(step) });
      expect(filesOf(run)).toEqual(filesOf(until));
      await Promise.all([trainer.close(), before.close()]);
      await device.close();
    },
  );
});
