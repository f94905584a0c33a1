import { type Dim, product, type Shape, times } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { defined } from '../src/base/errors.ts';
import type { TensorType } from '../src/ir/graph.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Span, Value } from '../src/kernel/ir.ts';
import { contiguousStrides, launchOver, strided, strideKind, strideScalars } from './dims.ts';
import type { Slots } from './kernel.ts';
import { extentsOf, loadedType, paddedExtent, storage, temporary } from './plan.ts';
import type { Matrix } from './rows.ts';

/** How the elements of a copy lie in a tensor: strides in elements, by dimension, and what stands before the first. */
interface Region<S extends Slot | undefined> {
  /** of what is read, absent: zeros are written */
  readonly slot: S;
  readonly strides: readonly Dim[];
  readonly offset?: Dim;
}

/** All of a contiguous tensor. */
export const wholeOf = <S extends Slot | undefined>(slot: S, shape: Shape): Region<S> => ({
  slot,
  strides: contiguousStrides(shape),
});

/** A tensor from position `at` of an axis on. */
export function partOf(slot: Slot, shape: Shape, axis: number, at: Dim): Region<Slot> {
  const strides = contiguousStrides(shape);
  return { slot, strides, offset: times(at, strides[axis] ?? 1) };
}

/** A tensor whose axis i is axis permutation[i] of one of `shape`. */
export function turned(slot: Slot, shape: Shape, permutation: readonly number[]): Region<Slot> {
  const strides = contiguousStrides(shape);
  return { slot, strides: permutation.map((axis) => strides[axis] ?? 1) };
}

/** One dimension of a copy: how many elements, and how far apart they lie on either side. */
interface CopyDim {
  readonly size: Dim;
  readonly from: Dim;
  readonly to: Dim;
}

/** Joins neighbouring dims that are contiguous on both sides; dims of size 1 vanish. */
function joinStrided(dims: readonly CopyDim[]): CopyDim[] {
  const joined: CopyDim[] = [];
  for (const dim of dims.toReversed()) {
    const inner = joined[0];
    if (dim.size === 1) continue;
    const follows =
      inner !== undefined &&
      dim.from === times(inner.size, inner.from) &&
      dim.to === times(inner.size, inner.to);
    if (follows) joined[0] = { ...inner, size: times(dim.size, inner.size) };
    else joined.unshift(dim);
  }
  return joined.length > 0 ? joined : [{ size: 1, from: 1, to: 1 }];
}

/** Tile columns, the last, run where the target is contiguous, tile rows where the source is: neither side is read in jumps only. */
function inTiles(dims: readonly CopyDim[]): readonly CopyDim[] {
  const column = dims.findLast(({ to }) => to === 1) ?? defined(dims.at(-1), 'dimension');
  const others = dims.filter((dim) => dim !== column);
  const row = others.find(({ from }) => from === 1) ?? others.at(-1);
  return [...others.filter((dim) => dim !== row), ...(row ? [row] : []), column];
}

/**
 * One launch that copies (or clears) a strided region: transpose, slice, concat. Each element is read once and written
 * once. Sizes, strides and offsets are run-time scalars; only strides of 1 are part of the text.
 */
export function planCopy(
  dtype: DType,
  shape: Shape,
  { from, to }: { readonly from: Region<Slot | undefined>; readonly to: Region<Slot> },
): readonly LaunchPlan[] {
  if (shape.includes(0)) return [];
  const dims = shape.map((size, i) => ({ size, from: from.strides[i] ?? 1, to: to.strides[i] ?? 1 }));
  const ordered = inTiles(joinStrided(dims));
  const [column, row] = ordered.toReversed().map(({ size }) => size);
  const tiles: Readonly<Record<string, number>> =
    row === undefined
      ? { c: paddedExtent(column ?? 1, 1024) }
      : { r: paddedExtent(row, 32), c: paddedExtent(column ?? 1, 32) };
  const side = (name: 'from' | 'to', { offset = 0 }: Region<Slot | undefined>) => {
    const strides = ordered.map((dim) => dim[name]);
    // a region of rows takes its offset at launch, also where it is 0, so that slice, concat and transpose have one text
    const offsets = row !== undefined || offset !== 0 ? [[`${name}Offset`, offset] as const] : [];
    return {
      mark: offsets.length > 0 && `${name}+`,
      scalars: [...strideScalars(name, strides), ...offsets],
      address: (k: KernelBuilder, at: readonly (Span | Value)[]): TermInput[] => [
        ...strided(k, name, at, strides),
        ...offsets.map(([own]) => [k.parameter(own), 1] as const),
      ],
    };
  };
  const [source, target] = [from.slot && side('from', from), side('to', to)];
  const pattern = ordered.map((dim) => `${strideKind(dim.from)[0]}${strideKind(dim.to)[0]}`).join('.');
  const launch = launchOver(
    ordered.map(({ size }) => size),
    {
      name: source ? 'copy' : 'clear',
      doc: 'copies a strided region: each element is read once and written once',
      variant: [dtype, pattern, extentsOf(tiles), source?.mark, target.mark],
      tiles,
    },
    (k, { at, axes }) => {
      const x = source && k.read('x', storage(dtype));
      const y = k.write('y', storage(dtype));
      const value = x ? k.load(x, source.address(k, at)) : k.fill(axes, 0, loadedType(dtype));
      k.store(y, target.address(k, at), value);
    },
    {
      slots: { ...(from.slot && { x: from.slot }), y: to.slot },
      scalars: Object.fromEntries([...(source?.scalars ?? []), ...target.scalars]),
    },
  );
  return [launch];
}

// ---- kernels for rows, along any axis

/**
 * Runs a kernel for rows along any axis of tensors of one type. Along the last one it is `plan` itself; along another, operands
 * are copied so that the axis comes last, and results are copied back: 2 bytes moved per byte of each.
 */
export function planAlong<N extends string>(
  { dtype, shape }: TensorType,
  axis: number,
  slots: Slots<N>,
  plan: (rows: Matrix & Slots<N>) => readonly LaunchPlan[],
): readonly LaunchPlan[] {
  const others = shape.toSpliced(axis, 1);
  const columns = shape[axis] ?? 1;
  const rows = { rows: product(others), columns };
  if (axis === shape.length - 1) return plan({ ...slots, ...rows });
  const order = [...[...shape.keys()].filter((i) => i !== axis), axis];
  const across = [...others, columns];
  const all = Object.entries<Slot>(slots).map(([name, slot]) => {
    const copy = temporary(`${name}Turned`, dtype, across);
    return {
      name,
      copy,
      isResult: slot.kind === 'output',
      from: turned(slot, shape, order),
      to: wholeOf(copy, across),
    };
  });
  const copies = Object.fromEntries(all.map(({ name, copy }) => [name, copy])) as Slots<N>;
  return [
    ...all.flatMap(({ from, to, isResult }) => (isResult ? [] : planCopy(dtype, across, { from, to }))),
    ...plan({ ...copies, ...rows }),
    ...all.flatMap(({ from, to, isResult }) =>
      isResult ? planCopy(dtype, across, { from: to, to: from }) : [],
    ),
  ];
}
