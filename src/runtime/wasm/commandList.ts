import { defined } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { Command, Location } from '../device.ts';
import type { Block } from './heap.ts';

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

function numbersOf({ kernel, grid, scalars, buffers }: Command): number[] {
  const missing = (what: string): string => `${what} of kernel ${kernel.name}`;
  return [
    ...[0, 1, 2].map((dimension) => grid[dimension] ?? 1),
    ...kernel.buffers.map(({ name }) => addressOf(defined(own(buffers, name), missing(`buffer ${name}`)))),
    ...kernel.parameters.map(({ name }) => defined(own(scalars, name), missing(`scalar ${name}`))),
  ];
}

function rangesOf({ kernel, buffers }: Command): Range[] {
  return kernel.buffers.flatMap(({ name, access }) => {
    const location = defined(own(buffers, name), `buffer ${name} of kernel ${kernel.name}`);
    const from = addressOf(location);
    return location.length === 0 ? [] : [{ from, to: from + 4 * location.length, writes: access !== 'read' }];
  });
}

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
    for (let earlier = at - 1; earlier >= after; earlier--) {
      if (!conflict(ranges[earlier] ?? [], ranges[at] ?? [])) continue;
      after = earlier + 1;
      break;
    }
    const cells = command.grid.reduce((product, size) => product * size, 1);
    return { kernel: command.kernel, cells, numbers: numbersOf(command), after };
  });
}
