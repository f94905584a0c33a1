import { planAlong, type Rows } from '../../kernels/along.ts';
import { planSoftmax, planSoftmaxGradient } from '../../kernels/softmax.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import type { LaunchPlan, LowerContext, OpRecord, Slot } from '../ir/record.ts';
import { axis } from './attributes.ts';
import { axisOf, expectFloat, expectOperands, operand, perElement, widen } from './rules.ts';
import { input, output } from './slots.ts';

/** Attribute `axis`, the last one by default. */
const axisOfSoftmax = (shape: TensorType['shape'], { axis = -1 }: Attributes): number =>
  axisOf('softmax', Number(axis), shape);

/** Runs a kernel for rows along the axis: in place for the last one, between two transposing copies for another. */
function alongAxis(
  { inputs, attributes }: LowerContext,
  plan: (rows: Rows, slots: readonly Slot[], out: Slot) => readonly LaunchPlan[],
): readonly LaunchPlan[] {
  const { shape } = operand('softmax', inputs, 0);
  const operands = inputs.map((_, i) => input(i));
  return planAlong({ shape, axis: axisOfSoftmax(shape, attributes), inputs: operands, out: output() }, plan);
}

/** softmax(x)_i = e^{x_i} / Σ_j e^{x_j} along attribute `axis`. */
export const softmax: OpRecord = {
  name: 'softmax',
  doc: 'e^x normalised to sum 1 along attribute axis',
  kind: 'kernel',
  arity: 1,
  attributes: axis,
  shape(inputs, attributes) {
    const x = operand('softmax', inputs, 0);
    expectFloat('softmax', x);
    axisOfSoftmax(x.shape, attributes);
    return [{ dtype: 'f32', shape: x.shape }];
  },
  vjp(b, { outputs: [y], gradients: [dy], attributes }) {
    return [y === undefined || dy === undefined ? undefined : b.one('softmaxGradient', [y, dy], attributes)];
  },
  lower: (context) =>
    alongAxis(context, (rows, [x], out) =>
      x === undefined ? [] : planSoftmax({ ...rows, x, out, schedules: context.schedules }),
    ),
  cost: perElement(12),
};

/** dx = y (dy − Σ y dy): operands y = softmax(x) and dy. */
export const softmaxGradient: OpRecord = {
  name: 'softmaxGradient',
  doc: 'gradient of softmax from its result and the upstream gradient',
  kind: 'kernel',
  arity: 2,
  attributes: axis,
  shape(inputs, attributes) {
    const { shape } = operand('softmaxGradient', inputs, 0);
    const type: TensorType = { dtype: 'f32', shape };
    expectOperands('softmaxGradient', inputs, 0, { 'the softmax': type, 'the gradient': type });
    axisOfSoftmax(shape, attributes);
    return [type];
  },
  // with s = Σ y dy and upstream u:  ∂/∂dy is the same map of u;  ∂/∂y = u (dy − s) − dy Σ u y
  vjp(b, { inputs: [y, dy], gradients: [u], attributes }) {
    if (y === undefined || dy === undefined || u === undefined) return [];
    const { shape } = b.typeOf(y);
    const axis = axisOfSoftmax(shape, attributes);
    const total = (x: string, z: string) => b.broadcast(b.sum(b.mul(x, z), [axis], true), shape);
    const toY = b.sub(b.mul(u, b.sub(dy, total(y, dy))), b.mul(dy, total(u, y)));
    return [toY, b.one('softmaxGradient', [y, u], attributes)];
  },
  lower: (context) =>
    alongAxis(context, (rows, [y, dy], dx) =>
      y === undefined || dy === undefined
        ? []
        : planSoftmaxGradient({ ...rows, y, dy, dx, schedules: context.schedules }),
    ),
  cost: perElement(4),
};

/** x − log Σ e^x along attribute `axis`, shifted by the maximum, whose gradient cancels. */
export const logSoftmax: OpRecord = {
  name: 'logSoftmax',
  doc: 'logarithm of softmax along attribute axis',
  kind: 'kernel',
  arity: 1,
  attributes: axis,
  shape(inputs, { axis = -1 }) {
    const x = operand('logSoftmax', inputs, 0);
    expectFloat('logSoftmax', x);
    axisOf('logSoftmax', Number(axis), x.shape);
    return [{ dtype: 'f32', shape: x.shape }];
  },
  expand(b, { inputs: [given], attributes: { axis = -1 } }) {
    if (given === undefined) return [];
    const x = widen(b, given);
    const at = axisOf('logSoftmax', Number(axis), b.typeOf(x).shape);
    const shifted = b.sub(x, b.one('max', [x], { axes: [at], keepDims: true, orNone: true }));
    return [b.sub(shifted, b.log(b.sum(b.exp(shifted), [at], true)))];
  },
};
