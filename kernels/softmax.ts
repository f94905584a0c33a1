import type { Span } from '../src/kernel/ir.ts';
import { ABSENT } from './plan.ts';
import { rowKernel } from './rows.ts';

/**
 * Softmax along the rows of x [rows, columns], into out:  y = exp(x − max x) / Σ exp(x − max x).
 *
 * Memory: reads x once (whole rows) or three times (looped; the later two from cache), writes y once.
 */
export const { plan: planSoftmax } = rowKernel(
  {
    name: 'softmax',
    doc: 'y = exp(x − max x) / Σ exp(x − max x) along rows',
    reads: { x: 'f32' },
    writes: { out: 'f32' },
  },
  (k, { load, store, cut, maximum, sums, each }, { x, out }) => {
    // a row may itself hold nothing but ABSENT, hence the cut
    const tile = (C: Span) => load(x, C, ABSENT);
    const largest = maximum(tile);
    const shifted = (C: Span) => k.exp(k.sub(tile(C), largest));
    const [total] = sums((C) => cut(shifted(C), C));
    k.name({ largest, total });
    each((C) => store(out, C, k.div(shifted(C), total)));
  },
);

/**
 * Gradient of softmax: with y_i = e^{x_i} / Σ e^{x_j},  ∂y_i/∂x_j = y_i (δ_ij − y_j), hence
 *   dx_j = Σ_i dy_i y_i (δ_ij − y_j) = y_j (dy_j − Σ_i y_i dy_i)  for y, dy and dx [rows, columns].
 *
 * Memory: reads y and dy once or twice, writes dx once.
 */
export const { plan: planSoftmaxGradient } = rowKernel(
  {
    name: 'softmaxGradient',
    doc: 'dx = y (dy − Σ y dy) along rows',
    reads: { y: 'f32', dy: 'f32' },
    writes: { dx: 'f32' },
  },
  (k, { load, store, sums, each }, { y, dy, dx }) => {
    const [inner] = sums((C) => k.mul(load(y, C), load(dy, C)));
    each((C) => store(dx, C, k.mul(load(y, C), k.sub(load(dy, C), inner))));
  },
);
