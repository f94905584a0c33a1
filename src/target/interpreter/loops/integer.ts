/**
 * Inner loops over tiles of integers and bools: the layout rules are those of `float.ts`. A store into an Int32Array or
 * Uint32Array wraps modulo 2³²; sums and differences of two 32-bit integers are exact before that.
 */
import type { BinaryLoop, UnaryLoop } from './float.ts';

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
      out[to] = Math.imul(a[p] as number, b[q] as number);
    }
  }
};

const bitAnd: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) & (b[q] as number);
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

// ---- bools, held as bytes

const and: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) & (b[q] as number);
    }
  }
};

const or: BinaryLoop = (out, a, aOffset, aRow, aColumn, b, bOffset, bRow, bColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      out[to] = (a[p] as number) | (b[q] as number);
    }
  }
};

const not: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = (a[p] as number) ^ 1;
    }
  }
};

// ---- casts that a store performs by itself: between integers, from integers and bools to floats

export const copyInteger: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = a[p] as number;
    }
  }
};

export const copyBool: UnaryLoop = (out, a, aOffset, aRow, aColumn, rows, columns) => {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    for (const end = to + columns; to < end; to = (to + 1) | 0, p = (p + aColumn) | 0) {
      out[to] = a[p] as number;
    }
  }
};

export const integerBinary = { add, sub, mul, bitAnd, lt, le, eq, ne } as const;
export const boolBinary = { and, or } as const;
export const boolUnary = { not } as const;
