import { planWindows, planWindowsGradient, type WindowSizes } from '../../kernels/windows.ts';
import { type Dim, minus, plus, product } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp } from './define.ts';
import { expectFloat, expectShape, fail } from './rules.ts';

const layout = {
  /** taps of a window */
  size: is.count,
  /** from the beginning of a window to that of the next */
  stride: is.count,
  /** from a tap to the next */
  dilation: is.count,
  /** zeros in front of the sequence and behind it */
  before: is.natural,
  after: is.natural,
};
type Layout = is.OptionsOf<typeof layout>;

/** Windows of a sequence of `time` places. @throws FROND-S026, S017 */
function windowsOf(time: Dim, { size, stride, dilation, before, after }: Layout): Dim {
  const more = before + after - dilation * (size - 1);
  if (typeof time === 'number') {
    if (time + more < 1)
      fail(
        'FROND-S017',
        `windows: ${dilation * (size - 1) + 1} places do not fit ${time} and ${before + after} zeros`,
      );
    return Math.floor((time + more - 1) / stride) + 1;
  }
  if (stride > 1)
    fail(
      'FROND-S026',
      `windows: the stride is ${stride}, and ${time} has no number yet`,
      'strides need a length that is a number',
    );
  return more < 0 ? minus(time, -more) : plus(time, more);
}

/** A tensor [..., time, channels] with windows of it. */
function sizesOf({ shape }: TensorType, given: Layout): WindowSizes {
  if (shape.length < 2) fail('FROND-S013', 'windows: the input must have the axes time and channels');
  const [time = 1, channels = 1] = shape.slice(-2);
  const { size: taps, stride, dilation, before } = given;
  const sequences = product(shape.slice(0, -2));
  return { sequences, time, windows: windowsOf(time, given), channels, taps, stride, dilation, before };
}

export const windows = defineOp({
  name: 'windows',
  doc: 'windows of size taps along the second-last axis; operand [..., time, channels], result [..., windows, size, channels]',
  operands: ['x'],
  attributes: layout,
  shape({ x }, given) {
    expectFloat('windows', x);
    const { windows: count, taps, channels } = sizesOf(x, given);
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -2), count, taps, channels] }];
  },
  vjp: (b, { x, dout }, given) => [
    b.one('windowsGradient', { dy: dout }, { ...given, time: b.typeOf(x).shape.at(-2) ?? 1 }),
  ],
  demands: ({ x }) => [{ some: x.shape.at(-2) ?? 1 }],
  lower: ({ x }, { slots, attributes }) => planWindows({ ...slots, ...sizesOf(x, attributes) }),
  flops: 0,
});

export const windowsGradient = defineOp({
  name: 'windowsGradient',
  doc: 'sums of windows at the places that they were taken from: the gradient of windows, for a sequence of attribute time places',
  operands: ['dy'],
  results: ['dx'],
  attributes: {
    ...layout,
    time: is.kind<Dim>('a dimension', (value) => typeof value === 'number' || typeof value === 'string'),
  },
  shape({ dy }, { time, ...given }) {
    expectFloat('windowsGradient', dy);
    const { shape, dtype } = dy;
    const [channels = 1] = shape.slice(-1);
    const outer = shape.slice(0, -3);
    expectShape('windowsGradient', 'dy', shape, [...outer, windowsOf(time, given), given.size, channels]);
    return [{ dtype, shape: [...outer, time, channels] }];
  },
  // linear: its gradient is the windows of what arrives
  vjp: (b, { ddx }, { time: _, ...given }) => [b.one('windows', [ddx], given)],
  lower: (types, { slots, attributes }) =>
    planWindowsGradient({ ...slots, ...sizesOf(types.dx, attributes) }),
  flops: ({ dy }) => product(dy.shape),
});
