import { checkArguments, checkOptions } from '../base/arguments.ts';
import { count, flag, natural, optional, text, unchecked } from '../base/kinds.ts';
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
import { tensorKind } from '../dsl/tensor.ts';

const ATTENTION = {
  ...{ heads: count, mask: optional(tensorKind), causal: optional(flag), dropout: unchecked },
};
const BLOCK = { ...ATTENTION, inner: count, attentionDropout: unchecked };

/** What all of them take. */
const checkInput = (caller: string, x: unknown, options: unknown): void =>
  checkArguments(caller, { x: tensorKind, options: unchecked }, [x, options]);

export interface SelfAttentionOptions {
  /** the width is shared out over this many heads */
  readonly heads: number;
  /** [batch, time]: true where a position may be attended to */
  readonly mask?: Tensor<'bool'> | undefined;
  readonly causal?: boolean;
  /** of the attention's probabilities */
  readonly dropout?: number;
  /** scope of its parameters, 'attention' by default */
  readonly name?: string;
}

/** Attention of a sequence to itself: four linear maps, `query`, `key`, `value`, `output`, around `attention`. */
export function selfAttention<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: SelfAttentionOptions,
): Tensor<'f32', [B, T, W]> {
  checkInput('selfAttention', x, options);
  checkOptions('selfAttention', options, { ...ATTENTION, name: optional(text) });
  const { heads, mask, causal = false, dropout: rate = 0, name = 'attention' } = options;
  const width = x.shape[2];
  return scope(name, () => {
    const [q, k, v] = [
      linear(x, width, { name: 'query' }),
      linear(x, width, { name: 'key' }),
      linear(x, width, { name: 'value' }),
    ];
    return linear(attention(q, k, v, { heads, mask, causal, dropout: rate }), width, { name: 'output' });
  });
}

export interface FeedForwardOptions {
  /** elements between the two maps */
  readonly inner: number;
  /** behind the activation */
  readonly dropout?: number;
  /** scope of its parameters, 'feedForward' by default */
  readonly name?: string;
}

/** linear → gelu → dropout → linear, per position. */
export function feedForward<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: FeedForwardOptions,
): Tensor<'f32', [B, T, W]> {
  checkInput('feedForward', x, options);
  checkOptions('feedForward', options, { inner: count, dropout: unchecked, name: optional(text) });
  const { inner, dropout: rate = 0, name = 'feedForward' } = options;
  return scope(name, () => {
    const hidden = dropout(gelu(linear(x, inner, { name: 'inner' })), rate);
    return linear(hidden, x.shape[2], { name: 'outer' });
  });
}

export interface EncoderBlockOptions {
  readonly heads: number;
  /** inner width of the feed-forward part */
  readonly inner: number;
  readonly mask?: Tensor<'bool'> | undefined;
  readonly causal?: boolean;
  /** before each residual sum */
  readonly dropout?: number;
  /** of the attention's probabilities; as `dropout` when left out */
  readonly attentionDropout?: number;
}

/** A pre-norm transformer block (Xiong et al. 2020): x + drop(attention(norm x)), then x + drop(feedForward(norm x)). */
export function encoderBlock<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: EncoderBlockOptions,
): Tensor<'f32', [B, T, W]> {
  checkInput('encoderBlock', x, options);
  checkOptions('encoderBlock', options, BLOCK);
  const { heads, inner, mask, causal = false, dropout: rate = 0, attentionDropout = rate } = options;
  const attended = selfAttention(layerNorm(x, { name: 'attentionNorm' }), {
    heads,
    mask,
    causal,
    dropout: attentionDropout,
  });
  const y = add(x, dropout(attended, rate));
  const mapped = feedForward(layerNorm(y, { name: 'feedForwardNorm' }), { inner });
  return add(y, dropout(mapped, rate));
}

export interface EncoderOptions extends EncoderBlockOptions {
  readonly layers: number;
  /** scope of its parameters, 'encoder' by default */
  readonly name?: string;
}

/** Blocks `layer.0`, `layer.1`, … and a last layer norm: parameters such as `encoder/layer.0/attention/query/weight`. */
export function encoder<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: EncoderOptions,
): Tensor<'f32', [B, T, W]> {
  checkInput('encoder', x, options);
  checkOptions('encoder', options, { ...BLOCK, layers: natural, name: optional(text) });
  const { layers, name = 'encoder', ...block } = options;
  return scope(name, () => {
    let y = x;
    for (let i = 0; i < layers; i++) y = scope(`layer.${i}`, () => encoderBlock(y, block));
    return layerNorm(y, { name: 'norm' });
  });
}
