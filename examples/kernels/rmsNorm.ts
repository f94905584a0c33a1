/*
 * Root mean square normalisation (Zhang and Sennrich 2019) as an op of one's own, with its gradient, for every device:
 *
 *   rstd = (mean x² + ε)^(−1/2),  y = gain · x · rstd,  and with g = gain · dy:  dx = rstd (g − x rstd mean(g x rstd)).
 *
 * Memory: forward reads x once where a row fits one tile, writes y and one number a row; the gradient reads x and dy, writes dx.
 */
import { defineOp, rowKernel, rowsOf, type Shape, type Tensor } from 'frond';

const forward = rowKernel(
  {
    name: 'rmsNorm',
    doc: 'y = gain · x · rstd along rows',
    reads: { x: 'f32', gain: 'f32' },
    writes: { out: 'f32', rstd: 'f32' },
    parameters: { epsilon: 'f32' },
  },
  (k, { load, loadColumns, store, storeVector, sums, each, perColumn }, { x, gain, out, rstd, epsilon }) => {
    const [squares] = sums((C) => k.mul(load(x, C), load(x, C)));
    const scale = k.rsqrt(k.add(k.mul(squares, perColumn()), epsilon));
    each((C) => store(out, C, k.mul(k.mul(load(x, C), scale), loadColumns(gain, C))));
    storeVector(rstd, scale);
  },
);

const backward = rowKernel(
  {
    name: 'rmsNormGradient',
    doc: 'dx = rstd (g − x rstd mean(g x rstd)) along rows',
    reads: { x: 'f32', gain: 'f32', rstd: 'f32', dy: 'f32' },
    writes: { dx: 'f32' },
  },
  (k, { load, loadVector, loadColumns, store, sums, each, perColumn }, { x, gain, rstd, dy, dx }) => {
    const scale = loadVector(rstd);
    const [sum] = sums((C) => k.mul(k.mul(load(dy, C), loadColumns(gain, C)), k.mul(load(x, C), scale)));
    const mean = k.mul(sum, perColumn());
    each((C) => {
      const normalised = k.mul(k.mul(load(x, C), scale), mean);
      store(dx, C, k.mul(scale, k.sub(k.mul(load(dy, C), loadColumns(gain, C)), normalised)));
    });
  },
);

defineOp({
  name: 'rmsNormGradient',
  operands: ['x', 'gain', 'rstd', 'dy'],
  results: ['dx'],
  shape: ({ x }) => x,
  lower: ({ x }, { slots, schedules }) =>
    backward.plan({ ...slots, ...rowsOf('rmsNormGradient', x), schedules }),
});

/** gain · x / √(mean x² + ε) along the last axis, which is as long as `gain`. */
export const rmsNorm: <S extends Shape>(
  x: Tensor<'f32', S>,
  gain: Tensor<'f32'>,
  attributes?: { readonly epsilon?: number },
) => Tensor<'f32', S> = defineOp({
  name: 'rmsNorm',
  operands: ['x', 'gain'],
  results: ['out', 'rstd'],
  saved: 'rstd',
  attributes: { epsilon: 1e-6 },
  shape({ x, gain }) {
    if (gain.shape.length !== 1 || gain.shape[0] !== x.shape.at(-1))
      throw new Error(`the gain is [${gain.shape}], the rows of x have ${x.shape.at(-1)} elements`);
    return [x, { dtype: 'f32', shape: x.shape.slice(0, -1) }];
  },
  lower: ({ x }, { slots, attributes, schedules }) =>
    forward.plan({ ...slots, ...rowsOf('rmsNorm', x), ...attributes, schedules }),
  vjp(b, { x, gain, rstd, dout }) {
    const { shape } = b.typeOf(x);
    const rows = [...shape.keys()].slice(0, -1);
    const scale = b.reshape(rstd, [...shape.slice(0, -1), 1]);
    const [dx] = b.op('rmsNormGradient', { x, gain, rstd, dy: dout });
    return [dx, b.sum(b.mul(dout, b.mul(x, scale)), rows)];
  },
  flops: 4,
});
