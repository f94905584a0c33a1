import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { emit, refuseSwapped, scoresKind } from './handle.ts';
import type { DType, Shape, Tensor } from './tensor.ts';
import type { MustBe, TakesFloat } from './types/dtype.ts';
import type { CrfEmissions, CrfOperand, CrfPart, CrfResult } from './types/layer.ts';
import type { Both, Operand } from './types/result.ts';

/** Scores of a linear chain over C labels. */
export interface ChainScores<
  E extends Shape,
  DM extends DType,
  M extends Shape,
  DA extends DType,
  A extends Shape,
  DZ extends DType,
  Z extends Shape,
  Late,
> {
  /** f32 [C, C], from → to */
  readonly transitions: Beside<E, 'transitions', DM, M, Late>;
  /** f32 [C], of the first label */
  readonly start: Beside<E, 'start', DA, A, Late>;
  /** f32 [C], of the last label */
  readonly stop: Beside<E, 'stop', DZ, Z, Late>;
}

const LIKELIHOOD = { emissions: is.unchecked, tags: is.unchecked, lengths: is.unchecked, scores: scoresKind };
const DECODE = { emissions: is.unchecked, lengths: is.unchecked, scores: scoresKind };

type Emissions<D extends DType, E extends Shape, Late> = Operand<
  Both<TakesFloat<'crf', D, Late>, CrfEmissions<E, Late>>,
  Tensor<D, E>
>;
/** What stands beside emissions E: ids or scores. */
type Beside<E extends Shape, What extends CrfPart, D extends DType, S extends Shape, Late> = Operand<
  Both<
    MustBe<'crf', What, What extends 'tags' | 'lengths' ? 'i32' : 'f32', D, Late>,
    CrfOperand<What, E, S, Late>
  >,
  Tensor<D, S>
>;

/**
 * log P(tags | emissions) of each sequence under a linear-chain CRF (Lafferty, McCallum, Pereira 2001): emissions
 * f32 [batch, time, labels], tags i32 [batch, time], lengths i32 [batch]; result f32 [batch], at most 0. Tags at and
 * beyond a length are not read; an empty sequence has likelihood 1, and time may be 0. A score of −∞ rules out what it belongs to:
 * tags over it have log-likelihood −∞, and where it leaves no labelling the result is not finite; nor is it with NaN among a
 * sequence's scores.
 */
function logLikelihood<
  D extends DType,
  E extends Shape,
  I extends DType,
  S extends Shape,
  J extends DType,
  L extends Shape,
  DM extends DType,
  M extends Shape,
  DA extends DType,
  A extends Shape,
  DZ extends DType,
  Z extends Shape,
  Late = never,
>(
  emissions: Emissions<D, E, Late>,
  tags: Beside<E, 'tags', I, S, Late>,
  lengths: Beside<E, 'lengths', J, L, Late>,
  scores: ChainScores<E, DM, M, DA, A, DZ, Z, Late>,
): Tensor<'f32', CrfResult<'lengths', E, Late>> {
  checkArguments('crf.logLikelihood', LIKELIHOOD, [emissions, tags, lengths, scores]);
  refuseSwapped('crf.logLikelihood', ['emissions', emissions], ['tags', tags]);
  const { transitions, start, stop } = scores;
  return emit('crfLogLikelihood', [emissions, tags, lengths, transitions, start, stop]);
}

/**
 * The most likely labelling of each sequence (Viterbi 1967): i32 [batch, time], 0 at and beyond the length. Labels are 0 … C − 1
 * also where scores of −∞ rule out all labellings, or some are NaN.
 */
function decode<
  D extends DType,
  E extends Shape,
  J extends DType,
  L extends Shape,
  DM extends DType,
  M extends Shape,
  DA extends DType,
  A extends Shape,
  DZ extends DType,
  Z extends Shape,
  Late = never,
>(
  emissions: Emissions<D, E, Late>,
  lengths: Beside<E, 'lengths', J, L, Late>,
  scores: ChainScores<E, DM, M, DA, A, DZ, Z, Late>,
): Tensor<'i32', CrfResult<'tags', E, Late>> {
  checkArguments('crf.decode', DECODE, [emissions, lengths, scores]);
  const { transitions, start, stop } = scores;
  return emit('crfDecode', [emissions, lengths, transitions, start, stop]);
}

/** Linear-chain conditional random fields. */
export const crf = { logLikelihood, decode };
