import type { Span } from '../src/kernel/ir.ts';
import { ABSENT, indices } from './plan.ts';
import { rowKernel } from './rows.ts';

/**
 * Cross-entropy of logits x [rows, columns] against one label per row (i32 [rows]; −1 = ignored; other labels must be below
 * `columns`):
 *   loss = (m − x[label]) + log l,  m = max x,  l = Σ exp(x − m);  ignored rows have loss 0.
 * Both parts are ≥ 0, nothing cancels. `levels` [2, rows] saves m and log l for the gradient.
 *
 * Gradient:  dx_c = dloss · (exp((x_c − m) − log l) − [c = label]), and 0 in ignored rows. m and log l are kept apart: large logits would
 * swallow the logarithm.
 *
 * Memory: forward reads x once (short rows) or twice, writes two numbers per row; gradient reads x and writes dx once.
 */
export const { plan: planCrossEntropy } = rowKernel(
  {
    name: 'crossEntropy',
    doc: 'loss = log Σ exp(logits) − logits[label]',
    reads: { logits: 'f32', labels: 'i32' },
    writes: { loss: 'f32', levels: 'f32' },
  },
  (k, { load, loadVector, storeVector, cut, maximum, sums }, { logits, labels, loss, levels }) => {
    const label = loadVector(labels, -1);
    const tile = (C: Span) => load(logits, C, ABSENT);
    const largest = maximum(tile);
    const [total, chosen] = sums(
      (C) => cut(k.exp(k.sub(tile(C), largest)), C),
      (C) => k.select(k.eq(indices(k, C), label), tile(C), 0),
    );
    const logTotal = k.log(total);
    storeVector(loss, k.select(k.lt(label, 0), 0, k.add(k.sub(largest, chosen), logTotal)));
    storeVector(levels, largest);
    storeVector(levels, logTotal, 1);
  },
);

/** Every tile of dlogits by itself, from dloss [rows]: no reduction is left to do. */
export const { plan: planCrossEntropyGradient } = rowKernel(
  {
    name: 'crossEntropyGradient',
    doc: 'dlogits = (softmax(logits) − [c = label]) · dloss',
    reads: { logits: 'f32', labels: 'i32', levels: 'f32', dloss: 'f32' },
    writes: { dlogits: 'f32' },
    perTile: true,
  },
  (k, { load, loadVector, store, each }, { logits, labels, levels, dloss, dlogits }) =>
    each((C) => {
      const label = loadVector(labels, -1);
      const shifted = k.sub(load(logits, C), loadVector(levels));
      const probability = k.exp(k.sub(shifted, loadVector(levels, 0, 1)));
      const target = k.select(k.eq(indices(k, C), label), k.constant(1), 0);
      const gradient = k.mul(k.sub(probability, target), loadVector(dloss));
      store(dlogits, C, k.select(k.lt(label, 0), 0, gradient));
    }),
);
