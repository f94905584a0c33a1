import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { crf, declare, exp, gather, neg, reshape } from '../../dsl/index.ts';
import { constrain, crfLayer, schemeOf } from '../../nn/index.ts';
import { schemeKind } from '../../nn/tags.ts';
import type { Head, Specs } from '../contract.ts';
import { anySize } from '../contractCheck.ts';
import { defineHead } from '../define.ts';
import { labelSet } from '../labels.ts';
import { mean, reading } from '../metrics/accumulator.ts';
import { entities, sameTags } from '../metrics/entities.ts';
import type { JointExample } from '../reader/jointFiles.ts';
import { checkSettings } from '../settings.ts';
import type { Classified } from './classify.ts';
import { namesIn, scoresOf, scoringOptions, weightedMean } from './scoring.ts';

/** The tags of a sentence, with the probability that the model gives to all of them together. */
export interface Tagged {
  readonly tags: readonly string[];
  readonly probability: number;
}

export const labelOptions = {
  /** names of the tags, in the order of their ids */
  labels: is.names,
  /** labellings that decoding may give; default: by the letters of the labels */
  scheme: is.optional(schemeKind),
  /**
   * Words are cut into pieces: tags are those of words, taken from each word's first piece. Of the reader it then takes
   * `firstPieces`, where they are, and `wordCounts`, instead of `lengths`. Default: false
   */
  pieces: is.optional(is.flag),
  gold: is.optional(is.callable),
  ...scoringOptions,
};
export interface SequenceLabelOptions<E, P extends boolean = boolean>
  extends Omit<is.OptionsOf<typeof labelOptions>, 'gold' | 'pieces'> {
  readonly pieces?: P;
  /** the tags of an example; default: its field `tags` */
  readonly gold?: (example: E) => readonly string[];
}

const counts = declare('i32', ['batch']);
const ofWords = { lengths: counts } as const;
const ofPieces = {
  /** row · time + column in the batch of each word's first piece; behind the last word any place */
  firstPieces: declare('i32', ['batch', 'time']),
  /** words of each row whose first piece is in it */
  wordCounts: counts,
} as const;
const needs = {
  backbone: { encoded: declare('f32', ['batch', 'time', anySize]) },
  labels: { tags: declare('i32', ['batch', 'time']), weights: declare('f32', ['batch']) },
} as const;

type LabelHead<R extends Specs, E> = Head<typeof needs.backbone, R, typeof needs.labels, Tagged, E>;

/**
 * One tag per word: linear emissions under a linear-chain CRF (Lafferty et al. 2001), decoded by Viterbi's algorithm among the
 * labellings that the scheme allows. With `pieces` the CRF runs over words too, not over the pieces that they are cut into.
 * @throws FROND-D012 for no labels or one twice
 */
export function sequenceLabel<E extends object>(
  options: SequenceLabelOptions<E, false>,
): LabelHead<typeof ofWords, E>;
export function sequenceLabel<E extends object>(
  options: SequenceLabelOptions<E, true>,
): LabelHead<typeof ofPieces, E>;
export function sequenceLabel<E extends object>(options: SequenceLabelOptions<E>) {
  checkSettings('sequenceLabel', options, labelOptions);
  const labels = labelSet(options.labels).names;
  const { scheme = schemeOf(labels), pieces = false } = options;
  const { gold = (example: E) => namesIn(example, 'tags') } = options;
  return defineHead({
    name: 'sequenceLabel',
    record: { kind: 'sequenceLabel', labels, scheme, ...(pieces && { pieces }) },
    // of the two it has one
    needs: { ...needs, reader: (pieces ? ofPieces : ofWords) as typeof ofPieces & typeof ofWords },
    names: { tags: labels },
    build(g, { encoded, firstPieces }) {
      const { scores } = crfLayer(g, labels);
      const all = scoresOf(encoded, labels.length, 'emission', options);
      const emissions = pieces ? gather(reshape(all, ['batch*time', labels.length]), firstPieces) : all;
      return { emissions, ...scores };
    },
    loss: (_, { emissions, tags, lengths, wordCounts, weights, ...scores }) =>
      weightedMean(neg(crf.logLikelihood(emissions, tags, pieces ? wordCounts : lengths, scores)), weights),
    predict(g, { emissions, lengths, wordCounts, ...scores }) {
      const counts = pieces ? wordCounts : lengths;
      const tags = crf.decode(emissions, counts, constrain(g, scores, labels, scheme));
      return { tags, probability: exp(crf.logLikelihood(emissions, tags, counts, scores)) };
    },
    decode({ tags, probability }, { lengths, wordCounts }): readonly Tagged[] {
      const [rows = 0, time = 0] = tags.shape;
      const counts = (pieces ? wordCounts : lengths).data;
      return Array.from({ length: rows }, (_, row) => ({
        tags: Array.from(
          { length: counts[row] ?? 0 },
          (_, i) => labels[tags.data[row * time + i] ?? 0] ?? 'O',
        ),
        probability: Math.min(1, probability.data[row] ?? 0),
      }));
    },
    score: () => reading(entities(), ({ tags }: Tagged) => tags, gold, sameTags),
  });
}

const jointTasks = { intent: is.name, slots: is.name };
/** Names of the two tasks whose predictions are looked at together. */
export type JointTasks = is.OptionsOf<typeof jointTasks>;

/** A metric of two tasks at once: the share of sentences whose intent and every tag are right. */
export function exactMatch(tasks: JointTasks) {
  checkSettings('exactMatch', tasks, jointTasks);
  return () =>
    mean({
      exactMatch: (found: Readonly<Record<string, unknown>>, example: JointExample) => {
        const [intent, slots] = [own(found, tasks.intent), own(found, tasks.slots)] as [Classified?, Tagged?];
        return intent?.label === example.intent && sameTags(example.tags, slots?.tags ?? []);
      },
    });
}
