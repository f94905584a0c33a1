import { checkOptions } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { dropoutOf } from './dropout.ts';
import { emit, handleOf } from './handle.ts';
import type { DType, Shape, Tensor } from './tensor.ts';
import type { MustBe, TakesFloat } from './types/dtype.ts';
import type {
  AttentionHeads,
  AttentionMask,
  AttentionOther,
  AttentionQuery,
  AttentionValue,
} from './types/layer.ts';
import type { Both, Operand } from './types/result.ts';

export interface AttentionOptions<H = number, M = Tensor<'bool'>> {
  /** the width is shared out over this many heads */
  readonly heads: H;
  /** [batch, keys]: true where a key may be attended to */
  readonly mask?: M | undefined;
  /** query i attends to keys j ≤ i only */
  readonly causal?: boolean;
  /** query i attends to keys with |i − j| < window only; what is farther is not even read */
  readonly window?: number;
  /** scores fall with distance, in head h by |i − j| · 2^(−8 (h + 1) / heads) (ALiBi, Press et al. 2022) */
  readonly alibi?: boolean;
  /** fraction of the probabilities dropped in training graphs */
  readonly dropout?: number;
}

const ATTENTION = {
  heads: is.count,
  mask: is.unchecked,
  causal: is.optional(is.flag),
  window: is.optional(is.count),
  alibi: is.optional(is.flag),
  dropout: is.unchecked,
};

/**
 * softmax(q kᵀ / √w) v for each head (Vaswani et al. 2017): q [batch, time, heads·w], k and v [batch, keys, heads·w],
 * result as q. A query that may attend to nothing gets zeros. Nothing of size time × keys is kept in memory.
 */
export function attention<
  D extends DType,
  Q extends Shape,
  E extends DType,
  K extends Shape,
  F extends DType,
  V extends Shape,
  const H extends number,
  B extends DType = 'bool',
  M extends Shape = Shape,
  Late = never,
>(
  q: Operand<Both<TakesFloat<'attention', D, Late>, AttentionQuery<Q, Late>>, Tensor<D, Q>>,
  k: Operand<Both<TakesFloat<'attention', E, Late>, AttentionOther<'key', Q, K, Late>>, Tensor<E, K>>,
  v: Operand<Both<TakesFloat<'attention', F, Late>, AttentionValue<Q, K, V, Late>>, Tensor<F, V>>,
  options: AttentionOptions<
    Operand<AttentionHeads<Q, H, Late>, H>,
    Operand<Both<MustBe<'attention', 'the mask', 'bool', B, Late>, AttentionMask<K, M, Late>>, Tensor<B, M>>
  >,
): Tensor<'f32', Q> {
  checkOptions('attention', options, ATTENTION);
  const { heads, mask, causal = false, window, alibi, dropout = 0 } = options;
  const { state } = handleOf('attention', 'operand 1', q);
  const drop = dropoutOf('attention', state, dropout);
  const others = [mask, drop?.key].filter((operand) => operand !== undefined);
  return emit('attention', [q, k, v, ...others], {
    heads: Number(heads),
    causal,
    ...(window !== undefined && { window }),
    ...(alibi && { alibi }),
    masked: mask !== undefined,
    ...drop?.attributes,
  });
}
