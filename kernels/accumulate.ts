import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { blockElements, journalLayout } from './gradientNorm.ts';
import { kernel } from './kernel.ts';
import { matrix, shared, tileOf } from './plan.ts';

/**
 * Where `shares`, f32 [1 + tasks], has what: for each batch of a step 1 where what the batches before it gave is kept, 0 at the
 * first; then of each task the part that this batch has in its mean loss over the step.
 */
export const sharesLayout = { kept: 0, first: 1 } as const;

/**
 * gradient ← kept · gradient + batch over the blocks of two arenas: the gradient of a batch joins those of the batches before it in
 * the same step. What is not kept, NaN included, is not looked at.
 *
 * Memory per element: reads 8 bytes, writes 4. One launch.
 */
const add = kernel(
  {
    name: 'accumulateGradients',
    doc: 'adds the gradients of a batch to those of the batches before it',
    // 16 blocks for each program
    tiles: { g: 16, e: blockElements },
    workgroup: [64, 4],
    reads: { shares: 'f32', batch: 'f32' },
    updates: { gradient: 'f32' },
    parameters: { blocks: 'i32' },
  },
  (k, { g, e, shares, batch, gradient, blocks }) => {
    const at = matrix(tileOf(k, g, 0, blocks), k.span(e, 0, blockElements), blockElements);
    const kept = k.lt(0, k.load(shares, [[sharesLayout.kept, 1]]));
    k.store(gradient, at, k.add(k.select(kept, k.load(gradient, at), 0), k.load(batch, at)));
  },
);

const lossName = (i: number): string => (i === 0 ? 'loss' : `task${i}`);

/**
 * Notes the losses of a batch in the journal, in the row of the step under way: the loss, which is weighed by its share already, and
 * of each task share · loss. Numbers of the batches before are kept or not, as gradients are.
 */
const note = (count: number) =>
  kernel(
    {
      name: 'noteLosses',
      doc: 'notes the losses of a batch in the journal',
      variant: [`losses${count}`],
      tiles: {},
      workgroup: [1, 1],
      reads: { shares: 'f32' },
      updates: { journal: 'f32' },
    },
    (k, { shares, journal }) => {
      const { columns, pending, loss, tasks } = journalLayout;
      const share = (i: number) => k.load(shares, [[i, 1]]);
      const kept = k.lt(0, share(sharesLayout.kept));
      const noted = Array.from({ length: count }, (_, i) => {
        const column = i === 0 ? loss : tasks + i - 1;
        const place = [[pending * columns + column, 1]] as const;
        const value = k.load(k.read(lossName(i)), [[0, 1]]);
        const own = i === 0 ? value : k.mul(value, share(sharesLayout.first + i - 1));
        return { place, value: k.add(k.select(kept, k.load(journal, place), 0), own) };
      });
      for (const { place, value } of noted) k.store(journal, place, value);
    },
  );

/**
 * The end of a batch: its losses go to the journal and, where the gradients of a step come from several batches, its gradients,
 * which are in arena `batch`, to those in `gradient`. `losses` are scalars, the loss and those of the tasks; without any, none is
 * noted.
 */
export function planAccumulate(args: {
  readonly shares: Slot;
  readonly losses: readonly Slot[];
  /** arenas; `batch` is left out where the gradients are those of one batch */
  readonly arenas: { readonly gradient: string; readonly batch: string | undefined };
  /** number of 256-element blocks of the arenas */
  readonly blocks: Dim;
}): LaunchPlan[] {
  const { shares, losses, arenas, blocks } = args;
  const slots = Object.fromEntries(losses.map((slot, i) => [lossName(i), slot]));
  const arena = (name: string): Slot => ({ kind: 'arena', name });
  return [
    ...(losses.length === 0
      ? []
      : [
          note(losses.length)
            .over(1)
            .with({ shares, ...shared('arena', 'journal') }, { slots, scalars: {} }),
        ]),
    ...(arenas.batch === undefined
      ? []
      : [
          add
            .over({ g: blocks })
            .with({ shares, blocks, gradient: arena(arenas.gradient), batch: arena(arenas.batch) }),
        ]),
  ];
}
