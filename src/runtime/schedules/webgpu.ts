import type { DeviceSchedules, PartialSchedule } from '../../kernel/schedule.ts';

/**
 * 8 × 8 elements per thread in both: 64 or 256 threads. A larger tile reads its operands less often (128: 1/64 number from
 * memory per multiply-add, 64: 1/32), which matters once the product occupies every multiprocessor several times over; smaller
 * ones share out more evenly what is left (`backend/wgsl/dot.ts` derives the rest).
 */
const small: PartialSchedule = { tiles: { m: 64, n: 64, k: 64 }, stage: 16 };
const large: PartialSchedule = { tiles: { m: 128, n: 128, k: 64 }, stage: 16 };

/** Rows and columns of at least 1,025; rows that only a feed will tell are all tokens of a batch. */
const largeClasses = ['m', 'm≤2048', 'm≤4096', 'm>4096'].flatMap((rows) =>
  ['n≤2048', 'n≤4096', 'n>4096'].map((columns) => `${rows} ${columns}`),
);

/**
 * Rows of 257 to 1024 elements are kept whole: each element is read from memory once, and not once for each of three passes. Four rows
 * then are at most 16 elements, four vec4, in the registers of each of 256 threads; 64 threads side by side read 1 KiB in a row. The
 * gradient of layer norm keeps 16 rows a program, since its partial sums are one row for each block of rows. Derived, not measured.
 */
const wholeRow: PartialSchedule = { tiles: { r: 4, c: 1024 }, workgroup: [64, 4] };
const wholeRows = { 'c≤512': wholeRow, 'c≤1024': wholeRow };

/** GPUs of any size: the tiles fit the default limits, and 64 programs occupy a small one. */
export const webgpuSchedules: DeviceSchedules = {
  table: {
    matmul: { '': small, ...Object.fromEntries(largeClasses.map((key) => [key, large])) },
    softmax: wholeRows,
    layerNorm: wholeRows,
  },
  programs: 64,
};
