import { type Dim, product, type Shape, times } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { defined } from '../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { TermInput } from '../src/kernel/build.ts';
import type { Slots } from './kernel.ts';
import {
  extentsOf,
  gridOver,
  kernelOnce,
  loadedType,
  paddedExtent,
  placeIn,
  storage,
  strided,
  strideKind,
  strideScalars,
  temporary,
} from './plan.ts';
import type { Matrix } from './rows.ts';

/** One dimension of a copy: how many elements, and how far apart they lie on either side. */
export interface CopyDim {
  readonly size: Dim;
  readonly from: Dim;
  readonly to: Dim;
}

export interface CopyRequest {
  /** what is copied; absent: zeros are written */
  readonly from?: Slot | undefined;
  readonly to: Slot;
  readonly dtype: DType;
  readonly dims: readonly CopyDim[];
  readonly fromOffset?: Dim;
  readonly toOffset?: Dim;
}

/** Row-major strides of a contiguous tensor, in elements. */
export function contiguousStrides(shape: Shape): readonly Dim[] {
  const strides: Dim[] = [];
  let stride: Dim = 1;
  for (const size of shape.toReversed()) {
    strides.unshift(stride);
    stride = times(size, stride);
  }
  return strides;
}

/** Dims of a copy of `size` elements from a tensor of shape `from` to one of shape `to`, axis by axis. */
export function copyDims(size: Shape, from: Shape, to: Shape): readonly CopyDim[] {
  const strides = { from: contiguousStrides(from), to: contiguousStrides(to) };
  return size.map((size, i) => ({ size, from: strides.from[i] ?? 1, to: strides.to[i] ?? 1 }));
}

/** Dims of the copy after which axis i is axis permutation[i] of `shape`. */
export function transposeDims(shape: Shape, permutation: readonly number[]): readonly CopyDim[] {
  const from = contiguousStrides(shape);
  const turned = permutation.map((axis) => shape[axis] ?? 1);
  const to = contiguousStrides(turned);
  return permutation.map((axis, i) => ({ size: turned[i] ?? 1, from: from[axis] ?? 1, to: to[i] ?? 1 }));
}

/** Elements before position `at` of an axis. */
export const offsetAlong = (shape: Shape, axis: number, at: Dim): Dim =>
  times(at, contiguousStrides(shape)[axis] ?? 1);

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

interface Layout {
  readonly outer: readonly CopyDim[];
  readonly row: CopyDim | undefined;
  readonly column: CopyDim;
}

/** Tile columns run where the target is contiguous, tile rows where the source is, so that neither side is read in jumps only. */
function layOut(dims: readonly CopyDim[]): Layout {
  const column = dims.findLast(({ to }) => to === 1) ?? defined(dims.at(-1), 'dimension');
  const others = dims.filter((dim) => dim !== column);
  const row = others.find(({ from }) => from === 1) ?? others.at(-1);
  return { outer: others.filter((dim) => dim !== row), row, column };
}

/** A region of rows takes its offsets at launch, 0 among them, so that slice, concat and transpose have one text. */
const offsetIn = (row: CopyDim | undefined, offset: Dim = 0): Dim | undefined =>
  row === undefined && offset === 0 ? undefined : offset;

/**
 * One launch that copies (or clears) a strided region: transpose, slice, concat. Each element is read once and written
 * once. Sizes, strides and offsets are run-time scalars; only strides of 1 are part of the text.
 */
