import { own } from '../base/own.ts';
import type { PartialSchedule } from '../kernel/schedule.ts';
import type { DeviceName } from '../runtime/device.ts';

/** One number of a schedule that tuning may turn: values to try, and where a value goes. */
export interface Knob {
  readonly name: string;
  readonly settings: readonly PartialSchedule[];
}

/** One knob for each axis of the tiles. */
const tiles = (axes: Readonly<Record<string, readonly number[]>>): Knob[] =>
  Object.entries(axes).map(([axis, extents]) => ({
    name: `tile ${axis}`,
    settings: extents.map((extent) => ({ tiles: { [axis]: extent } })),
  }));

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
  'softmax',
  'softmaxGradient',
  'layerNorm',
  'layerNormGradient',
  'crossEntropy',
  'crossEntropyGradient',
];

/** By device and kernel, what is worth trying; a kernel that stands nowhere keeps its built-in schedule. */
export const KNOBS: Readonly<Record<DeviceName, Knobs>> = {
  wasm: {
    matmul: [...tiles({ n: blocks, m: blocks, k: [...blocks, 512] }), splits, packing],
    ...all(attention, [...tiles({ i: [8, 16, 32, 64, 128], j: [8, 16, 32, 64, 128] }), packing]),
    ...all(rows, tiles({ r: [4, 8, 16, 32, 64], c: [64, 128, 256, 512, 1024] })),
    layerNormReduction: tiles({ b: [4, 8, 16, 32], c: [64, 128, 256] }),
    gather: tiles({ r: [4, 8, 16, 32, 64, 128], c: [64, 128, 256, 512] }),
  },
  webgpu: {
    matmul: [
      ...tiles({ n: [32, 64, 128], m: [32, 64, 128], k: [16, 32, 64] }),
      threads([8, 8], [16, 8], [16, 16], [32, 8]),
      stages,
      splits,
    ],
    ...all(attention, [
      ...tiles({ i: [16, 32, 64, 128], j: [16, 32, 64] }),
      threads([8, 8], [16, 8], [8, 16], [16, 16]),
      stages,
    ]),
    ...all(rows, [
      threads([16, 16], [32, 8], [64, 4], [128, 2], [256, 1], [64, 1]),
      ...tiles({ r: [4, 8, 16, 32], c: [64, 128, 256, 512, 1024] }),
    ]),
    layerNormReduction: [threads([16, 16], [32, 8], [64, 4]), ...tiles({ b: [8, 16, 32], c: [32, 64, 128] })],
    gather: [
      threads([32, 8], [64, 4], [128, 2], [16, 16]),
      ...tiles({ r: [4, 8, 16, 32], c: [64, 128, 256] }),
    ],
  },
  interpreter: { matmul: tiles({ n: blocks, m: blocks, k: blocks }) },
};

/** What tuning may turn for a kernel on a kind of device, the most telling first; [] for nothing. */
export const knobsOf = (device: DeviceName, kernel: string): readonly Knob[] =>
  own(KNOBS[device], kernel) ?? [];
