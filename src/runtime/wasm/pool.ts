import { platform } from '#platform';
import type { PlatformWorker } from '../../platform/types.ts';
import { deviceLost } from '../device.ts';
import { CONTROL, type FromFollower, follow, type ToFollower } from './follow.ts';
import type { Heap } from './heap.ts';

/** Milliseconds after which a thread that does not answer when it is started or given kernels counts as lost. */
const PATIENCE = 60_000;

/** What the host waits for: an answer of every thread, or the end of a list. */
interface Awaited {
  answers: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A launch of the list that did not end. */
export interface FailedLaunch {
  readonly launch: number;
  readonly reason: string;
}

/**
 * The threads of a wasm device. They sleep on a word of shared memory; the host never blocks: it wakes them and awaits a
 * message. Between lists they listen for kernels.
 */
export class Pool {
  readonly threads: number;
  readonly #control: Int32Array;
  readonly #workers: PlatformWorker[] = [];
  #awaited: Awaited | undefined;
  #failure: string | undefined;
  #lost: Error | undefined;

  private constructor(heap: Heap, address: number, threads: number) {
    this.threads = threads;
    this.#control = new Int32Array(heap.memory.buffer, address, CONTROL.words);
  }

  /** @throws FROND-R030 when a thread does not start */
  static async start(heap: Heap, threads: number): Promise<Pool> {
    const { address } = heap.allocate(CONTROL.words);
    const pool = new Pool(heap, address, threads);
    const { memory } = heap;
    await pool.#answers(() => {
      for (let index = 0; index < threads; index++) {
        const worker = platform.spawnWorker(follow.toString(), `frond wasm ${index}`, {
          message: (data) => pool.#receive(data as FromFollower),
          ended: (reason) => pool.#lose(`thread ${index} ended: ${reason}`),
        });
        worker.hold();
        pool.#workers.push(worker);
        pool.#post(worker, { kind: 'start', memory, control: address / 4, index, threads, layout: CONTROL });
      }
    });
    return pool;
  }

  /** Gives every thread kernels, with scratch memory of its own. */
  async install(kernelsOf: (thread: number) => (ToFollower & { kind: 'kernels' })['kernels']): Promise<void> {
    await this.#answers(() => {
      this.#workers.forEach((worker, thread) => {
        this.#post(worker, { kind: 'kernels', kernels: kernelsOf(thread) });
      });
      this.#command(0);
    });
  }

  /** Runs a list; addresses are word indices. @returns the launch that failed, where one did */
  async run(list: number, counters: number): Promise<FailedLaunch | undefined> {
    const control = this.#control;
    await this.#await(1, () => {
      Atomics.store(control, CONTROL.list, list);
      Atomics.store(control, CONTROL.counters, counters);
      Atomics.store(control, CONTROL.left, this.threads);
      Atomics.store(control, CONTROL.failed, 0);
      this.#failure = undefined;
      this.#command(1);
    });
    const failed = Atomics.load(control, CONTROL.failed);
    return failed === 0 ? undefined : { launch: failed - 1, reason: this.#failure ?? 'unknown' };
  }

  /** Ends the threads, whatever they do; what is under way rejects. */
  close(): void {
    this.#lose('it was closed');
  }

  #post(worker: PlatformWorker, message: ToFollower): void {
    worker.post(message);
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
    try {
      await this.#await(this.threads, begin);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Keeps the process alive until so many answers have come. */
  async #await(answers: number, begin: () => void): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    for (const worker of this.#workers) worker.hold();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#awaited = { answers, resolve, reject };
        begin();
      });
    } finally {
      for (const worker of this.#workers) worker.release();
    }
  }

  #receive(message: FromFollower): void {
    if (message.kind === 'failed') this.#failure = message.reason;
    // the end of a list that failed is known when its reason has come too, in whichever order
    const failed = Atomics.load(this.#control, CONTROL.failed) !== 0;
    const over = Atomics.load(this.#control, CONTROL.left) === 0;
    if (failed && !(over && this.#failure !== undefined)) return;
    if (this.#awaited === undefined || --this.#awaited.answers > 0) return;
    const { resolve } = this.#awaited;
    this.#awaited = undefined;
    resolve();
  }

  #lose(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = deviceLost('wasm', reason);
    this.#awaited?.reject(this.#lost);
    this.#awaited = undefined;
    for (const worker of this.#workers) worker.terminate();
  }
}