export function planCopy({ from, to, dtype, dims, ...offset }: CopyRequest): readonly LaunchPlan[] {
  if (dims.some(({ size }) => size === 0)) return [];
  const { outer, row, column } = layOut(joinStrided(dims));
  const ordered = [...outer, ...(row ? [row] : []), column];
  const names = [...outer.map((_, i) => `outer${i}`), ...(row ? ['rows'] : []), 'columns'];
  const tiles: Readonly<Record<string, number>> = row
    ? { r: paddedExtent(row.size, 32), c: paddedExtent(column.size, 32) }
    : { c: paddedExtent(column.size, 1024) };
  const sides = from === undefined ? (['to'] as const) : (['from', 'to'] as const);
  const offsets = { from: offsetIn(row, offset.fromOffset), to: offsetIn(row, offset.toOffset) };
  const pattern = ordered.map((dim) => `${strideKind(dim.from)[0]}${strideKind(dim.to)[0]}`).join('.');
  const marks = sides.map((side) => (offsets[side] === undefined ? '' : ` ${side}+`)).join('');
  const kernel = kernelOnce(
    {
      name: from === undefined ? 'clear' : 'copy',
      variant: `${dtype} ${pattern} ${extentsOf(tiles)}${marks}`,
      doc: 'copies a strided region: each element is read once and written once',
      schedule: { tiles },
    },
    (k) => {
      const x = from && k.read('x', storage(dtype));
      const y = k.write('y', storage(dtype));
      const axes = Object.entries(tiles).map(([name, extent]) => k.axis(name, extent));
      const sizes = names.map((name) => k.parameter(name));
      const at = placeIn(k, sizes, axes);
      const address = (side: 'from' | 'to'): TermInput[] => [
        ...at.flatMap((index, i) => strided(k, index, ordered[i]?.[side] ?? 0, `${names[i]}_${side}`)),
        ...(offsets[side] === undefined ? [] : [[k.parameter(`${side}Offset`), 1] as const]),
      ];
      k.store(y, address('to'), x ? k.load(x, address('from')) : k.fill(axes, 0, loadedType(dtype)));
    },
  );
  const strides = sides.flatMap((side) =>
    ordered.map((dim, i) => [`${names[i]}_${side}`, dim[side]] as const),
  );
  const given = sides.flatMap((side) =>
    offsets[side] === undefined ? [] : [[`${side}Offset`, offsets[side]] as const],
  );
  return [
    {
      kernel,
      grid: gridOver(
        ordered.map(({ size }) => size),
        Object.values(tiles),
      ),
      scalars: {
        ...Object.fromEntries(ordered.map(({ size }, i) => [names[i], size])),
        ...strideScalars(Object.fromEntries(strides)),
        ...Object.fromEntries(given),
      },
      slots: from === undefined ? { y: to } : { x: from, y: to },
    },
  ];
}

// ---- kernels for rows, along any axis

/**
 * Runs a kernel for rows along any axis of tensors f32 of one shape. Along the last one it is `plan` itself; along another, operands
 * are copied so that the axis comes last, and results are copied back: 2 bytes moved per byte of each.
 */
export function planAlong<N extends string>(
  shape: Shape,
  axis: number,
  slots: Slots<N>,
  plan: (rows: Matrix & Slots<N>) => readonly LaunchPlan[],
): readonly LaunchPlan[] {
  const others = shape.filter((_, i) => i !== axis);
  const columns = shape[axis] ?? 1;
  const rows = { rows: product(others), columns };
  if (axis === shape.length - 1) return plan({ ...slots, ...rows });
  const dims = moveLast(shape, axis);
  const turned = Object.entries<Slot>(slots).map(([name, slot]) => ({
    name,
    slot,
    copy: temporary(`${name}Turned`, 'f32', [...others, columns]),
  }));
  const copies = Object.fromEntries(turned.map(({ name, copy }) => [name, copy])) as Slots<N>;
  return [
    ...turned.flatMap(({ slot, copy }) =>
      slot.kind === 'output' ? [] : planCopy({ from: slot, to: copy, dtype: 'f32', dims }),
    ),
    ...plan({ ...copies, ...rows }),
    ...turned.flatMap(({ slot, copy }) =>
      slot.kind === 'output' ? planCopy({ from: copy, to: slot, dtype: 'f32', dims: dims.map(reverse) }) : [],
    ),
  ];
}

const reverse = ({ size, from, to }: CopyDim): CopyDim => ({ size, from: to, to: from });

/** Dims of the copy that makes `axis` the last one. */
export const moveLast = (shape: Shape, axis: number): readonly CopyDim[] =>
  transposeDims(shape, [...[...shape.keys()].filter((i) => i !== axis), axis]);
