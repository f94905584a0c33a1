/**
 * Loops for what is rare: they call a function per element. And `select`, whose three operands fit no other loop.
 */
import type { Data } from '../tile.ts';
import type { BinaryLoop, UnaryLoop } from './float.ts';

export const unaryLoop =
  (apply: (x: number) => number): UnaryLoop =>
  (out, a, aOffset, aRow, aColumn, rows, columns) => {
    for (let i = 0, to = 0; i < rows; i++) {
      let p = aOffset + i * aRow;
      for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0)
        out[to] = apply(a[p] as number);
    }
  };

export const binaryLoop =
  (apply: (x: number, y: number) => number): BinaryLoop =>
  (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
    for (let i = 0, to = 0; i < rows; i++) {
      let p = aOffset + i * aRow;
      let q = bOffset + i * bRow;
      for (
        const end = to + columns;
        to < end;
        to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
      ) {
        out[to] = apply(a[p] as number, b[q] as number);
      }
    }
  };

/** out[i, j] = condition[i, j] ? a[i, j] : b[i, j] */
export type SelectLoop = (
  out: Data,
  condition: Data,
  cOffset: number,
  cRow: number,
  cColumn: number,
  a: Data,
  aOffset: number,
  aRow: number,
  aColumn: number,
  b: Data,
  bOffset: number,
  bRow: number,
  bColumn: number,
  rows: number,
  columns: number,
) => void;

export const selectFloat: SelectLoop = (
  out,
  condition,
  cOffset,
  cRow,
  cColumn,
  a,
  aOffset,
  aRow,
  aColumn,
  b,
  bOffset,
  bRow,
  bColumn,
  rows,
  columns,
) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let r = cOffset + i * cRow;
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, r = (r + cColumn) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = condition[r] !== 0 ? (a[p] as number) : (b[q] as number);
    }
  }
};

export const selectInteger: SelectLoop = (
  out,
  condition,
  cOffset,
  cRow,
  cColumn,
  a,
  aOffset,
  aRow,
  aColumn,
  b,
  bOffset,
  bRow,
  bColumn,
  rows,
  columns,
) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let r = cOffset + i * cRow;
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, r = (r + cColumn) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = condition[r] !== 0 ? (a[p] as number) : (b[q] as number);
    }
  }
};
