import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import * as d from '../../dsl/index.ts';
import type { Batch } from '../contract.ts';
import { anySize } from '../contractCheck.ts';
import { defineHead } from '../define.ts';
import { labelSet } from '../labels.ts';
import { reading, sum as total } from '../metrics/accumulator.ts';
import { classes as classScores, labelSets } from '../metrics/classes.ts';
import { numbers } from '../metrics/numbers.ts';
import { checkSettings } from '../settings.ts';
import { fieldOf, namesIn, scoresOf, scoringOptions, weightedMean } from './scoring.ts';

// Heads on the encoding of a whole text: one class, any number of labels, or a number.

/** A class with its probability. */
export interface Classified {
  readonly label: string;
  readonly probability: number;
}
/** The labels whose probability is above the threshold, in the order of their ids, and the probability of each. */
export interface Labelled {
  readonly labels: readonly string[];
  readonly probabilities: readonly number[];
}

const classOptions = {
  /** names of the classes, in the order of their ids */
  classes: is.names,
  multiLabel: is.optional(is.flag),
  gold: is.optional(is.callable),
  ...scoringOptions,
};
export const singleOptions = {
  ...classOptions,
  /** factors of the loss by class, 1 for those left out; the mean is over their sum, as PyTorch's with `weight` */
  classWeights: is.optional(is.objectOf(is.notNegative, 'an object of numbers from 0 on by class')),
  /** share of the target that is spread over all classes (Szegedy et al. 2016); default 0 */
  labelSmoothing: is.optional(is.fraction),
};
export const multiOptions = {
  ...classOptions,
  /** labels of a higher probability are predicted; default 0.5 */
  threshold: is.optional(is.fraction),
};
type Options<K extends is.Kinds> = Omit<is.OptionsOf<K>, 'gold' | 'multiLabel'>;
export interface ClassifyOptions<E> extends Options<typeof singleOptions> {
  /** false, the default: every text has one class */
  readonly multiLabel?: false;
  /** the class of an example; default: its field `label`, or `intent` of joint ones */
  readonly gold?: (example: E) => string;
}
export interface MultiLabelOptions<E> extends Options<typeof multiOptions> {
  /** true: a text has any number of the classes */
  readonly multiLabel: true;
  /** the labels of an example; default: its field `labels` */
  readonly gold?: (example: E) => readonly string[];
}

type Rows = d.Tensor<'f32', ['batch']>;
type Scores = d.Tensor<'f32', ['batch', number]>;
const backbone = { sentence: d.declare('f32', ['batch', anySize]) } as const;
const rowWeights = d.declare('f32', ['batch']);

/** Factors of the loss in the order of the classes. @throws FROND-T002 for a class that there is not */
function factorsOf(classes: readonly string[], given: Readonly<Record<string, number>>): readonly number[] {
  const unknown = Object.keys(given).find((name) => !classes.includes(name));
  if (unknown === undefined) return classes.map((name) => own(given, name) ?? 1);
  throw new FrondError('FROND-T002', `classify: classWeights has ${unknown}, which is no class`, {
    hint: `the classes are ${classes.join(', ')}`,
  });
}

function single<E extends object>(options: ClassifyOptions<E>) {
  checkSettings('classify', options, singleOptions);
  const { labelSmoothing: spread = 0, classWeights, gold } = options;
  const classes = labelSet(options.classes).names;
  const factors = classWeights && factorsOf(classes, classWeights);
  /** (1 − ε) · loss − ε / K · Σ over the classes of factor · log p */
  const smooth = (own: Rows, logits: Scores, byClass?: d.Tensor<'f32', [number]>): Rows => {
    const logs = d.logSoftmax(logits, -1);
    const all = d.sum(byClass ? d.mul(logs, byClass) : logs, 1);
    return d.sub(d.mul(own, 1 - spread), d.mul(all, spread / classes.length));
  };
  const weigh = ({ labels, weights }: Batch): number =>
    total(Array.from(labels?.data ?? [], (id, row) => (factors?.[id] ?? 1) * (weights?.data[row] ?? 0)));
  return defineHead({
    name: 'classify',
    record: { kind: 'classify', classes },
    needs: { backbone, labels: { labels: d.declare('i32', ['batch']), weights: rowWeights } },
    names: { labels: classes },
    build: (_, { sentence }) => ({ logits: scoresOf(sentence, classes.length, 'output', options) }),
    loss(g, { logits, labels, weights }) {
      const byClass = factors && g.constant(factors, 'f32', [classes.length]);
      const factor = byClass && d.gather(byClass, labels);
      const losses = d.crossEntropy(logits, labels);
      const own = factor ? d.mul(losses, factor) : losses;
      return weightedMean(
        spread === 0 ? own : smooth(own, logits, byClass),
        weights,
        factor && d.mul(weights, factor),
      );
    },
    ...(factors && { weigh }),
    predict: (_, { logits }) => ({ probabilities: d.softmax(logits, -1) }),
    decode({ probabilities: { data, shape } }): readonly Classified[] {
      return Array.from({ length: shape[0] ?? 0 }, (_, row) => {
        let best = 0;
        const at = (id: number): number => data[row * classes.length + id] ?? 0;
        for (let id = 1; id < classes.length; id++) if (at(id) > at(best)) best = id;
        // the quotients of a GPU may be an ULP too large
        return { label: classes[best] ?? '', probability: Math.min(1, at(best)) };
      });
    },
    score: () =>
      reading(
        classScores(),
        ({ label }: Classified) => label,
        gold ?? ((example: E) => String(fieldOf(example, 'label') ?? fieldOf(example, 'intent') ?? '')),
      ),
  });
}

