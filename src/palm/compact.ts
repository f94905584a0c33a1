import * as is from '../base/kinds.ts';
import {
  broadcastTo,
  declare,
  dropout,
  f32,
  type GraphContext,
  gather,
  greater,
  i32,
  scope,
  type Tensor,
  truncatedNormal,
  where,
} from '../dsl/index.ts';
import { encoderStates } from '../nn/encoder.ts';
import * as nn from '../nn/index.ts';
import { stacked } from './bert.ts';
import type { Backbone } from './contract.ts';
import { defineBackbone } from './define.ts';
import { checkSettings } from './settings.ts';
import { UNKNOWN } from './tokenizer/vocabulary.ts';

export const compactOptions = {
  /** entries of the word table, padding and unknown included */
  vocabulary: is.count,
  /** elements of every vector */
  width: is.count,
  layers: is.count,
  heads: is.count,
  /** inner width of the feed-forward part; default 4 · width */
  inner: is.optional(is.count),
  /** most words of a sentence; default 128 */
  maximumLength: is.optional(is.count),
  /** inside the layers; default 0.1 */
  dropout: is.optional(is.fraction),
  /** of the attention's probabilities; default as `dropout` */
  attentionDropout: is.optional(is.fraction),
  /** behind the activation of the feed-forward parts; default 0 */
  activationDropout: is.optional(is.fraction),
  /** of the embedded words and of what the heads get; default 0.3 */
  outerDropout: is.optional(is.fraction),
  /**
   * Share of the words that training hides behind the unknown word, so that the model learns to read what it does not know from
   * its neighbours (Iyyer et al. 2015); default 0
   */
  wordDropout: is.optional(is.fraction),
  /** id of the unknown word, as the tokenizer has it in `special.unknown`; default 1 */
  unknown: is.optional(is.natural),
  /** scope of its parameters; default `encoder` */
  name: is.optional(is.text),
};
export interface CompactOptions<V extends number, W extends number>
  extends is.OptionsOf<typeof compactOptions> {
  readonly vocabulary: V;
  readonly width: W;
}

const needs = {
  tokens: declare('i32', ['batch', 'time']),
  positions: declare('i32', ['batch', 'time']),
  mask: declare('bool', ['batch', 'time']),
} as const;

const givesOf = <V extends number, W extends number>(vocabulary: V, width: W) =>
  ({
    encoded: declare(f32, ['batch', 'time', width]),
    sentence: declare(f32, ['batch', width]),
    table: declare(f32, [vocabulary, width]),
  }) as const;

/** Puts the unknown word in place of each word with probability `rate`, in training graphs. */
function hideWords(g: GraphContext, tokens: Words, rate: number, unknown: number): Words {
  if (!g.training || rate === 0) return tokens;
  const kept = dropout(broadcastTo(g.constant(1), tokens.shape), rate);
  return where(greater(kept, 0), tokens, broadcastTo(g.constant(unknown, i32), tokens.shape));
}
type Words = Tensor<'i32', ['batch', 'time']>;

/**
 * A small pre-norm transformer over words (Vaswani et al. 2017, Xiong et al. 2020): word and position embeddings, a learned
 * vector in front whose encoding stands for the sentence, encoder blocks, a last layer norm.
 * Gives `encoded` [batch, time, width] for the words, `sentence` [batch, width] and `table`, the words' vectors [vocabulary, width].
 * @throws FROND-T002 for a size that is not a positive whole number, and for an option that it does not have
 */
export function compactEncoder<const V extends number, const W extends number>(
  options: CompactOptions<V, W>,
): Backbone<typeof needs, ReturnType<typeof givesOf<V, W>>> {
  checkSettings('compactEncoder', options, compactOptions);
  const { vocabulary, width, layers, heads, inner = 4 * width, maximumLength = 128 } = options;
  const { dropout: inside = 0.1, outerDropout = 0.3, name = 'encoder' } = options;
  const { attentionDropout = inside, activationDropout = 0, wordDropout = 0, unknown = UNKNOWN } = options;
  return defineBackbone({
    name,
    needs,
    gives: givesOf(vocabulary, width),
    counts: { tokens: vocabulary },
    maximumLength,
    build(g, { tokens, positions, mask }, isMixed) {
      const table = scope('words', () =>
        g.parameter('weight', f32, [vocabulary, width], truncatedNormal(0.02)),
      );
      const embedded = nn.learnedPositions(
        g,
        gather(table, hideWords(g, tokens, wordDropout, unknown)),
        positions,
        {
          max: maximumLength,
        },
      );
      const x = dropout(nn.prependSentence(g, embedded), outerDropout);
      const states = encoderStates(x, {
        layers,
        heads,
        inner,
        mask: nn.prependVisible(g, mask),
        dropout: inside,
        attentionDropout,
        activationDropout,
        name: 'layers',
      });
      const y = states.at(-1) ?? x;
      const mixed = isMixed && {
        layers: dropout(stacked(states.map(nn.tokensOf)), outerDropout),
        sentences: dropout(stacked(states.map(nn.sentenceOf)), outerDropout),
      };
      return {
        encoded: dropout(nn.tokensOf(y), outerDropout),
        sentence: dropout(nn.sentenceOf(y), outerDropout),
        table,
        ...mixed,
      };
    },
  });
}
