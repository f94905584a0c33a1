import * as is from '../../base/kinds.ts';
import { emit } from '../../dsl/handle.ts';
import * as d from '../../dsl/index.ts';
import { activate, activationKind } from '../../nn/encoder.ts';
import { anySize } from '../contractCheck.ts';
import { defineHead } from '../define.ts';
import { type Guessed, perplexity } from '../metrics/numbers.ts';
import { checkSettings } from '../settings.ts';
import { scoringOptions, weightedMean } from './scoring.ts';

/** What the model takes for a hidden piece, the most probable first. */
export interface Guess {
  readonly piece: string;
  readonly probability: number;
}
/** Of one text: guesses for each hidden piece, in their order, and how good they are where the piece is known. */
export interface Unmasked extends Guessed {
  readonly guesses: readonly (readonly Guess[])[];
}

export const maskedOptions = {
  /** what the ids of pieces stand for: `tokenizer.vocabulary.tokens` */
  vocabulary: is.names,
  /** guesses for each hidden piece; default 5 */
  top: is.optional(is.count),
  /** of the dense layer before the scores; default `gelu` */
  activation: is.optional(activationKind),
  /** added to the variance in the layer norm; default 1e-12 */
  epsilon: is.optional(is.notNegative),
  ...scoringOptions,
};
export type MaskedLMOptions = is.OptionsOf<typeof maskedOptions>;

const needs = {
  backbone: {
    encoded: d.declare('f32', ['batch', 'time', anySize]),
    table: d.declare('f32', [anySize, anySize]),
  },
  reader: {
    /** row · time + column in the batch of each hidden piece, row by row; padded with 0 */
    maskPositions: d.declare('i32', ['masked']),
    /** hidden pieces of each row */
    maskCounts: d.declare('i32', ['batch']),
    /** ids of the hidden pieces; −1 where there is none or it is not known */
    maskLabels: d.declare('i32', ['masked']),
  },
} as const;

/** 1 for a label, 0 for −1 */
const known = (labels: d.Tensor<'i32', ['masked']>) => d.cast(d.notEqual(labels, -1), 'f32');

/**
 * The pieces that the reader hid (Devlin et al. 2018): norm(act(x W + b)) of their encodings, scored by the table of the words, of
 * which it has no copy, and a bias: h · tableᵀ + b. The loss is the mean of the cross-entropy over pieces whose label is not −1, over
 * all batches of a step. Parameters: `transform`, `norm`, `output/bias`.
 * @throws FROND-T002 for options out of range
 */
export function maskedLM(options: MaskedLMOptions) {
  checkSettings('maskedLM', options, maskedOptions);
  const { top = 5, activation = 'gelu', epsilon = 1e-12, dropout: rate = 0 } = options;
  const { vocabulary: tokens, initializer = d.truncatedNormal(0.02) } = options;
  return defineHead({
    name: 'maskedLM',
    record: { kind: 'maskedLM', vocabulary: tokens, top },
    needs,
    names: { maskLabels: tokens },
    build(g, { encoded, table, maskPositions }) {
      const [size, width] = table.shape;
      const hidden = d.gather(d.reshape(encoded, ['batch*time', width]), maskPositions);
      const inner = d.linear(d.dropout(hidden, rate), width, { name: 'transform', initializer });
      const h = d.layerNorm(activate(activation, inner), { name: 'norm', epsilon });
      const scores = emit<Logits>('matmul', [h, table], { transposeY: true });
      const bias = g.scope('output', () => g.parameter('bias', 'f32', [size], d.zeros()));
      return { logits: d.add(scores, bias) };
    },
    loss: (_, { logits, maskLabels }) => weightedMean(d.crossEntropy(logits, maskLabels), known(maskLabels)),
    weigh: ({ maskLabels }) => Array.from(maskLabels?.data ?? []).filter((label) => label >= 0).length,
    predict(_, { logits, maskLabels }) {
      const ids: d.Tensor<'i32', ['masked', number]>[] = [];
      const probabilities: Logits[] = [];
      let left = d.logSoftmax(logits, -1);
      for (let i = 0; i < top; i++) {
        const best = d.max(left, -1, { keepDims: true });
        ids.push(d.reshape(d.argmax(left, -1), ['masked', 1]));
        probabilities.push(d.exp(best));
        // equal ones are taken for one
        left = d.where(d.less(left, best), left, LOWEST);
      }
      return {
        ids: d.concat(ids, 1),
        probabilities: d.concat(probabilities, 1),
        losses: d.crossEntropy(logits, maskLabels),
        right: d.cast(d.equal(d.argmax(logits, -1), maskLabels), 'f32'),
      };
    },
    decode({ ids, probabilities, losses, right }, { maskCounts, maskLabels }): readonly Unmasked[] {
      let place = 0;
      return Array.from(maskCounts.data, (count) => {
        const places = Array.from({ length: count }, () => place++);
        const labelled = places.filter((at) => (maskLabels.data[at] ?? -1) >= 0);
        const sum = (values: ArrayLike<number>) =>
          labelled.reduce((total, at) => total + (values[at] ?? 0), 0);
        return {
          guesses: places.map((at) => guessesAt(at)),
          pieces: labelled.length,
          right: sum(right.data),
          negativeLogLikelihood: sum(losses.data),
        };
      });
      function guessesAt(at: number): readonly Guess[] {
        return Array.from({ length: top }, (_, i) => ({
          piece: tokens[ids.data[at * top + i] ?? -1] ?? '',
          probability: Math.min(1, probabilities.data[at * top + i] ?? 0),
        })).filter(({ probability }) => probability > 0);
      }
    },
    score: () => perplexity(),
  });
}
type Logits = d.Tensor<'f32', ['masked', number]>;
/** Below every logarithm of a probability. */
const LOWEST = -1e30;
