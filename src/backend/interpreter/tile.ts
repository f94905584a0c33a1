import type { Precision } from '../../base/dtype.ts';
import type { Axis, ValueType } from '../../kernel/ir.ts';

/** Elements of a value: bools are bytes, so that the loops over masks meet one array type. */
export type Data = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/**
 * Where the elements of a value stand: element (i, j) at offset + i·stride0 + j·stride1 of `data`. A scalar has one
 * element; a vector uses stride0 alone. The fields change as a kernel runs: loops swap the arrays of carried tiles,
 * and a load that needs no copy points into the buffer itself.
 *
 * Elements from `valid0`, `valid1` on are 0 and, in a view of a buffer, not present at all: `dot` leaves them out.
 */
export interface Tile {
  data: Data;
  offset: number;
  stride0: number;
  stride1: number;
  valid0: number;
  valid1: number;
}

export function allocateData(dtype: ValueType, length: number, precision: Precision): Data {
  if (dtype === 'i32') return new Int32Array(length);
  if (dtype === 'u32') return new Uint32Array(length);
  if (dtype === 'bool') return new Uint8Array(length);
  return precision === 'f64' ? new Float64Array(length) : new Float32Array(length);
}

export const sizeOf = (axes: readonly Axis[]): number => axes.reduce((size, axis) => size * axis.size, 1);

/** A tile of its own, row-major. */
export function denseTile(axes: readonly Axis[], dtype: ValueType, precision: Precision): Tile {
  const [first, second] = axes;
  return {
    data: allocateData(dtype, sizeOf(axes), precision),
    offset: 0,
    stride0: first ? (second?.size ?? 1) : 0,
    stride1: second ? 1 : 0,
    valid0: first?.size ?? 1,
    valid1: second?.size ?? 1,
  };
}

/** A tile whose elements are all the same number: one element with strides of 0. */
export function uniformTile(
  axes: readonly Axis[],
  dtype: ValueType,
  precision: Precision,
  value: number,
): Tile {
  const tile = denseTile(axes, dtype, precision);
  const data = allocateData(dtype, 1, precision);
  data[0] = value;
  return { ...tile, data, stride0: 0, stride1: 0 };
}

/** Exchanges the elements of two dense tiles of equal size. */
export function swapTiles(a: Tile, b: Tile): void {
  const { data, offset } = a;
  a.data = b.data;
  a.offset = b.offset;
  b.data = data;
  b.offset = offset;
}

/** How a value's strides serve a wider tile: for its row and its column coordinate, which own stride applies. */
export interface Broadcast {
  readonly row: 'none' | 'stride0' | 'stride1';
  readonly column: 'none' | 'stride0' | 'stride1';
}

/** Rows and columns of a tile; a vector is one row. */
export function extents(axes: readonly Axis[]): { rows: number; columns: number } {
  const [first, second] = axes;
  return second ? { rows: first?.size ?? 1, columns: second.size } : { rows: 1, columns: first?.size ?? 1 };
}

export function broadcast(own: readonly Axis[], wide: readonly Axis[]): Broadcast {
  const strideOf = (axis: Axis | undefined): Broadcast['row'] => {
    const place = axis ? own.indexOf(axis) : -1;
    return place < 0 ? 'none' : place === 0 ? 'stride0' : 'stride1';
  };
  return wide.length === 2
    ? { row: strideOf(wide[0]), column: strideOf(wide[1]) }
    : { row: 'none', column: strideOf(wide[0]) };
}

export const strideIn = (tile: Tile, which: Broadcast['row']): number =>
  which === 'none' ? 0 : which === 'stride0' ? tile.stride0 : tile.stride1;
