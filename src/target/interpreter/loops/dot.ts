/**
 * Matrix product of two tiles: both operands are packed into panels of doubles (narrow strips in the order in which the
 * micro-kernel reads them), then a 2 × 4 block of the result at a time is summed up in eight registers.
 * Doubles because a scalar engine converts each f32 it loads anyway: packing converts once instead of 16 times.
 */
import type { Data } from '../tile.ts';

export const LEFT_WIDTH = 2;
export const RIGHT_WIDTH = 4;

/** Doubles that panels of `free` rows (or columns) by `depth` take. */
export const panelLength = (free: number, depth: number, width: number): number =>
  Math.ceil(free / width) * width * depth;

/** panels[f/2][k][f%2] = from[f, k]; a missing last row packs as 0. */
export function packLeft(
  panels: Float64Array,
  from: Data,
  offset: number,
  freeStride: number,
  depthStride: number,
  free: number,
  depth: number,
): void {
  let to = 0;
  let f = 0;
  for (; f + 1 < free; f += 2) {
    let p = offset + f * freeStride;
    for (let k = 0; k < depth; k++, p = (p + depthStride) | 0, to = (to + 2) | 0) {
      panels[to] = from[p] as number;
      panels[(to + 1) | 0] = from[(p + freeStride) | 0] as number;
    }
  }
  if (f < free)
    packRest(panels, to, LEFT_WIDTH, from, offset + f * freeStride, freeStride, depthStride, 1, depth);
}

/** panels[f/4][k][f%4] = from[f, k]; missing last columns pack as 0. */
export function packRight(
  panels: Float64Array,
  from: Data,
  offset: number,
  freeStride: number,
  depthStride: number,
  free: number,
  depth: number,
): void {
  let to = 0;
  let f = 0;
  for (; f + 3 < free; f += 4) {
    let p = offset + f * freeStride;
    for (let k = 0; k < depth; k++, p = (p + depthStride) | 0, to = (to + 4) | 0) {
      let q = p;
      panels[to] = from[q] as number;
      q = (q + freeStride) | 0;
      panels[(to + 1) | 0] = from[q] as number;
      q = (q + freeStride) | 0;
      panels[(to + 2) | 0] = from[q] as number;
      q = (q + freeStride) | 0;
      panels[(to + 3) | 0] = from[q] as number;
    }
  }
  const rest = free - f;
  if (rest > 0) {
    packRest(panels, to, RIGHT_WIDTH, from, offset + f * freeStride, freeStride, depthStride, rest, depth);
  }
}

function packRest(
  panels: Float64Array,
  start: number,
  width: number,
  from: Data,
  offset: number,
  freeStride: number,
  depthStride: number,
  rest: number,
  depth: number,
): void {
  let to = start;
  for (let k = 0; k < depth; k++) {
    for (let f = 0; f < width; f++) {
      panels[to++] = f < rest ? (from[offset + f * freeStride + k * depthStride] as number) : 0;
    }
  }
}

/**
 * out = accumulator + left · right over packed panels, for the first `rows` × `columns` of a dense tile `outRow` wide,
 * rounded up to whole blocks: tile extents are multiples of 4, and what panels lack is 0.
 */
export function multiplyPanels(
  left: Float64Array,
  right: Float64Array,
  rows: number,
  columns: number,
  depth: number,
  out: Data,
  outRow: number,
  accumulator: Data,
  offset: number,
  accumulatorRow: number,
  accumulatorColumn: number,
): void {
  for (let j = 0; j < columns; j += RIGHT_WIDTH) {
    const from = offset + j * accumulatorColumn;
    const start = j * depth;
    strip(
      left,
      right,
      start,
      rows,
      depth,
      out,
      j,
      outRow,
      accumulator,
      from,
      accumulatorRow,
      accumulatorColumn,
    );
  }
}

/**
 * Four columns of the product, two rows at a time: eight sums in registers, six loads for eight multiply-adds.
 * The `| 0` tell the engine that positions are 32-bit integers that never overflow; without them each addition is
 * checked, and the loop runs at 60 % of its speed.
 */
function strip(
  left: Float64Array,
  right: Float64Array,
  rightOffset: number,
  rows: number,
  depth: number,
  out: Data,
  place: number,
  outRow: number,
  accumulator: Data,
  offset: number,
  accumulatorRow: number,
  accumulatorColumn: number,
): void {
  let p = 0;
  let to = place;
  let from = offset;
  for (let i = 0; i < rows; i += LEFT_WIDTH) {
    let c00 = 0;
    let c01 = 0;
    let c02 = 0;
    let c03 = 0;
    let c10 = 0;
    let c11 = 0;
    let c12 = 0;
    let c13 = 0;
    let q = rightOffset | 0;
    for (const end = (p + 2 * depth) | 0; p < end; p = (p + 2) | 0, q = (q + 4) | 0) {
      const a0 = left[p] as number;
      const a1 = left[(p + 1) | 0] as number;
      const b0 = right[q] as number;
      const b1 = right[(q + 1) | 0] as number;
      const b2 = right[(q + 2) | 0] as number;
      const b3 = right[(q + 3) | 0] as number;
      c00 += a0 * b0;
      c01 += a0 * b1;
      c02 += a0 * b2;
      c03 += a0 * b3;
      c10 += a1 * b0;
      c11 += a1 * b1;
      c12 += a1 * b2;
      c13 += a1 * b3;
    }
    out[to] = (accumulator[from] as number) + c00;
    out[to + 1] = (accumulator[from + accumulatorColumn] as number) + c01;
    out[to + 2] = (accumulator[from + 2 * accumulatorColumn] as number) + c02;
    out[to + 3] = (accumulator[from + 3 * accumulatorColumn] as number) + c03;
    to += outRow;
    from += accumulatorRow;
    out[to] = (accumulator[from] as number) + c10;
    out[to + 1] = (accumulator[from + accumulatorColumn] as number) + c11;
    out[to + 2] = (accumulator[from + 2 * accumulatorColumn] as number) + c12;
    out[to + 3] = (accumulator[from + 3 * accumulatorColumn] as number) + c13;
    to += outRow;
    from += accumulatorRow;
  }
}
