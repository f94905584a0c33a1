import * as is from '../../base/kinds.ts';
import { crf, declare, exp, linear, neg } from '../../dsl/index.ts';
import { constrain, crfLayer, type LabelScheme, schemeOf } from '../../nn/index.ts';
import { schemeKind } from '../../nn/tags.ts';
import { anySize } from '../contractCheck.ts';
import { defineHead } from '../define.ts';
import { labelSet } from '../labels.ts';
import { type EntityScores, entityScores } from '../metrics.ts';
import { checkSettings } from '../settings.ts';
import { weightedMean } from './classify.ts';

/** The tags of a sentence, with the probability that the model gives to all of them together. */
export interface Tagged {
  readonly tags: readonly string[];
  readonly probability: number;
}

export interface SequenceLabelOptions<E> {
  /** names of the tags, in the order of their ids */
  readonly labels: readonly string[];
  /** labellings that decoding may give; default: by the letters of the labels */
  readonly scheme?: LabelScheme;
  /** the tags of an example; default: its field `tags` */
  readonly gold?: (example: E) => readonly string[];
}

const needs = {
  backbone: { encoded: declare('f32', ['batch', 'time', anySize]) },
  reader: { lengths: declare('i32', ['batch']) },
  labels: { tags: declare('i32', ['batch', 'time']), weights: declare('f32', ['batch']) },
} as const;

/**
 * One tag per word: linear emissions under a linear-chain CRF (Lafferty et al. 2001), decoded by Viterbi's algorithm among the
 * labellings that the scheme allows.
 * @throws FROND-D012 for no labels or one twice
 */
export function sequenceLabel<E extends object>(options: SequenceLabelOptions<E>) {
  checkSettings('sequenceLabel', options, {
    labels: is.names,
    scheme: is.optional(schemeKind),
    gold: is.optional(is.callable),
  });
  const labels = labelSet(options.labels).names;
  const { scheme = schemeOf(labels) } = options;
  const gold =
    options.gold ??
    ((example: E) => ('tags' in example && Array.isArray(example.tags) ? example.tags.map(String) : []));
  return defineHead({
    name: 'sequenceLabel',
    record: { kind: 'sequenceLabel', labels, scheme },
    needs,
    names: { tags: labels },
    build(g, { encoded }) {
      const { scores } = crfLayer(g, labels);
      return { emissions: linear(encoded, labels.length, { name: 'emission' }), ...scores };
    },
    loss: (_, { emissions, tags, lengths, weights, ...scores }) =>
      weightedMean(neg(crf.logLikelihood(emissions, tags, lengths, scores)), weights),
    predict(g, { emissions, lengths, ...scores }) {
      const tags = crf.decode(emissions, lengths, constrain(g, scores, labels, scheme));
      return { tags, probability: exp(crf.logLikelihood(emissions, tags, lengths, scores)) };
    },
    decode({ tags, probability }, { lengths }): readonly Tagged[] {
      const [rows = 0, time = 0] = tags.shape;
      return Array.from({ length: rows }, (_, row) => ({
        tags: Array.from(
          { length: lengths.data[row] ?? 0 },
          (_, i) => labels[tags.data[row * time + i] ?? 0] ?? 'O',
        ),
        probability: Math.min(1, probability.data[row] ?? 0),
      }));
    },
    metrics(predictions, examples: readonly E[]): EntityScores & Record<string, unknown> {
      const found = predictions.map(({ tags }) => tags);
      return { ...entityScores(examples.map(gold), found) };
    },
  });
}
