import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import { journalColumns, journalLayout, norms } from './journal.ts';
import { addUp } from './longSum.ts';
import { kernelOnce } from './plan.ts';

/**
 * Norm of the gradient arena: out[0] = √(Σ gradient²) over the blocks of 256 elements whose rate is not 0.
 *
 * Two launches in a fixed order: 64 programs each sum every 64th group of 16 blocks, then one program sums their 64
 * results and takes the root. What a frozen block (rate 0) holds, NaN included, is not looked at.
 *
 * Where the losses of the step are given, that one program also judges the step and writes it into the journal
 * (`journal.ts`): where its loss or norm is not finite, by an integer test of their bits, this is noted, and the norm of all later
 * steps is given as `norms.stopped`, under which no update changes anything.
 *
 * Memory: reads 4 bytes per element once.
 */
const blockElements = 256;
const group = 16;
const partials = 64;

export interface GradientNormArguments {
  /** f32 [1] */
  readonly out: Slot;
  /** number of 256-element blocks of the arena */
  readonly blocks: Dim;
  /** which stretch of the arena this is, from 0; a later one adds to what those before it gave */
  readonly chunk?: ScalarExpression;
  /** f32 scalars: the loss that is judged, then those of the tasks. None: nothing is judged */
  readonly losses?: readonly Slot[];
}

function partialProgram(k: KernelBuilder): void {
  const gradient = k.read('gradient');
  const rates = k.read('rate');
  const out = k.buffer('out', 'f32', 'update');
  const blocks = k.parameter('blocks');
  const chunk = k.parameter('chunk');
  const g = k.axis('g', group);
  const e = k.axis('e', blockElements);
  const program = k.program(0);
  const E = k.span(e, 0, blockElements);
  const stretch = { from: k.mul(program, group), to: blocks, step: group * partials, long: true };
  const [total] = addUp(k, stretch, [k.fill([g, e], 0)], (start, [sum]) => {
    const G = k.span(g, start, blocks);
    const tile = k.load(gradient, [
      [G, blockElements],
      [E, 1],
    ]);
    const live = k.lt(0, k.load(rates, [[G, 1]]));
    return [k.add(sum as Value, k.select(live, k.mul(tile, tile), 0))];
  });
  const before = k.select(k.eq(chunk, 0), 0, k.load(out, [[program, 1]]));
  k.store(out, [[program, 1]], k.add(before, k.sum(total as Value, g, e)));
}

const lossName = (i: number): string => (i === 0 ? 'loss' : `task${i}`);

function totalProgram(k: KernelBuilder, losses: number): void {
  const parts = k.read('parts');
  const out = k.write('out');
  const e = k.axis('e', partials);
  const norm = k.sqrt(k.sum(k.load(parts, [[k.span(e, 0, partials), 1]]), e));
  k.store(out, [[0, 1]], losses === 0 ? norm : judge(k, norm, losses));
}

/** Writes the step into the journal. @returns the norm under which the update is to act */
function judge(k: KernelBuilder, norm: Value, count: number): Value {
  const journal = k.buffer('journal', 'f32', 'update');
  const { stopped, next, first, rows, loss, norm: normAt, broken, tasks } = journalLayout;
  const losses = Array.from({ length: count }, (_, i) => k.load(k.read(lossName(i)), [[0, 1]]));
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

const traceGradientNormPartial = (): Kernel =>
  kernelOnce(
    {
      name: 'gradientNormPartial',
      doc: 'sums of squares of every 64th group of gradient blocks that are not frozen',
      schedule: { tiles: { g: group, e: blockElements }, workgroup: [64, 4] },
    },
    partialProgram,
  );

const traceGradientNormTotal = (losses: number): Kernel =>
  kernelOnce(
    {
      name: 'gradientNormTotal',
      doc: `root of the sum of the partial sums of squares${losses === 0 ? '' : '; judges the step and notes it in the journal'}`,
      ...(losses === 0 ? {} : { variant: `losses${losses}` }),
      schedule: { tiles: { e: partials }, workgroup: [64, 1] },
    },
    (k) => totalProgram(k, losses),
  );

/** Global norm of the gradient arena without its frozen blocks. Two launches. */
export function planGradientNorm({
  out,
  blocks,
  chunk = { value: 0 },
  losses = [],
}: GradientNormArguments): LaunchPlan[] {
  const parts: Slot = {
    kind: 'temporary',
    name: 'gradientNormParts',
    type: { dtype: 'f32', shape: [partials] },
  };
  return [
    {
      kernel: traceGradientNormPartial(),
      grid: [{ size: partials, per: 1 }],
      scalars: { blocks, chunk },
      slots: {
        gradient: { kind: 'arena', name: 'gradient' },
        rate: { kind: 'table', name: 'rate' },
        out: parts,
      },
    },
    {
      kernel: traceGradientNormTotal(losses.length),
      grid: [{ size: 1, per: 1 }],
      scalars: {},
      slots: {
        ...{ parts, out },
        ...Object.fromEntries(losses.map((slot, i) => [lossName(i), slot])),
        ...(losses.length === 0 ? {} : { journal: { kind: 'arena', name: 'journal' } as const }),
      },
    },
  ];
}
