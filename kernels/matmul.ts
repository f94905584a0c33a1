import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Buffer, Schedule, Span, Value } from '../src/kernel/ir.ts';
import { strided, strideKind, strideScalars } from './dims.ts';
import { type Epilogue, epilogueBindings, epilogueVariant, storeThrough } from './epilogue.ts';
import { type Choice, choose, kernel, type Slots, type Tuned } from './kernel.ts';
import { addUp, blockOf } from './longSum.ts';
import { blocksOf, extentsOf, matrix, temporary, tileExtent, tileOf } from './plan.ts';

const SIDES = ['x', 'y', 'out'] as const;
type Side = (typeof SIDES)[number];

/** An outer dim: its size and the stride, in elements, that it has in each operand; 0 broadcasts. */
export type MatmulBatch = Readonly<Record<'size' | Side, Dim>>;
const stridesOf = (batch: readonly MatmulBatch[], side: Side): Dim[] => batch.map((dims) => dims[side]);

export interface MatmulArguments
  extends Tuned,
    Slots<Side>,
    Readonly<Record<'rows' | 'columns' | 'inner', Dim>> {
  /** where the sums over the columns of y go, f32 [columns]; only without `batch` and `transposeY` */
  readonly sums?: Slot | undefined;
  /** at most two, outermost first */
  readonly batch: readonly MatmulBatch[];
  readonly transposeX?: boolean | undefined;
  readonly transposeY?: boolean | undefined;
  readonly epilogue?: Epilogue | undefined;
}

const OWN = { tiles: { m: 64, n: 64, k: 64 }, stage: 16 } satisfies Schedule;
type Tiles = typeof OWN.tiles;

/** Rows of y that are added at a time. */
const SUMMED_ROWS = 16;

const letters = ({ transposeX, transposeY }: MatmulArguments): string =>
  `${transposeX ? 't' : 'n'}${transposeY ? 't' : 'n'}`;

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
 * sum blocks of k into partial products, which a second launch adds in their order, epilogue included.
 *
 * On demand the first row of programs also adds up the columns of y, sums[n] = Σ_k y[k, n]: in xᵀ · dout, the gradient of a
 * weight, they are the gradient of the bias that came with it.
 *
 * Memory: x is read ceil(columns / n) times, y ceil(rows / m) times, out written once; with `split` > 1, partial products of
 * split times the size of out are written and read once.
 */
function matmul(args: MatmulArguments, choice: Choice<Tiles>) {
  const { transposeX, transposeY, batch, epilogue } = args;
  const { tiles, split = 1, blocks = false } = choice.schedule;
  return kernel(
    {
      name: 'matmul',
      doc: 'out = f(x · y), one tile of out per program',
      variant: [
        extentsOf(tiles),
        letters(args),
        split > 1 && `split ${split}`,
        args.sums && 'sums',
        ...batch.map((dims) => `batch(${SIDES.map((side) => strideKind(dims[side]))})`),
        epilogue && epilogueVariant(epilogue),
      ],
      // r first: what it adds up is a tile over r and n
      tiles: { r: args.sums && SUMMED_ROWS, ...tiles },
      fixed: ['r'],
      choice,
      reads: { x: 'f32', y: 'f32' },
      writes: { out: 'f32', sums: args.sums && 'f32' },
      parameters: { rows: 'i32', columns: 'i32', inner: 'i32' },
    },
    (k, { r, m, n, k: depth, x, y, out, sums, rows, columns, inner }) => {
      const M = tileOf(k, m, 0, rows);
      const N = tileOf(k, n, 1, columns);
      const outer = batch.map((_, i) => k.program(i === 0 ? 2 : 3));
      const base = (name: Side): TermInput[] => strided(k, name, outer, stridesOf(batch, name));
      const [baseX, baseY] = [base('x'), base('y')];
      const part = split > 1 ? blockOf(k, k.program(2), split, inner, tiles.k) : { from: 0, to: inner };
      const range = { ...part, step: tiles.k, long: blocks };
      const [product] = addUp(k, range, [k.fill([m, n], 0)], (start, [sum]) => {
        const K = k.span(depth, start, part.to);
        const left = k.load(x, [...baseX, [M, transposeX ? 1 : inner], [K, transposeX ? rows : 1]]);
        const right = k.load(y, [...baseY, [K, transposeY ? 1 : columns], [N, transposeY ? inner : 1]]);
        return [k.dot(left, right, sum, depth)];
      });
      const partial: TermInput[] = split > 1 ? [[k.program(2), k.mul(rows, columns)]] : base('out');
      storeThrough(k, epilogue, [out, [...partial, ...matrix(M, N, columns)]], product, [M, N, outer]);
      if (sums && r) {
        const at = matrix(split > 1 ? k.program(2) : k.constant(0, 'i32'), N, columns);
        k.when(k.eq(k.program(0), 0), () => k.store(sums, at, columnSums(k, r, y, N, columns, part)));
      }
    },
  );
}

/** Σ y[k, n] over the rows k of a range. */
function columnSums(
  k: KernelBuilder,
  r: Axis,
  y: Buffer,
  N: Span,
  columns: Value,
  { from, to }: { readonly from: Value | number; readonly to: Value },
): Value {
  const range = { from, to, step: r.size, long: true };
  const [total] = addUp(k, range, [k.fill([r, N.axis], 0)], (start, [sum]) => [
    k.add(sum, k.load(y, matrix(k.span(r, start, to), N, columns))),
  ]);
  return k.sum(total, r);
}

/** Columns below which narrower tiles would be packed more than they compute. */
const NARROWEST = 128;

