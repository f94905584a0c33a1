/**
 * The layout of what the threads of the wasm device share, in words of 32 bits. Each word of the control block that
 * threads write often has a cache line of its own.
 */
export const CONTROL = {
  /** counts commands: threads sleep until it changes */
  epoch: 0,
  /** whether the command is to run the list, else to listen for a message */
  runs: 1,
  /** word index of the command list, and of its counters */
  list: 2,
  counters: 3,
  /** word index of the times at which launches begin, as f64, and of the last one's end; 0: not asked for */
  clock: 4,
  /** launches that may begin, where they are timed */
  begun: 5,
  /** threads that have not finished the list yet */
  left: 16,
  /** changes when a launch has ended that a thread sleeps for */
  signal: 32,
  sleepers: 48,
  /** 1 + the launch that failed first; 0: none */
  failed: 64,
  words: 80,
} as const;

/** Words of a launch in the list before its numbers: number of the kernel, cells, launches to wait for. */
export const HEAD = 3;

/** A kernel as a thread gets it. */
export interface FollowerKernel {
  readonly number: number;
  readonly module: object;
  readonly scratch: number;
  /** how many numbers it takes beside the range of cells, and which of them are f32 */
  readonly numbers: number;
  readonly floats: readonly number[];
}

/** Messages to a thread. */
export type ToFollower =
  | {
      readonly kind: 'start';
      readonly memory: object;
      /** word index of the control block */
      readonly control: number;
      readonly index: number;
      readonly threads: number;
      readonly layout: typeof CONTROL;
    }
  | { readonly kind: 'kernels'; readonly kernels: readonly FollowerKernel[] };

/** Messages from a thread. `done`: the last one has finished the list. */
export type FromFollower =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string };

type LoadedKernel = Pick<FollowerKernel, 'numbers' | 'floats'> & {
  readonly run: (...numbers: number[]) => void;
};

interface FollowerPort {
  post(message: FromFollower): void;
  listen(handler: (message: ToFollower) => void): void;
}

/**
 * A thread of the wasm device. Its text is what workers run, so it uses nothing from outside of itself, and its functions
 * are methods: bundlers that keep names wrap other functions in a helper that is not there.
 *
 * All threads walk through one command list. Each launch has a range of cells for each thread, which first takes from its
 * own, a quarter of what is left at a time, and then helps the others; so most cells stay where their data is in a cache, and
 * no thread idles while there is work. Which thread computes a cell never shows in the result.
 */
