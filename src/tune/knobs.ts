import type { PartialSchedule } from '../kernel/schedule.ts';
import type { DeviceName } from '../runtime/device.ts';

/** One number of a schedule that tuning may turn: values to try, and where a value goes. */
export interface Knob {
  readonly name: string;
  readonly settings: readonly PartialSchedule[];
}

const tile = (axis: string, extents: readonly number[]): Knob => ({
  name: `tile ${axis}`,
  settings: extents.map((extent) => ({ tiles: { [axis]: extent } })),
});

const packing: Knob = { name: 'pack', settings: [{ pack: true }, { pack: false }] };
const splits: Knob = { name: 'split', settings: [1, 2, 4, 8].map((split) => ({ split })) };
const threads: Knob = {
  name: 'workgroup',
  settings: [{ workgroup: [8, 8] }, { workgroup: [16, 8] }, { workgroup: [16, 16] }, { workgroup: [32, 8] }],
};
const stages: Knob = { name: 'stage', settings: [8, 16, 32].map((stage) => ({ stage })) };

const blocks = [16, 32, 64, 128, 256];

/** By device and kernel, what is worth trying; a kernel that stands nowhere keeps its built-in schedule. */
const KNOBS: Readonly<Record<DeviceName, Readonly<Record<string, readonly Knob[]>>>> = {
  wasm: { matmul: [tile('n', blocks), tile('m', blocks), tile('k', [...blocks, 512]), splits, packing] },
  webgpu: {
    matmul: [
      ...[tile('n', [32, 64, 128]), tile('m', [32, 64, 128]), tile('k', [16, 32, 64])],
      ...[threads, stages, splits],
    ],
  },
  interpreter: { matmul: [tile('n', blocks), tile('m', blocks), tile('k', blocks)] },
};

/** What tuning may turn for a kernel on a kind of device, the most telling first; [] for nothing. */
export const knobsOf = (device: DeviceName, kernel: string): readonly Knob[] =>
  Object.hasOwn(KNOBS[device], kernel) ? (KNOBS[device][kernel] ?? []) : [];
