import { type Dim, product, type Shape, times } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { defined } from '../src/base/errors.ts';
import type { LaunchPlan, ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Kernel, Span, Value } from '../src/kernel/ir.ts';
import type { Slots } from './kernel.ts';
import {
  blocksOf,
  extentsOf,
  kernelOnce,
  loadedType,
  paddedExtent,
  storage,
  strided,
  strideKind,
  temporary,
  unravel,
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

/**
 * One launch that copies (or clears) a strided region: transpose, slice, concat. Each element is read once and written
 * once. Sizes, strides and offsets are run-time scalars; only strides of 1 are part of the text.
 */
export function planCopy(request: CopyRequest): readonly LaunchPlan[] {
  if (request.dims.some(({ size }) => size === 0)) return [];
  const layout = layOut(joinStrided(request.dims));
  const { outer, row, column } = layout;
  const tiles: Record<string, number> =
    row === undefined
      ? { c: paddedExtent(column.size, 1024) }
      : { r: paddedExtent(row.size, 32), c: paddedExtent(column.size, 32) };
  const offsets = { from: offsetIn(row, request.fromOffset), to: offsetIn(row, request.toOffset) };
  const kernel = traceCopy(request, layout, tiles, offsets);
  const scalars: Record<string, ScalarExpression> = {};
  const put = (name: string, dim: CopyDim): void => {
    scalars[name] = dim.size;
    for (const side of ['from', 'to'] as const) {
      if (strideKind(dim[side]) === 'parameter') scalars[`${name}_${side}`] = dim[side];
    }
  };
  outer.forEach((dim, i) => {
    put(`outer${i}`, dim);
  });
  if (row) put('rows', row);
  put('columns', column);
  if (offsets.from !== undefined) scalars.fromOffset = offsets.from;
  if (offsets.to !== undefined) scalars.toOffset = offsets.to;
  if (request.from === undefined) dropSource(scalars);
  const grid = [
    ...(outer.length > 0 ? [blocksOf(product(outer.map(({ size }) => size)), 1)] : []),
    ...(row ? [blocksOf(row.size, tiles.r ?? 4)] : []),
    blocksOf(column.size, tiles.c ?? 4),
  ];
  const slots: Record<string, Slot> = request.from ? { x: request.from, y: request.to } : { y: request.to };
  return [{ kernel, grid, scalars, slots }];
}

interface Offsets {
  readonly from: Dim | undefined;
  readonly to: Dim | undefined;
}

/** A region of rows takes its offsets at launch, 0 among them, so that slice, concat and transpose have one text. */
const offsetIn = (row: CopyDim | undefined, offset: Dim = 0): Dim | undefined =>
  row === undefined && offset === 0 ? undefined : offset;

function dropSource(scalars: Record<string, ScalarExpression>): void {
  for (const name of Object.keys(scalars)) if (/_from$|^fromOffset$/.test(name)) delete scalars[name];
}

function traceCopy(
  { from, dtype }: CopyRequest,
  layout: Layout,
  tiles: Readonly<Record<string, number>>,
  offsets: Offsets,
): Kernel {
  const dims = [...layout.outer, ...(layout.row ? [layout.row] : []), layout.column];
  const pattern = dims.map((dim) => `${strideKind(dim.from)[0]}${strideKind(dim.to)[0]}`).join('.');
  const name = from === undefined ? 'clear' : 'copy';
  const marks = `${offsets.from === undefined ? '' : ' from+'}${offsets.to === undefined ? '' : ' to+'}`;
  const variant = `${dtype} ${pattern} ${extentsOf(tiles)}${marks}`;
  const doc = 'copies a strided region: each element is read once and written once';
  return kernelOnce({ name, variant, doc, schedule: { tiles } }, (k) =>
    copyProgram(k, { source: from !== undefined, dtype, layout, tiles, offsets }),
  );
}

interface CopyProgram {
  readonly source: boolean;
  readonly dtype: DType;
  readonly layout: Layout;
  readonly tiles: Readonly<Record<string, number>>;
  readonly offsets: Offsets;
}

function copyProgram(k: KernelBuilder, { source, dtype, layout, tiles, offsets }: CopyProgram): void {
  const x = source ? k.read('x', storage(dtype)) : undefined;
  const y = k.write('y', storage(dtype));
  const { outer, row, column } = layout;
  const outerSizes = outer.map((_, i) => k.parameter(`outer${i}`));
  const from: TermInput[] = [];
  const to: TermInput[] = [];
  const add = (index: Span | Value, name: string, dim: CopyDim): void => {
    if (source) from.push(...strided(index, strideKind(dim.from), () => k.parameter(`${name}_from`)));
    to.push(...strided(index, strideKind(dim.to), () => k.parameter(`${name}_to`)));
  };
  unravel(k, outerSizes).forEach((index, i) => {
    add(index, `outer${i}`, defined(outer[i], 'dimension'));
  });
  let grid = outer.length > 0 ? 1 : 0;
  const axisOf = (name: string, size: string, extentName: 'r' | 'c', dim: CopyDim) => {
    const axis = k.axis(name, tiles[extentName] ?? 4);
    const start = k.mul(k.program(grid++ as 0 | 1 | 2), axis.size);
    add(k.span(axis, start, k.parameter(size)), size, dim);
    return axis;
  };
  const axes = row ? [axisOf('r', 'rows', 'r', row)] : [];
  axes.push(axisOf('c', 'columns', 'c', column));
  if (source && offsets.from !== undefined) from.push([k.parameter('fromOffset'), 1]);
  if (offsets.to !== undefined) to.push([k.parameter('toOffset'), 1]);
  k.store(y, to, x ? k.load(x, from) : k.fill(axes, 0, loadedType(dtype)));
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
