import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { tensorKind } from '../dsl/handle.ts';
import {
  add,
  attention,
  type Dim,
  dropout,
  gelu,
  layerNorm,
  linear,
  scope,
  type Tensor,
} from '../dsl/index.ts';

/** Judged by the dropout itself. */
const rateKind = is.optional(is.typed<number>(is.unchecked));

const attentionOptions = {
  /** the width is shared out over this many heads */
  heads: is.count,
  /** [batch, time]: true where a position may be attended to */
  mask: is.omittable(is.typed<Tensor<'bool'>>(tensorKind)),
  causal: is.optional(is.flag),
};
const selfAttentionOptions = {
  ...attentionOptions,
  /** of the attention's probabilities */
  dropout: rateKind,
  /** scope of its parameters, 'attention' by default */
  name: is.optional(is.text),
};
export type SelfAttentionOptions = is.OptionsOf<typeof selfAttentionOptions>;

/** Attention of a sequence to itself: four linear maps, `query`, `key`, `value`, `output`, around `attention`. */
export function selfAttention<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: SelfAttentionOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('selfAttention', { x: tensorKind, options: selfAttentionOptions }, [x, options]);
  const { name = 'attention', ...settings } = options;
  const width = x.shape[2];
  const map = (part: string) => linear(x, width, { name: part });
  return scope(name, () =>
    linear(attention(map('query'), map('key'), map('value'), settings), width, { name: 'output' }),
  );
}

const feedForwardOptions = {
  /** elements between the two maps */
  inner: is.count,
  /** behind the activation */
  dropout: rateKind,
  /** scope of its parameters, 'feedForward' by default */
  name: is.optional(is.text),
};
export type FeedForwardOptions = is.OptionsOf<typeof feedForwardOptions>;

/** linear → gelu → dropout → linear, per position. */
export function feedForward<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: FeedForwardOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('feedForward', { x: tensorKind, options: feedForwardOptions }, [x, options]);
  const { inner, dropout: rate = 0, name = 'feedForward' } = options;
  return scope(name, () => {
    const hidden = dropout(gelu(linear(x, inner, { name: 'inner' })), rate);
    return linear(hidden, x.shape[2], { name: 'outer' });
  });
}

const encoderBlockOptions = {
  ...attentionOptions,
  /** before each residual sum */
  dropout: rateKind,
  /** inner width of the feed-forward part */
  inner: is.count,
  /** of the attention's probabilities; as `dropout` when left out */
  attentionDropout: rateKind,
};
export type EncoderBlockOptions = is.OptionsOf<typeof encoderBlockOptions>;

/** A pre-norm transformer block (Xiong et al. 2020): x + drop(attention(norm x)), then x + drop(feedForward(norm x)). */
export function encoderBlock<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: EncoderBlockOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('encoderBlock', { x: tensorKind, options: encoderBlockOptions }, [x, options]);
  const { inner, dropout: rate = 0, attentionDropout = rate, ...settings } = options;
  const attending = { ...settings, dropout: attentionDropout };
  const attended = selfAttention(layerNorm(x, { name: 'attentionNorm' }), attending);
  const y = add(x, dropout(attended, rate));
  const mapped = feedForward(layerNorm(y, { name: 'feedForwardNorm' }), { inner });
  return add(y, dropout(mapped, rate));
}

const encoderOptions = {
  ...encoderBlockOptions,
  layers: is.natural,
  /** scope of its parameters, 'encoder' by default */
  name: is.optional(is.text),
};
export type EncoderOptions = is.OptionsOf<typeof encoderOptions>;

/** Blocks `layer.0`, `layer.1`, … and a last layer norm: parameters such as `encoder/layer.0/attention/query/weight`. */
export function encoder<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: EncoderOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('encoder', { x: tensorKind, options: encoderOptions }, [x, options]);
  const { layers, name = 'encoder', ...block } = options;
  return scope(name, () => {
    let y = x;
    for (let i = 0; i < layers; i++) y = scope(`layer.${i}`, () => encoderBlock(y, block));
    return layerNorm(y, { name: 'norm' });
  });
}
