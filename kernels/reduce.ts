import { type Dim, product } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { defined } from '../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Axis, Value } from '../src/kernel/ir.ts';
import { joinDims } from './dims.ts';
import { planElementwise, type StridedTensor } from './elementwise.ts';
import { kernel, type Slots } from './kernel.ts';
import { addUp, blockOf, isLong, type SumRange } from './longSum.ts';
import {
  ABSENT,
  extentsOf,
  loadedType,
  matrix,
  paddedExtent,
  storage,
  temporary,
  tileExtent,
  tileOf,
} from './plan.ts';

/*
 * Sums and maxima over any axes.
 *
 * Dimensions are joined where neighbours are all kept or all reduced. Each of the joined dims that are reduced takes one pass over a view
 * [outer, reduced, inner] of what is there so far, the last one first:
 *
 *   inner = 1   rows: a program walks a block of rows in [r, c] tiles and combines across the tile once, at the end
 *   inner > 1   columns: the same with the roles of r and c exchanged; one tile of inner per program
 *
 * Where there is no outer dimension to share out (whole tensors, bias gradients), PARTS programs reduce equal blocks into
 * a temporary and a second launch combines those in order. The order depends on shape and schedule alone.
 * Traffic: the operand is read once, partial results (PARTS × inner) are written and read once.
 */

export type Reduction = 'sum' | 'max';

/** Blocks of a reduction without outer dimension. */
const PARTS = 32;
/** Literal lengths up to this are reduced by one program instead of PARTS. */
const SHORT = 256;

/** What a combination starts from. */
function identity(combine: Reduction, dtype: DType): number {
  if (combine === 'sum') return 0;
  return dtype === 'i32' ? -0x80000000 : dtype === 'u32' || dtype === 'bool' ? 0 : ABSENT;
}

/** Launches for out = combine of x over `axes`. */
export function planReduce(
  combine: Reduction,
  x: StridedTensor,
  axes: readonly number[],
  out: Slot,
): readonly LaunchPlan[] {
  let dims = joinDims(x.shape, (axis) => [axes.includes(axis)]);
  const isReduced = ({ has }: { readonly has: readonly boolean[] }) => has[0] === true;
  const passes = dims.filter(isReduced).length;
  if (passes === 0) {
    const apply = (_k: KernelBuilder, [value]: readonly Value[]) => defined(value, 'value');
    return planElementwise({ name: 'copy', key: 'copy', inputs: [x], results: [{ ...x, slot: out }], apply });
  }
  const launches: LaunchPlan[] = [];
  let from = x.slot;
  for (let pass = 1; pass <= passes; pass++) {
    const at = dims.findLastIndex(isReduced);
    const view = {
      outer: product(dims.slice(0, at).map(({ size }) => size)),
      reduced: dims[at]?.size ?? 1,
      inner: product(dims.slice(at + 1).map(({ size }) => size)),
    };
    const name = `pass${pass}`;
    const to = pass === passes ? out : temporary(name, x.dtype, [view.outer, view.inner]);
    launches.push(...reduceView({ combine, dtype: x.dtype, ...view }, from, to, name));
    dims = dims.toSpliced(at, 1);
    from = to;
  }
  return launches;
}

/** What one launch reduces. */
interface View extends Readonly<Record<'outer' | 'reduced' | 'inner', Dim>> {
  readonly combine: Reduction;
  readonly dtype: DType;
}

function reduceView(view: View, x: Slot, out: Slot, name: string): LaunchPlan[] {
  const short = typeof view.reduced === 'number' && view.reduced <= SHORT;
  if (view.outer !== 1 || short) return [reduceOnce(view, x, out)];
  const partial = temporary(`${name}Partial`, view.dtype, [PARTS, view.inner]);
  return [reduceOnce(view, x, partial, PARTS), reduceOnce({ ...view, reduced: PARTS }, partial, out)];
}

/** One launch; `parts` > 1 cuts the reduced dimension into that many blocks, whose results take the place of `outer`. */
function reduceOnce(view: View, x: Slot, out: Slot, parts = 1): LaunchPlan {
  const { outer, reduced, inner } = view;
  const given = { x, out, outer, reduced, inner };
  if (inner === 1 && parts === 1) return rows(view).over({ r: outer }).with(given);
  if (inner === 1) return whole(view, parts).over(parts).with(given);
  return columns(view, parts)
    .over(parts > 1 ? parts : outer, { c: inner })
    .with(given);
}

const declared = <T extends Readonly<Record<string, number>>>(
  form: string,
  { combine, dtype }: View,
  tiles: T,
  parts: number,
  long: boolean,
) => ({
  name: combine,
  doc: `${combine} of [outer, reduced, inner] over reduced, by ${form}: x is read once`,
  variant: [form, dtype, extentsOf(tiles), parts > 1 && `parts ${parts}`, long && 'long'],
  tiles,
  reads: { x: storage(dtype) },
  writes: { out: storage(dtype) },
});

/** The tile of what `load` gives over a range, combined; `axes` are those of the tile. */
function combined(
  k: KernelBuilder,
  { combine, dtype }: View,
  axes: readonly Axis[],
  range: SumRange,
  load: (at: Value, otherwise: number) => Value,
): Value {
  const start = identity(combine, dtype);
  const [total] = addUp(k, range, [k.fill(axes, start, loadedType(dtype))], (at, [sum]) => {
    const tile = load(at, start);
    return [combine === 'sum' ? k.add(sum, tile) : k.max(sum, tile)];
  });
  return total;
}

