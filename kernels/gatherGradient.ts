import { type Dim, times } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { type KernelBuilder, traceKernel } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import { blocksOf, tileExtent, tracedOnce } from './plan.ts';

/**
 * dtable[v, :] = Σ over the positions i with ids[i] = v, in ascending order, of dout[i, :]; zero where there are none.
 *
 * Each row has one writer and no float is added atomically, so the ids are sorted first. Four launches:
 *
 *   zero   dtable ← 0                                                    vocabulary · width stores
 *   rank   rank(i) = #{j : (ids[j], j) < (ids[i], i)}, a stable sort;    count² integer compares
 *          order[rank(i)] = i, sorted[rank(i)] = ids[i]
 *   ends   the end of the run of equal ids that starts at a position, found by bisection; a position inside a run
 *          gets itself, that is an empty run                             32 · count
 *   sum    one program per run and column block adds the rows            count · width loads
 *
 * Why rank by counting, on the device: ids may be computed inside the graph, so the host cannot sort them; a counting
 * sort needs float-free atomics or a serial walk, and the number of launches may not depend on sizes. count² compares of
 * integers, a few operations each without memory traffic, stay below the encoder's own work (count · width² and more
 * per layer) up to tens of thousands of positions. Nothing but `zero` grows with the vocabulary.
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
const rankTiles = { i: 32, j: 128 };
const endTile = 128;
const sumRows = 4;
/** An id that no table has: it ranks after all others. */
const largestId = 2147483647;
/** Bisection over fewer than 2³¹ positions. */
const bisections = 31;

function zeroProgram(k: KernelBuilder): void {
  const E = k.span(k.axis('e', zeroTile), k.mul(k.program(0), zeroTile), k.parameter('elements'));
  k.store(k.write('out'), [[E, 1]], k.fill([E.axis], 0));
}

function rankProgram(k: KernelBuilder): void {
  const ids = k.read('ids', 'i32');
  const order = k.write('order', 'i32');
  const sorted = k.write('sorted', 'i32');
  const count = k.parameter('count');
  const i = k.axis('i', rankTiles.i);
  const j = k.axis('j', rankTiles.j);
  const start = k.mul(k.program(0), rankTiles.i);
  const I = k.span(i, start, count);
  const id = k.load(ids, [[I, 1]]);
  const position = k.add(k.arange(i), start);
  // (x, j) < (id, i) is x < id + 1 where j < i and x < id elsewhere; only the chunk that holds `start` has both cases
  const smaller = (from: Value, bound: Value, total: Value) => {
    const others = k.load(ids, [[k.span(j, from, count), 1]], largestId);
    return k.add(total, k.cast(k.lt(others, bound), 'i32'));
  };
  const own = k.sub(start, k.rem(start, rankTiles.j));
  const after = k.add(own, rankTiles.j);
  const earlier = k.add(id, 1);
  const none = k.fill([i, j], 0, 'i32');
  const [before] = k.loop(0, own, rankTiles.j, [none], (from, total) => [
    smaller(from, earlier, total as Value),
  ]);
  const precedes = k.lt(k.add(k.arange(j), own), position);
  const inner = smaller(own, k.add(id, k.cast(precedes, 'i32')), before as Value);
  const [all] = k.loop(after, count, rankTiles.j, [inner], (from, total) => [
    smaller(from, id, total as Value),
  ]);
  const rank = k.sum(all as Value, j);
  // the span with stride 0 keeps positions past the end from being stored
  const at = [
    [rank, 1],
    [I, 0],
  ] as const;
  k.store(order, at, position);
  k.store(sorted, at, id);
}

function endsProgram(k: KernelBuilder): void {
  const sorted = k.read('sorted', 'i32');
  const ends = k.write('ends', 'i32');
  const count = k.parameter('count');
  const s = k.axis('s', endTile);
  const start = k.mul(k.program(0), endTile);
  const S = k.span(s, start, count);
  const position = k.add(k.arange(s), start);
  const id = k.load(sorted, [[S, 1]]);
  const last = k.sub(count, 1);
  const at = (index: Value) => k.load(sorted, [[k.min(k.max(index, 0), last), 1]]);
  const starts = k.or(k.eq(position, 0), k.map('ne', at(k.sub(position, 1)), id));
  // invariant: everything below `low` is in the run or before it, everything from `high` on is behind it
  const initial = [k.add(position, 1), k.add(k.fill([s], 0, 'i32'), count)];
  const [low] = k.loop(0, bisections, 1, initial, (_, lowest, highest) => {
    const [low, high] = [lowest as Value, highest as Value];
    const middle = k.add(low, k.div(k.sub(high, low), 2));
    const open = k.lt(low, high);
    const same = k.eq(at(middle), id);
    return [
      k.select(k.and(open, same), k.add(middle, 1), low),
      k.select(k.and(open, k.not(same)), middle, high),
    ];
  });
  k.store(ends, [[S, 1]], k.select(starts, low as Value, position));
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
      const rows = k.load(dout, [
        [k.load(order, [[R, 1]]), width],
        [C, 1],
      ]);
      return [k.add(sum as Value, k.select(k.inside(R), rows, 0))];
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

export const traceGatherZero = (): Kernel =>
  tracedOnce('gatherZero', () =>
    traceKernel(
      {
        name: 'gatherZero',
        doc: 'zeros the gradient of a table',
        schedule: { tiles: { e: zeroTile }, workgroup: [256, 1] },
      },
      zeroProgram,
    ),
  );

export const traceGatherRank = (): Kernel =>
  tracedOnce('gatherRank', () =>
    traceKernel(
      {
        name: 'gatherRank',
        doc: 'sorts positions by id, stably, by counting smaller ones',
        schedule: { tiles: rankTiles, workgroup: [32, 8] },
      },
      rankProgram,
    ),
  );

export const traceGatherEnds = (): Kernel =>
  tracedOnce('gatherEnds', () =>
    traceKernel(
      {
        name: 'gatherEnds',
        doc: 'end of the run of equal ids that starts at each sorted position',
        schedule: { tiles: { s: endTile }, workgroup: [endTile, 1] },
      },
      endsProgram,
    ),
  );

export const traceGatherSum = (columns: number): Kernel =>
  tracedOnce(`gatherSum ${columns}`, () =>
    traceKernel(
      {
        name: 'gatherSum',
        variant: `${columns}`,
        doc: 'sums the rows of each run of equal ids',
        schedule: { tiles: { r: sumRows, c: columns }, workgroup: [64, 4] },
      },
      (k) => sumProgram(k, columns),
    ),
  );

/** dtable[v, :] = Σ over positions i with ids[i] = v of dout[i, :]. Four launches. */
export function planGatherGradient(args: GatherGradientArguments): LaunchPlan[] {
  const { ids, dout, dtable, count, width, vocabulary } = args;
  const integers = (name: string): Slot => ({
    kind: 'temporary',
    name: `gather${name}`,
    type: { dtype: 'i32', shape: [count] },
  });
  const [order, sorted, ends] = [integers('Order'), integers('Sorted'), integers('Ends')];
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
      kernel: traceGatherRank(),
      grid: [blocksOf(count, rankTiles.i)],
      scalars: { count },
      slots: { ids, order, sorted },
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
