import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { contextKind, tensorKind } from '../dsl/handle.ts';
import {
  add,
  broadcastTo,
  concat,
  type Dim,
  type GraphContext,
  gather,
  reshape,
  scope,
  slice,
  type Tensor,
  truncatedNormal,
} from '../dsl/index.ts';
import type { Minus, Plus } from '../dsl/types/dimension.ts';

// What is added to the vectors of tokens before they are encoded, and taken from what was encoded.

/** Declares `NAME/weight`, drawn as tables of embeddings are. */
const learned = <const S extends readonly Dim[]>(
  g: GraphContext,
  name: string,
  shape: S,
): Tensor<'f32', [...S]> => scope(name, () => g.parameter('weight', 'f32', shape, truncatedNormal(0.02)));

const positionOptions = {
  /** positions run from 0 to below this */
  max: is.natural,
  /** scope of its parameter, 'positions' by default */
  name: is.optional(is.text),
};
export type PositionOptions = is.OptionsOf<typeof positionOptions>;
const POSITIONS = { g: contextKind, x: tensorKind, positions: is.unchecked, options: positionOptions };

/** Adds a learned vector per position: x [B, T, W], positions i32 [B, T]; declares `NAME/weight` [max, W]. */
export function learnedPositions<B extends Dim, T extends Dim, W extends Dim>(
  g: GraphContext,
  x: Tensor<'f32', [B, T, W]>,
  positions: Tensor<'i32', [B, T]>,
  options: PositionOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('learnedPositions', POSITIONS, [g, x, positions, options]);
  const { max, name = 'positions' } = options;
  return add(x, gather(learned(g, name, [max, x.shape[2]]), positions));
}

// ---- a learned vector in front of every sentence, whose encoding stands for the whole of it (BERT's [CLS] without a token).

const sentenceOptions = {
  /** scope of its parameter, 'sentence' by default */
  name: is.optional(is.text),
};
export type SentenceOptions = is.OptionsOf<typeof sentenceOptions>;

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
  return concat([broadcastTo(learned(g, name, [1, 1, width]), [batch, 1, width]), x], 1);
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
