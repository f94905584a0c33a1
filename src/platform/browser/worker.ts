import type { PlatformWorker, WorkerEvents } from '../types.ts';

/** The part of the API of workers that is used here; written out so that the library needs no DOM types. */
interface BrowserWorker {
  postMessage(message: unknown): void;
  terminate(): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onmessageerror: (() => void) | null;
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null;
}
interface Page {
  readonly crossOriginIsolated?: boolean;
  readonly Worker?: new (url: string, options: { readonly name: string }) => BrowserWorker;
}

const page = (): Page => globalThis as unknown as Page;

export function threadsRefused(): string | undefined {
  const { Worker, crossOriginIsolated } = page();
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
export function spawnWorker(source: string, name: string, events: WorkerEvents): PlatformWorker {
  // who asks has asked `threadsRefused` before
  const { Worker } = page() as Required<Page>;
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
