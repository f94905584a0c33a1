import type { Platform } from '../types.ts';
import { files } from './files.ts';
import { spawnWorker, threadsRefused } from './worker.ts';

export { files };

/** The part of the navigator that is used here; written out so that the library needs no DOM types. */
interface Navigator {
  readonly hardwareConcurrency?: number;
  readonly userAgent?: string;
  readonly gpu?: unknown;
  readonly locks?: {
    request(
      name: string,
      options: { readonly ifAvailable: true },
      work: (lock: object | null) => Promise<void>,
    ): Promise<void>;
  };
}
const navigatorOf = (): Navigator =>
  (globalThis as unknown as { readonly navigator?: Navigator }).navigator ?? {};

/**
 * Takes a name among all tabs and workers of this origin, until it is released or the tab is gone.
 * @returns the release; undefined while another one has the name. Where the page may not lock (no https), it is not asked for
 */
async function claim(name: string): Promise<(() => void) | undefined> {
  const { locks } = navigatorOf();
  if (locks === undefined) return () => undefined;
  return new Promise((resolve, reject) => {
    // the lock is held until what this gives settles
    const hold = (lock: object | null): Promise<void> =>
      new Promise((release) => {
        resolve(lock === null ? undefined : release);
        if (lock === null) release();
      });
    locks.request(name, { ifAvailable: true }, hold).catch(reject);
  });
}

const hexadecimal = (bytes: ArrayBuffer): string =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export const platform: Platform = {
  name: 'browser',
  files,
  now: () => performance.now(),
  sha256: async (bytes) => hexadecimal(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))),
  processId: 0,
  isAlive: () => false,
  claim,
  processor: navigatorOf().userAgent ?? 'browser',
  cores: navigatorOf().hardwareConcurrency ?? 1,
  threadsRefused,
  spawnWorker,
  openGpu: async () => ({
    gpu: navigatorOf().gpu,
    reason: 'this page has no WebGPU',
    hint: 'use a current browser with WebGPU switched on, and serve the page from https or localhost',
  }),
};
