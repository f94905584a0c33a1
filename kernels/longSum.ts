import type { Dim } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import type { Carried, KernelBuilder, ValueLike } from '../src/kernel/build.ts';
import type { Value } from '../src/kernel/ir.ts';

/*
 * Long sums in f32. Adding n equal numbers one by one is off by up to n/2 · 2⁻²⁴ of the sum, since each rounding is one of a number as
 * large as the sum so far. So blocks of a few tiles are added up by themselves, and their sums with what rounding took from the last one
 * (Kahan 1965): the error is that of one block, 2⁻²¹ at most and mostly a tenth of that, whatever the length.
 */

/** Tiles of a block. */
const BLOCK = 16;

/** Whether a sum over `size` elements, `tile` at a time, needs blocks. */
export const isLong = (size: Dim, tile: number): boolean => typeof size !== 'number' || size > BLOCK * tile;

/** The range that a sum runs over. */
export interface SumRange {
  readonly from: ValueLike;
  readonly to: ValueLike;
  readonly step: number;
  /** `isLong` of it */
  readonly long: boolean;
}

/**
 * Sums over a range, as many as `zeros` has tiles: `add` gives them with the terms from `start` on added, `step` of them. Once a sum is
 * not finite, nothing is made up for.
 */
export function addUp<const Z extends readonly Value[]>(
  k: KernelBuilder,
  { from, to, step, long }: SumRange,
  zeros: Z,
  add: (start: Value, sums: Carried<Z>) => readonly Value[],
): Carried<Z> {
  const walk = (first: ValueLike, end: ValueLike) =>
    k.loop(first, end, step, zeros, (start, ...sums) => add(start, sums));
  if (!long) return walk(from, to);
  const twice: readonly Value[] = [...zeros, ...zeros];
  const both = k.loop(from, to, step * BLOCK, twice, (start, ...carried) => {
    const sums = walk(start, k.min(to, k.add(start, step * BLOCK))).map((part, i) => {
      const total = defined(carried[i], 'total');
      const lost = defined(carried[i + zeros.length], 'loss');
      const next = k.sub(part, lost);
      const sum = k.add(total, next);
      return [sum, k.select(k.isFinite(sum), k.sub(k.sub(sum, total), next), 0)] as const;
    });
    return [...sums.map(([sum]) => sum), ...sums.map(([, lost]) => lost)];
  });
  return both.slice(0, zeros.length) as Carried<Z>;
}

/** The part of 0 … length that block `index` of `count` takes: equal blocks, rounded up to whole tiles. */
export function blockOf(
  k: KernelBuilder,
  index: Value,
  count: number,
  length: Value,
  tile: number,
): { readonly from: Value; readonly to: Value } {
  const each = k.mul(k.div(k.add(length, count * tile - 1), count * tile), tile);
  const from = k.mul(index, each);
  return { from, to: k.min(length, k.add(from, each)) };
}
