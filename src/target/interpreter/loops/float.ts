/**
 * Inner loops over tiles of floats. Each is a function of its own, so that the engine sees one array type in each and
 * compiles it for that type; operands are given by offset, row stride and column stride (0 where they broadcast).
 * The result is dense. Stores into a Float32Array round; the maths is in doubles. The `| 0` keep positions in 32-bit
 * integers, whose additions the engine then does not check.
 */
import type { Data } from '../tile.ts';

/** out[i, j] = f(a[i, j], b[i, j]) over `rows` × `columns`. */
export type BinaryLoop = (
  out: Data,
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

/** out[i, j] = f(a[i, j]) over `rows` × `columns`. */
export type UnaryLoop = (
  out: Data,
  a: Data,
  aOffset: number,
  aRow: number,
  aColumn: number,
  rows: number,
  columns: number,
) => void;

const add: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) + (b[q] as number);
    }
  }
};

const sub: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) - (b[q] as number);
    }
  }
};

const mul: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) * (b[q] as number);
    }
  }
};

const div: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) / (b[q] as number);
    }
  }
};

const min: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = Math.min(a[p] as number, b[q] as number);
    }
  }
};

const max: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = Math.max(a[p] as number, b[q] as number);
    }
  }
};

const lt: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) < (b[q] as number) ? 1 : 0;
    }
  }
};

const le: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) <= (b[q] as number) ? 1 : 0;
    }
  }
};

const eq: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = a[p] === b[q] ? 1 : 0;
    }
  }
};

const ne: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = a[p] !== b[q] ? 1 : 0;
    }
  }
};

const neg: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = -(a[p] as number);
    }
  }
};

const abs: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = Math.abs(a[p] as number);
    }
  }
};

const floor: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = Math.floor(a[p] as number);
    }
  }
};

const sqrt: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = Math.sqrt(a[p] as number);
    }
  }
};

const rsqrt: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = 1 / Math.sqrt(a[p] as number);
    }
  }
};

const log: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = Math.log(a[p] as number);
    }
  }
};

const finite: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = Number.isFinite(a[p]) ? 1 : 0;
    }
  }
};

export const floatBinary = { add, sub, mul, div, min, max, lt, le, eq, ne } as const;
export const floatUnary = { neg, abs, floor, sqrt, rsqrt, log, isFinite: finite } as const;
