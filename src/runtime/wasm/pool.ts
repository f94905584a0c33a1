import { platform } from '#platform';
import { FrondError } from '../../base/errors.ts';
import type { PlatformWorker } from '../../platform/types.ts';
import { deviceClosed, deviceLost } from '../device.ts';
import { CONTROL, type FollowerKernel, type FromFollower, follow, type ToFollower } from './follow.ts';
import type { Heap } from './heap.ts';

/** Milliseconds after which a thread that does not answer when it is started or given kernels counts as lost. */
const PATIENCE = 60_000;

/** What the host waits for: an answer of every thread, or the end of a list. */
interface Awaited {
  answers: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The threads of a wasm device. They sleep on a word of shared memory; the host never blocks: it wakes them and awaits a
 * message. Between lists they listen for kernels.
 */
export class Pool {
  readonly threads: number;
  readonly #heap: Heap;
  readonly #control: Int32Array;
  readonly #workers: PlatformWorker[] = [];
  #started: Promise<void> | undefined;
  #awaited: Awaited | undefined;
  #failure: string | undefined;
  #running = false;
  #ended: Error | undefined;

  constructor(heap: Heap, threads: number) {
    this.threads = threads;
    this.#heap = heap;
    const { address } = heap.allocate(CONTROL.words);
    this.#control = new Int32Array(heap.memory.buffer, address, CONTROL.words);
  }

  /** @throws FROND-R030 when a thread was lost, FROND-R026 after `close` */
  check(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** Once. @throws FROND-R020 when a thread does not start */
  start(): Promise<void> {
    this.#started ??= this.#answers(() => {
      try {
        for (let index = 0; index < this.threads; index++) this.#spawn(index);
      } catch (cause) {
        this.#lose(String(cause));
      }
    }).then(() => {
      this.#running = true;
    });
    // a rejection is handled by who awaits it, perhaps later
    this.#started.catch(() => undefined);
    return this.#started;
  }

  #spawn(index: number): void {
    const worker = platform.spawnWorker(follow.toString(), `frond wasm ${index}`, {
      message: (data) => this.#receive(data as FromFollower),
      ended: (reason) => this.#lose(`thread ${index} ended: ${reason}`),
    });
    worker.hold();
    this.#workers.push(worker);
    const { memory } = this.#heap;
    const control = this.#control.byteOffset / 4;
    const { threads } = this;
    worker.post({ kind: 'start', memory, control, index, threads, layout: CONTROL } satisfies ToFollower);
  }

  /** Gives every thread kernels, with scratch memory of its own. */
  async install(kernelsOf: (thread: number) => readonly FollowerKernel[]): Promise<void> {
    await this.#answers(() => {
      this.#workers.forEach((worker, thread) => {
        worker.post({ kind: 'kernels', kernels: kernelsOf(thread) } satisfies ToFollower);
      });
      this.#command(0);
    });
  }

  /** Runs a list; addresses are word indices, `clock` that of the times if any. @returns the launch that failed, where one did */
  async run(list: number, counters: number, clock = 0) {
    const control = this.#control;
    await this.#await(1, () => {
      const words = { list, counters, clock, begun: 0, left: this.threads, failed: 0 } as const;
      for (const [name, value] of Object.entries(words)) {
        Atomics.store(control, CONTROL[name as keyof typeof words], value);
      }
      this.#failure = undefined;
      this.#command(1);
    });
    const failed = Atomics.load(control, CONTROL.failed);
    return failed === 0 ? undefined : { launch: failed - 1, reason: this.#failure ?? 'unknown' };
  }

  /** Ends the threads, whatever they do; what is under way rejects. */
  close(): void {
    this.#end(deviceClosed('wasm'));
  }

  #command(runs: 0 | 1): void {
    Atomics.store(this.#control, CONTROL.runs, runs);
    Atomics.add(this.#control, CONTROL.epoch, 1);
    Atomics.notify(this.#control, CONTROL.epoch);
  }

  /** Waits until every thread is ready again, but not for ever. */
  async #answers(begin: () => void): Promise<void> {
    const late = (): void => this.#lose(`a thread did not answer for ${PATIENCE / 1000} s`);
    const timer = setTimeout(late, PATIENCE);
    await this.#await(this.threads, begin).finally(() => clearTimeout(timer));
  }

  /** Keeps the process alive until so many answers have come. */
  async #await(answers: number, begin: () => void): Promise<void> {
    this.check();
    for (const worker of this.#workers) worker.hold();
    const answered = new Promise<void>((resolve, reject) => {
      this.#awaited = { answers, resolve, reject };
      begin();
    });
    await answered.finally(() => {
      for (const worker of this.#workers) worker.release();
    });
  }

  #receive(message: FromFollower): void {
    const awaited = this.#awaited;
    if (message.kind === 'failed') this.#failure = message.reason;
    else if (awaited !== undefined) awaited.answers--;
    // threads have doors of their own: the reason of a failure may come after the end of its list
    const failed = Atomics.load(this.#control, CONTROL.failed) !== 0;
    if (awaited === undefined || awaited.answers > 0 || (failed && this.#failure === undefined)) return;
    this.#awaited = undefined;
    awaited.resolve();
  }

  #lose(reason: string): void {
    const hint = 'use one thread, which needs no worker: wasmDevice({ threads: 1 })';
    this.#end(
      this.#running
        ? deviceLost('wasm', reason)
        : new FrondError('FROND-R020', `the wasm device cannot start its threads: ${reason}`, { hint }),
    );
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#awaited?.reject(error);
    this.#awaited = undefined;
    for (const worker of this.#workers) worker.terminate();
  }
}
