import type { Dim } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { defined } from '../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Axis } from '../src/kernel/ir.ts';
import { blocksOf, kernelOnce, tileExtent } from './plan.ts';
import { loadedType, padded, storage } from './pointwise.ts';
import { identity } from './reduce.ts';

/**
 * Index of the first largest element of each row of x [outer, reduced], i32; NaN counts as larger than all numbers. One launch, x is
 * read once.
 */
export function planArgmax(args: {
  readonly x: Slot;
  readonly out: Slot;
  readonly dtype: DType;
  readonly outer: Dim;
  readonly reduced: Dim;
}): readonly LaunchPlan[] {
  const { dtype, outer, reduced } = args;
  const r = tileExtent(outer, 16, 4);
  const c = typeof reduced === 'number' ? Math.min(padded(reduced), 64) : 64;
  const variant = `${dtype} ${r}x${c}`;
  const doc = 'index of the first largest element of each row of [outer, reduced]: x is read once';
  const kernel = kernelOnce({ name: 'argmax', variant, doc, schedule: { tiles: { r, c } } }, (k) =>
    argmaxProgram(k, dtype, k.axis('r', r), k.axis('c', c)),
  );
  const slots = { x: args.x, out: args.out };
  return [{ kernel, grid: [blocksOf(outer, r)], scalars: { outer, reduced }, slots }];
}

function argmaxProgram(k: KernelBuilder, dtype: DType, r: Axis, c: Axis): void {
  const x = k.read('x', storage(dtype));
  const out = k.write('out', 'i32');
  const outer = k.parameter('outer');
  const reduced = k.parameter('reduced');
  const lowest = identity('max', dtype);
  const R = k.span(r, k.mul(k.program(0), r.size), outer);
  const initial = [k.fill([r], lowest, loadedType(dtype)), k.fill([r], 0, 'i32')];
  const [, index] = k.loop(0, reduced, c.size, initial, (at, best, where) => {
    const terms = [
      [R, reduced],
      [k.span(c, at, reduced), 1],
    ] as const;
    const tile = k.load(x, terms, lowest);
    const [most, before] = [k.maximum(tile, c), defined(best, 'best')];
    const larger = k.lt(before, most);
    const better =
      dtype === 'i32' || dtype === 'u32'
        ? larger
        : k.or(larger, k.and(k.isNaN(most), k.not(k.isNaN(before))));
    return [
      k.select(better, most, before),
      k.select(better, k.add(k.argmax(tile, c), at), defined(where, 'index')),
    ];
  });
  k.store(out, [[R, 1]], defined(index, 'index'));
}
