import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import {
  crf,
  crossEntropy,
  declare,
  div,
  exp,
  linear,
  mul,
  neg,
  notEqual,
  softmax,
  sum,
  type Tensor,
  where,
} from '../dsl/index.ts';
import { constrain, crfLayer, type LabelScheme, schemeOf } from '../nn/index.ts';
import { schemeKind } from '../nn/tags.ts';
import { anySize } from './contractCheck.ts';
import { defineHead } from './define.ts';
import { labelSet } from './labels.ts';
import { mean, reading } from './metrics/accumulator.ts';
import { classes as classScores } from './metrics/classes.ts';
import { entities, sameTags } from './metrics/entities.ts';
import type { JointExample } from './reader/jointFiles.ts';
import { checkSettings } from './settings.ts';

/** A class with its probability. */
export interface Classified {
  readonly label: string;
  readonly probability: number;
}

/** Mean of per-row losses by weight, Σ w·loss / Σ w; 0 for a batch without weight. */
export function weightedMean(
  losses: Tensor<'f32', ['batch']>,
  weights: Tensor<'f32', ['batch']>,
): Tensor<'f32', []> {
  const total = sum(weights, 0);
  // a row without weight counts as 0 also where its loss is infinite; a batch without weight divides that 0 by 1
  const weighted = where(notEqual(weights, 0), mul(losses, weights), 0);
  return div(sum(weighted, 0), where(notEqual(total, 0), total, 1));
}

export interface ClassifyOptions<E> {
  /** names of the classes, in the order of their ids */
  readonly classes: readonly string[];
  /** the class of an example; default: its field `intent` */
  readonly gold?: (example: E) => string;
}

const classifyNeeds = {
  backbone: { sentence: declare('f32', ['batch', anySize]) },
  labels: { labels: declare('i32', ['batch']), weights: declare('f32', ['batch']) },
} as const;

/** One class per sentence: a linear map of the sentence's encoding, softmax, cross-entropy. @throws FROND-D012 for no classes or one twice */
export function classify<E extends object>(options: ClassifyOptions<E>) {
  checkSettings('classify', options, { classes: is.names, gold: is.optional(is.callable) });
  const classes = labelSet(options.classes).names;
  const gold = options.gold ?? ((example: E) => String('intent' in example ? example.intent : ''));
  return defineHead({
    name: 'classify',
    record: { kind: 'classify', classes },
    needs: classifyNeeds,
    names: { labels: classes },
    build: (_, { sentence }) => ({ logits: linear(sentence, classes.length, { name: 'output' }) }),
    loss: (_, { logits, labels, weights }) => weightedMean(crossEntropy(logits, labels), weights),
    predict: (_, { logits }) => ({ probabilities: softmax(logits, -1) }),
    decode({ probabilities: { data, shape } }): readonly Classified[] {
      return Array.from({ length: shape[0] ?? 0 }, (_, row) => {
        let best = 0;
        const at = (id: number): number => data[row * classes.length + id] ?? 0;
        for (let id = 1; id < classes.length; id++) if (at(id) > at(best)) best = id;
        // the quotients of a GPU may be an ULP too large
        return { label: classes[best] ?? '', probability: Math.min(1, at(best)) };
      });
    },
    score: () => reading(classScores(), ({ label }: Classified) => label, gold),
  });
}

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

const labelNeeds = {
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
    needs: labelNeeds,
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
    score: () => reading(entities(), ({ tags }: Tagged) => tags, gold),
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
