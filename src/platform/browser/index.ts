import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Platform, PlatformWorker, WorkerEvents } from '../types.ts';
import { files } from './files.ts';
import { page } from './page.ts';

export { files };

/**
 * Takes a name among all tabs and workers of this origin, until it is released or the tab is gone.
 * @returns the release; undefined while another one has the name. Where the page may not lock (no https), it is not asked for
 */
async function claim(name: string): Promise<(() => void) | undefined> {
  const locks = page.navigator?.locks;
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

function threadsRefused(): string | undefined {
  const { Worker, crossOriginIsolated } = page;
  if (Worker === undefined) return 'no workers can be started here';
  if (crossOriginIsolated) return undefined;
  return 'the page is not cross-origin isolated (headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)';
}

const PORT = `{
  post: (message) => postMessage(message),
  listen: (handler) => { onmessage = (event) => handler(event.data); },
}`;

/**
 * A worker from text. A file of its own would have to be found beside the bundle, which bundlers do in different ways or
 * not at all; a data: URL has another origin, to which no shared memory can be sent. A page with a content security
 * policy has to grant `worker-src blob:`, as it has to grant 'wasm-unsafe-eval' for the kernels.
 */
function spawnWorker(source: string, name: string, events: WorkerEvents): PlatformWorker {
  // who asks has asked `threadsRefused` before
  const { Worker } = page as Required<typeof page>;
  const url = URL.createObjectURL(new Blob([`(${source})(${PORT});`], { type: 'text/javascript' }));
  const worker = new Worker(url, { name });
  let over = false;
  const ended = (reason: string): void => {
    if (!over) events.ended(reason);
    over = true;
    URL.revokeObjectURL(url);
  };
  worker.onmessage = ({ data }) => {
    // it runs, so its text has been read
    URL.revokeObjectURL(url);
    events.message(data);
  };
  worker.onmessageerror = () => ended('a message was lost');
  worker.onerror = (event) => {
    event.preventDefault();
    ended(
      event.message || 'its script could not be loaded: does the policy of the page grant worker-src blob: ?',
    );
  };
  return {
    post: (message) => worker.postMessage(message),
    // a page ends with its last tab
    hold: () => undefined,
    release: () => undefined,
    terminate: () => {
      over = true;
      worker.terminate();
    },
  };
}

export const platform: Platform = {
  files,
  sha256: async (bytes) => bytesToHex(sha256(bytes)),
  // a page's own `crypto.subtle` takes all bytes at once, which may be more than its memory
  startHash: () => {
    const hash = sha256.create();
    return { update: (bytes) => void hash.update(bytes), digest: () => bytesToHex(hash.digest()) };
  },
  processId: 0,
  isAlive: () => false,
  claim,
  processor: page.navigator?.userAgent ?? 'browser',
  cores: page.navigator?.hardwareConcurrency ?? 1,
  threadsRefused,
  spawnWorker,
  openGpu: async () => ({
    gpu: page.navigator?.gpu,
    reason: 'this page has no WebGPU',
    hint: 'use a current browser with WebGPU switched on, and serve the page from https or localhost',
  }),
};
