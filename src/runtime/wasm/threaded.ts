import { trapped } from '../../backend/wasm/index.ts';
import { defined } from '../../base/errors.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { BoundProgram, LaunchTime } from '../device.ts';
import { HEAD } from './follow.ts';
import { type Block, type Heap, scratchOf } from './heap.ts';
import { type BoundLaunch, compileFresh, type Runner } from './launches.ts';
import { Pool } from './pool.ts';

/** A command list with its counters, as words. */
type Encoded = ReturnType<typeof encode>;

/** Room for a list of some hundred launches; longer ones get more. */
const LIST_WORDS = 16_384;

/** Positions among a launch's numbers of what is passed as f32. */
const floatsOf = ({ buffers, parameters }: Kernel): number[] =>
  parameters.flatMap(({ dtype }, i) => (dtype === 'f32' ? [3 + buffers.length + i] : []));

/** For each launch: cells that have not ended, and for each thread cells of its range that have not begun. */
function countersOf(cells: number, threads: number): number[] {
  const ends = Array.from({ length: threads + 1 }, (_, thread) => Math.floor((thread * cells) / threads));
  return [cells, ...ends.slice(1).map((end, thread) => end - (ends[thread] ?? 0))];
}

function encode(launches: readonly BoundLaunch[], known: ReadonlyMap<Kernel, number>, threads: number) {
  const listWords = 1 + launches.reduce((sum, { numbers }) => sum + HEAD + numbers.length, 0);
  // counters begin on a cache line that the list is not on
  const counters = Math.ceil(listWords / 16) * 16;
  const words = new Int32Array(counters + launches.length * (threads + 1));
  const floats = new Float32Array(words.buffer);
  words[0] = launches.length;
  let at = 1;
  for (const [i, { kernel, cells, numbers, after }] of launches.entries()) {
    const number = defined(known.get(kernel), `prepared kernel ${kernel.name}`);
    words.set([number, cells, after, ...numbers], at);
    for (const position of floatsOf(kernel)) floats[at + HEAD + position] = numbers[position] ?? 0;
    at += HEAD + numbers.length;
    words.set(countersOf(cells, threads), counters + i * (threads + 1));
  }
  return { launches, words, counters };
}

/** Runs launches on threads of their own; results are the same bytes whatever their number. */
export class ThreadedRunner implements Runner {
  readonly #heap: Heap;
  readonly #relaxed: boolean;
  readonly #pool: Pool;
  readonly #scratch: readonly ((bytes: number) => number)[];
  readonly #numbers = new Map<Kernel, number>();
  #last: Promise<unknown> = Promise.resolve();
  /** where the list lies that runs, and which one it is: at first below all that the memory may grow by */
  #area: Block;
  #resident: Encoded | undefined;

  constructor(heap: Heap, threads: number, relaxed: boolean) {
    this.#relaxed = relaxed;
    this.#heap = heap;
    this.#pool = new Pool(heap, threads);
    this.#area = heap.allocate(LIST_WORDS);
    this.#scratch = Array.from({ length: threads }, () => scratchOf(heap));
  }

  prepare(kernels: readonly Kernel[]): Promise<void> {
    return this.inTurn(async () => {
      if (kernels.every((kernel) => this.#numbers.has(kernel))) return;
      // threads start while kernels are compiled, which takes this one until all texts are assembled
      const starting = this.#pool.start();
      const compiling = compileFresh(kernels, this.#numbers, { shared: true, relaxed: this.#relaxed });
      const [fresh] = await Promise.all([compiling, starting]);
      const base = this.#numbers.size;
      await this.#pool.install((thread) =>
        fresh.map(({ kernel, module, scratchBytes }, i) => {
          const scratch = defined(this.#scratch[thread], 'scratch of a thread')(scratchBytes);
          const numbers = 3 + kernel.buffers.length + kernel.parameters.length;
          return { number: base + i, module, scratch, numbers, floats: floatsOf(kernel) };
        }),
      );
      for (const [i, { kernel }] of fresh.entries()) this.#numbers.set(kernel, base + i);
    });
  }

  bind(launches: readonly BoundLaunch[]): BoundProgram {
    const encoded = encode(launches, this.#numbers, this.#pool.threads);
    return {
      run: () => this.inTurn(() => this.#run(encoded)),
      profile: () => this.inTurn(() => this.#profile(launches)),
    };
  }

  /** Milliseconds of each launch, from when it and those after it began. */
  async #profile(launches: readonly BoundLaunch[]): Promise<LaunchTime[]> {
    // one after the other: each waits for all before it
    const serial = launches.map((launch, after) => ({ ...launch, after }));
    const clock = this.#heap.allocate(2 * (launches.length + 1));
    try {
      await this.#run(encode(serial, this.#numbers, this.#pool.threads), clock);
      const begins = new Float64Array(this.#heap.memory.buffer, clock.address, launches.length + 1);
      return launches.map(({ kernel: { name, variant } }, i) => {
        const milliseconds = (begins[i + 1] ?? 0) - (begins[i] ?? 0);
        return { kernel: name, variant, milliseconds };
      });
    } finally {
      this.#heap.free(clock);
    }
  }

  async #run(encoded: Encoded, clock?: Block): Promise<void> {
    const { launches, words, counters } = encoded;
    // threads are started with the first kernel: there may be none to answer
    if (launches.length === 0) return;
    if (this.#area.words < words.length) {
      const larger = this.#heap.allocate(2 * words.length);
      this.#heap.free(this.#area);
      this.#area = larger;
      this.#resident = undefined;
    }
    const shared = new Int32Array(this.#heap.memory.buffer, this.#area.address, words.length);
    if (this.#resident === encoded) shared.set(words.subarray(counters), counters);
    else shared.set(words);
    this.#resident = encoded;
    const list = this.#area.address / 4;
    const failed = await this.#pool.run(list, list + counters, clock && clock.address / 4);
    if (failed) throw trapped(launches[failed.launch]?.kernel.name ?? 'unknown', failed.reason);
  }

  /** What `work` gives, begun when everything asked for before has ended. */
  inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      this.#pool.check();
      return work();
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  close(): void {
    this.#pool.close();
  }
}
