import { planCrossEntropy, planCrossEntropyGradient } from '../../kernels/crossEntropy.ts';
import { product, times } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp } from './define.ts';
import { expectFloat, expectTypes, f32, lastDim, rowsOf } from './rules.ts';

/** Labels are classes, or −1. */
const indices = ({ logits }: { readonly logits: TensorType }) => ({
  labels: { low: -1, below: lastDim('crossEntropy', 'the input', logits.shape) },
});

const flops = ({ logits }: { readonly logits: TensorType }) => times(product(logits.shape), 11);

/**
 * loss = log Σ_c e^{logits_c} − logits_label. Logits [..., classes] and labels i32 [...], −1 = ignored (loss 0).
 * Loss [...], and of each row its largest logit m and log Σ e^{logits − m}, f32 [2, ...], for the gradient.
 */
export const crossEntropy = defineOp({
  name: 'crossEntropy',
  doc: 'negative log-probability of one label per row of logits',
  operands: ['logits', 'labels'],
  results: ['loss', 'levels'],
  saved: 'the levels',
  attributes: {},
  shape({ logits, labels }) {
    expectFloat('crossEntropy', logits);
    lastDim('crossEntropy', 'the input', logits.shape);
    const shape = logits.shape.slice(0, -1);
    expectTypes('crossEntropy', { labels: [labels, 'i32', shape] });
    return [f32(shape), f32([2, ...shape])];
  },
  vjp: (b, { logits, labels, levels, dloss }) => [
    b.one('crossEntropyGradient', { logits, labels, levels, dloss }),
  ],
  lower: ({ logits }, { slots, schedules }) =>
    planCrossEntropy({ ...slots, ...rowsOf('crossEntropy', logits), schedules }),
  indices,
  flops,
});

export const crossEntropyGradient = defineOp({
  name: 'crossEntropyGradient',
  doc: 'dloss (softmax(logits) − one-hot(label)), 0 in ignored rows',
  operands: ['logits', 'labels', 'levels', 'dloss'],
  results: ['dlogits'],
  attributes: {},
  shape({ logits, labels, levels, dloss }) {
    expectFloat('crossEntropyGradient', logits);
    lastDim('crossEntropyGradient', 'the input', logits.shape);
    const shape = logits.shape.slice(0, -1);
    expectTypes('crossEntropyGradient', {
      labels: [labels, 'i32', shape],
      levels: [levels, 'f32', [2, ...shape]],
      dloss: [dloss, 'f32', shape],
    });
    return [logits];
  },
  lower: ({ logits }, { slots, schedules }) =>
    planCrossEntropyGradient({ ...slots, ...rowsOf('crossEntropy', logits), schedules }),
  indices,
  flops,
});
