import type { Attributes } from '../../../src/ir/graph.ts';
import { get, type Reference, tensor } from '../../support/tensor.ts';
import { f32, type OpSamples, type Sample, type } from './sample.ts';

const taken = (shape: readonly number[], layout: Attributes): Sample => ({
  op: 'windows',
  inputs: [f32(...shape)],
  attributes: { stride: 1, dilation: 1, before: 0, after: 0, ...layout },
});

const windows: Reference = ([x], attributes) => {
  if (x === undefined) return [];
  const number = (name: string): number => Number(attributes[name]);
  const [size, stride, dilation, before] = ['size', 'stride', 'dilation', 'before'].map(number) as [
    number,
    number,
    number,
    number,
  ];
  const outer = x.shape.slice(0, -2);
  const [time = 1, channels = 1] = x.shape.slice(-2);
  const count = Math.floor((time + before + number('after') - dilation * (size - 1) - 1) / stride) + 1;
  return [
    tensor([...outer, count, size, channels], (at) => {
      const [window = 0, tap = 0, channel = 0] = at.slice(-3);
      const place = window * stride + tap * dilation - before;
      return place < 0 || place >= time ? 0 : get(x, [...at.slice(0, -3), place, channel]);
    }),
  ];
};

/** Each place adds up what stands for it in the windows. */
const windowsGradient: Reference = ([dy], attributes) => {
  if (dy === undefined) return [];
  const [stride, dilation, before, time] = ['stride', 'dilation', 'before', 'time'].map((name) =>
    Number(attributes[name]),
  ) as [number, number, number, number];
  const outer = dy.shape.slice(0, -3);
  const [count = 1, size = 1, channels = 1] = dy.shape.slice(-3);
  return [
    tensor([...outer, time, channels], (at) => {
      const [place = 0, channel = 0] = at.slice(-2);
      let sum = 0;
      for (let window = 0; window < count; window++)
        for (let tap = 0; tap < size; tap++)
          if (window * stride + tap * dilation - before === place)
            sum += get(dy, [...at.slice(0, -2), window, tap, channel]);
      return sum;
    }),
  ];
};

const summed = (shape: readonly number[], layout: Attributes): Sample => ({
  ...taken(shape, layout),
  op: 'windowsGradient',
});

export const windowsSamples: OpSamples = {
  references: { windows, windowsGradient },
  valid: [
    taken([2, 5, 3], { size: 3, before: 1, after: 1 }),
    taken([2, 5, 3], { size: 3, before: 2 }),
    taken([7, 4], { size: 2 }),
    taken([2, 8, 3], { size: 3, stride: 2, before: 1, after: 1 }),
    taken([1, 9, 2], { size: 3, dilation: 2, before: 4 }),
    taken([2, 3, 6, 1], { size: 1 }),
    taken([2, 4, 300], { size: 2, before: 1 }),
    taken([3, 2], { size: 3, before: 2, after: 2 }),
    summed([2, 5, 3, 2], { size: 3, before: 1, after: 1, time: 5 }),
    summed([2, 4, 3, 3], { size: 3, stride: 2, before: 1, after: 1, time: 8 }),
    summed([1, 9, 3, 2], { size: 3, dilation: 2, before: 4, time: 9 }),
  ],
  invalid: [
    {
      op: 'windows',
      inputs: [type('f32', 'batch', 2, 8)],
      attributes: { size: 3, stride: 1, dilation: 1, before: 0, after: 0 },
      code: 'FROND-S017',
      summary: 'windows: 3 places do not fit 2 and 0 zeros',
    },
    {
      op: 'windows',
      inputs: [type('f32', 'batch', 'time', 8)],
      attributes: { size: 3, stride: 2, dilation: 1, before: 0, after: 0 },
      code: 'FROND-S026',
      summary: 'windows: the stride is 2, and time has no number yet',
    },
    {
      op: 'windows',
      inputs: [type('f32', 4)],
      attributes: { size: 3, stride: 1, dilation: 1, before: 0, after: 0 },
      code: 'FROND-S013',
      summary: 'windows: the input must have the axes time and channels',
    },
    {
      op: 'windows',
      inputs: [type('i32', 4, 3)],
      attributes: { size: 1, stride: 1, dilation: 1, before: 0, after: 0 },
      code: 'FROND-S010',
      summary: 'windows: cannot take i32 operands',
    },
  ],
};
