import type { Block, Heap } from './heap.ts';

/** Scratch memory of one thread. It runs one kernel at a time, so that all kernels may use the same. */
export class Scratch {
  readonly #heap: Heap;
  #block: Block | undefined;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** The address of so many bytes. Kernels that were given less keep what they have. */
  address(bytes: number): number {
    const known = this.#block;
    if (known !== undefined && known.bytes >= bytes) return known.address;
    // at least twice as much as before, so that what is given up sums to less than what is in use
    const words = Math.ceil(Math.max(bytes, 2 * (known?.bytes ?? 0)) / 4);
    this.#block = this.#heap.allocate(words);
    return this.#block.address;
  }
}
