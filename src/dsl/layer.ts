import { checkArguments, checkOptions } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { emit, handleOf, refuseSwapped, within } from './handle.ts';
import { ones, truncatedNormal, xavier, zeros } from './initializers.ts';
import { declareParameter, initializerKind, lastSize } from './parameter.ts';
import type { Dim, DType, Shape, Tensor } from './tensor.ts';
import type { FloatPair, MustBe, TakesFloat } from './types/dtype.ts';
import type { CrossEntropy, Gather, Matmul, ReplaceLast } from './types/layer.ts';
import type { Both, Operand, ShapeOf } from './types/result.ts';

/** x · y over the last two dims; leading dims broadcast. */
export function matmul<D extends DType, A extends Shape, E extends DType, B extends Shape, Late = never>(
  x: Tensor<D, A>,
  y: Operand<Both<FloatPair<'matmul', D, E, Late>, Matmul<A, B, Late>>, Tensor<E, B>>,
): Tensor<'f32', ShapeOf<Matmul<A, B, Late>>> {
  return emit('matmul', [x, y]);
}

export const linearOptions = {
  /** scope of its parameters, 'linear' by default */
  name: is.optional(is.text),
  /** of the weight; Glorot's by default */
  initializer: is.optional(initializerKind),
  /** false leaves the bias out */
  bias: is.optional(is.flag),
};
export type LinearOptions = is.OptionsOf<typeof linearOptions>;

/** x [..., in] · weight [in, out] + bias [out]; declares `NAME/weight` and `NAME/bias`. */
export function linear<D extends DType, S extends Shape, const Out extends Dim, Late = never>(
  x: Operand<Both<TakesFloat<'linear', D, Late>, ReplaceLast<'linear', S, Out, Late>>, Tensor<D, S>>,
  out: Out,
  options: LinearOptions = {},
): Tensor<'f32', ShapeOf<ReplaceLast<'linear', S, Out, Late>>> {
  checkOptions('linear', options, linearOptions);
  const { name = 'linear', initializer = xavier(), bias = true } = options;
  const { state, shape } = handleOf('linear', 'operand 1', x);
  const width = lastSize('linear', shape);
  return within(state, name, () => {
    const weight = declareParameter(state, 'weight', [width, out], initializer);
    const added = bias ? [declareParameter(state, 'bias', [out], zeros())] : [];
    return emit('linear', [x, weight, ...added]);
  });
}

/** Rows of `table` [V, ...row] by ids: [...ids, ...row]. */
export function gather<D extends DType, T extends Shape, I extends DType, S extends Shape, Late = never>(
  table: Operand<Both<TakesFloat<'gather', D, Late>, Gather<T, S, Late>>, Tensor<D, T>>,
  ids: Operand<MustBe<'gather', 'the ids', 'i32', I, Late>, Tensor<I, S>>,
): Tensor<'f32', ShapeOf<Gather<T, S, Late>>> {
  refuseSwapped('gather', ['table', table], ['ids', ids]);
  return emit('gather', [table, ids]);
}

const embeddingOptions = {
  /** scope of its parameter, 'embedding' by default */
  name: is.optional(is.text),
  initializer: is.optional(initializerKind),
};
export type EmbeddingOptions = is.OptionsOf<typeof embeddingOptions>;
const EMBEDDING = { ids: is.unchecked, vocabulary: is.natural, width: is.natural, options: embeddingOptions };

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
  checkArguments('embedding', EMBEDDING, [ids, vocabulary, width, options]);
  const { name = 'embedding', initializer = truncatedNormal(0.02) } = options;
  const { state } = handleOf('embedding', 'operand 1', ids);
  return within(state, name, () =>
    emit('gather', [declareParameter(state, 'weight', [vocabulary, width], initializer), ids]),
  );
}

const layerNormOptions = {
  /** scope of its parameters, 'layerNorm' by default */
  name: is.optional(is.text),
  /** added to the variance */
  epsilon: is.optional(is.notNegative),
};
export type LayerNormOptions = is.OptionsOf<typeof layerNormOptions>;

/** (x − mean) / √(variance + ε) · γ + β over the last axis (Ba, Kiros, Hinton 2016); declares `NAME/gamma`, `NAME/beta`. */
export function layerNorm<D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesFloat<'layerNorm', D, Late>, Tensor<D, S>>,
  options: LayerNormOptions = {},
): Tensor<'f32', S> {
  checkOptions('layerNorm', options, layerNormOptions);
  const { name = 'layerNorm', epsilon = 1e-5 } = options;
  const { state, shape } = handleOf('layerNorm', 'operand 1', x);
  const width = lastSize('layerNorm', shape);
  return within(state, name, () => {
    const gamma = declareParameter(state, 'gamma', [width], ones());
    const beta = declareParameter(state, 'beta', [width], zeros());
    return emit('layerNorm', [x, gamma, beta], { epsilon });
  });
}

/**
 * −log softmax(logits)[label] for each row: logits [..., classes], labels i32 [...], result [...].
 * Rows labelled −1 are ignored: their loss and gradient are 0.
 */
export function crossEntropy<
  D extends DType,
  L extends Shape,
  I extends DType,
  S extends Shape,
  Late = never,
>(
  logits: Operand<TakesFloat<'crossEntropy', D, Late>, Tensor<D, L>>,
  labels: Operand<
    Both<MustBe<'crossEntropy', 'labels', 'i32', I, Late>, CrossEntropy<L, S, Late>>,
    Tensor<I, S>
  >,
): Tensor<'f32', ShapeOf<CrossEntropy<L, S, Late>>> {
  refuseSwapped('crossEntropy', ['logits', logits], ['labels', labels]);
  return emit('crossEntropy', [logits, labels]);
}
