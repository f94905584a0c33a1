import { planAlong } from '../../kernels/copy.ts';
import { planSoftmax, planSoftmaxGradient } from '../../kernels/softmax.ts';
import type * as is from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp } from './define.ts';
import { axis, axisOf, expectFloat, expectTypes, f32, widen } from './rules.ts';

/** Attribute `axis`, the last one by default. */
const along = (
  op: string,
  { shape }: Pick<TensorType, 'shape'>,
  { axis: at = -1 }: is.OptionsOf<typeof axis>,
) => axisOf(op, at, shape);

/** The same shape in f32, where there is such an axis. */
const shapeAlong =
  (op: string) =>
  ({ x }: { readonly x: TensorType }, attributes: is.OptionsOf<typeof axis>) => {
    expectFloat(op, x);
    along(op, x, attributes);
    return [f32(x.shape)];
  };

/** softmax(x)_i = e^{x_i} / Σ_j e^{x_j} along attribute `axis`. */
export const softmax = defineOp({
  name: 'softmax',
  doc: 'e^x normalised to sum 1 along attribute axis',
  operands: ['x'],
  attributes: axis,
  shape: shapeAlong('softmax'),
  vjp: (b, { out, dout }, attributes) => [b.one('softmaxGradient', { y: out, dy: dout }, attributes)],
  lower: ({ x }, { slots, attributes, schedules }) =>
    planAlong(x, along('softmax', x, attributes), slots, (rows) => planSoftmax({ ...rows, schedules })),
  flops: 12,
});

/** dx = y (dy − Σ y dy), where y = softmax(x). */
export const softmaxGradient = defineOp({
  name: 'softmaxGradient',
  doc: 'gradient of softmax from its result and the upstream gradient',
  operands: ['y', 'dy'],
  results: ['dx'],
  attributes: axis,
  shape({ y, dy }, attributes) {
    const { shape } = y;
    expectTypes('softmaxGradient', { 'the softmax': [y, 'f32', shape], 'the gradient': [dy, 'f32', shape] });
    along('softmaxGradient', y, attributes);
    return [f32(shape)];
  },
  // with s = Σ y dy and upstream u:  ∂/∂dy is the same map of u;  ∂/∂y = u (dy − s) − dy Σ u y
  vjp(b, { y, dy, ddx: u }, attributes) {
    const { shape } = b.typeOf(y);
    const at = along('softmaxGradient', { shape }, attributes);
    const total = (x: string, z: string) => b.broadcast(b.sum(b.mul(x, z), [at], true), shape);
    const toY = b.sub(b.mul(u, b.sub(dy, total(y, dy))), b.mul(dy, total(u, y)));
    return [toY, b.one('softmaxGradient', { y, dy: u }, attributes)];
  },
  lower: ({ y }, { slots, attributes, schedules }) =>
    planAlong(y, along('softmaxGradient', y, attributes), slots, (rows) =>
      planSoftmaxGradient({ ...rows, schedules }),
    ),
  flops: 4,
});

/** x − log Σ e^x along attribute `axis`, shifted by the maximum, whose gradient cancels. */
export const logSoftmax = defineOp({
  name: 'logSoftmax',
  doc: 'logarithm of softmax along attribute axis',
  operands: ['x'],
  attributes: axis,
  shape: shapeAlong('logSoftmax'),
  expand(b, { x: given }, attributes) {
    const x = widen(b, given);
    const at = along('logSoftmax', b.typeOf(x), attributes);
    const shifted = b.sub(x, b.one('max', [x], { axes: [at], keepDims: true, orNone: true }));
    return [b.sub(shifted, b.log(b.sum(b.exp(shifted), [at], true)))];
  },
});
