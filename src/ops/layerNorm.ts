import { contiguousStrides } from '../../kernels/dims.ts';
import { planLayerNorm, planLayerNormGradient } from '../../kernels/layerNorm.ts';
import type { Dim } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp } from './define.ts';
import { epilogueOf, epilogueTypes } from './epilogue.ts';
import { epilogue, expectFloat, expectShape, expectTypes, f32, lastDim, rowsOf } from './rules.ts';

/**
 * y = γ (x − mean x) / √(var x + ε) + β along the last axis (Ba, Kiros and Hinton 2016); var is the mean square deviation.
 * Operands x [..., width], γ and β [width]; attribute `epsilon`. Results y, and mean and 1/√(var + ε) [...] for the gradient.
 */
export const layerNorm = defineOp({
  name: 'layerNorm',
  doc: 'normalises the last axis to mean 0 and variance 1, then scales by gamma and shifts by beta',
  operands: ['x', 'gamma', 'beta'],
  results: ['out', 'mean', 'rstd'],
  saved: 'mean and rstd',
  attributes: { epsilon: is.notNegative },
  shape({ x, gamma, beta }) {
    expectFloat('layerNorm', x, gamma, beta);
    const width = lastDim('layerNorm', 'the input', x.shape);
    expectShape('layerNorm', 'gamma', gamma.shape, [width]);
    expectShape('layerNorm', 'beta', beta.shape, [width]);
    const saved = f32(x.shape.slice(0, -1));
    return [f32(x.shape), saved, saved];
  },
  vjp: (b, { x, gamma, mean, rstd, dout }) => b.op('layerNormGradient', { x, gamma, mean, rstd, dy: dout }),
  lower: ({ x }, { slots, attributes: { epsilon }, schedules }) =>
    planLayerNorm({ ...slots, ...rowsOf('layerNorm', x), epsilon, schedules }),
  flops: 8,
});

/** Where an operand of the epilogue has rows, it has all of them: outer dims are joined. */
function stridesUnder(x: TensorType, { shape }: TensorType): readonly Dim[] {
  const { rows, columns } = rowsOf('layerNorm', x);
  const outer = shape.slice(0, -1);
  const hasRows = outer.some((dim) => dim !== 1);
  if (hasRows) expectShape('layerNormGradient', 'an operand of the epilogue', outer, x.shape.slice(0, -1));
  const hasColumns = (shape.at(-1) ?? 1) !== 1;
  return contiguousStrides([rows, columns], [hasRows, hasColumns]);
}

/** Gradients of the three operands. An epilogue is applied to dx. */
export const layerNormGradient = defineOp({
  name: 'layerNormGradient',
  doc: 'gradients of layerNorm with respect to its three operands',
  operands: ['x', 'gamma', 'mean', 'rstd', 'dy', '...extras'],
  results: ['dx', 'dgamma', 'dbeta', '...others'],
  attributes: epilogue,
  shape({ x, gamma, mean, rstd, dy, extras }, attributes) {
    expectFloat('layerNormGradient', x, gamma);
    expectShape('layerNormGradient', 'gamma', gamma.shape, [lastDim('layerNormGradient', 'x', x.shape)]);
    const outer = x.shape.slice(0, -1);
    expectTypes('layerNormGradient', {
      mean: [mean, 'f32', outer],
      rstd: [rstd, 'f32', outer],
      dy: [dy, 'f32', x.shape],
    });
    for (const extra of extras) stridesUnder(x, extra);
    const [dx, ...others] = epilogueTypes('layerNormGradient', attributes, [x, ...extras]);
    return [dx ?? x, gamma, gamma, ...others];
  },
  lower: ({ x, dx, extras }, { slots, attributes, schedules }) =>
    planLayerNormGradient({
      ...slots,
      ...rowsOf('layerNorm', x),
      schedules,
      epilogue: epilogueOf(attributes, [dx, ...extras], slots, (type) => stridesUnder(x, type)),
    }),
  epilogueOperands: 5,
  flops: 14,
});
