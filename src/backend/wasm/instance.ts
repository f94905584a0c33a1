import { FrondError } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import { type WebAssemblyApi, type WebAssemblyMemory, webAssembly } from '../../base/webAssembly.ts';
import type { WasmKernel } from './module.ts';

/** Where a launch runs: sizes of the grid, addresses of the buffers in bytes by name, parameters by name. */
export interface WasmLaunch {
  readonly grid: readonly number[];
  readonly buffers: Readonly<Record<string, number>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** An assembled kernel with a memory. */
export interface WasmInstance {
  /**
   * Runs programs `first` … `last` − 1 of the grid (default: all), the first dimension running fastest.
   * @throws FROND-K211 when an address or a scalar is missing, FROND-K212 when a program traps: it left the memory, or a
   * loop does not advance.
   */
  run(launch: WasmLaunch, first?: number, last?: number): void;
}

/** The function that a module exports: programs first … last − 1, then grid sizes, addresses and scalars. */
export type RunCells = (first: number, last: number, ...numbers: readonly number[]) => void;

/** Gives a compiled module its memory and scratch memory of its own. */
export function instantiateModule(
  engine: WebAssemblyApi,
  module: object,
  memory: WebAssemblyMemory,
  scratch: number,
): RunCells {
  const { exports } = new engine.Instance(module, { frond: { memory, scratch } });
  return exports.run as RunCells;
}

/** What a program that trapped gives. */
export const trapped = (kernel: string, cause: unknown): FrondError =>
  new FrondError('FROND-K212', `kernel ${kernel}: a program trapped`, {
    hint: 'check addresses and sizes, and that the steps of its loops are positive',
    cause,
  });

/** Makes `kernel` runnable over `memory`; `scratch` is the address of `kernel.scratchBytes` bytes of its own. */
export function instantiateKernel(
  assembled: WasmKernel,
  memory: WebAssemblyMemory,
  scratch: number,
): WasmInstance {
  const { kernel, bytes } = assembled;
  const engine = webAssembly();
  const refuse = (what: string): never => {
    throw new FrondError('FROND-K211', `kernel ${kernel.name}: ${what}`);
  };
  if (!engine) return refuse('this engine has no WebAssembly');
  const run = instantiateModule(engine, new engine.Module(bytes), memory, scratch);
  return {
    run({ grid, buffers, scalars }, first = 0, last) {
      const programs = grid.reduce((product, size) => product * size, 1);
      const [g0 = 1, g1 = 1, g2 = 1] = grid;
      const addresses = kernel.buffers.map(
        ({ name }) => own(buffers, name) ?? refuse(`buffer ${name} has no address`),
      );
      const numbers = kernel.parameters.map(
        ({ name }) => own(scalars, name) ?? refuse(`scalar ${name} has no value`),
      );
      try {
        run(first, last ?? programs, g0, g1, g2, ...addresses, ...numbers);
      } catch (cause) {
        throw trapped(kernel.name, cause);
      }
    },
  };
}
