import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Value } from '../src/kernel/ir.ts';
import { kernel } from './kernel.ts';
import { addUp } from './longSum.ts';
import { matrix, shared, temporary } from './plan.ts';

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

/** Elements of a block of the arenas: each parameter starts with one. */
export const blockElements = 256;
/** Blocks that a program adds at a time. */
const together = 16;
const partials = 64;

/**
 * Norm of the gradient arena: out[0] = √(Σ gradient²) over the blocks of 256 elements whose rate is not 0.
 *
 * Two launches in a fixed order: 64 programs each sum every 64th run of 16 blocks, then one program sums their 64
 * results and takes the root. What a frozen block (rate 0) holds, NaN included, is not looked at.
 *
 * Where the losses of the step are given, that one program also judges the step and writes it into the journal
 * (`journalLayout`): where its loss or norm is not finite, by an integer test of their bits, this is noted, and the norm of all later
 * steps is given as `norms.stopped`, under which no update changes anything.
 *
 * Memory: reads 4 bytes per element once.
 */
const partial = kernel(
  {
    name: 'gradientNormPartial',
    doc: 'sums of squares of every 64th run of gradient blocks that are not frozen',
    tiles: { g: together, e: blockElements },
    workgroup: [64, 4],
    reads: { gradient: 'f32', rate: 'f32' },
    updates: { parts: 'f32' },
    parameters: { blocks: 'i32', chunk: 'i32' },
  },
  (k, { g, e, gradient, rate, parts, blocks, chunk }) => {
    const program = k.program(0);
    const E = k.span(e, 0, blockElements);
    const range = { from: k.mul(program, together), to: blocks, step: together * partials, long: true };
    const [total] = addUp(k, range, [k.fill([g, e], 0)], (start, [sum]) => {
      const G = k.span(g, start, blocks);
      const tile = k.load(gradient, matrix(G, E, blockElements));
      const live = k.lt(0, k.load(rate, [[G, 1]]));
      return [k.add(sum, k.select(live, k.mul(tile, tile), 0))];
    });
    const before = k.select(k.eq(chunk, 0), 0, k.load(parts, [[program, 1]]));
    k.store(parts, [[program, 1]], k.add(before, k.sum(total, g, e)));
  },
);

const lossName = (i: number): string => (i === 0 ? 'loss' : `task${i}`);

const total = (count: number) =>
  kernel(
    {
      name: 'gradientNormTotal',
      doc: `root of the sum of the partial sums of squares${count === 0 ? '' : '; judges the step and notes it in the journal'}`,
      variant: [count > 0 && `losses${count}`],
      tiles: { e: partials },
      workgroup: [64, 1],
      reads: { parts: 'f32' },
      writes: { out: 'f32' },
      updates: { journal: count > 0 ? 'f32' : undefined },
    },
    (k, { e, parts, out, journal }) => {
      const norm = k.sqrt(k.sum(k.load(parts, [[k.span(e, 0, partials), 1]]), e));
      const losses = Array.from({ length: count }, (_, i) => k.load(k.read(lossName(i)), [[0, 1]]));
      k.store(out, [[0, 1]], journal ? judge(k, norm, losses, journal) : norm);
    },
  );

/** Writes the step into the journal. @returns the norm under which the update is to act */
function judge(k: KernelBuilder, norm: Value, losses: readonly Value[], journal: Buffer): Value {
  const { stopped, next, first, rows, loss, norm: normAt, broken, tasks } = journalLayout;
  const before = k.load(journal, [[stopped, 1]]);
  const row = k.cast(k.load(journal, [[next, 1]]), 'i32');
  const [judged = norm, ...others] = losses;
  const good = k.and(k.and(k.isFinite(norm), k.lt(norm, norms.stopped)), k.isFinite(judged));
  k.store(journal, [[stopped, 1]], k.select(good, before, 1));
  k.store(journal, [[next, 1]], k.cast(k.rem(k.add(row, 1), rows), 'f32'));
  const start = k.add(k.mul(row, journalColumns(others.length)), first);
  const note = (column: number, value: Value): void => k.store(journal, [[k.add(start, column), 1]], value);
  note(loss, judged);
  note(normAt, norm);
  note(broken, k.select(good, k.constant(0), 1));
  others.forEach((value, i) => {
    note(tasks + i, value);
  });
  return k.select(k.lt(before, 0.5), norm, norms.stopped);
}

/**
 * Global norm of the gradient arena without its frozen blocks. `chunk` says which part of the arena this is, from 0: a later one adds to
 * what those before it gave. `losses` are scalars, the loss that is judged, then those of the tasks; without them nothing is judged.
 * Two launches.
 */
export function planGradientNorm(args: {
  readonly out: Slot;
  /** number of 256-element blocks of the arena */
  readonly blocks: Dim;
  readonly chunk?: Dim;
  readonly losses?: readonly Slot[];
}): LaunchPlan[] {
  const { out, blocks, chunk = 0, losses = [] } = args;
  const parts = temporary('gradientNormParts', 'f32', [partials]);
  return [
    partial
      .over(partials)
      .with({ ...shared('arena', 'gradient'), ...shared('table', 'rate'), parts, blocks, chunk }),
    total(losses.length)
      .over(1)
      .with(
        { parts, out, ...shared('arena', 'journal') },
        { slots: Object.fromEntries(losses.map((slot, i) => [lossName(i), slot])), scalars: {} },
      ),
  ];
}
