import { planCrossEntropy, planCrossEntropyGradient } from '../../kernels/crossEntropy.ts';
import { product } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import type { IndexedInput, LowerContext, OpRecord } from '../ir/record.ts';
import {
  expectFloat,
  expectOperands,
  expectShape,
  expectType,
  lastDim,
  operand,
  perInput,
  refuse,
} from './rules.ts';
import { input, output } from './slots.ts';

const rowsOf = ({ shape }: TensorType) => ({
  rows: product(shape.slice(0, -1)),
  classes: lastDim('crossEntropy', 'the input', shape),
});

/** Labels are classes, or −1. */
const labelsOf = ({ inputs }: LowerContext): readonly IndexedInput[] => [
  { input: 1, low: -1, below: rowsOf(operand('crossEntropy', inputs, 0)).classes },
];

/**
 * loss = log Σ_c e^{logits_c} − logits_label. Operands logits [..., classes] and labels i32 [...], −1 = ignored (loss 0).
 * Results loss [...], and of each row its largest logit m and log Σ e^{logits − m}, f32 [2, ...], for the gradient.
 */
export const crossEntropy: OpRecord = {
  name: 'crossEntropy',
  doc: 'negative log-probability of one label per row of logits',
  kind: 'kernel',
  arity: 2,
  attributes: {},
  shape(inputs) {
    const [logits, labels] = [operand('crossEntropy', inputs, 0), operand('crossEntropy', inputs, 1)];
    expectFloat('crossEntropy', logits);
    expectType('crossEntropy', 'labels', labels, 'i32');
    lastDim('crossEntropy', 'the input', logits.shape);
    const shape = logits.shape.slice(0, -1);
    expectShape('crossEntropy', 'labels', labels.shape, shape);
    return [
      { dtype: 'f32', shape },
      { dtype: 'f32', shape: [2, ...shape] },
    ];
  },
  vjp(b, { inputs, outputs, gradients: [dloss, ...saved] }) {
    refuse('crossEntropy', 'the levels', saved);
    const given = [inputs[0], inputs[1], outputs[1], dloss].filter((ref) => ref !== undefined);
    return given.length < 4 ? [] : [b.one('crossEntropyGradient', given)];
  },
  lower: ({ inputs, schedules }) =>
    planCrossEntropy({
      ...rowsOf(operand('crossEntropy', inputs, 0)),
      logits: input(0),
      labels: input(1),
      loss: output(0),
      schedules,
      levels: output(1),
    }),
  indices: labelsOf,
  cost: perInput(11),
};

/** Operands logits, labels, levels, dloss. */
export const crossEntropyGradient: OpRecord = {
  name: 'crossEntropyGradient',
  doc: 'dloss (softmax(logits) − one-hot(label)), 0 in ignored rows',
  kind: 'kernel',
  arity: 4,
  attributes: {},
  shape(inputs) {
    const logits = operand('crossEntropyGradient', inputs, 0);
    expectFloat('crossEntropyGradient', logits);
    lastDim('crossEntropyGradient', 'the input', logits.shape);
    const shape = logits.shape.slice(0, -1);
    const row: TensorType = { dtype: 'f32', shape };
    const labels: TensorType = { dtype: 'i32', shape };
    const levels: TensorType = { dtype: 'f32', shape: [2, ...shape] };
    expectOperands('crossEntropyGradient', inputs, 1, { labels, levels, dloss: row });
    return [logits];
  },
  lower: ({ inputs, schedules }) =>
    planCrossEntropyGradient({
      ...rowsOf(operand('crossEntropyGradient', inputs, 0)),
      logits: input(0),
      labels: input(1),
      levels: input(2),
      dloss: input(3),
      dlogits: output(),
      schedules,
    }),
  indices: labelsOf,
  cost: perInput(11),
};
