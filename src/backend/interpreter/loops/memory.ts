/** Loops that move elements between buffers and tiles. Columns of at least this many elements are moved by `set`. */
import type { Data } from '../tile.ts';

const BLOCK = 64;

/** to[i, j] = from[i, j] over `rows` × `columns`, both strided. */
export function copyBlock(
  to: Data,
  toOffset: number,
  toRow: number,
  toColumn: number,
  from: Data,
  fromOffset: number,
  fromRow: number,
  fromColumn: number,
  rows: number,
  columns: number,
): void {
  const contiguous = toColumn === 1 && fromColumn === 1;
  if (contiguous && toRow === columns && fromRow === columns && rows * columns >= BLOCK) {
    to.set(from.subarray(fromOffset, fromOffset + rows * columns), toOffset);
    return;
  }
  if (toColumn === 1 && fromColumn === 0 && fromRow === 0 && rows * columns >= BLOCK) {
    fillBlock(to, toOffset, toRow, from[fromOffset] as number, rows, columns);
    return;
  }
  for (let i = 0; i < rows; i++) {
    let q = toOffset + i * toRow;
    const p = fromOffset + i * fromRow;
    if (contiguous && columns >= BLOCK) to.set(from.subarray(p, p + columns), q);
    else if (fromColumn === 0) {
      const x = from[p] as number;
      for (let j = 0; j < columns; j++, q += toColumn) to[q] = x;
    } else copyRow(to, q, toColumn, from, p, fromColumn, columns);
  }
}

function fillBlock(to: Data, offset: number, toRow: number, x: number, rows: number, columns: number): void {
  if (toRow === columns) to.fill(x, offset, offset + rows * columns);
  else for (let i = 0, q = offset; i < rows; i++, q += toRow) to.fill(x, q, q + columns);
}

function copyRow(
  to: Data,
  toOffset: number,
  toColumn: number,
  from: Data,
  fromOffset: number,
  fromColumn: number,
  columns: number,
): void {
  let q = toOffset;
  let p = fromOffset;
  for (let j = 0; j < columns; j++, q += toColumn, p += fromColumn) to[q] = from[p] as number;
}

/** Fills what lies outside the first `validRows` × `validColumns` of a tile's `rows` × `columns`; rows are `width` apart. */
export function fillOutside(
  out: Data,
  width: number,
  rows: number,
  columns: number,
  validRows: number,
  validColumns: number,
  otherwise: number,
): void {
  for (let i = 0; i < rows; i++) {
    const start = i < validRows ? validColumns : 0;
    if (start < columns) out.fill(otherwise, i * width + start, i * width + columns);
  }
}

/** out[i, j] = from[offsets[i] + j·column] for rows found through an index tile. */
export function gatherRows(
  out: Data,
  outRow: number,
  from: Data,
  offsets: Int32Array,
  column: number,
  rows: number,
  columns: number,
): void {
  for (let i = 0; i < rows; i++) {
    const start = offsets[i] as number;
    // subarray takes negative positions from the end, so an index out of range goes the slow way, which reads nothing
    if (column === 1 && columns >= BLOCK && start >= 0 && start + columns <= from.length) {
      out.set(from.subarray(start, start + columns), i * outRow);
    } else copyRow(out, i * outRow, 1, from, start, column, columns);
  }
}

/** to[offsets[i] + j·column] = from[i, j] */
export function scatterRows(
  to: Data,
  offsets: Int32Array,
  column: number,
  from: Data,
  fromOffset: number,
  fromRow: number,
  fromColumn: number,
  rows: number,
  columns: number,
): void {
  for (let i = 0; i < rows; i++) {
    copyRow(to, offsets[i] as number, column, from, fromOffset + i * fromRow, fromColumn, columns);
  }
}

/** out[i, j] = from[offsets[i, j]] over the first `rows` × `columns` of tiles that are `width` wide. */
export function gatherElements(
  out: Data,
  from: Data,
  offsets: Int32Array,
  width: number,
  rows: number,
  columns: number,
): void {
  for (let i = 0; i < rows; i++) {
    for (let p = i * width, end = p + columns; p < end; p++) out[p] = from[offsets[p] as number] as number;
  }
}

/** to[offsets[i, j]] = from[i, j] */
export function scatterElements(
  to: Data,
  offsets: Int32Array,
  width: number,
  from: Data,
  fromOffset: number,
  fromRow: number,
  fromColumn: number,
  rows: number,
  columns: number,
): void {
  for (let i = 0; i < rows; i++) {
    let p = fromOffset + i * fromRow;
    for (let q = i * width, end = q + columns; q < end; q++, p += fromColumn) {
      to[offsets[q] as number] = from[p] as number;
    }
  }
}

/** offsets[i, j] += index[i, j] · stride over a dense rows × columns tile. */
export function addOffsets(
  offsets: Int32Array,
  index: Data,
  offset: number,
  row: number,
  column: number,
  stride: number,
  rows: number,
  columns: number,
): void {
  for (let i = 0, to = 0; i < rows; i++) {
    let p = offset + i * row;
    for (const end = to + columns; to < end; to++, p += column) {
      offsets[to] = (offsets[to] as number) + (index[p] as number) * stride;
    }
  }
}

/** offsets[i, j] = base + i·row + j·column */
export function affineOffsets(
  offsets: Int32Array,
  base: number,
  row: number,
  column: number,
  rows: number,
  columns: number,
): void {
  for (let i = 0, to = 0; i < rows; i++) {
    let address = base + i * row;
    for (const end = to + columns; to < end; to++, address += column) offsets[to] = address;
  }
}
