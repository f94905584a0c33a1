import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan } from '../src/ir/record.ts';
import type { Schedule } from '../src/kernel/ir.ts';
import { choose, kernel, type Slots, type Tuned } from './kernel.ts';
import { extentsOf, matrix, tileExtent, tileOf } from './plan.ts';

const OWN = { tiles: { r: 32, c: 256 }, workgroup: [32, 8] } satisfies Schedule;

/**
 * out[i, :] = table[ids[i], :] for table [vocabulary, width], ids [count] in 0 … vocabulary − 1, out [count, width].
 *
 * A program copies a block of rows and columns. Ids must be in range: the runtime sees to it.
 * Memory: reads count · width elements of the table, writes as many. One launch.
 */
export function planGather(
  args: Slots<'table' | 'ids' | 'out'> & Readonly<Record<'count' | 'width', Dim>> & Tuned,
): LaunchPlan[] {
  const sizes = { r: args.count, c: args.width };
  const choice = choose('gather', OWN, sizes, args.schedules);
  const { r, c } = choice.schedule.tiles;
  const tiles = { r: tileExtent(sizes.r, r, 4), c: tileExtent(sizes.c, c, 4) };
  const gather = kernel(
    {
      name: 'gather',
      doc: 'out[i, :] = table[ids[i], :]',
      variant: [extentsOf(tiles)],
      tiles,
      choice,
      reads: { table: 'f32', ids: 'i32' },
      writes: { out: 'f32' },
      parameters: { width: 'i32', count: 'i32' },
    },
    (k, { r, c, table, ids, out, width, count }) => {
      const R = tileOf(k, r, 0, count);
      const C = tileOf(k, c, 1, width);
      const rows = k.load(table, matrix(k.load(ids, [[R, 1]]), C, width));
      k.store(out, matrix(R, C, width), rows);
    },
  );
  return [gather.over(sizes).with(args)];
}
