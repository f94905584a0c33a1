import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Value } from '../src/kernel/ir.ts';
import { kernel, type Slots } from './kernel.ts';
import { extentsOf, paddedExtent, tileOf } from './plan.ts';

/**
 * Windows along the second-last axis of x [sequences, time, channels]: window w of `taps` taps begins at w·stride − before, and takes
 * every `dilation`-th place; what lies outside the sequence is 0.
 *
 *   windows[s, w, j, c] = x[s, w·stride + j·dilation − before, c],
 *
 * and, as each place is in up to `taps` windows, the gradient adds up what arrives from them:
 *
 *   dx[s, t, c] = Σ_j dwindows[s, (t + before − j·dilation) / stride, j, c] over the j where that is a whole number and a window.
 *
 * Memory: each way reads or writes the windows once, taps / stride times as much as x; no atomics, every element has one writer.
 */
export interface WindowSizes {
  readonly sequences: Dim;
  readonly time: Dim;
  readonly windows: Dim;
  readonly channels: Dim;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
}

const parameters = {
  time: 'i32',
  windows: 'i32',
  channels: 'i32',
  taps: 'i32',
  stride: 'i32',
  dilation: 'i32',
  before: 'i32',
} as const;

const tilesFor = (channels: Dim) => ({ c: paddedExtent(channels, 256) });

/** The channels from place `at` of a sequence on that begins at row `first`; zeros where the place is outside of 0 … size − 1. */
function loadAt(k: KernelBuilder, load: (row: Value) => Value, first: Value, at: Value, size: Value): Value {
  const isInside = k.and(k.le(0, at), k.lt(at, size));
  const kept = k.min(k.max(at, 0), k.sub(size, 1));
  return k.select(isInside, load(k.add(first, kept)), 0);
}

/** One program per window, tap and tile of channels. */
export function planWindows({ x, out, ...sizes }: WindowSizes & Slots<'x' | 'out'>): LaunchPlan[] {
  const { sequences: _, ...scalars } = sizes;
  const tiles = tilesFor(sizes.channels);
  const launch = kernel(
    {
      name: 'windows',
      doc: 'windows[s, w, j, c] = x[s, w·stride + j·dilation − before, c]',
      variant: [extentsOf(tiles)],
      tiles,
      reads: { x: 'f32' },
      writes: { out: 'f32' },
      parameters,
    },
    (k, { c, x, out, time, windows, channels, taps, stride, dilation, before }) => {
      const C = tileOf(k, c, 0, channels);
      const [tap, window, sequence] = [k.program(1), k.program(2), k.program(3)];
      const at = k.sub(k.add(k.mul(window, stride), k.mul(tap, dilation)), before);
      const load = (row: Value) =>
        k.load(x, [
          [row, channels],
          [C, 1],
        ]);
      const value = loadAt(k, load, k.mul(sequence, time), at, time);
      const row = k.add(k.mul(k.add(k.mul(sequence, windows), window), taps), tap);
      k.store(
        out,
        [
          [row, channels],
          [C, 1],
        ],
        value,
      );
    },
  );
  return [
    launch
      .over({ c: sizes.channels }, sizes.taps, sizes.windows, sizes.sequences)
      .with({ x, out, ...scalars }),
  ];
}

/** One program per place of a sequence and tile of channels: it adds up in the order of the taps. */
export function planWindowsGradient({ dy, dx, ...sizes }: WindowSizes & Slots<'dy' | 'dx'>): LaunchPlan[] {
  const { sequences: _, ...scalars } = sizes;
  const tiles = tilesFor(sizes.channels);
  const launch = kernel(
    {
      name: 'windowsGradient',
      doc: 'dx[s, t, c] = Σ_j dwindows[s, (t + before − j·dilation) / stride, j, c]',
      variant: [extentsOf(tiles)],
      tiles,
      reads: { dy: 'f32' },
      writes: { dx: 'f32' },
      parameters,
    },
    (k, { c, dy, dx, time, windows, channels, taps, stride, dilation, before }) => {
      const C = tileOf(k, c, 0, channels);
      const [place, sequence] = [k.program(1), k.program(2)];
      /** What comes back through one tap: it belongs to a window where the division leaves nothing. */
      const through = (tap: Value): Value => {
        const start = k.sub(k.add(place, before), k.mul(tap, dilation));
        const load = (row: Value) =>
          k.load(dy, [
            [k.add(k.mul(row, taps), tap), channels],
            [C, 1],
          ]);
        const value = loadAt(k, load, k.mul(sequence, windows), k.div(start, stride), windows);
        return k.select(k.and(k.le(0, start), k.eq(k.rem(start, stride), 0)), value, 0);
      };
      const none = k.fill([c], 0);
      const [total] = k.loop(0, taps, 1, [none], (tap, sum) => [k.add(sum, through(tap))]);
      k.store(
        dx,
        [
          [k.add(k.mul(sequence, time), place), channels],
          [C, 1],
        ],
        total,
      );
    },
  );
  return [launch.over({ c: sizes.channels }, sizes.time, sizes.sequences).with({ dy, dx, ...scalars })];
}
