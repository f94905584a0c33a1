import { READ_AHEAD } from '../../backend/wasm/index.ts';
import { defined, FrondError } from '../../base/errors.ts';
import { type WebAssemblyMemory, webAssembly } from '../../base/webAssembly.ts';
import type { Memory } from '../device.ts';

const PAGE = 65_536;
const ALIGNMENT = 256;
/** What 32-bit addresses reach. */
const MAX_PAGES = 65_536;

/** A block of linear memory; `address` and `bytes` are multiples of 256. */
export interface Block extends Memory {
  readonly address: number;
  readonly bytes: number;
}

const alignUp = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** @throws FROND-R001 where not even the addresses can be had */
function reserve(shared: boolean): WebAssemblyMemory {
  const { Memory } = defined(webAssembly(), 'WebAssembly');
  for (let maximum = MAX_PAGES; ; maximum /= 2) {
    try {
      return new Memory(shared ? { initial: 16, maximum, shared } : { initial: 16 });
    } catch (cause) {
      // an engine that cannot reserve 4 GiB of addresses, such as one of 32 bits, may have less
      if (shared && maximum > 1024) continue;
      throw new FrondError('FROND-R001', 'the wasm device cannot have a memory', {
        hint: 'close devices that are not used any more, as each reserves addresses; or raise the limit (ulimit -v), or use the interpreter',
        cause,
      });
    }
  }
}

/**
 * One linear memory that is shared out in blocks: freed ones are used again, first fit, and the memory grows at its end,
 * when something is allocated and never while a step runs.
 */
export class Heap {
  readonly memory: WebAssemblyMemory;
  #top = ALIGNMENT;
  /** by address; no two of them touch */
  #free: Block[] = [];

  /** @param shared several threads use it */
  constructor(shared: boolean) {
    this.memory = reserve(shared);
  }

  /** Zeroed. @throws FROND-R001 beyond 4 GiB or what the machine has */
  allocate(words: number): Block {
    const bytes = alignUp(4 * words + READ_AHEAD);
    const at = this.#free.findIndex((block) => block.bytes >= bytes);
    const [reused] = at < 0 ? [] : this.#free.splice(at, 1);
    if (reused === undefined) {
      const address = this.#top;
      this.#grow(address + bytes, bytes);
      this.#top = address + bytes;
      // what was never used is zero, and stays unmapped until it is written
      return { words, address, bytes };
    }
    const { address } = reused;
    if (reused.bytes > bytes) {
      this.#free.splice(at, 0, { words: 0, address: address + bytes, bytes: reused.bytes - bytes });
    }
    new Uint8Array(this.memory.buffer, address, bytes).fill(0);
    return { words, address, bytes };
  }

  /** Gives a block back; free neighbours become one. */
  free({ address, bytes }: Block): void {
    const blocks = [...this.#free, { words: 0, address, bytes }].sort((a, b) => a.address - b.address);
    this.#free = [];
    for (const block of blocks) {
      const last = this.#free.at(-1);
      if (last === undefined || last.address + last.bytes < block.address) this.#free.push(block);
      else this.#free.splice(-1, 1, { ...last, bytes: last.bytes + block.bytes });
    }
  }

  #grow(end: number, bytes: number): void {
    const missing = Math.ceil(end / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (missing <= 0) return;
    try {
      if (end > MAX_PAGES * PAGE) throw new RangeError('beyond 4 GiB');
      this.memory.grow(missing);
    } catch (cause) {
      const held = this.memory.buffer.byteLength;
      throw new FrondError(
        'FROND-R001',
        `the wasm device cannot have ${bytes} bytes of memory beside ${held}`,
        {
          hint: 'use a smaller batch, shorter rows or a smaller model; WebAssembly reaches 4 GiB',
          cause,
        },
      );
    }
  }
}

/**
 * Scratch memory of one thread, which runs one kernel at a time, so that all kernels may use the same: the address of so many
 * bytes. Kernels that were given less keep what they have.
 */
export function scratchOf(heap: Heap): (bytes: number) => number {
  let block: Block | undefined;
  return (bytes) => {
    // at least twice as much as before, so that what is given up sums to less than what is in use
    const words = Math.ceil(Math.max(bytes, 2 * (block?.bytes ?? 0)) / 4);
    if (block === undefined || block.bytes < bytes) block = heap.allocate(words);
    return block.address;
  };
}
