import type { DeviceSchedules, PartialSchedule } from '../../kernel/schedule.ts';

/**
 * Narrow heads go with short sequences, in whose last blocks small tiles waste less: 13 positions of 4 heads of 16 take half
 * of the time, 64 positions the same.
 */
const narrowHeads: Readonly<Record<string, PartialSchedule>> = {
  'd≤4': { tiles: { i: 16, j: 16 } },
  'd≤8': { tiles: { i: 16, j: 16 } },
  'd≤16': { tiles: { i: 16, j: 16 } },
};

/** Half as many programs pack the same tile of y. */
const manyRows: PartialSchedule = { tiles: { m: 128 } };

/**
 * Generated WebAssembly on a few cores. Eight programs let two threads end within an eighth of each other, and four have
 * two each; more would make tiles so small that packing them costs more than it spreads.
 *
 * A panel of y, 8 columns wide and k deep, stays in the first-level cache while the rows of x pass by, and a packed tile of y
 * in the second. Up to four rows y is read where it lies, and k is as long as it can be.
 */
export const wasmSchedules: DeviceSchedules = {
  table: {
    matmul: {
      '': { tiles: { m: 64, n: 256, k: 256 } },
      'm≤4': { tiles: { n: 256, k: 512 } },
      ...Object.fromEntries(['m≤1024', 'm≤2048', 'm≤4096', 'm>4096'].map((rows) => [rows, manyRows])),
    },
    attention: narrowHeads,
    attentionQueryGradient: narrowHeads,
    attentionKeyGradient: narrowHeads,
  },
  programs: 8,
};
