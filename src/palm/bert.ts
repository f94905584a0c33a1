import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import {
  add,
  concat,
  declare,
  dropout,
  embedding,
  f32,
  gather,
  i32,
  layerNorm,
  linear,
  reshape,
  type Shape,
  type Tensor,
  tanh,
  truncatedNormal,
} from '../dsl/index.ts';
import { activationKind, encoderStates } from '../nn/encoder.ts';
import * as nn from '../nn/index.ts';
import type { Backbone } from './contract.ts';
import { defineBackbone } from './define.ts';
import { checkSettings } from './settings.ts';

export const bertOptions = {
  /** entries of the word table */
  vocabulary: is.count,
  /** elements of every vector */
  width: is.count,
  layers: is.count,
  heads: is.count,
  /** inner width of the feed-forward part; default 4 · width */
  inner: is.optional(is.count),
  /** entries of the position table, and most pieces of a text; default 512 */
  maximumLength: is.optional(is.count),
  /** entries of the segment table; default 2 */
  segments: is.optional(is.count),
  /** entries of ERNIE's table of task ids; left out: no such table, and no input `tasks` */
  taskTypes: is.omittable(is.count),
  /** of the feed-forward parts; default `gelu` */
  activation: is.optional(activationKind),
  /** of embedded pieces and before each residual sum; default 0.1 */
  dropout: is.optional(is.fraction),
  /** of the attention's probabilities; default 0.1 */
  attentionDropout: is.optional(is.fraction),
  /** deviation of the normal distribution, cut at two deviations, that weights are drawn from; default 0.02 */
  deviation: is.optional(is.notNegative),
  /** added to the variance in layer norms; default 1e-12 */
  epsilon: is.optional(is.notNegative),
  /** scope of its parameters; default `encoder` */
  name: is.optional(is.name),
};
export interface BertOptions<
  V extends number = number,
  W extends number = number,
  T extends number | undefined = number | undefined,
> extends is.OptionsOf<typeof bertOptions> {
  readonly vocabulary: V;
  readonly width: W;
  readonly taskTypes?: T;
}

const ids = declare(i32, ['batch', 'time']);
const needs = {
  tokens: ids,
  positions: ids,
  segments: ids,
  mask: declare('bool', ['batch', 'time']),
} as const;
/** What it needs of a reader: with `taskTypes`, task ids, too. */
type Needs<T> = typeof needs & ([T] extends [number] ? { readonly tasks: typeof ids } : unknown);

const givesOf = <V extends number, W extends number>(vocabulary: V, width: W) =>
  ({
    encoded: declare(f32, ['batch', 'time', width]),
    sentence: declare(f32, ['batch', width]),
    table: declare(f32, [vocabulary, width]),
  }) as const;

interface Inputs {
  readonly tokens: Ids;
  readonly positions: Ids;
  readonly segments: Ids;
  readonly tasks?: Ids;
  readonly mask: Tensor<'bool', ['batch', 'time']>;
}
type Ids = Tensor<'i32', ['batch', 'time']>;

/** Tensors of one shape as one: [states, ...shape]. */
export const stacked = <S extends Shape>(states: readonly Tensor<'f32', S>[]): Tensor<'f32', Shape> =>
  concat(
    states.map((state) => reshape(state as Tensor<'f32'>, [1, ...state.shape])),
    0,
  );

/**
 * BERT (Devlin et al. 2018), and ERNIE 1.0 and 2.0, which are alike: x = drop(norm(word + position + segment [+ task])), post-norm
 * layers, sentence = tanh(x₀ W + b) of the first piece. Weights are drawn from a truncated normal distribution.
 *
 * Gives `encoded` [batch, time, width], `sentence` [batch, width], and for masked language models `table`, the words' vectors
 * [vocabulary, width]. Parameters: `words`, `positions`, `segments`, `tasks`, `embeddingNorm`, `layers/layer.0/…`, `pooler`.
 * @throws FROND-T002 for a size that is not a positive whole number, and for an option that it does not have
 */
export function bert<
  const V extends number,
  const W extends number,
  const T extends number | undefined = undefined,
