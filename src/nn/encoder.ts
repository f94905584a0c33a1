import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { tensorKind, typed } from '../dsl/handle.ts';
import {
  add,
  attention,
  type Dim,
  dropout,
  gelu,
  layerNorm,
  linear,
  mul,
  relu,
  type Shape,
  scope,
  type Tensor,
  tanh,
  xavier,
} from '../dsl/index.ts';
import { initializerKind } from '../dsl/parameter.ts';

type Numbers = Tensor<'f32', Shape>;

/** √(2/π) */
const SLOPE = Math.sqrt(2 / Math.PI);

const ACTIVATIONS = {
  gelu: (x: Numbers) => gelu(x),
  /** ½x · (1 + tanh(√(2/π) · (x + 0.044715 x³))): what the first BERT computed with (Hendrycks and Gimpel 2016) */
  geluTanh: (x: Numbers) =>
    mul(mul(x, 0.5), add(tanh(mul(mul(x, SLOPE), add(mul(mul(x, x), 0.044715), 1))), 1)),
  relu: (x: Numbers) => relu(x),
  tanh: (x: Numbers) => tanh(x),
};
export type Activation = keyof typeof ACTIVATIONS;
export const activationKind = is.oneOf(...(Object.keys(ACTIVATIONS) as Activation[]));

/** The function of a name, per element. */
export const activate = <S extends Shape>(name: Activation, x: Tensor<'f32', S>): Tensor<'f32', S> =>
  typed(ACTIVATIONS[name](x));

/** Judged by the dropout itself. */
const rateKind = is.optional(is.typed<number>(is.unchecked));

/** What all parts share. */
const weightOptions = {
  /** of the weights of linear maps; Glorot's by default */
  initializer: is.optional(initializerKind),
};

const attentionOptions = {
  ...weightOptions,
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
  const { name = 'attention', initializer = xavier(), ...settings } = options;
  const width = x.shape[2];
  const map = (y: Tensor<'f32', [B, T, W]>, part: string) => linear(y, width, { name: part, initializer });
  return scope(name, () =>
    map(attention(map(x, 'query'), map(x, 'key'), map(x, 'value'), settings), 'output'),
  );
}

const feedForwardOptions = {
  ...weightOptions,
  /** elements between the two maps */
  inner: is.count,
  /** between the two maps: `gelu` by default, its approximation `geluTanh`, `relu` or `tanh` */
  activation: is.optional(activationKind),
  /** behind the activation */
  dropout: rateKind,
  /** scope of its parameters, 'feedForward' by default */
  name: is.optional(is.text),
};
export type FeedForwardOptions = is.OptionsOf<typeof feedForwardOptions>;

/** linear → activation → dropout → linear, per position. */
export function feedForward<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: FeedForwardOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('feedForward', { x: tensorKind, options: feedForwardOptions }, [x, options]);
  const { inner, dropout: rate = 0, name = 'feedForward', activation = 'gelu' } = options;
  const { initializer = xavier() } = options;
  return scope(name, () => {
    const hidden = activate(activation, linear(x, inner, { name: 'inner', initializer }));
    return linear(dropout(hidden, rate), x.shape[2], { name: 'outer', initializer });
  });
}

const encoderBlockOptions = {
  ...attentionOptions,
  /** where layer norms stand: `pre`, before attention and feed-forward (default), or `post`, behind each residual sum */
  norm: is.optional(is.oneOf('pre', 'post')),
  /** added to the variance in layer norms; 1e-5 by default */
  epsilon: is.optional(is.notNegative),
  /** before each residual sum */
  dropout: rateKind,
  /** of the attention's probabilities; as `dropout` when left out */
  attentionDropout: rateKind,
  /** behind the activation of the feed-forward part; 0 by default */
  activationDropout: rateKind,
  /** inner width of the feed-forward part */
  inner: feedForwardOptions.inner,
  /** of the feed-forward part: `gelu` by default, its approximation `geluTanh`, `relu` or `tanh` */
  activation: feedForwardOptions.activation,
};
export type EncoderBlockOptions = is.OptionsOf<typeof encoderBlockOptions>;

/**
 * A transformer block: two parts, attention and feed-forward, each behind a residual sum. Pre-norm (Xiong et al. 2020) is
 * x + drop(part(norm x)); post-norm (Vaswani et al. 2017, BERT) is norm(x + drop(part(x))).
 */
export function encoderBlock<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: EncoderBlockOptions,
): Tensor<'f32', [B, T, W]> {
  checkArguments('encoderBlock', { x: tensorKind, options: encoderBlockOptions }, [x, options]);
  const { norm = 'pre', epsilon = 1e-5, dropout: rate = 0, attentionDropout = rate, ...settings } = options;
  const { inner, activation = 'gelu', activationDropout = 0, ...attending } = settings;
  const { initializer = xavier() } = settings;
  type State = Tensor<'f32', [B, T, W]>;
  const residual = (state: State, name: string, part: (y: State) => State): State => {
    const normed = (y: State) => layerNorm(y, { name, epsilon });
    const sum = add(state, dropout(part(norm === 'pre' ? normed(state) : state), rate));
    return norm === 'pre' ? sum : normed(sum);
  };
  const attended = residual(x, 'attentionNorm', (y) =>
    selfAttention(y, { ...attending, dropout: attentionDropout }),
  );
  return residual(attended, 'feedForwardNorm', (y) =>
    feedForward(y, { inner, activation, initializer, dropout: activationDropout }),
  );
}

const encoderOptions = {
  ...encoderBlockOptions,
  layers: is.natural,
  /** scope of its parameters, 'encoder' by default */
  name: is.optional(is.text),
};
export type EncoderOptions = is.OptionsOf<typeof encoderOptions>;

/**
 * Blocks `layer.0`, `layer.1`, … and for pre-norm a last layer norm `norm`: parameters such as
 * `encoder/layer.0/attention/query/weight`.
 */
export function encoder<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: EncoderOptions,
): Tensor<'f32', [B, T, W]> {
  return encoderStates(x, options).at(-1) ?? x;
}

/** What goes into the first block of an encoder, and what comes out of each; of the last one what the encoder gives. */
export function encoderStates<B extends Dim, T extends Dim, W extends Dim>(
  x: Tensor<'f32', [B, T, W]>,
  options: EncoderOptions,
): readonly Tensor<'f32', [B, T, W]>[] {
  checkArguments('encoder', { x: tensorKind, options: encoderOptions }, [x, options]);
  const { layers, name = 'encoder', ...block } = options;
  const { norm = 'pre', epsilon = 1e-5 } = block;
  return scope(name, () => {
    const states = [x];
    let y = x;
    for (let i = 0; i < layers; i++) {
      y = scope(`layer.${i}`, () => encoderBlock(y, block));
      states.push(y);
    }
    return norm === 'pre' ? [...states.slice(0, -1), layerNorm(y, { name: 'norm', epsilon })] : states;
  });
}
