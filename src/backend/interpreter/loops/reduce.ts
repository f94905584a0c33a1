/**
 * Reductions of a tile over its columns (each row gives one number), over its rows (each column does), or over all of
 * it. Sums and maxima are kept in doubles and follow the order of the elements, as the definition does.
 *
 * The last `restRows` rows and `restColumns` columns of the tile are not there: they equal the last one that is.
 */
import type { Data } from '../tile.ts';

export type ReduceLoop = (
  out: Data,
  a: Data,
  aOffset: number,
  aRow: number,
  aColumn: number,
  rows: number,
  columns: number,
  restRows: number,
  restColumns: number,
) => void;

/** total + x + x + …, `times` summands: adding 0 changes no total that began at +0 */
function addRepeated(total: number, x: number, times: number): number {
  let sum = total;
  if (x !== 0) for (let i = 0; i < times; i++) sum += x;
  return sum;
}

export const sumColumns: ReduceLoop = (out, a, aOffset, aRow, aColumn, rows, columns, _, restColumns) => {
  for (let i = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let total = 0;
    for (let j = 0; j < columns; j = (j + 1) | 0, p = (p + aColumn) | 0) total += a[p] as number;
    out[i] = restColumns > 0 ? addRepeated(total, a[p - aColumn] as number, restColumns) : total;
  }
};

export const maxColumns: ReduceLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let largest = a[p] as number;
    for (let j = 1; j < columns; j = (j + 1) | 0) {
      p = (p + aColumn) | 0;
      largest = Math.max(largest, a[p] as number);
    }
    out[i] = largest;
  }
};

/** Whether x comes after `largest` in the order of maxima, in which NaN is larger than all numbers. */
export const isLarger = (x: number, largest: number): boolean =>
  x > largest || (Number.isNaN(x) && !Number.isNaN(largest));

/** The smallest index among equals; NaN is larger than all numbers. */
export const argmaxColumns: ReduceLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let largest = Number.NEGATIVE_INFINITY;
    let best = 0;
    for (let j = 0; j < columns; j = (j + 1) | 0, p = (p + aColumn) | 0) {
      const x = a[p] as number;
      if (isLarger(x, largest)) {
        largest = x;
        best = j;
      }
    }
    out[i] = best;
  }
};

/** Σ of everything, as one number. */
export const sumAll: ReduceLoop = (out, a, aOffset, aRow, aColumn, rows, columns, restRows, restColumns) => {
  let total = 0;
  for (let i = 0; i < rows + restRows; i++) {
    let p = aOffset + Math.min(i, rows - 1) * aRow;
    for (let j = 0; j < columns; j = (j + 1) | 0, p = (p + aColumn) | 0) total += a[p] as number;
    if (restColumns > 0) total = addRepeated(total, a[p - aColumn] as number, restColumns);
  }
  out[0] = total;
};

export const maxAll: ReduceLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (let j = 0; j < columns; j = (j + 1) | 0, p = (p + aColumn) | 0) {
      largest = Math.max(largest, a[p] as number);
    }
  }
  out[0] = largest;
};

/** Σ over rows, row by row into `totals` (one double per column): no strided reads, no chain of dependent additions. */
export function sumRows(totals: Float64Array): ReduceLoop {
  return (out, a, aOffset, aRow, aColumn, rows, columns, restRows) => {
    totals.fill(0, 0, columns);
    for (let i = 0; i < rows; i++) addRow(totals, a, aOffset + i * aRow, aColumn, columns);
    if (restRows > 0) {
      const last = aOffset + (rows - 1) * aRow;
      for (let j = 0; j < columns; j++) {
        totals[j] = addRepeated(totals[j] as number, a[last + j * aColumn] as number, restRows);
      }
    }
    out.set(totals.length === columns ? totals : totals.subarray(0, columns));
  };
}

function addRow(totals: Float64Array, a: Data, offset: number, step: number, columns: number): void {
  for (let j = 0, p = offset; j < columns; j = (j + 1) | 0, p = (p + step) | 0) {
    totals[j] = (totals[j] as number) + (a[p] as number);
  }
}

export function maxRows(totals: Float64Array): ReduceLoop {
  return (out, a, aOffset, aRow, aColumn, rows, columns) => {
    totals.fill(Number.NEGATIVE_INFINITY, 0, columns);
    for (let i = 0; i < rows; i++) raiseToRow(totals, a, aOffset + i * aRow, aColumn, columns);
    out.set(totals.length === columns ? totals : totals.subarray(0, columns));
  };
}

function raiseToRow(totals: Float64Array, a: Data, offset: number, step: number, columns: number): void {
  for (let j = 0, p = offset; j < columns; j = (j + 1) | 0, p = (p + step) | 0) {
    totals[j] = Math.max(totals[j] as number, a[p] as number);
  }
}
