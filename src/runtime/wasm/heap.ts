import { READ_AHEAD } from '../../backend/wasm/index.ts';
import { FrondError } from '../../base/errors.ts';
import { type WebAssemblyApi, type WebAssemblyMemory, webAssembly } from '../../base/webAssembly.ts';
import type { Memory } from '../device.ts';

const PAGE = 65_536;
const ALIGNMENT = 256;
/** What 32-bit addresses reach. */
const MAX_PAGES = 65_536;

/** A stretch of linear memory; `address` and `bytes` are multiples of 256. */
export interface Block extends Memory {
  readonly address: number;
  readonly bytes: number;
}

const alignUp = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** @throws FROND-R001 where not even the addresses can be had */
function reserve(engine: WebAssemblyApi, shared: boolean): WebAssemblyMemory {
  if (!shared) return attempt(() => new engine.Memory({ initial: 16 }));
  // an engine that cannot reserve 4 GiB of addresses, such as one of 32 bits, may have less
  for (let maximum = MAX_PAGES; maximum > 1024; maximum /= 2) {
    try {
      return new engine.Memory({ initial: 16, maximum, shared });
    } catch {}
  }
  return attempt(() => new engine.Memory({ initial: 16, maximum: 1024, shared }));
}

function attempt(make: () => WebAssemblyMemory): WebAssemblyMemory {
  try {
    return make();
  } catch (cause) {
    throw new FrondError('FROND-R001', 'the wasm device cannot have a memory', {
      hint: 'close devices that are not used any more, as each reserves addresses; or raise the limit (ulimit -v), or use the interpreter',
      cause,
    });
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
  constructor(engine: WebAssemblyApi, shared: boolean) {
    this.memory = reserve(engine, shared);
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
      // what was never used is zero, and stays unmapped until somebody writes there
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
    const after = this.#free.findIndex((block) => block.address > address);
    const at = after < 0 ? this.#free.length : after;
    const [before, next] = [this.#free[at - 1], this.#free[at]];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsNext = next !== undefined && address + bytes === next.address;
    const start = joinsBefore ? before.address : address;
    const end = joinsNext ? next.address + next.bytes : address + bytes;
    const replaced = Number(joinsBefore) + Number(joinsNext);
    this.#free.splice(joinsBefore ? at - 1 : at, replaced, {
      words: 0,
      address: start,
      bytes: end - start,
    });
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

/** The engine with what the wasm device needs. @throws FROND-R020 where it has no WebAssembly SIMD */
export function engineOf(hasSimd: boolean): WebAssemblyApi {
  const engine = webAssembly();
  if (engine !== undefined && hasSimd) return engine;
  throw new FrondError('FROND-R020', 'this engine has no WebAssembly SIMD', {
    hint: 'use the device `interpreter`, or update Node or the browser',
  });
}
