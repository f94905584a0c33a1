/**
 * The journal of a training run, f32, on the device beside the weights: how each of the latest steps went, so that the host
 * need not wait for a step to know it later.
 *
 *   [0]        1 once the loss or the gradient norm of a step was not finite: from that step on updates do nothing
 *   [1]        row of the next step
 *   [4 …]      `rows` rows of `columns` numbers, used in turn: loss, norm of the gradient, 1 where either of them is not
 *              finite, the losses of the tasks
 */
export const journalLayout = {
  stopped: 0,
  next: 1,
  first: 4,
  rows: 64,
  loss: 0,
  norm: 1,
  broken: 2,
  tasks: 3,
} as const;

/** Norms from here on count as not finite: their square is close below where f32 overflows. */
export const norms = { stopped: Math.sqrt(3e38) } as const;

/** Losses of tasks that a row has room for. */
export const JOURNAL_TASKS = 29;

/** Length of a row that notes so many losses of tasks. */
export const journalColumns = (tasks: number): number => journalLayout.tasks + tasks;

/** Elements of a journal, whatever its columns. */
export const journalElements = journalLayout.first + journalLayout.rows * journalColumns(JOURNAL_TASKS);
