import type { Data } from '../tile.ts';

/**
 * One word of Threefry-2x32 with 20 rounds per element, the generator of `base/random.ts` unrolled: four rounds, then
 * the next two key words and the block's number, five times.
 */
export function threefryLoop(
  out: Data,
  word: 0 | 1,
  key0: number,
  key1: number,
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
): void {
  const k0 = key0 | 0;
  const k1 = key1 | 0;
  const k2 = 0x1bd11bda ^ k0 ^ k1;
  for (let i = 0, to = 0; i < rows; i++) {
    let p = aOffset + i * aRow;
    let q = bOffset + i * bRow;
    for (
      const end = to + columns;
      to < end;
      to = (to + 1) | 0, p = (p + aColumn) | 0, q = (q + bColumn) | 0
    ) {
      let x = ((a[p] as number) + k0) | 0;
      let y = ((b[q] as number) + k1) | 0;
      x = (x + y) | 0;
      y = ((y << 13) | (y >>> 19)) ^ x;
      x = (x + y) | 0;
      y = ((y << 15) | (y >>> 17)) ^ x;
      x = (x + y) | 0;
      y = ((y << 26) | (y >>> 6)) ^ x;
      x = (x + y) | 0;
      y = ((y << 6) | (y >>> 26)) ^ x;
      x = (x + k1) | 0;
      y = (y + k2 + 1) | 0;
      x = (x + y) | 0;
      y = ((y << 17) | (y >>> 15)) ^ x;
      x = (x + y) | 0;
      y = ((y << 29) | (y >>> 3)) ^ x;
      x = (x + y) | 0;
      y = ((y << 16) | (y >>> 16)) ^ x;
      x = (x + y) | 0;
      y = ((y << 24) | (y >>> 8)) ^ x;
      x = (x + k2) | 0;
      y = (y + k0 + 2) | 0;
      x = (x + y) | 0;
      y = ((y << 13) | (y >>> 19)) ^ x;
      x = (x + y) | 0;
      y = ((y << 15) | (y >>> 17)) ^ x;
      x = (x + y) | 0;
      y = ((y << 26) | (y >>> 6)) ^ x;
      x = (x + y) | 0;
      y = ((y << 6) | (y >>> 26)) ^ x;
      x = (x + k0) | 0;
      y = (y + k1 + 3) | 0;
      x = (x + y) | 0;
      y = ((y << 17) | (y >>> 15)) ^ x;
      x = (x + y) | 0;
      y = ((y << 29) | (y >>> 3)) ^ x;
      x = (x + y) | 0;
      y = ((y << 16) | (y >>> 16)) ^ x;
      x = (x + y) | 0;
      y = ((y << 24) | (y >>> 8)) ^ x;
      x = (x + k1) | 0;
      y = (y + k2 + 4) | 0;
      x = (x + y) | 0;
      y = ((y << 13) | (y >>> 19)) ^ x;
      x = (x + y) | 0;
      y = ((y << 15) | (y >>> 17)) ^ x;
      x = (x + y) | 0;
      y = ((y << 26) | (y >>> 6)) ^ x;
      x = (x + y) | 0;
      y = ((y << 6) | (y >>> 26)) ^ x;
      x = (x + k2) | 0;
      y = (y + k0 + 5) | 0;
      out[to] = word === 0 ? x : y;
    }
  }
}
