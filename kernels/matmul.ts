import type { Dim, Shape } from '../src/base/dim.ts';
import type { LaunchPlan, ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Buffer, Kernel, Schedule, Span, Value } from '../src/kernel/ir.ts';
import { chooseSchedule, type Schedules, scheduleWords, shapeClassOf } from '../src/kernel/schedule.ts';
import { type Epilogue, epilogueBindings, epilogueVariant, storeThrough } from './epilogue.ts';
import { addUp } from './longSum.ts';
import { planMatmulSum } from './matmulSum.ts';
import { blockOf, blocksOf, kernelOnce, type StrideKind, strided, strideKind, tileExtent } from './plan.ts';

/**
 * out[…, m, n] = f(Σ_k x[…, m, k] · y[…, k, n])
 *
 * x is [rows, inner] (or [inner, rows] where `transposeX`), y is [inner, columns] (or [columns, inner]), out is
 * [rows, columns], row-major, under up to two outer dims with strides of their own. A program makes one m × n tile of
 * out, looping over k; f is an epilogue of element-wise functions on the finished tile.
 *
 * Gradients are matmuls again: dx = dout · yᵀ, dy = xᵀ · dout; the transposes are strides, nothing is copied.
 *
 * Where out has few tiles and the sum is long, as in gradients of weights, the schedule splits it: `split` programs per tile
 * sum stretches of k into partial products, which a second launch adds in their order, epilogue included.
 *
 * On demand the first row of programs also adds up the columns of y, sums[n] = Σ_k y[k, n]: in xᵀ · dout, the gradient of a
 * weight, they are the gradient of the bias that came with it.
 *
 * Memory: x is read ceil(columns / n) times, y ceil(rows / m) times, out written once; with `split` > 1, partial products of
 * split times the size of out are written and read once.
 */

export type MatmulTiles = {
  readonly m: number;
  readonly n: number;
  readonly k: number;
};

/** An outer dim: its size and the stride, in elements, that it has in each operand; 0 broadcasts. */
export interface MatmulBatch {
  readonly size: Dim;
  readonly x: Dim;
  readonly y: Dim;
  readonly out: Dim;
}

export interface MatmulArguments {
  readonly x: Slot;
  readonly y: Slot;
  readonly out: Slot;
  /** where the sums over the columns of y go, f32 [columns]; only without `batch` and `transposeY` */
  readonly sums?: Slot | undefined;
  readonly rows: Dim;
  readonly columns: Dim;
  readonly inner: Dim;
  /** at most two, outermost first */
  readonly batch: readonly MatmulBatch[];
  readonly transposeX?: boolean | undefined;
  readonly transposeY?: boolean | undefined;
  readonly epilogue?: Epilogue | undefined;
  /** largest tile extents, whatever the device's schedules say; default 64 × 64 × 64 */
  readonly tiles?: MatmulTiles | undefined;
  readonly schedules?: Schedules | undefined;
}

const OWN: Schedule = { tiles: { m: 64, n: 64, k: 64 }, stage: 16 };

/** What shapes the text. */
interface MatmulOptions {
  /** with all of its tiles */
  readonly schedule: Schedule & { readonly tiles: MatmulTiles };
  readonly transposeX: boolean;
  readonly transposeY: boolean;
  readonly batch: readonly Readonly<Record<'x' | 'y' | 'out', StrideKind>>[];
  readonly epilogue: Epilogue | undefined;
  readonly sums: boolean;
}

const letters = (transposeX: boolean, transposeY: boolean): string =>
  `${transposeX ? 't' : 'n'}${transposeY ? 't' : 'n'}`;

function variantOf({ schedule, transposeX, transposeY, batch, epilogue, sums }: MatmulOptions): string {
  const { tiles, split = 1 } = schedule;
  return [
    `${tiles.m}x${tiles.n}x${tiles.k}`,
    letters(transposeX, transposeY),
    ...(split > 1 ? [`split ${split}`] : []),
    ...(sums ? ['sums'] : []),
    ...scheduleWords(schedule, OWN),
    ...batch.map(({ x, y, out }) => `batch(${x},${y},${out})`),
    ...(epilogue ? [epilogueVariant(epilogue)] : []),
  ].join(' ');
}

