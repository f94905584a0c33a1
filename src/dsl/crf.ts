import { type DType, emit, type Shape, type Tensor } from './tensor.ts';
import type { CrfBatch, CrfEmissions, CrfOperand, CrfTags } from './types/crf.ts';
import type { Both, MustBe } from './types/dtype.ts';
import type { Operand } from './types/result.ts';

/** Scores of a linear chain over C labels. */
export interface ChainScores<E extends Shape, M extends Shape, A extends Shape, Z extends Shape, Late> {
  /** f32 [C, C], from → to */
  readonly transitions: Operand<CrfOperand<'transitions', E, M, Late>, Tensor<'f32', M>>;
  /** f32 [C], of the first label */
  readonly start: Operand<CrfOperand<'start', E, A, Late>, Tensor<'f32', A>>;
  /** f32 [C], of the last label */
  readonly stop: Operand<CrfOperand<'stop', E, Z, Late>, Tensor<'f32', Z>>;
}

/**
 * log P(tags | emissions) of each sequence under a linear-chain CRF (Lafferty, McCallum, Pereira 2001): emissions
 * f32 [batch, time, labels], tags i32 [batch, time], lengths i32 [batch]; result f32 [batch], at most 0. Tags at and
 * beyond a length are not read; an empty sequence has likelihood 1.
 */
function logLikelihood<
  E extends Shape,
  I extends DType,
  S extends Shape,
  J extends DType,
  L extends Shape,
  M extends Shape,
  A extends Shape,
  Z extends Shape,
  Late = never,
>(
  emissions: Operand<CrfEmissions<E, Late>, Tensor<'f32', E>>,
  tags: Operand<Both<MustBe<'crf', 'tags', 'i32', I, Late>, CrfOperand<'tags', E, S, Late>>, Tensor<I, S>>,
  lengths: Operand<
    Both<MustBe<'crf', 'lengths', 'i32', J, Late>, CrfOperand<'lengths', E, L, Late>>,
    Tensor<J, L>
  >,
  scores: ChainScores<E, M, A, Z, Late>,
): Tensor<'f32', CrfBatch<E, Late>> {
  const { transitions, start, stop } = scores;
  return emit('crfLogLikelihood', [emissions, tags, lengths, transitions, start, stop]);
}

/** The most likely labelling of each sequence (Viterbi 1967): i32 [batch, time], 0 at and beyond the length. */
function decode<
  E extends Shape,
  J extends DType,
  L extends Shape,
  M extends Shape,
  A extends Shape,
  Z extends Shape,
  Late = never,
>(
  emissions: Operand<CrfEmissions<E, Late>, Tensor<'f32', E>>,
  lengths: Operand<
    Both<MustBe<'crf', 'lengths', 'i32', J, Late>, CrfOperand<'lengths', E, L, Late>>,
    Tensor<J, L>
  >,
  scores: ChainScores<E, M, A, Z, Late>,
): Tensor<'i32', CrfTags<E, Late>> {
  const { transitions, start, stop } = scores;
  return emit('crfDecode', [emissions, lengths, transitions, start, stop]);
}

/** Linear-chain conditional random fields. */
export const crf = { logLikelihood, decode };