export function follow(port: FollowerPort): void {
  const SPINS = 4000;
  const kernels: LoadedKernel[] = [];
  let memory: { readonly buffer: ArrayBuffer };
  let word: typeof CONTROL;
  let control: Int32Array;
  let words = new Int32Array(0);
  let floats = new Float32Array(0);
  let index = 0;
  let threads = 1;
  let seen = 0;
  const thread = {
    serve(): void {
      for (;;) {
        while (Atomics.load(control, word.epoch) === seen) Atomics.wait(control, word.epoch, seen);
        seen = Atomics.load(control, word.epoch);
        if (Atomics.load(control, word.runs) === 0) return;
        thread.walk(Atomics.load(control, word.list), Atomics.load(control, word.counters));
        if (Atomics.sub(control, word.left, 1) === 1) port.post({ kind: 'done' });
      }
    },
    /** The list is: number of launches, then for each its head and numbers. Counters: cells not ended, then cells not begun. */
    walk(list: number, counters: number): void {
      const { buffer } = memory;
      if (words.buffer !== buffer) {
        words = new Int32Array(buffer);
        floats = new Float32Array(buffer);
      }
      const launches = words[list] as number;
      const clock = Atomics.load(control, word.clock);
      const keeps = clock !== 0 && index === 0;
      const times = new Float64Array(buffer, 4 * clock, keeps ? launches + 1 : 0);
      let known = 0;
      for (let launch = 0, at = list + 1; launch < launches; launch++) {
        const kernel = kernels[words[at] as number] as LoadedKernel;
        for (const after = words[at + 2] as number; known < after; known++) {
          if (!thread.ended(counters + known * (threads + 1))) return;
        }
        if (keeps) times[launch] = performance.now();
        if (clock !== 0 && !thread.turn(launch)) return;
        try {
          thread.launch(kernel, at, counters + launch * (threads + 1));
        } catch (error) {
          thread.fail(launch, error);
          return;
        }
        at += 3 + kernel.numbers;
      }
      if (!keeps) return;
      if (thread.ended(counters + (launches - 1) * (threads + 1))) times[launches] = performance.now();
    },
    /** No thread works on a timed launch before the first thread has read the clock. @returns false when a launch has failed */
    turn(launch: number): boolean {
      if (index === 0) {
        Atomics.store(control, word.begun, launch + 1);
        Atomics.notify(control, word.begun);
        return true;
      }
      for (let spins = 0; ; spins++) {
        const begun = Atomics.load(control, word.begun);
        if (begun > launch) return true;
        if (Atomics.load(control, word.failed) !== 0) return false;
        // no longer than that, since who fails does not know of it
        if (spins >= SPINS) Atomics.wait(control, word.begun, begun, 10);
      }
    },
    launch(kernel: LoadedKernel, at: number, counter: number): void {
      const cells = words[at + 1] as number;
      let numbers: number[] | undefined;
      for (let offset = 0; offset < threads; offset++) {
        const owner = (index + offset) % threads;
        const end = Math.floor(((owner + 1) * cells) / threads);
        for (;;) {
          const left = Atomics.load(words, counter + 1 + owner);
          if (left === 0) break;
          const count = Math.max(1, left >> 2);
          if (Atomics.compareExchange(words, counter + 1 + owner, left, left - count) !== left) continue;
          if (numbers === undefined) {
            numbers = [0, 0];
            for (let i = 0; i < kernel.numbers; i++) numbers.push(words[at + 3 + i] as number);
            for (const i of kernel.floats) numbers[2 + i] = floats[at + 3 + i] as number;
          }
          numbers[0] = end - left;
          numbers[1] = end - left + count;
          kernel.run(...numbers);
          if (Atomics.sub(words, counter, count) === count) thread.wake(false);
        }
      }
    },
    /** Waits until all cells of a launch have ended. @returns false when a launch has failed */
    ended(counter: number): boolean {
      for (let spins = 0; Atomics.load(words, counter) !== 0; spins++) {
        if (Atomics.load(control, word.failed) !== 0) return false;
        if (spins < SPINS) continue;
        const ticket = Atomics.load(control, word.signal);
        Atomics.add(control, word.sleepers, 1);
        // who ends it from here on sees a sleeper, and changes the signal
        if (Atomics.load(words, counter) !== 0 && Atomics.load(control, word.failed) === 0) {
          Atomics.wait(control, word.signal, ticket);
        }
        Atomics.sub(control, word.sleepers, 1);
      }
      return Atomics.load(control, word.failed) === 0;
    },
    wake(always: boolean): void {
      if (!always && Atomics.load(control, word.sleepers) === 0) return;
      Atomics.add(control, word.signal, 1);
      Atomics.notify(control, word.signal);
    },
    fail(launch: number, error: unknown): void {
      const first = Atomics.compareExchange(control, word.failed, 0, launch + 1) === 0;
      thread.wake(true);
      if (first) port.post({ kind: 'failed', reason: String(error) });
    },
    install(fresh: readonly FollowerKernel[]): void {
      const { Instance } = (
        globalThis as unknown as { WebAssembly: { Instance: new (...given: unknown[]) => unknown } }
      ).WebAssembly;
      for (const { number, module, scratch, numbers, floats } of fresh) {
        const instance = new Instance(module, { frond: { memory, scratch } }) as {
          exports: { run: (...numbers: number[]) => void };
        };
        kernels[number] = { run: instance.exports.run, numbers, floats };
      }
    },
  };
  port.listen((message) => {
    if (message.kind === 'start') {
      memory = message.memory as typeof memory;
      word = message.layout;
      control = new Int32Array(memory.buffer, 4 * message.control, message.layout.words);
      index = message.index;
      threads = message.threads;
    } else thread.install(message.kernels);
    seen = Atomics.load(control, word.epoch);
    port.post({ kind: 'ready' });
    thread.serve();
  });
}
