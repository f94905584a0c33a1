import {
  assembleKernel,
  instantiateModule,
  READ_AHEAD,
  trapped,
  type WasmKernel,
  type WasmOptions,
} from '../../../src/backend/wasm/index.ts';
import type { TypedArray } from '../../../src/base/dtype.ts';
import { defined } from '../../../src/base/errors.ts';
import { type WebAssemblyMemory, webAssembly } from '../../../src/base/webAssembly.ts';
import type { Kernel, Launch } from '../../../src/kernel/ir.ts';

/** What a buffer holds; f16 as words of 16 bits. */
type Data = TypedArray | Uint16Array<ArrayBuffer>;

const PAGE = 65_536;
const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Where a launch runs: sizes of the grid, addresses of the buffers in bytes by name, parameters by name. */
export interface WasmLaunch {
  readonly grid: readonly number[];
  readonly buffers: Readonly<Record<string, number>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** Runs programs `first` … `last` − 1 of a grid (default: all), the first dimension running fastest. */
type RunLaunch = (launch: WasmLaunch, first?: number, last?: number) => void;

/** Makes `kernel` runnable over `memory`; `scratch` is the address of `kernel.scratchBytes` bytes of its own. */
export function instantiateKernel(
  { kernel, bytes }: WasmKernel,
  memory: WebAssemblyMemory,
  scratch: number,
): RunLaunch {
  const engine = defined(webAssembly(), 'WebAssembly');
  const run = instantiateModule(new engine.Module(bytes), memory, scratch);
  return ({ grid, buffers, scalars }, first = 0, last) => {
    const [g0 = 1, g1 = 1, g2 = 1] = grid;
    const addresses = kernel.buffers.map(({ name }) => defined(buffers[name], `buffer ${name}`));
    const numbers = kernel.parameters.map(({ name }) => defined(scalars[name], `scalar ${name}`));
    try {
      run(first, last ?? g0 * g1 * g2, g0, g1, g2, ...addresses, ...numbers);
    } catch (cause) {
      throw trapped(kernel.name, cause);
    }
  };
}

/**
 * Runs launches on generated WebAssembly: buffers are copied into a memory and back. A kernel is assembled once. Scratch
 * memory is dirtied before each launch, and the memory ends where the last buffer's read-ahead does, so that what a
 * kernel must not rely on is not there.
 */
export function wasmRunner(
  options: WasmOptions = {},
): (launch: Launch, buffers: Readonly<Record<string, Data>>) => void {
  const engine = defined(webAssembly(), 'WebAssembly');
  const memory = new engine.Memory({ initial: 1 });
  const prepared = new Map<Kernel, { readonly run: RunLaunch; readonly scratchBytes: number }>();
  return (launch, buffers) => {
    const { kernel, grid, scalars } = launch;
    const ready = prepared.get(kernel) ?? prepare(kernel, memory, options);
    prepared.set(kernel, ready);
    const names = kernel.buffers.map(({ name }) => name);
    const addresses: Record<string, number> = {};
    let end = aligned(ready.scratchBytes);
    for (const name of names) {
      addresses[name] = end;
      end = aligned(end + defined(buffers[name], `buffer ${name}`).byteLength + READ_AHEAD);
    }
    const missing = Math.ceil(end / PAGE) - memory.buffer.byteLength / PAGE;
    if (missing > 0) memory.grow(missing);
    new Uint8Array(memory.buffer, 0, ready.scratchBytes).fill(0xff);
    const view = (name: string): Data => {
      const data = defined(buffers[name], name);
      const View = data.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => Data;
      return new View(memory.buffer, addresses[name] ?? 0, data.length);
    };
    for (const name of names) view(name).set(defined(buffers[name], name));
    ready.run({ grid, buffers: addresses, scalars });
    for (const name of names) buffers[name]?.set(view(name));
  };
}

function prepare(kernel: Kernel, memory: WebAssemblyMemory, options: WasmOptions) {
  const assembled = assembleKernel(kernel, { memory: { initial: 1 }, ...options });
  return { run: instantiateKernel(assembled, memory, 0), scratchBytes: assembled.scratchBytes };
}
