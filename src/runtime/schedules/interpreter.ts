import type { DeviceSchedules } from '../../kernel/schedule.ts';

/** The interpreter takes what the plan functions choose: it has one thread, and no caches to fit. */
export const interpreterSchedules: DeviceSchedules = { table: {}, programs: 1 };
