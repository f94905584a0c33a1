import { assembleKernel } from '../../backend/wasm/index.ts';
import { defined } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import { webAssembly } from '../../base/webAssembly.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { printKernel } from '../../kernel/print.ts';
import { scheduleKey } from '../../kernel/schedule.ts';
import type { BoundProgram, Command, Location } from '../device.ts';
import type { Block } from './heap.ts';

/** Where launches run: in the calling thread, or on threads of their own. */
export interface Runner {
  prepare(kernels: readonly Kernel[]): Promise<void>;
  bind(launches: readonly BoundLaunch[]): BoundProgram;
  /** What `work` gives, begun when everything asked for before has ended; rejects where the device has ended. */
  inTurn<T>(work: () => T): Promise<T>;
  /** Whatever is under way rejects with FROND-R026. */
  close(): void;
}

/** A launch as a kernel's `run` takes it, but for the range of cells. */
export interface BoundLaunch {
  readonly kernel: Kernel;
  readonly cells: number;
  /** the first three grid sizes, addresses of the buffers, scalars, in the order of the kernel's declarations */
  readonly numbers: readonly number[];
  /** launches before this one, counted from the first, that must have ended before it begins */
  readonly after: number;
}

/** Bytes that a launch touches. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly writes: boolean;
}

export const addressOf = ({ memory, offset }: Location): number => (memory as Block).address + 4 * offset;

const locationOf = ({ kernel, buffers }: Command, name: string): Location =>
  defined(own(buffers, name), `buffer ${name} of kernel ${kernel.name}`);

function numbersOf(command: Command): number[] {
  const { kernel, grid, scalars } = command;
  return [
    ...[0, 1, 2].map((dimension) => grid[dimension] ?? 1),
    ...kernel.buffers.map(({ name }) => addressOf(locationOf(command, name))),
    ...kernel.parameters.map(({ name }) =>
      defined(own(scalars, name), `scalar ${name} of kernel ${kernel.name}`),
    ),
  ];
}

const rangesOf = (command: Command): Range[] =>
  command.kernel.buffers.flatMap(({ name, access }) => {
    const location = locationOf(command, name);
    const from = addressOf(location);
    return location.length === 0 ? [] : [{ from, to: from + 4 * location.length, writes: access !== 'read' }];
  });

/** Whether two launches must keep their order: one writes what the other touches. */
const conflict = (earlier: readonly Range[], later: readonly Range[]): boolean =>
  later.some((a) => earlier.some((b) => (a.writes || b.writes) && a.from < b.to && b.from < a.to));

/**
 * Resolves addresses, and finds out from the memory that each launch touches which launches it must wait for: those of a
 * chain follow each other, the many small products of the weights' gradients run side by side.
 */
export function bindLaunches(commands: readonly Command[]): BoundLaunch[] {
  const ranges = commands.map(rangesOf);
  let after = 0;
  return commands.map((command, at) => {
    // who waits for a launch has waited for all before it, so the search ends there
    const open = ranges.slice(after, at);
    after += open.findLastIndex((earlier) => conflict(earlier, ranges[at] ?? [])) + 1;
    const cells = command.grid.reduce((product, size) => product * size, 1);
    return { kernel: command.kernel, cells, numbers: numbersOf(command), after };
  });
}

/** A kernel that an engine has compiled, without a memory yet, and the scratch memory that each thread needs. */
type CompiledKernel = Awaited<ReturnType<typeof assemble>>;

/** Modules kept in a process: some large models' worth. */
const KEPT = 1024;

/**
 * By name, variant and schedule, the latest used last: executables and devices of one process share modules, as assembling them costs
 * most. Two texts of one name displace each other.
 */
const modules = new Map<string, { readonly kernel: Kernel; readonly compiled: Promise<CompiledKernel> }>();

/** What one text makes different modules of. */
interface CompileSettings {
  /** threads share the memory */
  readonly shared: boolean;
  /** multiply and add in one instruction of relaxed SIMD */
  readonly relaxed: boolean;
}

/** Compiles a kernel; one of the same text and settings is compiled once in a process. */
export function compileKernel(kernel: Kernel, settings: CompileSettings): Promise<CompiledKernel> {
  const { name, variant, schedule } = kernel;
  const key = [settings.shared, settings.relaxed, scheduleKey(schedule), name, variant].join(' ');
  const known = modules.get(key);
  const isSame = known?.kernel === kernel || (known && printKernel(known.kernel) === printKernel(kernel));
  const compiled = isSame ? known.compiled : assemble(kernel, settings);
  modules.delete(key);
  modules.set(key, { kernel, compiled });
  compiled.catch(() => modules.delete(key));
  const oldest = modules.keys().next().value;
  if (modules.size > KEPT && oldest !== undefined) modules.delete(oldest);
  return compiled;
}

/** Those kernels that are not known yet, compiled. */
export const compileFresh = (
  kernels: readonly Kernel[],
  known: ReadonlyMap<Kernel, unknown>,
  settings: CompileSettings,
) =>
  Promise.all(
    kernels
      .filter((kernel) => !known.has(kernel))
      .map(async (kernel) => ({ kernel, ...(await compileKernel(kernel, settings)) })),
  );

async function assemble(kernel: Kernel, { shared, relaxed }: CompileSettings) {
  // a memory with a lower maximum may be imported too
  const memory = shared ? { initial: 1, maximum: 65_536, shared } : { initial: 1 };
  const { bytes, scratchBytes } = assembleKernel(kernel, { memory, relaxed });
  return { module: await defined(webAssembly(), 'WebAssembly').compile(bytes), scratchBytes };
}
