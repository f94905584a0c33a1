import { type Dim, times } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput, ValueLike } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Value } from '../src/kernel/ir.ts';
import { blocksOf, kernelOnce, tileExtent } from './plan.ts';

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
export interface GatherGradientArguments {
  /** i32 [count] */
  readonly ids: Slot;
  /** f32 [count, width] */
  readonly dout: Slot;
  /** f32 [vocabulary, width], all of it written */
  readonly dtable: Slot;
  readonly count: Dim;
  readonly width: Dim;
  readonly vocabulary: Dim;
}

const zeroTile = 4096;
const chunk = 128;
/** Positions that one program of `chunks` places; it looks at the whole chunk. */
const placed = 32;
const endTile = 256;
const sumRows = 4;
/** An id that no table has: it ranks after all others. */
const largestId = 2147483647;

function zeroProgram(k: KernelBuilder): void {
  const E = k.span(k.axis('e', zeroTile), k.mul(k.program(0), zeroTile), k.parameter('elements'));
  k.store(k.write('out'), [[E, 1]], k.fill([E.axis], 0));
}

function chunksProgram(k: KernelBuilder): void {
  const ids = k.read('ids', 'i32');
  const count = k.parameter('count');
  const i = k.axis('i', placed);
  const j = k.axis('j', chunk);
  const start = k.mul(k.program(0), chunk);
  const own = k.add(start, k.mul(k.program(1), placed));
  const I = k.span(i, own, count);
  const id = k.load(ids, [[I, 1]]);
  const position = k.add(k.arange(i), own);
  // (x, j) < (id, i) is x < id + 1 where j < i, and x < id elsewhere
  const bound = k.add(id, k.cast(k.lt(k.add(k.arange(j), start), position), 'i32'));
  const others = k.load(ids, [[k.span(j, start, count), 1]], largestId);
  const place = k.add(k.sum(k.cast(k.lt(others, bound), 'i32'), j), start);
  // the span with stride 0 keeps positions past the end from being stored
  const at: TermInput[] = [
    [place, 1],
    [I, 0],
  ];
  k.store(k.write('order', 'i32'), at, position);
  k.store(k.write('sorted', 'i32'), at, id);
}

/** A stretch of an ascending buffer; `power` is a power of two, and 2 · power > length. */
interface Stretch {
  readonly buffer: Buffer;
  readonly from: ValueLike;
  readonly length: ValueLike;
  readonly power: ValueLike;
  /** log₂ power + 1 */
  readonly rounds: ValueLike;
}

/** How many elements of a stretch are less than `bound`, a tile over one axis: bisection without branches. */
function countBelow(k: KernelBuilder, { buffer, from, length, power, rounds }: Stretch, bound: Value): Value {
  const last = k.sub(k.add(k.constant(0, 'i32'), length), 1);
  const initial = [k.fill(bound.axes, 0, 'i32'), k.add(k.constant(0, 'i32'), power)];
  const [found] = k.loop(0, rounds, 1, initial, (_, count, step) => {
    const probe = k.add(count as Value, step as Value);
    const element = k.load(buffer, [
      [from, 1],
      [k.min(k.sub(probe, 1), last), 1],
    ]);
    const below = k.and(k.le(probe, length), k.lt(element, bound));
    return [k.select(below, probe, count as Value), k.div(step as Value, 2)];
  });
  return found as Value;
}

function mergeProgram(k: KernelBuilder): void {
  const chunkOrder = k.read('chunkOrder', 'i32');
  const chunkSorted = k.read('chunkSorted', 'i32');
  const count = k.parameter('count');
  const i = k.axis('i', chunk);
  const own = k.mul(k.program(0), chunk);
  const I = k.span(i, own, count);
  const id = k.load(chunkSorted, [[I, 1]]);
  const later = k.add(id, 1);
  const [place] = k.loop(0, count, chunk, [k.arange(i)], (from, places) => {
    const length = k.min(k.sub(count, from), chunk);
    const stretch: Stretch = {
      buffer: chunkSorted,
      from,
      length,
      power: chunk,
      rounds: Math.log2(chunk) + 1,
    };
    // what stands in an earlier chunk comes before its equals
    const below = countBelow(k, stretch, k.select(k.lt(from, own), later, id));
    return [k.add(places as Value, k.select(k.eq(from, own), 0, below))];
  });
  const at: TermInput[] = [
    [place as Value, 1],
    [I, 0],
  ];
  k.store(k.write('order', 'i32'), at, k.load(chunkOrder, [[I, 1]]));
  k.store(k.write('sorted', 'i32'), at, id);
}

