import { type Dim, times } from '../src/base/dim.ts';
import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder, ValueLike } from '../src/kernel/build.ts';
import type { Buffer, Schedule, Value } from '../src/kernel/ir.ts';
import { choose, kernel, type Slots, type Tuned } from './kernel.ts';
import { among, blocksOf, extentsOf, indices, matrix, temporaries, tileExtent, tileOf } from './plan.ts';

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

/**
 * dtable[v, :] = Σ over the positions i with ids[i] = v, in ascending order, of dout[i, :]; zero where there are none.
 *
 * Each row has one writer and no float is added atomically, so the positions are sorted by id first, stably. Launches:
 *
 *   zero    dtable ← 0                                                        vocabulary · width stores
 *   chunks  sorts each chunk of 128 positions by counting: the place of i is
 *           #{j in its chunk : (ids[j], j) < (ids[i], i)}                     128 · count compares
 *   merge   the place among all: its place in its own chunk, and in each
 *           other one what bisection finds                                    8 · count² / 128 loads
 *   ends    where the run of equal ids ends that starts at a place; a place
 *           inside a run gets itself, that is an empty run                    count · log₂ count loads
 *   sum     one program per run and column block adds the rows                count · width loads
 *
 * Why on the device: ids may be computed inside the graph, so the host cannot sort them. Why not a counting sort: it needs
 * atomics or a serial walk. The number of launches may not depend on sizes, hence one merge of all chunks instead of log₂.
 * Nothing but `zero` grows with the vocabulary.
 */
const chunk = 128;
/** Positions that one program of `chunks` places; it looks at the whole chunk. */
const placed = 32;
/** An id that no table has: it ranks after all others. */
const largestId = 2147483647;

const zero = kernel(
  {
    name: 'gatherZero',
    doc: 'zeros the gradient of a table',
    tiles: { e: 4096 },
    workgroup: [256, 1],
    writes: { dtable: 'f32' },
    parameters: { elements: 'i32' },
  },
  (k, { e, dtable, elements }) => k.store(dtable, [[tileOf(k, e, 0, elements), 1]], k.fill([e], 0)),
);

const chunks = kernel(
  {
    name: 'gatherChunks',
    doc: 'sorts each chunk of 128 positions by id, stably',
    tiles: { i: placed, j: chunk },
    workgroup: [32, 8],
    reads: { ids: 'i32' },
    writes: { order: 'i32', sorted: 'i32' },
    parameters: { count: 'i32' },
  },
  (k, { i, j, ids, order, sorted, count }) => {
    const start = k.mul(k.program(0), chunk);
    const own = k.add(start, k.mul(k.program(1), placed));
    const [I, J] = [k.span(i, own, count), k.span(j, start, count)];
    const id = k.load(ids, [[I, 1]]);
    const position = indices(k, I);
    // (x, j) < (id, i) is x < id + 1 where j < i, and x < id elsewhere
    const bound = k.add(id, k.cast(k.lt(indices(k, J), position), 'i32'));
    const others = k.load(ids, [[J, 1]], largestId);
    const place = k.add(k.sum(k.cast(k.lt(others, bound), 'i32'), j), start);
    const at = among(place, I);
    k.store(order, at, position);
    k.store(sorted, at, id);
  },
);

/** A range of an ascending buffer; `power` is a power of two, 2 · power > length, and `rounds` is log₂ power + 1. */
interface Range extends Readonly<Record<'from' | 'length' | 'power' | 'rounds', ValueLike>> {
  readonly buffer: Buffer;
}

/** How many elements of a range are less than `bound`, a tile over one axis: bisection without branches. */
function countBelow(k: KernelBuilder, { buffer, from, length, power, rounds }: Range, bound: Value): Value {
  const last = k.sub(k.add(k.constant(0, 'i32'), length), 1);
  const initial = [k.fill(bound.axes, 0, 'i32'), k.add(k.constant(0, 'i32'), power)] as const;
  const [found] = k.loop(0, rounds, 1, initial, (_, count, step) => {
    const probe = k.add(count, step);
    const element = k.load(buffer, [
      [from, 1],
      [k.min(k.sub(probe, 1), last), 1],
    ]);
    const below = k.and(k.le(probe, length), k.lt(element, bound));
    return [k.select(below, probe, count), k.div(step, 2)];
  });
  return found;
}