/** The kernel for one schedule, transposition, batch pattern and epilogue. */
function traceMatmul(options: MatmulOptions): Kernel {
  const { schedule } = options;
  const doc = 'out = f(x · y), one tile of out per program';
  return kernelOnce({ name: 'matmul', variant: variantOf(options), doc, schedule }, (k) =>
    matmulProgram(k, options),
  );
}

function matmulProgram(k: KernelBuilder, options: MatmulOptions): void {
  const { schedule, transposeX, transposeY, batch, epilogue } = options;
  const { tiles, split = 1 } = schedule;
  const r = options.sums ? k.axis('r', SUMMED_ROWS) : undefined;
  const [x, y, out] = [k.read('x'), k.read('y'), k.write('out')];
  const rows = k.parameter('rows');
  const columns = k.parameter('columns');
  const inner = k.parameter('inner');
  const m = k.axis('m', tiles.m);
  const n = k.axis('n', tiles.n);
  const depth = k.axis('k', tiles.k);
  const M = k.span(m, k.mul(k.program(0), tiles.m), rows);
  const N = k.span(n, k.mul(k.program(1), tiles.n), columns);
  const outer = batch.map((_, i) => k.program(i === 0 ? 2 : 3));
  const base = (name: 'x' | 'y' | 'out'): TermInput[] =>
    outer.flatMap((index, i) =>
      strided(index, batch[i]?.[name] ?? 'none', () => k.parameter(`${name}Batch${i}`)),
    );
  const [baseX, baseY] = [base('x'), base('y')];
  const part = split > 1 ? blockOf(k, k.program(2), split, inner, tiles.k) : { from: 0, to: inner };
  const stretch = { ...part, step: tiles.k, long: schedule.blocks === true };
  const [product] = addUp(k, stretch, [k.fill([m, n], 0)], (start, [sum]) => {
    const K = k.span(depth, start, part.to);
    const left = k.load(x, [...baseX, [M, transposeX ? 1 : inner], [K, transposeX ? rows : 1]]);
    const right = k.load(y, [...baseY, [K, transposeY ? 1 : columns], [N, transposeY ? inner : 1]]);
    return [k.dot(left, right, sum, depth)];
  });
  const partial: TermInput[] = split > 1 ? [[k.program(2), k.mul(rows, columns)]] : base('out');
  const place: TermInput[] = [...partial, [M, columns], [N, 1]];
  storeThrough(k, epilogue, [out, place], product, [M, N, outer]);
  if (r) sumColumns(k, r, [y, columns, N], part, split > 1 ? k.program(2) : k.constant(0, 'i32'));
}

/** Rows of y that are added at a time. */
const SUMMED_ROWS = 16;

/** sums[stretch, n] = Σ y[k, n] over the rows k of this stretch, by the programs of the first row of tiles. */
function sumColumns(
  k: KernelBuilder,
  r: Axis,
  [y, columns, N]: readonly [Buffer, Value, Span],
  { from, to }: { readonly from: Value | number; readonly to: Value },
  stretch: Value,
): void {
  const sums = k.write('sums');
  k.when(k.eq(k.program(0), 0), () => {
    const rows = { from, to, step: r.size, long: true };
    const [total] = addUp(k, rows, [k.fill([r, N.axis], 0)], (start, [sum]) => [
      k.add(
        sum,
        k.load(y, [
          [k.span(r, start, to), columns],
          [N, 1],
        ]),
      ),
    ]);
    k.store(
      sums,
      [
        [stretch, columns],
        [N, 1],
      ],
      k.sum(total, r),
    );
  });
}

const ceil = (size: Dim, per: number): number | undefined =>
  typeof size === 'number' ? Math.ceil(size / per) : undefined;

/**
 * Tiles for the sizes at hand. Where out has fewer tiles than the device wants programs, they get narrower, and then the sum
 * is split, so far as a stretch keeps two tiles of its own; a sum of a named size counts as long.
 */
