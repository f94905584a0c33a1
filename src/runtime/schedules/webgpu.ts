import type { DeviceSchedules } from '../../kernel/schedule.ts';

/** GPUs of any size: 64 × 64 tiles fit the default limits, and 64 programs occupy a small one. */
export const webgpuSchedules: DeviceSchedules = {
  table: { matmul: { '': { tiles: { m: 64, n: 64, k: 64 }, workgroup: [16, 16], stage: 16 } } },
  programs: 64,
};
