import { own } from '../base/own.ts';
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
const threads = (...sides: readonly (readonly [x: number, y: number])[]): Knob => ({
  name: 'workgroup',
  settings: sides.map((workgroup) => ({ workgroup })),
});
const stages: Knob = { name: 'stage', settings: [8, 16, 32].map((stage) => ({ stage })) };

const blocks = [16, 32, 64, 128, 256];

type Knobs = Readonly<Record<string, readonly Knob[]>>;

const all = (kernels: readonly string[], knobs: readonly Knob[]): Knobs =>
  Object.fromEntries(kernels.map((kernel) => [kernel, knobs]));

const attention = ['attention', 'attentionQueryGradient', 'attentionKeyGradient'];
const rows = [
  ...['softmax', 'softmaxGradient', 'layerNorm', 'layerNormGradient'],
  ...['crossEntropy', 'crossEntropyGradient'],
];

const wasmRows = [tile('r', [4, 8, 16, 32, 64]), tile('c', [64, 128, 256, 512, 1024])];
const gpuRows = [
  threads([16, 16], [32, 8], [64, 4], [128, 2], [256, 1], [64, 1]),
  ...[tile('r', [4, 8, 16, 32]), tile('c', [64, 128, 256, 512, 1024])],
];

/** By device and kernel, what is worth trying; a kernel that stands nowhere keeps its built-in schedule. */
const KNOBS: Readonly<Record<DeviceName, Knobs>> = {
  wasm: {
    matmul: [tile('n', blocks), tile('m', blocks), tile('k', [...blocks, 512]), splits, packing],
    ...all(attention, [tile('i', [8, 16, 32, 64, 128]), tile('j', [8, 16, 32, 64, 128]), packing]),
    ...all(rows, wasmRows),
    layerNormReduction: [tile('b', [4, 8, 16, 32]), tile('c', [64, 128, 256])],
    gather: [tile('r', [4, 8, 16, 32, 64, 128]), tile('c', [64, 128, 256, 512])],
  },
  webgpu: {
    matmul: [
      ...[tile('n', [32, 64, 128]), tile('m', [32, 64, 128]), tile('k', [16, 32, 64])],
      ...[threads([8, 8], [16, 8], [16, 16], [32, 8]), stages, splits],
    ],
    ...all(attention, [
      ...[tile('i', [16, 32, 64, 128]), tile('j', [16, 32, 64])],
      ...[threads([8, 8], [16, 8], [8, 16], [16, 16]), stages],
    ]),
    ...all(rows, gpuRows),
    layerNormReduction: [
      threads([16, 16], [32, 8], [64, 4]),
      tile('b', [8, 16, 32]),
      tile('c', [32, 64, 128]),
    ],
    gather: [
      threads([32, 8], [64, 4], [128, 2], [16, 16]),
      tile('r', [4, 8, 16, 32]),
      tile('c', [64, 128, 256]),
    ],
  },
  interpreter: { matmul: [tile('n', blocks), tile('m', blocks), tile('k', blocks)] },
};

/** Kernels that tuning turns something of. */
export const tunedKernels = (device: DeviceName): readonly string[] => Object.keys(KNOBS[device]);

/** What tuning may turn for a kernel on a kind of device, the most telling first; [] for nothing. */
export const knobsOf = (device: DeviceName, kernel: string): readonly Knob[] =>
  own(KNOBS[device], kernel) ?? [];
