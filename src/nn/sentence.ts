import { checkArguments } from '../base/arguments.ts';
import { type OptionsOf, optional, text } from '../base/kinds.ts';
import { contextKind } from '../dsl/graph.ts';
import {
  broadcastTo,
  concat,
  type Dim,
  type GraphContext,
  reshape,
  scope,
  slice,
  type Tensor,
  truncatedNormal,
} from '../dsl/index.ts';
import { tensorKind } from '../dsl/tensor.ts';
import type { Minus, Plus } from '../dsl/types/dimension.ts';

// A learned vector in front of every sentence, whose encoding stands for the whole of it (BERT's [CLS] without a token).

const sentenceOptions = {
  /** scope of its parameter, 'sentence' by default */
  name: optional(text),
};
export type SentenceOptions = OptionsOf<typeof sentenceOptions>;

/** x [B, T, W] with the learned vector in front: [B, 1+T, W]; declares `NAME/weight` [1, 1, W]. */
export function prependSentence<B extends Dim, T extends Dim, W extends Dim>(
  g: GraphContext,
  x: Tensor<'f32', [B, T, W]>,
  options: SentenceOptions = {},
): Tensor<'f32', [B, Plus<1, T>, W]> {
  const kinds = { g: contextKind, x: tensorKind, options: sentenceOptions };
  checkArguments('prependSentence', kinds, [g, x, options]);
  const { name = 'sentence' } = options;
  const [batch, , width] = x.shape;
  const vector = scope(name, () => g.parameter('weight', 'f32', [1, 1, width], truncatedNormal(0.02)));
  return concat([broadcastTo(vector, [batch, 1, width]), x], 1);
}

/** The mask of the longer sequence: [B, T] → [B, 1+T]; the sentence's own position is always visible. */
export function prependVisible<B extends Dim, T extends Dim>(
  g: GraphContext,
  mask: Tensor<'bool', [B, T]>,
): Tensor<'bool', [B, Plus<1, T>]> {
  checkArguments('prependVisible', { g: contextKind, mask: tensorKind }, [g, mask]);
  return concat([broadcastTo(g.constant(1, 'bool', [1, 1]), [mask.shape[0], 1]), mask], 1);
}

/** The encoding of the sentence as a whole: the first position, [B, W]. */
export function sentenceOf<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
): Tensor<'f32', [B, W]> {
  checkArguments('sentenceOf', { x: tensorKind }, [x]);
  return reshape(slice(x, 1, 0, 1), [x.shape[0], x.shape[2]]);
}

/** The encodings of the tokens: all positions but the first, [B, T, W] → [B, T-1, W]. */
export function tokensOf<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
): Tensor<'f32', [B, Minus<T, 1>, W]> {
  return slice(x, 1, 1);
}
