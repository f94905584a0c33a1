import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { axisKind, emit, handleOf } from './handle.ts';
import type { DType, Shape, Tensor } from './tensor.ts';
import type { OnAxis, Reduce } from './types/axis.ts';
import type { TakesFloat, TakesNumber } from './types/dtype.ts';
import type { Operand, ShapeOf } from './types/result.ts';

type Axes = number | readonly number[] | undefined;

/** A reduction over `axes`. */
type Reduction<Op extends string> = <
  D extends DType,
  S extends Shape,
  const A extends Axes = undefined,
  K extends boolean = false,
  Late = never,
>(
  x: Operand<TakesNumber<Op, D, Late>, Tensor<D, S>>,
  axes?: Operand<Reduce<Op, S, A, K, Late>, A>,
  options?: { readonly keepDims?: K },
) => Tensor<D, ShapeOf<Reduce<Op, S, A, K, Late>>>;

/** The sum over `axes`: one, or a list; negative ones count from the right; all by default. With `keepDims` they stay, of size 1. */
export const sum: Reduction<'sum'> = (x, axes, options) => reduce('sum', x, axes, options);
/** The mean over `axes`, which are given as for `sum`. */
export const mean: Reduction<'mean'> = (x, axes, options) => reduce('mean', x, axes, options);
/** The largest element along `axes`, which are given as for `sum`. */
export const max: Reduction<'max'> = (x, axes, options) => reduce('max', x, axes, options);

/** The smallest element along `axes`, which are given as for `sum`; NaN where one is. */
export const min: Reduction<'min'> = (x, axes, options) => reduce('min', x, axes, options);
/** The mean of (x − mean x)² along `axes`, which are given as for `sum`: of the whole, not of a sample. */
export const variance: Reduction<'variance'> = (x, axes, options) => reduce('variance', x, axes, options);
/** log Σ e^x along `axes`, which are given as for `sum`; nothing overflows. */
export const logSumExp: Reduction<'logSumExp'> = (x, axes, options) => reduce('logSumExp', x, axes, options);

/** A reduction of bools over `axes`. */
type Judgement<Op extends string> = <
  S extends Shape,
  const A extends Axes = undefined,
  K extends boolean = false,
  Late = never,
>(
  x: Tensor<'bool', S>,
  axes?: Operand<Reduce<Op, S, A, K, Late>, A>,
  options?: { readonly keepDims?: K },
) => Tensor<'bool', ShapeOf<Reduce<Op, S, A, K, Late>>>;

/** Whether an element is true along `axes`, which are given as for `sum`; of none: false. */
export const any: Judgement<'any'> = (x, axes, options) => reduce('any', x, axes, options);
/** Whether all elements are true along `axes`, which are given as for `sum`; of none: true. */
export const all: Judgement<'all'> = (x, axes, options) => reduce('all', x, axes, options);

const REDUCTION = {
  x: is.unchecked,
  axes: is.optional(is.either(axisKind, is.listOf(axisKind, 'axes'))),
  options: { keepDims: is.optional(is.flag) },
};

function reduce<R>(op: string, x: unknown, axes: unknown, options: { readonly keepDims?: boolean } = {}): R {
  checkArguments(op, REDUCTION, [x, axes, options]);
  const { keepDims = false } = options;
  const { shape } = handleOf(op, 'operand 1', x);
  const list = axes === undefined ? shape.map((_, i) => i) : Array.isArray(axes) ? axes : [axes];
  return emit(op, [x], { axes: list.map(Number), keepDims });
}

const AXIS = { x: is.unchecked, axis: is.optional(axisKind) };

/** What works along one axis, by default the last one. */
function alongAxis<R>(op: string, x: unknown, axis: unknown): R {
  checkArguments(op, AXIS, [x, axis]);
  return emit(op, [x], { axis: typeof axis === 'number' ? axis : -1 });
}

/** Index of the largest element along `axis`, the first one of equals; the axis is dropped. */
export function argmax<D extends DType, S extends Shape, const A extends number = -1, Late = never>(
  x: Tensor<D, S>,
  axis?: Operand<OnAxis<'argmax', S, A, Late>, A>,
): Tensor<'i32', ShapeOf<Reduce<'argmax', S, A, false, Late>>> {
  return alongAxis('argmax', x, axis);
}

/** Index of the smallest element along `axis`, the first one of equals; the axis is dropped. NaN counts as the smallest. */
export function argmin<D extends DType, S extends Shape, const A extends number = -1, Late = never>(
  x: Tensor<D, S>,
  axis?: Operand<OnAxis<'argmin', S, A, Late>, A>,
): Tensor<'i32', ShapeOf<Reduce<'argmin', S, A, false, Late>>> {
  return alongAxis('argmin', x, axis);
}

type Normalization<Op extends string> = <
  D extends DType,
  S extends Shape,
  const A extends number = -1,
  Late = never,
>(
  x: Operand<TakesFloat<Op, D, Late>, Tensor<D, S>>,
  axis?: Operand<OnAxis<Op, S, A, Late>, A>,
) => Tensor<'f32', S>;

/** e^x normalised to sum 1 along `axis`, by default the last one. */
export const softmax: Normalization<'softmax'> = (x, axis) => alongAxis('softmax', x, axis);
/** Logarithm of softmax along `axis`, by default the last one. */
export const logSoftmax: Normalization<'logSoftmax'> = (x, axis) => alongAxis('logSoftmax', x, axis);
