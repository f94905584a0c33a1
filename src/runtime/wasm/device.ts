import { platform } from '#platform';
import { hasRelaxedSimd, hasSimd } from '../../backend/wasm/index.ts';
import { checkOptions, show } from '../../base/arguments.ts';
import type { TypedArray } from '../../base/dtype.ts';
import { FrondError } from '../../base/errors.ts';
import { halfBits, loadStored, STORED } from '../../base/half.ts';
import * as is from '../../base/kinds.ts';
import type { Device, Location } from '../device.ts';
import { withLifetime } from '../lifetime.ts';
import { type Block, Heap } from './heap.ts';
import { addressOf, bindLaunches } from './launches.ts';
import { singleRunner } from './single.ts';
import { ThreadedRunner } from './threaded.ts';

export const wasmOptions = {
  /** threads to use; default: one for each core, where threads can share memory. With 1, steps run in the calling thread */
  threads: is.omittable(is.typed<number>(is.unchecked)),
  /**
   * Multiply and add in one instruction of relaxed SIMD, which some machines round once and others twice: some 5 to 10 % faster
   * products, and results that may differ between machines. Node 20 needs `--experimental-wasm-relaxed-simd`. Default false.
   */
  relaxed: is.omittable(is.flag),
};
export type WasmOptions = is.OptionsOf<typeof wasmOptions>;

export interface WasmDevice extends Device {
  readonly threads: number;
  /** how many threads, and why not more, in a few words */
  readonly note: string;
}

/** Threads where no number is given: more of them mostly wait for memory, or for each other. */
const MOST = 16;

const count = (threads: number): string => (threads === 1 ? 'one thread' : `${threads} threads`);

/** How many, and why not more: nothing is chosen silently. @throws FROND-R028 for an invalid number of threads */
function chooseThreads(asked: number | undefined): Pick<WasmDevice, 'threads' | 'note'> {
  if (asked !== undefined && !is.count.holds(asked)) {
    throw new FrondError('FROND-R028', `wasmDevice: threads is ${show(asked)}`, {
      hint: 'give a whole number from 1 on, or leave it out: one for each core',
    });
  }
  const wanted = asked ?? Math.min(platform.cores, MOST);
  if (wanted === 1) return { threads: 1, note: count(1) };
  const refused = platform.threadsRefused();
  if (refused !== undefined) return { threads: 1, note: `${count(1)}: ${refused}` };
  return { threads: wanted, note: count(wanted) };
}

const stored = ({ dtype }: Location, data: ArrayLike<number>): ArrayLike<number> =>
  dtype === 'f16' ? Uint16Array.from(data, halfBits) : data;

/**
 * Generated WebAssembly with 128-bit vectors as a device. Results do not depend on the number of threads.
 * @throws FROND-R020 where the engine has no WebAssembly SIMD, or no relaxed SIMD and that is asked for,
 *   FROND-R028 for an invalid number of threads
 */
export function wasmDevice(options: WasmOptions = {}): WasmDevice {
  checkOptions('wasmDevice', options, wasmOptions);
  if (!hasSimd()) {
    throw new FrondError('FROND-R020', 'this engine has no WebAssembly SIMD', {
      hint: 'use the device `interpreter`, or update Node or the browser',
    });
  }
  const { relaxed = false } = options;
  if (relaxed && !hasRelaxedSimd()) {
    throw new FrondError('FROND-R020', 'this engine has no relaxed SIMD', {
      hint: 'leave out relaxed, or update Node (20 needs --experimental-wasm-relaxed-simd)',
    });
  }
  const { threads, note } = chooseThreads(options.threads);
  const heap = new Heap(threads > 1);
  const runner = threads > 1 ? new ThreadedRunner(heap, threads, relaxed) : singleRunner(heap, relaxed);
  // growing detaches the buffer, so views are made when they are needed
  const store = (location: Location, data: ArrayLike<number>): void => {
    const { dtype, length } = location;
    new STORED[dtype](heap.memory.buffer, addressOf(location), length).set(stored(location, data));
  };
  const load = (location: Location): TypedArray =>
    loadStored(location.dtype, heap.memory.buffer, addressOf(location), location.length);
  return withLifetime({
    name: 'wasm',
    precision: 'f32',
    threads,
    note,
    allocate: (words) => runner.inTurn(() => heap.allocate(words)),
    free(memory) {
      heap.free(memory as Block);
    },
    write: (location, data) => runner.inTurn(() => store(location, data)),
    read: (location) => runner.inTurn(() => load(location)),
    prepare: (launches) => runner.prepare([...new Set([...launches].map(({ kernel }) => kernel))]),
    bind: (commands) => runner.bind(bindLaunches(commands)),
    close: async () => runner.close(),
    // threads can be lost, the calling one cannot
    ...(threads > 1 && { reopen: async () => wasmDevice(options) }),
  });
}
