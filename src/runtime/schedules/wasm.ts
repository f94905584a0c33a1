import type { DeviceSchedules } from '../../kernel/schedule.ts';

/**
 * Generated WebAssembly on a few cores. Eight programs let two threads end within an eighth of each other, and four have
 * two each; more would make tiles so small that packing them costs more than it spreads.
 *
 * A panel of y, 8 columns wide and k deep, stays in the first-level cache while the rows of x pass by, and a packed tile of y
 * in the second. Up to four rows y is read where it lies, and k is as long as it can be.
 */
export const wasmSchedules: DeviceSchedules = {
  table: {
    matmul: { '': { tiles: { m: 64, n: 256, k: 256 } }, 'm≤4': { tiles: { n: 256, k: 512 } } },
  },
  programs: 8,
};
