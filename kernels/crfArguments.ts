import type { Dim } from '../src/base/dim.ts';
import type { Slot } from '../src/ir/record.ts';

/** Sizes of a linear-chain CRF. The number of labels shapes the kernels' tiles, so it is known when lowering. */
export interface CrfSizes {
  readonly batch: Dim;
  readonly time: Dim;
  readonly labels: number;
}

/** What scores a labelling y of a sequence of length n:  start[y₁] + Σ_t E[t, y_t] + Σ_t T[y_{t−1}, y_t] + stop[y_n]. */
export interface CrfScores {
  /** f32 [batch, time, labels] */
  readonly emissions: Slot;
  /** f32 [labels, labels], from → to */
  readonly transitions: Slot;
  /** f32 [labels] */
  readonly start: Slot;
  /** f32 [labels] */
  readonly stop: Slot;
  /** i32 [batch], 0 ≤ length ≤ time */
  readonly lengths: Slot;
}

/** What the forward pass saves for the backward pass. */
export interface CrfSaved {
  /** f32 [batch, time, labels]: log Σ over the previous label of exp(its level + transition − column maximum); start at time 0 */
  readonly alpha: Slot;
  /** f32 [batch, time]: the whole number taken out of the forward levels of that step */
  readonly offset: Slot;
}

export interface CrfArguments extends CrfSizes, CrfScores, CrfSaved {
  /** i32 [batch, time]; values at or beyond the length are not read as indices */
  readonly tags: Slot;
  /** f32 [batch]: log Z − score of the tags; 0 for an empty sequence */
  readonly loss: Slot;
  /** f32 [batch]; 0 for an empty sequence */
  readonly logZ: Slot;
}

/** `planCrf`'s `loss` and `logZ` are not needed. */
export interface CrfGradientArguments extends CrfSizes, CrfScores, CrfSaved {
  readonly tags: Slot;
  /** f32 [batch]: gradient of the loss of each sequence */
  readonly dloss: Slot;
  /** f32 [batch, time, labels]: (marginal − one-hot tag) · dloss, 0 at and beyond the length */
  readonly demissions: Slot;
  /** f32 [labels, labels] */
  readonly dtransitions: Slot;
  /** f32 [labels] */
  readonly dstart: Slot;
  /** f32 [labels] */
  readonly dstop: Slot;
}

export interface CrfMarginalsArguments extends CrfSizes, CrfScores {
  /** f32 [batch, time, labels]: P(y_t = label); 0 at and beyond the length */
  readonly marginals: Slot;
}

export interface CrfDecodeArguments extends CrfSizes, CrfScores {
  /** i32 [batch, time]: the best labelling, 0 at and beyond the length */
  readonly tags: Slot;
  /** f32 [batch]: its score; 0 for an empty sequence */
  readonly score: Slot;
}
