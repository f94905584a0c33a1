import { checkArguments, checkOptions } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import { flag, natural, notNegative, optional, text, unchecked } from '../base/kinds.ts';
import { callerPlace } from '../base/source.ts';
import { type Initializer, ones, truncatedNormal, xavier, zeros } from './initializer.ts';
import { declareParameter, nameless } from './parameter.ts';
import { AXIS } from './reduce.ts';
import { within } from './scope.ts';
import {
  type Dim,
  type DType,
  emit,
  type Handle,
  handleOf,
  refuseSwapped,
  type Shape,
  type Tensor,
  wrap,
} from './tensor.ts';
import type { OnAxis } from './types/axis.ts';
import type { FloatPair, MustBe, TakesFloat } from './types/dtype.ts';
import type { Gather, Matmul, ReplaceLast } from './types/layer.ts';
import type { Both, Operand, ShapeOf } from './types/result.ts';

/** x · y over the last two dims; leading dims broadcast. */
export function matmul<D extends DType, A extends Shape, E extends DType, B extends Shape, Late = never>(
  x: Tensor<D, A>,
  y: Operand<Both<FloatPair<'matmul', D, E, Late>, Matmul<A, B, Late>>, Tensor<E, B>>,
): Tensor<'f32', ShapeOf<Matmul<A, B, Late>>> {
  return emit('matmul', [x, y]);
}

export interface LinearOptions {
  /** scope of its parameters, 'linear' by default */
  readonly name?: string;
  /** of the weight; Glorot's by default */
  readonly initializer?: Initializer;
  /** false leaves the bias out */
  readonly bias?: boolean;
}

/** x [..., in] · weight [in, out] + bias [out]; declares `NAME/weight` and `NAME/bias`. */
export function linear<D extends DType, S extends Shape, const Out extends Dim, Late = never>(
  x: Operand<Both<TakesFloat<'linear', D, Late>, ReplaceLast<'linear', S, Out, Late>>, Tensor<D, S>>,
  out: Out,
  options: LinearOptions = {},
): Tensor<'f32', ShapeOf<ReplaceLast<'linear', S, Out, Late>>> {
  checkOptions('linear', options, {
    ...{ name: optional(text), initializer: unchecked, bias: optional(flag) },
  });
  const { name = 'linear', initializer = xavier(), bias = true } = options;
  const handle = handleOf('linear', 'operand 1', x);
  const width = lastSize('linear', handle);
  return within(handle.state, name, () => {
    const weight = declare(handle, 'weight', [width, out], initializer);
    return emit('linear', bias ? [x, weight, declare(handle, 'bias', [out], zeros())] : [x, weight]);
  });
}

const declare = (like: Handle, name: string, shape: Shape, initializer: Initializer): Tensor =>
  wrap(like.state, declareParameter(like.state, name, { dtype: 'f32', shape, initializer }));

/** The size of the last dim, which a parameter takes on: a literal number when the graph is built. */
function lastSize(op: string, { shape }: Handle): number {
  const size = shape.at(-1);
  if (typeof size === 'number') return size;
  if (size === undefined) {
    throw new FrondError('FROND-S013', `${op}: the input is a scalar`, { place: callerPlace() });
  }
  throw nameless(`${op}: the last dimension is ${size}, not a number`, callerPlace());
}

/** Rows of `table` [V, ...row] by ids: [...ids, ...row]. */
export function gather<D extends DType, T extends Shape, I extends DType, S extends Shape, Late = never>(
  table: Operand<Both<TakesFloat<'gather', D, Late>, Gather<T, S, Late>>, Tensor<D, T>>,
  ids: Operand<MustBe<'gather', 'the ids', 'i32', I, Late>, Tensor<I, S>>,
): Tensor<'f32', ShapeOf<Gather<T, S, Late>>> {
  refuseSwapped('gather', ['table', table], ['ids', ids]);
  return emit('gather', [table, ids]);
}

export interface EmbeddingOptions {
  /** scope of its parameter, 'embedding' by default */
  readonly name?: string;
  readonly initializer?: Initializer;
}

/** Looks ids up in a table of its own; declares `NAME/weight` [vocabulary, width]. */
export function embedding<
  I extends DType,
  S extends Shape,
  const V extends number,
  const W extends number,
  Late = never,
>(
  ids: Operand<MustBe<'gather', 'the ids', 'i32', I, Late>, Tensor<I, S>>,
  vocabulary: V,
  width: W,
  options: EmbeddingOptions = {},
): Tensor<'f32', [...S, W]> {
  const sizes = { ids: unchecked, vocabulary: natural, width: natural, options: unchecked };
  checkArguments('embedding', sizes, [ids, vocabulary, width, options]);
  checkOptions('embedding', options, { name: optional(text), initializer: unchecked });
  const { name = 'embedding', initializer = truncatedNormal(0.02) } = options;
  const handle = handleOf('embedding', 'operand 1', ids);
  return within(handle.state, name, () =>
    emit('gather', [declare(handle, 'weight', [vocabulary, width], initializer), ids]),
  );
}

/** e^x normalised to sum 1 along `axis`, by default the last one. */
export function softmax<D extends DType, S extends Shape, const A extends number = -1, Late = never>(
  x: Operand<TakesFloat<'softmax', D, Late>, Tensor<D, S>>,
  axis?: Operand<OnAxis<'softmax', S, A, Late>, A>,
): Tensor<'f32', S> {
  checkArguments('softmax', AXIS, [x, axis]);
  return emit('softmax', [x], { axis: typeof axis === 'number' ? axis : -1 });
}

/** Logarithm of softmax along `axis`, by default the last one. */
export function logSoftmax<D extends DType, S extends Shape, const A extends number = -1, Late = never>(
  x: Operand<TakesFloat<'logSoftmax', D, Late>, Tensor<D, S>>,
  axis?: Operand<OnAxis<'logSoftmax', S, A, Late>, A>,
): Tensor<'f32', S> {
  checkArguments('logSoftmax', AXIS, [x, axis]);
  return emit('logSoftmax', [x], { axis: typeof axis === 'number' ? axis : -1 });
}

export interface LayerNormOptions {
  /** scope of its parameters, 'layerNorm' by default */
  readonly name?: string;
  /** added to the variance */
  readonly epsilon?: number;
}

/** (x − mean) / √(variance + ε) · γ + β over the last axis (Ba, Kiros, Hinton 2016); declares `NAME/gamma`, `NAME/beta`. */
export function layerNorm<D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesFloat<'layerNorm', D, Late>, Tensor<D, S>>,
  options: LayerNormOptions = {},
): Tensor<'f32', S> {
  checkOptions('layerNorm', options, { name: optional(text), epsilon: optional(notNegative) });
  const { name = 'layerNorm', epsilon = 1e-5 } = options;
  const handle = handleOf('layerNorm', 'operand 1', x);
  const width = lastSize('layerNorm', handle);
  return within(handle.state, name, () => {
    const gamma = declare(handle, 'gamma', [width], ones());
    const beta = declare(handle, 'beta', [width], zeros());
    return emit('layerNorm', [x, gamma, beta], { epsilon });
  });
}