function endsProgram(k: KernelBuilder): void {
  const sorted = k.read('sorted', 'i32');
  const count = k.parameter('count');
  const s = k.axis('s', endTile);
  const start = k.mul(k.program(0), endTile);
  const S = k.span(s, start, count);
  const position = k.add(k.arange(s), start);
  const id = k.load(sorted, [[S, 1]]);
  const one = k.constant(1, 'i32');
  const [power, rounds] = k.loop(0, 30, 1, [one, one], (_, p, r) => {
    const doubled = k.mul(p as Value, 2);
    const fits = k.le(doubled, count);
    return [k.select(fits, doubled, p as Value), k.add(r as Value, k.select(fits, one, 0))];
  }) as [Value, Value];
  const end = countBelow(k, { buffer: sorted, from: 0, length: count, power, rounds }, k.add(id, 1));
  const before = k.load(sorted, [
    [k.max(k.sub(position, 1), 0), 1],
    [S, 0],
  ]);
  const starts = k.or(k.eq(position, 0), k.map('ne', before, id));
  k.store(k.write('ends', 'i32'), [[S, 1]], k.select(starts, end, position));
}

function sumProgram(k: KernelBuilder, columns: number): void {
  const dout = k.read('dout');
  const order = k.read('order', 'i32');
  const sorted = k.read('sorted', 'i32');
  const ends = k.read('ends', 'i32');
  // not every row is stored: the rest keeps the zeros
  const dtable = k.buffer('dtable', 'f32', 'update');
  const width = k.parameter('width');
  const r = k.axis('r', sumRows);
  const c = k.axis('c', columns);
  const start = k.program(0);
  const end = k.load(ends, [[start, 1]]);
  const C = k.span(c, k.mul(k.program(1), columns), width);
  k.when(k.lt(start, end), () => {
    const [total] = k.loop(start, end, sumRows, [k.fill([r, c], 0)], (from, sum) => {
      const R = k.span(r, from, end);
      // the span with stride 0 makes rows past the end of the run zero
      const rows = k.load(dout, [
        [k.load(order, [[R, 1]]), width],
        [R, 0],
        [C, 1],
      ]);
      return [k.add(sum as Value, rows)];
    });
    const row = k.load(sorted, [[start, 1]]);
    k.store(
      dtable,
      [
        [row, width],
        [C, 1],
      ],
      k.sum(total as Value, r),
    );
  });
}

const traceGatherZero = (): Kernel =>
  kernelOnce(
    {
      name: 'gatherZero',
      doc: 'zeros the gradient of a table',
      schedule: { tiles: { e: zeroTile }, workgroup: [256, 1] },
    },
    zeroProgram,
  );

const traceGatherChunks = (): Kernel =>
  kernelOnce(
    {
      name: 'gatherChunks',
      doc: 'sorts each chunk of 128 positions by id, stably',
      schedule: { tiles: { i: placed, j: chunk }, workgroup: [32, 8] },
    },
    chunksProgram,
  );

const traceGatherMerge = (): Kernel =>
  kernelOnce(
    {
      name: 'gatherMerge',
      doc: 'merges sorted chunks of positions',
      schedule: { tiles: { i: chunk }, workgroup: [chunk, 1] },
    },
    mergeProgram,
  );

const traceGatherEnds = (): Kernel =>
  kernelOnce(
    {
      name: 'gatherEnds',
      doc: 'end of the run of equal ids that starts at each sorted position',
      schedule: { tiles: { s: endTile }, workgroup: [endTile, 1] },
    },
    endsProgram,
  );

const traceGatherSum = (columns: number): Kernel =>
  kernelOnce(
    {
      name: 'gatherSum',
      variant: `${columns}`,
      doc: 'sums the rows of each run of equal ids',
      schedule: { tiles: { r: sumRows, c: columns }, workgroup: [64, 4] },
    },
    (k) => sumProgram(k, columns),
  );

/** dtable[v, :] = Σ over positions i with ids[i] = v of dout[i, :]. Five launches. */
export function planGatherGradient(args: GatherGradientArguments): LaunchPlan[] {
  const { ids, dout, dtable, count, width, vocabulary } = args;
  const integers = (name: string): Slot => ({
    kind: 'temporary',
    name: `gather${name}`,
    type: { dtype: 'i32', shape: [count] },
  });
  const [order, sorted, ends] = [integers('Order'), integers('Sorted'), integers('Ends')];
  const [chunkOrder, chunkSorted] = [integers('ChunkOrder'), integers('ChunkSorted')];
  const elements = times(vocabulary, width);
  const columns = tileExtent(width, 256, 4);
  return [
    {
      kernel: traceGatherZero(),
      grid: [blocksOf(elements, zeroTile)],
      scalars: { elements },
      slots: { out: dtable },
    },
    {
      kernel: traceGatherChunks(),
      grid: [blocksOf(count, chunk), blocksOf(chunk, placed)],
      scalars: { count },
      slots: { ids, order: chunkOrder, sorted: chunkSorted },
    },
    {
      kernel: traceGatherMerge(),
      grid: [blocksOf(count, chunk)],
      scalars: { count },
      slots: { chunkOrder, chunkSorted, order, sorted },
    },
    {
      kernel: traceGatherEnds(),
      grid: [blocksOf(count, endTile)],
      scalars: { count },
      slots: { sorted, ends },
    },
    {
      kernel: traceGatherSum(columns),
      grid: [blocksOf(count, 1), blocksOf(width, columns)],
      scalars: { width },
      slots: { dout, order, sorted, ends, dtable },
    },
  ];
}
