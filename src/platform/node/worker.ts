import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { PlatformWorker, WorkerEvents } from '../types.ts';
import { attempt } from './failure.ts';

/** Addresses from which on V8 starts threads beside a memory of WebAssembly; with fewer it ends the process. */
const ADDRESSES = 16 * 2 ** 30;

/** Whether the system lets this process have too few addresses (`ulimit -v`), in the words of Linux. */
export function threadsRefused(): string | undefined {
  const limits = attempt(() => readFileSync('/proc/self/limits', 'utf8'), '');
  const [, limit] = /^Max address space +(\d+)/m.exec(limits) ?? [];
  return limit !== undefined && Number(limit) < ADDRESSES ? 'addresses are limited (ulimit -v)' : undefined;
}

const PORT = `{
  post: (message) => require('node:worker_threads').parentPort.postMessage(message),
  listen: (handler) => require('node:worker_threads').parentPort.on('message', handler),
}`;

/** A thread of Node from text, so that sources, the built package and a bundle of both start the same one. */
export function spawnWorker(source: string, name: string, events: WorkerEvents): PlatformWorker {
  // the loaders and hooks of the process would only slow its start down
  const worker = new Worker(`(${source})(${PORT});`, { eval: true, name, execArgv: [], env: {} });
  let over = false;
  const ended = (reason: string): void => {
    if (!over) events.ended(reason);
    over = true;
  };
  worker.unref();
  worker.on('message', (data: unknown) => events.message(data));
  worker.on('messageerror', (error) => ended(`a message was lost: ${error.message}`));
  worker.on('error', (error) => ended(error instanceof Error ? error.message : String(error)));
  worker.on('exit', (code) => ended(`it exited with code ${code}`));
  return {
    post: (message) => worker.postMessage(message),
    hold: () => worker.ref(),
    release: () => worker.unref(),
    terminate: () => {
      over = true;
      void worker.terminate();
    },
  };
}
