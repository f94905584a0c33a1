import { hasRelaxedSimd, hasSimd } from '../../backend/wasm/index.ts';
import { checkOptions } from '../../base/arguments.ts';
import { isFloating, type TypedArray } from '../../base/dtype.ts';
import { FrondError } from '../../base/errors.ts';
import { halfBits, halfValue } from '../../base/half.ts';
import { flag, optional, unchecked } from '../../base/kinds.ts';
import type { Device, Location } from '../device.ts';
import { withLifetime } from '../lifetime.ts';
import { addressOf, bindLaunches } from './commandList.ts';
import { type Block, engineOf, Heap } from './heap.ts';
import type { Runner } from './runner.ts';
import { SingleRunner } from './single.ts';
import { ThreadedRunner } from './threaded.ts';
import { chooseThreads } from './threads.ts';

export interface WasmOptions {
  /** threads to use; default: one for each core, where threads can share memory. With 1, steps run in the calling thread */
  readonly threads?: number | undefined;
  /**
   * Multiply and add in one instruction of relaxed SIMD, which some machines round once and others twice: some 5 to 10 % faster
   * products, and results that may differ between machines. Node 20 needs `--experimental-wasm-relaxed-simd`. Default false.
   */
  readonly relaxed?: boolean | undefined;
}

export const WASM = { threads: unchecked, relaxed: optional(flag) };

export interface WasmDevice extends Device {
  readonly threads: number;
  /** how many threads, and why not more, in a few words */
  readonly note: string;
}

function relaxedOf({ relaxed = false }: WasmOptions): boolean {
  if (!relaxed || hasRelaxedSimd()) return relaxed;
  throw new FrondError('FROND-R020', 'this engine has no relaxed SIMD', {
    hint: 'leave out relaxed, or update Node (20 needs --experimental-wasm-relaxed-simd)',
  });
}

const stored = ({ dtype }: Location, data: ArrayLike<number>): ArrayLike<number> =>
  dtype === 'f16' ? Uint16Array.from(data, halfBits) : data;

const loaded = (view: TypedArray | Uint16Array<ArrayBuffer>): TypedArray =>
  view instanceof Uint16Array ? Float32Array.from(view, halfValue) : view.slice();

/**
 * Generated WebAssembly with 128-bit vectors as a device. Results do not depend on the number of threads.
 * @throws FROND-R020 where the engine has no WebAssembly SIMD, or no relaxed SIMD and that is asked for,
 *   FROND-R028 for a number of threads that is none
 */
export function wasmDevice(options: WasmOptions = {}): WasmDevice {
  checkOptions('wasmDevice', options, WASM);
  const engine = engineOf(hasSimd());
  const relaxed = relaxedOf(options);
  const { threads, note } = chooseThreads(options.threads);
  const heap = new Heap(engine, threads > 1);
  const runner: Runner =
    threads > 1
      ? new ThreadedRunner(engine, heap, threads, relaxed)
      : new SingleRunner(engine, heap, relaxed);
  // growing detaches the buffer, so views are made when they are needed
  const view = (location: Location): TypedArray | Uint16Array<ArrayBuffer> => {
    const { dtype, length } = location;
    const address = addressOf(location);
    if (dtype === 'f16') return new Uint16Array(heap.memory.buffer, address, length);
    if (isFloating(dtype)) return new Float32Array(heap.memory.buffer, address, length);
    if (dtype === 'i32') return new Int32Array(heap.memory.buffer, address, length);
    return new Uint32Array(heap.memory.buffer, address, length);
  };
  return withLifetime({
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
    // threads can be lost, the calling one cannot
    ...(threads > 1 && { reopen: async () => wasmDevice(options) }),
  });
}
