import { type Dim, minus } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { kernel, type Slots } from './kernel.ts';
import { among, blocksOf, indices } from './plan.ts';

/** Above every position: a grid of blocks of that many has one program, or none where there are no ids. */
const BEYOND = 2 ** 31 - 1;

/**
 * out[i] = ids[i], i32 [count], brought into low … below − 1, so that whatever reads by them stays in its own memory.
 *
 * The first id outside is noted in the report i32 [4]: its position + 1, its value, and below − 1; a note stands until the host
 * clears it. With lengths i32 [rows], ids [rows, width] at and beyond a row's length may be anything.
 *
 * One program, as one note has one writer: ids are few. Memory: reads and writes `count` words. One launch.
 */
export function planClampIndex({
  below,
  ...args
}: Slots<'ids' | 'out' | 'report'> &
  Readonly<Record<'count' | 'width' | 'below', Dim>> & {
    readonly lengths: Slot | undefined;
    readonly low: number;
  }): LaunchPlan[] {
  const clampIndex = kernel(
    {
      name: 'clampIndex',
      doc: 'brings ids into a range and notes the first one outside',
      variant: [args.lengths && 'lengths'],
      tiles: { i: 1024, w: 4 },
      workgroup: [256, 1],
      reads: { ids: 'i32', lengths: args.lengths && 'i32' },
      writes: { out: 'i32' },
      updates: { report: 'i32' },
      parameters: { count: 'i32', low: 'i32', last: 'i32', width: args.lengths && 'i32' },
    },
    (k, { i, w, ids, lengths, out, report, count, low, last, width }) => {
      // the distance of the first id outside from the end of all positions: 0 where there is none
      const [nearest] = k.loop(0, count, i.size, [k.fill([i], 0, 'i32')], (from, before) => {
        const I = k.span(i, from, count);
        const position = indices(k, I);
        const id = k.load(ids, [[I, 1]]);
        const clamped = k.max(k.min(id, last), low);
        k.store(out, [[I, 1]], clamped);
        let outside = k.and(k.inside(I), k.map('ne', id, clamped));
        if (lengths !== undefined && width !== undefined) {
          const row = k.div(position, width);
          const length = k.load(lengths, among(row, I));
          outside = k.and(outside, k.lt(k.sub(position, k.mul(row, width)), length));
        }
        const distance = k.select(outside, k.sub(BEYOND, position), 0);
        return [k.max(before, distance)];
      });
      const distance = k.maximum(nearest, i);
      k.when(k.lt(0, distance), () => {
        const position = k.sub(BEYOND, distance);
        const word = k.arange(w);
        const id = k.load(ids, [[position, 1]]);
        const note = k.select(k.eq(word, 0), k.add(position, 1), k.select(k.eq(word, 1), id, last));
        const before = k.load(report, [[word, 1]]);
        const stands = k.lt(0, k.sum(k.select(k.eq(word, 0), before, 0), w));
        k.store(report, [[word, 1]], k.select(stands, before, note));
      });
    },
  );
  return [clampIndex.over(blocksOf(args.count, BEYOND)).with({ ...args, last: minus(below, 1) })];
}
