import type { DeviceSchedules } from '../../kernel/schedule.ts';

/**
 * Generated WebAssembly on a few cores. Eight programs let two threads end within an eighth of each other, and four have
 * two each; more would make tiles so small that packing them costs more than it spreads.
 */
export const wasmSchedules: DeviceSchedules = {
  table: { matmul: { '': { tiles: { m: 64, n: 64, k: 64 } } } },
  programs: 8,
};