/** What is added up in blocks where it is long. */
const isFloatSum = ({ combine, dtype }: View): boolean => combine === 'sum' && loadedType(dtype) === 'f32';

/** out[outer] of x [outer, reduced]: a block of rows per program. */
function rows(view: View) {
  const tiles = { r: tileExtent(view.outer, 16, 4), c: paddedExtent(view.reduced, 64) };
  const long = isFloatSum(view) && isLong(view.reduced, tiles.c);
  return kernel(
    { ...declared('rows', view, tiles, 1, long), parameters: { outer: 'i32', reduced: 'i32' } },
    (k, { r, c, x, out, outer, reduced }) => {
      const R = tileOf(k, r, 0, outer);
      const range = { from: 0, to: reduced, step: c.size, long };
      const total = combined(k, view, [r, c], range, (at, otherwise) =>
        k.load(x, matrix(R, k.span(c, at, reduced), reduced), otherwise),
      );
      k.store(out, [[R, 1]], k.reduce(view.combine, total, c));
    },
  );
}

/** out[part] of x [reduced]: a block of a vector per program. */
function whole(view: View, parts: number) {
  const long = isFloatSum(view);
  return kernel(
    { ...declared('whole', view, { c: 256 }, parts, long), parameters: { reduced: 'i32' } },
    (k, { c, x, out, reduced }) => {
      const { from, to } = blockOf(k, k.program(0), parts, reduced, c.size);
      const total = combined(k, view, [c], { from, to, step: c.size, long }, (at, otherwise) =>
        k.load(x, [[k.span(c, at, to), 1]], otherwise),
      );
      k.store(out, [[k.program(0), 1]], k.reduce(view.combine, total, c));
    },
  );
}

/** out[outer, inner] of x [outer, reduced, inner]: one outer index (or block of `reduced`) and one tile of inner per program. */
function columns(view: View, parts: number) {
  const tiles = { r: paddedExtent(view.reduced, 16), c: paddedExtent(view.inner, 64) };
  const long = isFloatSum(view) && isLong(view.reduced, tiles.r);
  return kernel(
    { ...declared('columns', view, tiles, parts, long), parameters: { reduced: 'i32', inner: 'i32' } },
    (k, { r, c, x, out, reduced, inner }) => {
      const row = k.program(0);
      const C = tileOf(k, c, 1, inner);
      const { from, to } = parts > 1 ? blockOf(k, row, parts, reduced, r.size) : { from: 0, to: reduced };
      const base = parts > 1 ? k.constant(0, 'i32') : k.mul(row, k.mul(reduced, inner));
      const total = combined(k, view, [r, c], { from, to, step: r.size, long }, (at, otherwise) =>
        k.load(x, [[base, 1], ...matrix(k.span(r, at, to), C, inner)], otherwise),
      );
      k.store(out, matrix(row, C, inner), k.reduce(view.combine, total, r));
    },
  );
}

/** Index of the first largest element of each row of x [outer, reduced], i32; NaN counts as larger than all numbers. One launch. */
export function planArgmax(
  dtype: DType,
  args: Slots<'x' | 'out'> & Readonly<Record<'outer' | 'reduced', Dim>>,
): LaunchPlan[] {
  const tiles = { r: tileExtent(args.outer, 16, 4), c: paddedExtent(args.reduced, 64) };
  const argmax = kernel(
    {
      name: 'argmax',
      doc: 'index of the first largest element of each row of [outer, reduced]: x is read once',
      variant: [dtype, extentsOf(tiles)],
      tiles,
      reads: { x: storage(dtype) },
      writes: { out: 'i32' },
      parameters: { outer: 'i32', reduced: 'i32' },
    },
    (k, { r, c, x, out, outer, reduced }) => {
      const lowest = identity('max', dtype);
      const R = tileOf(k, r, 0, outer);
      const initial = [k.fill([r], lowest, loadedType(dtype)), k.fill([r], 0, 'i32')] as const;
      const [, index] = k.loop(0, reduced, c.size, initial, (at, before, where) => {
        const tile = k.load(x, matrix(R, k.span(c, at, reduced), reduced), lowest);
        const most = k.maximum(tile, c);
        const larger = k.lt(before, most);
        const better =
          dtype === 'i32' || dtype === 'u32'
            ? larger
            : k.or(larger, k.and(k.isNaN(most), k.not(k.isNaN(before))));
        return [k.select(better, most, before), k.select(better, k.add(k.argmax(tile, c), at), where)];
      });
      k.store(out, [[R, 1]], index);
    },
  );
  return [argmax.over({ r: args.outer }).with(args)];
}

const size = kernel(
  { name: 'size', doc: 'out[0] = size', tiles: {}, writes: { out: 'f32' }, parameters: { size: 'f32' } },
  (k, { out, size }) => k.store(out, [[k.program(0), 1]], size),
);

/** Writes a size, such as that over which a mean is taken, into a tensor of one element. */
export const planSize = (given: Dim, out: Slot): LaunchPlan[] => [size.over(1).with({ out, size: given })];
