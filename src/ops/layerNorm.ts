import type { EpilogueOperand } from '../../kernels/epilogue.ts';
import { planLayerNorm, planLayerNormGradient } from '../../kernels/layerNorm.ts';
import { product } from '../base/dim.ts';
import { notNegative } from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { epilogue } from './attributes.ts';
import { epilogueOf, epilogueTypes } from './epilogue.ts';
import {
  expectFloat,
  expectOperands,
  expectShape,
  lastDim,
  numberOf,
  operand,
  perElement,
  refuse,
} from './rules.ts';
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
  attributes: { epsilon: notNegative },
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
  lower({ inputs, attributes, schedules }) {
    return planLayerNorm({
      ...rowsOf(operand('layerNorm', inputs, 0)),
      x: input(0),
      gamma: input(1),
      beta: input(2),
      out: output(0),
      mean: output(1),
      rstd: output(2),
      epsilon: numberOf('layerNorm', attributes, 'epsilon'),
      schedules,
    });
  },
  cost: perElement(8),
};

/** x, γ, mean, rstd and dy: what follows belongs to the epilogue. */
const OWN = 5;

/** Where an operand of the epilogue has rows, it has all of them: outer dims are joined. */
function stridesUnder(
  x: TensorType,
  { shape }: TensorType,
): Pick<EpilogueOperand, 'rowStride' | 'columnStride' | 'batchStrides'> {
  const { columns } = rowsOf(x);
  const outer = shape.slice(0, -1);
  const hasRows = outer.some((dim) => dim !== 1);
  if (hasRows) expectShape('layerNormGradient', 'an operand of the epilogue', outer, x.shape.slice(0, -1));
  const hasColumns = (shape.at(-1) ?? 1) !== 1;
  return {
    rowStride: hasRows ? (hasColumns ? columns : 1) : 0,
    columnStride: hasColumns ? 1 : 0,
    batchStrides: [],
  };
}

/** Operands x, γ, mean, rstd, dy; results dx, dγ, dβ. An epilogue is applied to dx. */
export const layerNormGradient = (rows: OpRegistry): OpRecord => ({
  name: 'layerNormGradient',
  doc: 'gradients of layerNorm with respect to its three operands',
  kind: 'kernel',
  arity: [OWN, 10],
  attributes: epilogue,
  shape(inputs, attributes) {
    const [x, gamma] = [operand('layerNormGradient', inputs, 0), operand('layerNormGradient', inputs, 1)];
    expectFloat('layerNormGradient', x, gamma);
    expectShape('layerNormGradient', 'gamma', gamma.shape, [lastDim('layerNormGradient', 'x', x.shape)]);
    const saved: TensorType = { dtype: 'f32', shape: x.shape.slice(0, -1) };
    const dy: TensorType = { dtype: 'f32', shape: x.shape };
    expectOperands('layerNormGradient', inputs, 2, { mean: saved, rstd: saved, dy });
    for (const extra of inputs.slice(OWN)) stridesUnder(x, extra);
    const [dx, ...others] = epilogueTypes('layerNormGradient', rows, { inputs, attributes }, OWN, x);
    return [dx ?? x, gamma, gamma, ...others];
  },
  lower(context) {
    const x = operand('layerNormGradient', context.inputs, 0);
    return planLayerNormGradient({
      ...rowsOf(x),
      x: input(0),
      gamma: input(1),
      mean: input(2),
      rstd: input(3),
      dy: input(4),
      dx: output(0),
      dgamma: output(1),
      dbeta: output(2),
      schedules: context.schedules,
      epilogue: epilogueOf(rows, context, OWN, (type) => stridesUnder(x, type)),
    });
  },
  epilogueOperands: 5,
  cost: perElement(14),
});
