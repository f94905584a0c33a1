import type { Device, Memory } from './device.ts';

/**
 * Blocks of device memory for the executables of a state, which run one at a time: all of them have their intermediates, outputs
 * included, in one block, and their inputs in another, as large as the largest of them needs. A run's outputs are copied to the host
 * within its turn, so the next run may overwrite them. Constants and tables have blocks of their own.
 */
export class Workspace {
  readonly #device: Device;
  /** by name, or by what they belong to */
  readonly #blocks = new Map<unknown, Memory>();
  #generation = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(device: Device) {
    this.#device = device;
  }

  /** Changes whenever a block is given back: what was bound to blocks before must be bound again. */
  get generation(): number {
    return this.#generation;
  }

  /** Words of a block; 0 while there is none. */
  words(name: unknown): number {
    return this.#blocks.get(name)?.words ?? 0;
  }

  /** A block of so many words or more. One that is too small is given back first; `fill` writes to a new one. */
  async reserve(name: unknown, words: number, fill: (memory: Memory) => Promise<void>): Promise<Memory> {
    const known = this.#blocks.get(name);
    if (known !== undefined && known.words >= words) return known;
    this.drop([name]);
    const memory = await this.#device.allocate(Math.max(1, words));
    await fill(memory);
    // only now: memory without its values would not be written again
    this.#blocks.set(name, memory);
    return memory;
  }

  /** Gives blocks back, where there are some; default: all. */
  drop(names: Iterable<unknown> = this.#blocks.keys()): void {
    for (const name of names) {
      const memory = this.#blocks.get(name);
      if (memory === undefined) continue;
      this.#blocks.delete(name);
      this.#generation++;
      this.#device.free(memory);
    }
  }

  /** What `work` gives, begun when everything asked for before has ended. */
  inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
