import { checkOptions } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { emit, handleOf } from './handle.ts';
import { type LinearOptions, linear, linearOptions } from './layer.ts';
import { max, mean } from './reduce.ts';
import type { Dim, DType, Shape, Tensor } from './tensor.ts';

const paddings = ['same', 'causal', 'valid'] as const;
type Padding = (typeof paddings)[number];

const convolutionOptions = {
  ...linearOptions,
  /** taps of the filter */
  size: is.count,
  /** default 1 */
  stride: is.optional(is.count),
  /** places from a tap to the next, default 1 */
  dilation: is.optional(is.count),
  /**
   * zeros around the sequence: `same`, the default, puts the filter about each place; `causal` lets no place see a later one; `valid` has none,
   * and the result is shorter
   */
  padding: is.optional(is.oneOf(...paddings)),
};
export interface ConvolutionOptions<P extends Padding, N extends number> extends LinearOptions {
  readonly size: number;
  readonly stride?: N;
  readonly dilation?: number;
  readonly padding?: P;
}

/** A sequence [..., time, channels] with other channels; the time is kept where a stride of 1 meets zeros around it. */
type Convolved<S extends Shape, P, N, Channels extends Dim> = S extends readonly [
  ...infer Outer extends Shape,
  infer Time extends Dim,
  Dim,
]
  ? [...Outer, P extends 'valid' ? number : N extends 1 ? Time : number, Channels]
  : Shape;

/** Zeros before and after a sequence. */
function zerosOf(padding: Padding, reach: number) {
  if (padding === 'valid') return { before: 0, after: 0 };
  const before = padding === 'causal' ? reach : Math.floor(reach / 2);
  return { before, after: reach - before };
}

/**
 * Convolution along time of x [..., time, channels] with `channels` filters of `size` taps:
 * y[t, o] = Σ_j Σ_i x[t·stride + j·dilation − before, i] W[j·in + i, o] + b[o]; as everywhere in learning, the filter is not turned around.
 * Declares `NAME/weight` [size · in, out] and `NAME/bias`. Computed as a product of matrices over the windows, which are written out.
 * @throws FROND-S026 for a stride above 1 over a time that has no number yet, FROND-S017 for a filter longer than a `valid` sequence
 */
export function conv1d<
  S extends Shape,
  const Channels extends number,
  const P extends Padding = 'same',
  const N extends number = 1,
>(
  x: Tensor<DType, S>,
  channels: Channels,
  options: ConvolutionOptions<P, N>,
): Tensor<'f32', Convolved<S, P, N, Channels>> {
  checkOptions('conv1d', options, convolutionOptions);
  const { size, stride = 1, dilation = 1, padding = 'same', ...rest } = options;
  handleOf('conv1d', 'operand 1', x);
  const zeros = zerosOf(padding, dilation * (size - 1));
  const windows: Tensor = emit('windows', [x], { size, stride, dilation, ...zeros });
  const flat: Tensor<'f32'> = emit('reshape', [windows], { shape: [...windows.shape.slice(0, -2), -1] });
  const named = { name: 'conv1d', ...rest };
  return linear(flat, channels, named) as Tensor<'f32', Convolved<S, P, N, Channels>>;
}

const poolOptions = { size: is.count, stride: is.optional(is.count) };
export type PoolOptions = is.OptionsOf<typeof poolOptions>;

/** [..., time, channels] with fewer places. */
type Pooled<S extends Shape> = S extends readonly [
  ...infer Outer extends Shape,
  Dim,
  infer Channels extends Dim,
]
  ? [...Outer, number, Channels]
  : Shape;

const pool =
  (name: 'maxPool1d' | 'meanPool1d', reduce: (x: Tensor<'f32'>, axis: number) => Tensor) =>
  <S extends Shape>(x: Tensor<'f32', S>, options: PoolOptions): Tensor<'f32', Pooled<S>> => {
    checkOptions(name, options, poolOptions);
    handleOf(name, 'operand 1', x);
    const { size, stride = size } = options;
    const windows: Tensor<'f32'> = emit('windows', [x], { size, stride, dilation: 1, before: 0, after: 0 });
    return reduce(windows, -2) as Tensor<'f32', Pooled<S>>;
  };

/**
 * The largest element of each window of `size` places along time of x [..., time, channels]; windows begin `stride` places apart, by default
 * one behind the other. The time is a number.
 * @throws FROND-S026 for a stride above 1 over a time that has no number yet, FROND-S017 for a window longer than the sequence
 */
export const maxPool1d = pool('maxPool1d', (x, axis) => max(x, axis));

/** The same with the mean of each window. @throws as `maxPool1d` */
export const meanPool1d = pool('meanPool1d', (x, axis) => mean(x, axis));