const merge = kernel(
  {
    name: 'gatherMerge',
    doc: 'merges sorted chunks of positions',
    tiles: { i: chunk },
    workgroup: [chunk, 1],
    reads: { chunkOrder: 'i32', chunkSorted: 'i32' },
    writes: { order: 'i32', sorted: 'i32' },
    parameters: { count: 'i32' },
  },
  (k, { i, chunkOrder, chunkSorted, order, sorted, count }) => {
    const own = k.mul(k.program(0), chunk);
    const I = k.span(i, own, count);
    const id = k.load(chunkSorted, [[I, 1]]);
    const later = k.add(id, 1);
    const [place] = k.loop(0, count, chunk, [k.arange(i)], (from, places) => {
      const length = k.min(k.sub(count, from), chunk);
      const whole = { buffer: chunkSorted, from, length, power: chunk, rounds: Math.log2(chunk) + 1 };
      // what stands in an earlier chunk comes before its equals
      const below = countBelow(k, whole, k.select(k.lt(from, own), later, id));
      return [k.add(places, k.select(k.eq(from, own), 0, below))];
    });
    const at = among(place, I);
    k.store(order, at, k.load(chunkOrder, [[I, 1]]));
    k.store(sorted, at, id);
  },
);

const ends = kernel(
  {
    name: 'gatherEnds',
    doc: 'end of the run of equal ids that starts at each sorted position',
    tiles: { s: 256 },
    workgroup: [256, 1],
    reads: { sorted: 'i32' },
    writes: { ends: 'i32' },
    parameters: { count: 'i32' },
  },
  (k, { s, sorted, ends, count }) => {
    const S = tileOf(k, s, 0, count);
    const position = indices(k, S);
    const id = k.load(sorted, [[S, 1]]);
    const one = k.constant(1, 'i32');
    const [power, rounds] = k.loop(0, 30, 1, [one, one], (_, p, r) => {
      const doubled = k.mul(p, 2);
      const fits = k.le(doubled, count);
      return [k.select(fits, doubled, p), k.add(r, k.select(fits, one, 0))];
    });
    const end = countBelow(k, { buffer: sorted, from: 0, length: count, power, rounds }, k.add(id, 1));
    const before = k.load(sorted, among(k.max(k.sub(position, 1), 0), S));
    const starts = k.or(k.eq(position, 0), k.map('ne', before, id));
    k.store(ends, [[S, 1]], k.select(starts, end, position));
  },
);

const sum = (columns: number) =>
  kernel(
    {
      name: 'gatherSum',
      doc: 'sums the rows of each run of equal ids',
      variant: [`${columns}`],
      tiles: { r: 4, c: columns },
      workgroup: [64, 4],
      reads: { dout: 'f32', order: 'i32', sorted: 'i32', ends: 'i32' },
      // not every row is stored: the rest keeps the zeros
      updates: { dtable: 'f32' },
      parameters: { width: 'i32' },
    },
    (k, { r, c, dout, order, sorted, ends, dtable, width }) => {
      const start = k.program(0);
      const end = k.load(ends, [[start, 1]]);
      const C = tileOf(k, c, 1, width);
      k.when(k.lt(start, end), () => {
        const [total] = k.loop(start, end, r.size, [k.fill([r, c], 0)], (from, sum) => {
          const R = k.span(r, from, end);
          // the span with stride 0 makes rows past the end of the run zero
          const rows = k.load(dout, [
            [k.load(order, [[R, 1]]), width],
            [R, 0],
            [C, 1],
          ]);
          return [k.add(sum, rows)];
        });
        const row = k.load(sorted, [[start, 1]]);
        k.store(dtable, matrix(row, C, width), k.sum(total, r));
      });
    },
  );

/** dtable f32 [vocabulary, width], all of it written, of ids i32 [count] and dout f32 [count, width]. Five launches. */
export function planGatherGradient(
  args: Slots<'ids' | 'dout' | 'dtable'> & Readonly<Record<'count' | 'width' | 'vocabulary', Dim>>,
): LaunchPlan[] {
  const { count, width } = args;
  const chunked = temporaries('i32', [count], 'chunkOrder', 'chunkSorted');
  const given = { ...args, ...chunked, ...temporaries('i32', [count], 'order', 'sorted', 'ends') };
  const elements = times(args.vocabulary, width);
  return [
    zero.over({ e: elements }).with({ ...given, elements }),
    chunks
      .over(blocksOf(count, chunk), blocksOf(chunk, placed))
      .with({ ...given, order: chunked.chunkOrder, sorted: chunked.chunkSorted }),
    merge.over({ i: count }).with(given),
    ends.over({ s: count }).with(given),
    sum(tileExtent(width, 256, 4))
      .over(count, { c: width })
      .with(given),
  ];
}
