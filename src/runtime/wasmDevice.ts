import { isFloating, type TypedArray } from '../base/dtype.ts';
import { defined, FrondError } from '../base/errors.ts';
import { type WebAssemblyMemory, webAssembly } from '../base/webAssembly.ts';
import type { Kernel } from '../kernel/ir.ts';
import {
  assembleKernel,
  hasSimd,
  instantiateKernel,
  READ_AHEAD,
  type WasmInstance,
} from '../target/wasm/index.ts';
import type { BoundProgram, Command, Device, Location, Memory } from './device.ts';

const PAGE = 65_536;
const ALIGNMENT = 256;
/** What 32-bit addresses reach. */
const MAX_PAGES = 65_536;

interface Block extends Memory {
  readonly address: number;
  readonly bytes: number;
}

const alignUp = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** One linear memory that is shared out in blocks: freed ones are used again, first fit, and the memory grows at its end. */
class Heap {
  readonly memory: WebAssemblyMemory;
  #top = ALIGNMENT;
  #free: Block[] = [];

  constructor(memory: WebAssemblyMemory) {
    this.memory = memory;
  }

  /** Zeroed. @throws FROND-R001 beyond 4 GiB or what the machine has */
  allocate(words: number): Block {
    const bytes = alignUp(4 * words + READ_AHEAD);
    const at = this.#free.findIndex((block) => block.bytes >= bytes);
    const [reused] = at < 0 ? [] : this.#free.splice(at, 1);
    const address = reused?.address ?? this.#top;
    if (reused === undefined) {
      this.#grow(address + bytes);
      this.#top = address + bytes;
    } else if (reused.bytes > bytes) {
      this.#free.push({ words: 0, address: address + bytes, bytes: reused.bytes - bytes });
    }
    new Uint8Array(this.memory.buffer, address, bytes).fill(0);
    return { words, address, bytes };
  }

  free(block: Block): void {
    this.#free.push(block);
  }

  #grow(bytes: number): void {
    const missing = Math.ceil(bytes / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (missing <= 0) return;
    try {
      if (bytes > MAX_PAGES * PAGE) throw new RangeError('beyond 4 GiB');
      this.memory.grow(missing);
    } catch (cause) {
      throw new FrondError('FROND-R001', `the wasm device cannot have ${bytes} bytes of memory`, {
        hint: 'use a smaller batch or a smaller model; WebAssembly reaches 4 GiB',
        cause,
      });
    }
  }
}

/**
 * Generated WebAssembly with 128-bit vectors as a device, on one thread.
 * @throws FROND-R020 where the engine has no WebAssembly SIMD
 */
export function wasmDevice(): Device {
  const engine = webAssembly();
  if (engine === undefined || !hasSimd()) {
    throw new FrondError('FROND-R020', 'this engine has no WebAssembly SIMD', {
      hint: 'use the device `interpreter`, or update Node or the browser',
    });
  }
  const heap = new Heap(new engine.Memory({ initial: 16 }));
  const kernels = new Map<Kernel, WasmInstance>();

  const compiled = (kernel: Kernel): WasmInstance => {
    const known = kernels.get(kernel);
    if (known !== undefined) return known;
    const assembled = assembleKernel(kernel);
    const scratch = heap.allocate(Math.ceil(assembled.scratchBytes / 4));
    const instance = instantiateKernel(assembled, heap.memory, scratch.address);
    kernels.set(kernel, instance);
    return instance;
  };

  const addressOf = ({ memory, offset }: Location): number => (memory as Block).address + 4 * offset;
  // growing detaches the buffer, so views are made when they are needed
  const view = (location: Location): TypedArray => {
    const { dtype, length } = location;
    const address = addressOf(location);
    if (isFloating(dtype)) return new Float32Array(heap.memory.buffer, address, length);
    if (dtype === 'i32') return new Int32Array(heap.memory.buffer, address, length);
    return new Uint32Array(heap.memory.buffer, address, length);
  };

  return {
    name: 'wasm',
    precision: 'f32',
    async allocate(words) {
      return heap.allocate(words);
    },
    free(memory) {
      heap.free(memory as Block);
    },
    async write(location, data) {
      view(location).set(data);
    },
    async read(location) {
      return view(location).slice();
    },
    async prepare(list) {
      for (const { kernel } of list) compiled(kernel);
    },
    bind(commands: readonly Command[]): BoundProgram {
      const steps = commands.map(({ kernel, grid, scalars, buffers }) => {
        const addresses = kernel.buffers.map(({ name }) => {
          const location = defined(buffers[name], `buffer ${name} of kernel ${kernel.name}`);
          return [name, addressOf(location)] as const;
        });
        return {
          instance: compiled(kernel),
          launch: { grid, scalars, buffers: Object.fromEntries(addresses) },
        };
      });
      return {
        async run() {
          for (const { instance, launch } of steps) instance.run(launch);
        },
      };
    },
    async close() {
      kernels.clear();
    },
  };
}
