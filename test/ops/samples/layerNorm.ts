import { get, type Reference, type Tensor, tensor, total } from '../../support/tensor.ts';
import { f32, type OpSamples, type Sample, type } from './sample.ts';

const normalised = (...shape: readonly number[]): Sample => {
  const width = shape.at(-1) ?? 1;
  return { op: 'layerNorm', inputs: [f32(...shape), f32(width), f32(width)], attributes: { epsilon: 1e-3 } };
};

function layerNorm([x, gamma, beta]: readonly Tensor[], epsilon: number): readonly Tensor[] {
  const [input, scale, shift] = [x, gamma, beta] as [Tensor, Tensor, Tensor];
  const rows = input.shape.slice(0, -1);
  const row = (index: readonly number[]): number[] =>
    Array.from({ length: input.shape.at(-1) ?? 1 }, (_, i) => get(input, [...index, i]));
  const mean = (values: readonly number[]): number => total(values) / values.length;
  const rstd = (values: readonly number[]): number => {
    const middle = mean(values);
    return 1 / Math.sqrt(mean(values.map((value) => (value - middle) ** 2)) + epsilon);
  };
  const y = tensor(input.shape, (index) => {
    const values = row(index.slice(0, -1));
    const normalised = (get(input, index) - mean(values)) * rstd(values);
    return normalised * get(scale, index.slice(-1)) + get(shift, index.slice(-1));
  });
  return [y, tensor(rows, (index) => mean(row(index))), tensor(rows, (index) => rstd(row(index)))];
}

const references: Readonly<Record<string, Reference>> = {
  layerNorm: (inputs, { epsilon }) => layerNorm(inputs, Number(epsilon)),
};

export const layerNormSamples: OpSamples = {
  references,
  // deviations are squared; small gradients beside large ones are differences of those
  reach: { layerNorm: { most: 1e18, tolerance: { absolute: 1e-5, relative: 1.3e-6, normwise: 1e-5 } } },
  elsewhere: { layerNormGradient: 'finite differences of layerNorm' },
  valid: [normalised(3, 5), normalised(2, 3, 4), normalised(7), normalised(19, 3), normalised(2, 1)],
  invalid: [
    {
      op: 'layerNorm',
      inputs: [type('f32', 'batch', 128), type('f32', 64), type('f32', 128)],
      attributes: { epsilon: 1e-5 },
      code: 'FROND-S014',
      summary: 'layerNorm: gamma must be [128], not [64]',
    },
    {
      op: 'layerNorm',
      inputs: [type('f32'), type('f32', 1), type('f32', 1)],
      attributes: { epsilon: 1e-5 },
      code: 'FROND-S013',
      summary: 'layerNorm: the input is a scalar',
    },
    {
      op: 'layerNorm',
      inputs: [type('f32', 4), type('f32', 4), type('f32', 4)],
      code: 'FROND-S019',
      summary: 'layerNorm: attribute epsilon must be a finite number from 0 on, not absent',
    },
  ],
};
