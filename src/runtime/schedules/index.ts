import {
  type DeviceSchedules,
  type Schedules,
  type ScheduleTable,
  schedulesFrom,
} from '../../kernel/schedule.ts';
import type { DeviceName } from '../device.ts';
import { interpreterSchedules } from './interpreter.ts';
import { wasmSchedules } from './wasm.ts';
import { webgpuSchedules } from './webgpu.ts';

const devices: Readonly<Record<DeviceName, DeviceSchedules>> = {
  interpreter: interpreterSchedules,
  wasm: wasmSchedules,
  webgpu: webgpuSchedules,
};

/** The schedules of a device, `overlays` (such as those of a tuning cache) laid over its own, the later over the earlier. */
export function schedulesOf(device: DeviceName, overlays: readonly ScheduleTable[] = []): Schedules {
  const { table, programs } = devices[device];
  return schedulesFrom([table, ...overlays], programs);
}