/**
 * −y log σ(z) − (1 − y) log σ(−z) per element, as log(1 + e^−|z|) + |z|/2 − z(y − ½): nothing in it overflows, and its gradient at
 * z = 0 is ½ − y.
 */
function binaryCrossEntropy(z: Scores, y: Scores): Scores {
  const size = d.abs(z);
  return d.sub(d.add(d.log(d.add(d.exp(d.neg(size)), 1)), d.mul(size, 0.5)), d.mul(z, d.sub(y, 0.5)));
}

function several<E extends object>(options: MultiLabelOptions<E>) {
  checkSettings('classify', options, multiOptions);
  const { threshold = 0.5, gold } = options;
  const classes = labelSet(options.classes).names;
  const count = classes.length;
  return defineHead({
    name: 'classify',
    record: { kind: 'classify', classes, multiLabel: true, threshold },
    needs: { backbone, labels: { labels: d.declare('f32', ['batch', count]), weights: rowWeights } },
    names: { labels: classes },
    build: (_, { sentence }) => ({ logits: scoresOf(sentence, count, 'output', options) }),
    loss: (_, { logits, labels, weights }) =>
      weightedMean(d.mean(binaryCrossEntropy(logits, labels), 1), weights),
    predict: (_, { logits }) => ({ probabilities: d.sigmoid(logits) }),
    decode({ probabilities: { data, shape } }): readonly Labelled[] {
      return Array.from({ length: shape[0] ?? 0 }, (_, row) => {
        const at = (id: number): number => Math.min(1, data[row * count + id] ?? 0);
        const found = [...classes.keys()].filter((id) => at(id) > threshold);
        return { labels: found.map((id) => classes[id] ?? ''), probabilities: found.map(at) };
      });
    },
    score: () =>
      reading(
        labelSets(),
        ({ labels }: Labelled) => labels,
        gold ?? ((example: E) => namesIn(example, 'labels')),
        (gold, found) =>
          gold.every((label) => found.includes(label)) && found.every((label) => gold.includes(label)),
      ),
  });
}

/**
 * The class of a text: a linear map of its encoding, softmax, cross-entropy. With `multiLabel` any number of classes: a sigmoid for
 * each, and the mean of their binary cross-entropies; `labels` of the reader are then 0 and 1, f32 [batch, classes].
 * @throws FROND-D012 for no classes or one twice, FROND-T002 for options out of range or of the other form
 */
export function classify<E extends object>(options: ClassifyOptions<E>): ReturnType<typeof single<E>>;
export function classify<E extends object>(options: MultiLabelOptions<E>): ReturnType<typeof several<E>>;
export function classify<E extends object>(options: ClassifyOptions<E> | MultiLabelOptions<E>) {
  return options?.multiLabel ? several(options) : single(options);
}

export const regressOptions = { gold: is.optional(is.callable), ...scoringOptions };
export interface RegressOptions<E> extends Omit<is.OptionsOf<typeof regressOptions>, 'gold'> {
  /** the number of an example; default: its field `value` */
  readonly gold?: (example: E) => number;
}

/**
 * A number for a text: a linear map of its encoding, trained by the squared error against `labels`, f32 [batch]. Weights are drawn
 * from a truncated normal distribution of deviation 0.02.
 */
export function regress<E extends object>(options: RegressOptions<E> = {}) {
  checkSettings('regress', options, regressOptions);
  const scoring = { initializer: d.truncatedNormal(0.02), ...options };
  const { gold = (example: E) => Number(fieldOf(example, 'value')) } = options;
  return defineHead({
    name: 'regress',
    record: { kind: 'regress' },
    needs: { backbone, labels: { labels: d.declare('f32', ['batch']), weights: rowWeights } },
    build: (_, { sentence }) => ({ value: d.reshape(scoresOf(sentence, 1, 'output', scoring), ['batch']) }),
    loss(_, { value, labels, weights }) {
      const error = d.sub(value, labels);
      return weightedMean(d.mul(error, error), weights);
    },
    decode: ({ value }): readonly number[] => Array.from(value.data),
    score: () => reading(numbers(), (value: number) => value, gold),
  });
}