/** Partial products cost memory and a launch that adds them up in one text. */
const MOST_PARTS = 16;

const ceil = (size: Dim, per: number): number =>
  typeof size === 'number' ? Math.ceil(size / per) : Number.POSITIVE_INFINITY;

/**
 * The choice for the sizes at hand. Where out has fewer tiles than the device wants programs, they get narrower, and then the sum
 * is split, so far as a part keeps two tiles of its own; a sum of a named size counts as long.
 */
function fitted(
  { rows, columns, inner, batch, schedules }: MatmulArguments,
  choice: Choice<Tiles>,
): Choice<Tiles> {
  const { tiles: largest, split: told, ...found } = choice.schedule;
  const tilesUpTo = (n: number): Tiles => ({
    m: tileExtent(rows, largest.m, 4),
    n: tileExtent(columns, n, 8),
    k: tileExtent(inner, largest.k, 8),
  });
  const programsOf = ({ m, n }: Tiles): number =>
    batch.reduce((total, { size }) => total * ceil(size, 1), ceil(rows, m) * ceil(columns, n));
  const wanted = schedules?.programs ?? 1;
  let widest = largest.n;
  // a schedule that says how to split was found with the tiles that it gives
  while (told === undefined && widest >= 2 * NARROWEST && programsOf(tilesUpTo(widest)) < wanted) widest /= 2;
  const tiles = tilesUpTo(widest);
  const wish = told ?? Math.ceil(wanted / Math.max(1, programsOf(tiles)));
  const most = Math.floor(ceil(inner, tiles.k) / 2);
  const split = batch.length > 0 ? 1 : Math.max(1, Math.min(wish, most, MOST_PARTS));
  return { ...choice, schedule: { ...found, tiles, ...(split > 1 ? { split } : {}) } };
}

/** Matrix product with fused epilogue: one launch, or two where the schedule splits the sum. */
export function planMatmul(args: MatmulArguments): LaunchPlan[] {
  const { rows, columns, inner, batch, sums, epilogue } = args;
  const words = `${letters(args)}${batch.length > 0 ? ' batched' : ''}`;
  const sizes = { m: rows, n: columns, k: inner };
  const choice = fitted(args, choose('matmul', OWN, sizes, args.schedules, words));
  const { tiles, split = 1 } = choice.schedule;
  // the first row of programs makes the sums, whether or not out has rows
  const grid = [{ ...blocksOf(rows, tiles.m), least: sums ? 1 : 0 }, blocksOf(columns, tiles.n)];
  if (split === 1) {
    const { slots, scalars } = epilogueBindings(epilogue);
    const strides = SIDES.flatMap((name) => strideScalars(name, stridesOf(batch, name)));
    return [
      matmul(args, choice)
        .over(...grid, ...batch.map(({ size }) => size))
        .with(args, { slots, scalars: { ...scalars, ...Object.fromEntries(strides) } }),
    ];
  }
  const partial = temporary('partial', 'f32', [split, rows, columns]);
  const partialSums = sums && temporary('partialSums', 'f32', [split, columns]);
  return [
    matmul({ ...args, epilogue: undefined }, choice)
      .over(...grid, split)
      .with({ ...args, out: partial, sums: partialSums }),
    planMatmulSum({ ...args, partial, partialSums, parts: split }),
  ];
}

// ---- the second launch of a product whose contracted dimension is split

interface SumArguments extends MatmulArguments {
  /** partial products [parts, rows, columns] */
  readonly partial: Slot;
  /** sums over the columns of y [parts, columns] */
  readonly partialSums: Slot | undefined;
  readonly parts: number;
}

/**
 * out = f(Σ_p partial[p]), added in their order.
 *
 * Memory: the partial products are read once, out is written once.
 */
function planMatmulSum(args: SumArguments): LaunchPlan {
  const { parts, epilogue } = args;
  // one width for all: few texts, and what a narrow matrix wastes is small
  const tiles = { m: tileExtent(args.rows, 16, 4), n: 64 };
  const matmulSum = kernel(
    {
      name: 'matmulSum',
      doc: 'out = f(Σ partial products), in the order of the parts',
      variant: [
        `${parts} of ${extentsOf(tiles)}`,
        args.sums && 'sums',
        epilogue && epilogueVariant(epilogue),
      ],
      tiles,
      reads: { partial: 'f32', partialSums: args.sums && 'f32' },
      writes: { out: 'f32', sums: args.sums && 'f32' },
      parameters: { rows: 'i32', columns: 'i32' },
    },
    (k, { m, n, partial, partialSums, out, sums, rows, columns }) => {
      const M = tileOf(k, m, 0, rows);
      const N = tileOf(k, n, 1, columns);
      const add = (read: (part: number) => Value): Value =>
        Array.from({ length: parts }, (_, part) => read(part)).reduce((total, next) => k.add(total, next));
      const size = k.mul(rows, columns);
      const place = matrix(M, N, columns);
      const sum = add((part) => k.load(partial, [[part, size], ...place]));
      storeThrough(k, epilogue, [out, place], sum, [M, N, []]);
      if (partialSums === undefined || sums === undefined) return;
      k.when(k.eq(k.program(0), 0), () => {
        const total = add((part) => k.load(partialSums, matrix(part, N, columns)));
        k.store(sums, [[N, 1]], total);
      });
    },
  );
  const rows = { ...blocksOf(args.rows, tiles.m), least: args.sums ? 1 : 0 };
  return matmulSum.over(rows, { n: args.columns }).with(args, epilogueBindings(epilogue));
}
