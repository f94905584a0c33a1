import { journalColumns, journalLayout } from '../../kernels/gradientNorm.ts';
import type { ModelState } from '../runtime/state.ts';

/** What the device noted of one step. */
export interface JournalRow {
  readonly loss: number;
  readonly losses: readonly number[];
  /** norm of the gradient before clipping */
  readonly gradientNorm: number;
  /** loss or norm is not finite, by the device's own test */
  readonly broken: boolean;
}

/** The latest `count` steps, the oldest first. Waits for the device. */
export async function readJournal(state: ModelState, tasks: number, count: number): Promise<JournalRow[]> {
  const { next, first, rows, loss, norm, broken, tasks: taskAt } = journalLayout;
  const journal = await state.device.read(await state.arena('journal'));
  const columns = journalColumns(tasks);
  return Array.from({ length: count }, (_, i) => {
    const row = ((journal[next] ?? 0) - count + i + rows) % rows;
    const at = first + row * columns;
    const number = (column: number): number => journal[at + column] ?? Number.NaN;
    return {
      loss: number(loss),
      losses: Array.from({ length: tasks }, (_, task) => number(taskAt + task)),
      gradientNorm: number(norm),
      broken: number(broken) !== 0,
    };
  });
}

/** Lets updates act again. */
export async function clearStop(state: ModelState): Promise<void> {
  const journal = await state.arena('journal');
  await state.device.write({ ...journal, offset: journal.offset + journalLayout.stopped, length: 1 }, [0]);
}
