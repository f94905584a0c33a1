import { planLayerNorm, planLayerNormGradient } from '../../kernels/layerNorm.ts';
import { product } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { expectFloat, expectShape, lastDim, numberOf, operand, perElement, refuse } from './rules.ts';
import { input, output } from './slots.ts';

const rowsOf = ({ shape }: TensorType) => ({
  rows: product(shape.slice(0, -1)),
  columns: lastDim('layerNorm', 'the input', shape),
});

/**
 * y = γ (x − mean x) / √(var x + ε) + β along the last axis (Ba, Kiros and Hinton 2016); var is the mean square deviation.
 * Operands x [..., width], γ and β [width]; attribute `epsilon`. Results y, and mean and 1/√(var + ε) [...] for the gradient.
 */
export const layerNorm: OpRecord = {
  name: 'layerNorm',
  doc: 'normalises the last axis to mean 0 and variance 1, then scales by gamma and shifts by beta',
  kind: 'kernel',
  arity: 3,
  shape(inputs, attributes) {
    const [x, gamma, beta] = [0, 1, 2].map((i) => operand('layerNorm', inputs, i)) as [
      TensorType,
      TensorType,
      TensorType,
    ];
    expectFloat('layerNorm', ...inputs);
    const width = lastDim('layerNorm', 'the input', x.shape);
    expectShape('layerNorm', 'gamma', gamma.shape, [width]);
    expectShape('layerNorm', 'beta', beta.shape, [width]);
    numberOf('layerNorm', attributes, 'epsilon');
    const saved: TensorType = { dtype: 'f32', shape: x.shape.slice(0, -1) };
    return [{ dtype: 'f32', shape: x.shape }, saved, saved];
  },
  vjp(b, { inputs, outputs, gradients }) {
    const [x, gamma] = inputs;
    const [, mean, rstd] = outputs;
    const [dy, ...saved] = gradients;
    refuse('layerNorm', 'mean and rstd', saved);
    const given = [x, gamma, mean, rstd, dy].filter((ref) => ref !== undefined);
    return given.length < 5 ? [] : b.op('layerNormGradient', given);
  },
  lower({ inputs, attributes }) {
    return planLayerNorm({
      ...rowsOf(operand('layerNorm', inputs, 0)),
      x: input(0),
      gamma: input(1),
      beta: input(2),
      out: output(0),
      mean: output(1),
      rstd: output(2),
      epsilon: numberOf('layerNorm', attributes, 'epsilon'),
    });
  },
  cost: perElement(8),
};

/** Operands x, γ, mean, rstd, dy; results dx, dγ, dβ. */
export const layerNormGradient: OpRecord = {
  name: 'layerNormGradient',
  doc: 'gradients of layerNorm with respect to its three operands',
  kind: 'kernel',
  arity: 5,
  shape(inputs) {
    const [x, gamma] = [operand('layerNormGradient', inputs, 0), operand('layerNormGradient', inputs, 1)];
    return [x, gamma, gamma];
  },
  lower({ inputs }) {
    return planLayerNormGradient({
      ...rowsOf(operand('layerNormGradient', inputs, 0)),
      x: input(0),
      gamma: input(1),
      mean: input(2),
      rstd: input(3),
      dy: input(4),
      dx: output(0),
      dgamma: output(1),
      dbeta: output(2),
    });
  },
  cost: perElement(14),
};
