import { isFloating, type TypedArray } from '../../base/dtype.ts';
import { halfBits, halfValue } from '../../base/half.ts';
import { hasSimd } from '../../target/wasm/index.ts';
import type { Device, Location } from '../device.ts';
import { addressOf, bindLaunches } from './commandList.ts';
import { type Block, engineOf, Heap } from './heap.ts';
import type { Runner } from './runner.ts';
import { SingleRunner } from './single.ts';
import { ThreadedRunner } from './threaded.ts';
import { chooseThreads } from './threads.ts';

export interface WasmOptions {
  /** threads to use; default: one for each core, where threads can share memory. With 1, steps run in the calling thread */
  readonly threads?: number | undefined;
}

export interface WasmDevice extends Device {
  readonly threads: number;
  /** how many threads, and why not more, in a few words */
  readonly note: string;
}

const stored = ({ dtype }: Location, data: ArrayLike<number>): ArrayLike<number> =>
  dtype === 'f16' ? Uint16Array.from(data, halfBits) : data;

const loaded = (view: TypedArray | Uint16Array<ArrayBuffer>): TypedArray =>
  view instanceof Uint16Array ? Float32Array.from(view, halfValue) : view.slice();

/**
 * Generated WebAssembly with 128-bit vectors as a device. Results do not depend on the number of threads.
 * @throws FROND-R020 where the engine has no WebAssembly SIMD, FROND-R028 for a number of threads that is none
 */
export function wasmDevice(options: WasmOptions = {}): WasmDevice {
  const engine = engineOf(hasSimd());
  const { threads, note } = chooseThreads(options.threads);
  const heap = new Heap(engine, threads > 1);
  const runner: Runner =
    threads > 1 ? new ThreadedRunner(engine, heap, threads) : new SingleRunner(engine, heap);
  // growing detaches the buffer, so views are made when they are needed
  const view = (location: Location): TypedArray | Uint16Array<ArrayBuffer> => {
    const { dtype, length } = location;
    const address = addressOf(location);
    if (dtype === 'f16') return new Uint16Array(heap.memory.buffer, address, length);
    if (isFloating(dtype)) return new Float32Array(heap.memory.buffer, address, length);
    if (dtype === 'i32') return new Int32Array(heap.memory.buffer, address, length);
    return new Uint32Array(heap.memory.buffer, address, length);
  };
  return {
    name: 'wasm',
    precision: 'f32',
    threads,
    note,
    allocate: (words) => runner.inTurn(() => heap.allocate(words)),
    free(memory) {
      heap.free(memory as Block);
    },
    write: (location, data) => runner.inTurn(() => view(location).set(stored(location, data))),
    read: (location) => runner.inTurn(() => loaded(view(location))),
    prepare: (launches) => runner.prepare([...new Set([...launches].map(({ kernel }) => kernel))]),
    bind: (commands) => runner.bind(bindLaunches(commands)),
    close: async () => runner.close(),
  };
}