>(options: BertOptions<V, W, T>): Backbone<Needs<T>, ReturnType<typeof givesOf<V, W>>> {
  checkSettings('bert', options, bertOptions);
  const { vocabulary, width, layers, heads, inner = 4 * width, taskTypes } = options;
  const { maximumLength = 512, segments: segmentTypes = 2, name = 'encoder', activation = 'gelu' } = options;
  const { dropout: rate = 0.1, attentionDropout = 0.1, deviation = 0.02, epsilon = 1e-12 } = options;
  const initializer = truncatedNormal(deviation);
  const embed = (x: Ids, count: number, name: string) => embedding(x, count, width, { name, initializer });
  return defineBackbone({
    name,
    needs: (taskTypes === undefined ? needs : { ...needs, tasks: ids }) as Needs<T>,
    gives: givesOf(vocabulary, width),
    counts: { tokens: vocabulary },
    maximumLength,
    build(g, inputs, isMixed) {
      const { tokens, positions, segments, mask, tasks } = inputs as unknown as Inputs;
      const table = g.scope('words', () => g.parameter('weight', f32, [vocabulary, width], initializer));
      const parts = [
        gather(table, tokens),
        embed(positions, maximumLength, 'positions'),
        embed(segments, segmentTypes, 'segments'),
        ...(tasks && taskTypes ? [embed(tasks, taskTypes, 'tasks')] : []),
      ];
      const embedded = layerNorm(
        parts.reduce((sum, part) => add(sum, part)),
        { name: 'embeddingNorm', epsilon },
      );
      const states = encoderStates(dropout(embedded, rate), {
        layers,
        heads,
        inner,
        mask,
        activation,
        initializer,
        epsilon,
        attentionDropout,
        norm: 'post',
        dropout: rate,
        name: 'layers',
      });
      const encoded = states.at(-1) ?? embedded;
      const sentence = tanh(linear(nn.sentenceOf(encoded), width, { name: 'pooler', initializer }));
      const mixed = isMixed && { layers: stacked(states), sentences: stacked(states.map(nn.sentenceOf)) };
      return { encoded, sentence, table, ...mixed };
    },
  });
}

/** `hidden_act` of configurations */
const ACTIVATIONS = {
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
  tanh: 'tanh',
} as const;

const configKinds = {
  vocab_size: is.count,
  hidden_size: is.count,
  num_hidden_layers: is.count,
  num_attention_heads: is.count,
  intermediate_size: is.optional(is.count),
  max_position_embeddings: is.optional(is.count),
  type_vocab_size: is.optional(is.count),
  sent_type_vocab_size: is.optional(is.count),
  task_type_vocab_size: is.optional(is.count),
  use_task_id: is.optional(is.flag),
  use_task_emb: is.optional(is.flag),
  hidden_act: is.optional(is.oneOf(...(Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[]))),
  hidden_dropout_prob: is.optional(is.fraction),
  attention_probs_dropout_prob: is.optional(is.fraction),
  initializer_range: is.optional(is.notNegative),
  layer_norm_eps: is.optional(is.notNegative),
};

/**
 * Options of `bert` from the `config.json` or `ernie_config.json` of a published model, parsed. Keys that say nothing about the
 * encoder are not read. Task ids have a table where `task_type_vocab_size` is given, unless `use_task_id` (`use_task_emb`) is false.
 * @throws FROND-T002 naming a key that is missing or has a value out of range
 */
export function bertConfig(config: object): BertOptions {
  checkArguments('bertConfig', { config: is.object }, [config], 'FROND-T002');
  const known = Object.fromEntries(Object.entries(config).filter(([key]) => Object.hasOwn(configKinds, key)));
  checkSettings('bertConfig', known as is.OptionsOf<typeof configKinds>, configKinds);
  const c = known as is.OptionsOf<typeof configKinds>;
  const usesTasks = c.use_task_id ?? c.use_task_emb ?? true;
  return {
    vocabulary: c.vocab_size,
    width: c.hidden_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    inner: c.intermediate_size ?? 4 * c.hidden_size,
    maximumLength: c.max_position_embeddings ?? 512,
    segments: c.type_vocab_size ?? c.sent_type_vocab_size ?? 2,
    taskTypes: usesTasks ? c.task_type_vocab_size : undefined,
    activation: ACTIVATIONS[c.hidden_act ?? 'gelu'],
    dropout: c.hidden_dropout_prob ?? 0.1,
    attentionDropout: c.attention_probs_dropout_prob ?? 0.1,
    deviation: c.initializer_range ?? 0.02,
    epsilon: c.layer_norm_eps ?? 1e-12,
  };
}
