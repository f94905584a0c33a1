import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Span, Value } from '../src/kernel/ir.ts';
import { kernel } from './kernel.ts';
import { addUp } from './longSum.ts';
import { among, indices, matrix, shared, temporary } from './plan.ts';

/**
 * The journal of a training run, f32 in rows of 32 columns, on the device beside the weights: how each of the latest steps went, so
 * that the host need not wait for a step to know it later.
 *
 *   row 0     [0] 1 once the loss or the gradient norm of a step was not finite: from that step on updates do nothing
 *             [1] which of the rows behind is that of the next step
 *   row 1     losses of the step under way, as its batches are noted (`accumulate.ts`)
 *   row 2 …   64 rows, used in turn: loss, norm of the gradient, 1 where either of them is not finite, the losses of the tasks
 */
export const journalLayout = {
  columns: 32,
  stopped: 0,
  next: 1,
  pending: 1,
  first: 2,
  rows: 64,
  loss: 0,
  norm: 1,
  broken: 2,
  tasks: 3,
} as const;

/** Norms from here on count as not finite: their square is close below where f32 overflows. */
export const norms = { stopped: Math.sqrt(3e38) } as const;

/** Losses of tasks that a row has room for. */
export const JOURNAL_TASKS = journalLayout.columns - journalLayout.tasks;

/** Elements of a journal. */
export const journalElements = (journalLayout.first + journalLayout.rows) * journalLayout.columns;

/** Elements of a block of the arenas: each parameter starts with one. */
export const blockElements = 256;

/**
 * Columns of the fed table `groups`, f32 [groups, 8]: what changes from step to step, a row for each group of parameters.
 */
export const groupLayout = {
  /** learning rate of this step */
  rate: 0,
  /** two numbers of the rule's own, such as Adam's bias corrections 1 / (1 − βᵗ), t from 1 */
  correction1: 1,
  correction2: 2,
  /** weight decay */
  decay: 3,
  /** largest gradient norm, which is that of all active groups together; 0 = no clipping */
  clipNorm: 4,
  /** 1 where the step updates the group; 0: parameters, moments and average keep their bytes, and its gradient is not looked at */
  active: 5,
  /** d of the moving average e ← d · e + (1 − d) · parameter, where one is kept */
  average: 6,
} as const;
export const groupColumns = 8;

/**
 * What `groups` says of blocks G, column by column. The table `group` has the row of each block, and −1 for blocks that no update
 * changes: those are not active.
 */
export function groupOf(k: KernelBuilder, G: Span, group: Buffer, groups: Buffer) {
  const row = k.load(group, [[G, 1]]);
  const first = k.mul(k.max(row, 0), groupColumns);
  const column = (name: keyof typeof groupLayout): Value =>
    k.load(groups, among(k.add(first, groupLayout[name]), G));
  return { column, active: k.and(k.le(0, row), k.lt(0, column('active'))) };
}

/** Blocks that a program adds at a time. */
const together = 16;
const partials = 64;

/**
 * Norm of the gradient arena: out[0] = √(Σ gradient²) over the blocks of 256 elements whose group is active.
 *
 * Two launches in a fixed order: 64 programs each sum every 64th run of 16 blocks, then one program sums their 64
 * results and takes the root. What a block of no active group holds, NaN included, is not looked at.
 *
 * That one program also judges the step by its norm and by the loss that its batches noted, and writes its row of the journal
 * (`journalLayout`). Where either is not finite, by an integer test of their bits, this is noted, and `norms.stopped` is given instead
 * of the norm of this step, where that is finite, and of all later ones: under it no update changes anything.
 *
 * Memory: reads 4 bytes per element once.
 */
const partial = kernel(
  {
    name: 'gradientNormPartial',
    doc: 'sums of squares of every 64th run of gradient blocks of active groups',
    tiles: { g: together, e: blockElements },
    workgroup: [64, 4],
    reads: { gradient: 'f32', group: 'i32', groups: 'f32' },
    updates: { parts: 'f32' },
    parameters: { blocks: 'i32', chunk: 'i32' },
  },
  (k, { g, e, gradient, group, groups, parts, blocks, chunk }) => {
    const program = k.program(0);
    const E = k.span(e, 0, blockElements);
    const range = { from: k.mul(program, together), to: blocks, step: together * partials, long: true };
    const [total] = addUp(k, range, [k.fill([g, e], 0)], (start, [sum]) => {
      const G = k.span(g, start, blocks);
      const tile = k.load(gradient, matrix(G, E, blockElements));
      const { active } = groupOf(k, G, group, groups);
      return [k.add(sum, k.select(active, k.mul(tile, tile), 0))];
    });
    const before = k.select(k.eq(chunk, 0), 0, k.load(parts, [[program, 1]]));
    k.store(parts, [[program, 1]], k.add(before, k.sum(total, g, e)));
  },
);

const total = kernel(
  {
    name: 'gradientNormTotal',
    doc: 'root of the sum of the partial sums of squares; judges the step and notes it in the journal',
    tiles: { e: partials, c: journalLayout.columns },
    workgroup: [64, 1],
    reads: { parts: 'f32' },
    writes: { out: 'f32' },
    updates: { journal: 'f32' },
  },
  (k, { e, c, parts, out, journal }) => {
    const { columns, stopped, next, pending, first, rows, loss, norm: normAt, broken } = journalLayout;
    const norm = k.sqrt(k.sum(k.load(parts, [[k.span(e, 0, partials), 1]]), e));
    const before = k.load(journal, [[stopped, 1]]);
    const row = k.cast(k.load(journal, [[next, 1]]), 'i32');
    const C = k.span(c, 0, columns);
    const noted = k.load(journal, matrix(pending, C, columns));
    const lost = k.load(journal, [[pending * columns + loss, 1]]);
    const good = k.and(k.and(k.isFinite(norm), k.lt(norm, norms.stopped)), k.isFinite(lost));
    const column = indices(k, C);
    const judged = k.select(k.eq(column, broken), k.select(good, k.constant(0), 1), noted);
    k.store(journal, matrix(k.add(row, first), C, columns), k.select(k.eq(column, normAt), norm, judged));
    k.store(journal, [[stopped, 1]], k.select(good, before, 1));
    k.store(journal, [[next, 1]], k.cast(k.rem(k.add(row, 1), rows), 'f32'));
    // a norm that is not finite is given as it is: no update takes it
    const acts = k.and(k.lt(before, 0.5), k.isFinite(lost));
    k.store(out, [[0, 1]], k.select(acts, norm, norms.stopped));
  },
);

/**
 * Global norm of the gradients of active groups. `chunk` says which part of the arena this is, from 0: a later one adds to what
 * those before it gave. Two launches.
 */
export function planGradientNorm(args: {
  readonly groups: Slot;
  readonly out: Slot;
  /** the arena of the gradients */
  readonly arena: string;
  /** number of 256-element blocks of the arena */
  readonly blocks: Dim;
  readonly chunk?: Dim;
}): LaunchPlan[] {
  const { groups, out, arena, blocks, chunk = 0 } = args;
  const parts = temporary('gradientNormParts', 'f32', [partials]);
  const gradient: Slot = { kind: 'arena', name: arena };
  return [
    partial.over(partials).with({ gradient, groups, ...shared('table', 'group'), parts, blocks, chunk }),
    total.over(1).with({ parts, out, ...shared('arena', 'journal') }),
  ];
}