function scheduleOf({ rows, columns, inner, batch, ...args }: MatmulArguments, shapeClass: string) {
  const { tiles: given, split: told, ...found } = chooseSchedule(args.schedules, 'matmul', shapeClass, OWN);
  const largest = { ...given, ...args.tiles };
  const tilesUpTo = (n: number): MatmulTiles => ({
    m: tileExtent(rows, largest.m ?? 64, 4),
    n: tileExtent(columns, n, 8),
    k: tileExtent(inner, largest.k ?? 64, 8),
  });
  const programsOf = ({ m, n }: MatmulTiles): number =>
    [ceil(rows, m), ceil(columns, n), ...batch.map(({ size }) => ceil(size, 1))].reduce<number>(
      (total, count) => total * (count ?? Number.POSITIVE_INFINITY),
      1,
    );
  const wanted = args.schedules?.programs ?? 1;
  let widest = largest.n ?? 64;
  // a schedule that says how to split was found with the tiles that it gives
  while (told === undefined && widest >= 2 * NARROWEST && programsOf(tilesUpTo(widest)) < wanted) widest /= 2;
  const tiles = tilesUpTo(widest);
  const wish = told ?? Math.ceil(wanted / Math.max(1, programsOf(tiles)));
  const most = Math.floor((ceil(inner, tiles.k) ?? Number.POSITIVE_INFINITY) / 2);
  const split = batch.length > 0 ? 1 : Math.max(1, Math.min(wish, most, MOST_STRETCHES));
  return { ...found, tiles, ...(split > 1 ? { split } : {}) };
}

/** Columns below which narrower tiles would be packed more than they compute. */
const NARROWEST = 128;

/** Partial products cost memory and a launch that adds them up in one text. */
const MOST_STRETCHES = 16;

/** Matrix product with fused epilogue: one launch, or two where the schedule splits the sum. */
export function planMatmul(args: MatmulArguments): LaunchPlan[] {
  const { rows, columns, inner, batch, epilogue, transposeX = false, transposeY = false } = args;
  const words = `${letters(transposeX, transposeY)}${batch.length > 0 ? ' batched' : ''}`;
  const shapeClass = shapeClassOf(words, { m: rows, n: columns, k: inner });
  const schedule = scheduleOf(args, shapeClass);
  const { tiles, split = 1 } = schedule;
  const kinds = batch.map(({ x, y, out }) => ({
    ...{ x: strideKind(x), y: strideKind(y) },
    // 0 where out is empty: not a broadcast, which no result is
    out: out === 0 ? ('unit' as const) : strideKind(out),
  }));
  const kernel = traceMatmul({
    ...{ schedule, transposeX, transposeY },
    batch: kinds,
    epilogue: split > 1 ? undefined : epilogue,
    sums: args.sums !== undefined,
  });
  const scalars: Record<string, ScalarExpression> = { rows, columns, inner };
  batch.forEach((strides, dim) => {
    for (const name of ['x', 'y', 'out'] as const) {
      if (kinds[dim]?.[name] === 'parameter') scalars[`${name}Batch${dim}`] = strides[name];
    }
  });
  const { x, y, out, sums } = args;
  // the first row of programs makes the sums, whether or not out has rows
  const grid = [{ ...blocksOf(rows, tiles.m), least: sums ? 1 : 0 }, blocksOf(columns, tiles.n)];
  if (split > 1) {
    const temporary = (name: string, shape: Shape): Slot => ({
      kind: 'temporary',
      name,
      type: { dtype: 'f32', shape },
    });
    const partial = temporary('partial', [split, rows, columns]);
    const partialSums = sums && temporary('partialSums', [split, columns]);
    const slots = { x, y, out: partial, ...(partialSums && { sums: partialSums }) };
    return [
      { kernel, grid: [...grid, blocksOf(split, 1)], scalars, slots, shapeClass },
      planMatmulSum({ partial, partialSums, out, sums, parts: split, rows, columns, epilogue }),
    ];
  }
  const bound = epilogueBindings(epilogue);
  return [
    {
      kernel,
      grid: [...grid, ...batch.map(({ size }) => blocksOf(size, 1))],
      scalars: { ...scalars, ...bound.scalars },
      slots: { x, y, out, ...(sums && { sums }), ...bound.slots },
      shapeClass,
    },
  ];
}
