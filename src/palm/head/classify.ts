import * as is from '../../base/kinds.ts';
import {
  crossEntropy,
  declare,
  div,
  linear,
  mul,
  notEqual,
  softmax,
  sum,
  type Tensor,
  where,
} from '../../dsl/index.ts';
import { anySize } from '../contractCheck.ts';
import { defineHead } from '../define.ts';
import { labelSet } from '../labels.ts';
import { type ClassScores, classScores } from '../metrics.ts';
import { checkSettings } from '../settings.ts';

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

const needs = {
  backbone: { sentence: declare('f32', ['batch', anySize]) },
  labels: { intents: declare('i32', ['batch']), weights: declare('f32', ['batch']) },
} as const;

/** One class per sentence: a linear map of the sentence's encoding, softmax, cross-entropy. @throws FROND-D012 for no classes or one twice */
export function classify<E extends object>(options: ClassifyOptions<E>) {
  checkSettings('classify', options, { classes: is.names, gold: is.optional(is.callable) });
  const classes = labelSet(options.classes).names;
  const gold = options.gold ?? ((example: E) => String('intent' in example ? example.intent : ''));
  return defineHead({
    name: 'classify',
    record: { kind: 'classify', classes },
    needs,
    names: { intents: classes },
    build: (_, { sentence }) => ({ logits: linear(sentence, classes.length, { name: 'output' }) }),
    loss: (_, { logits, intents, weights }) => weightedMean(crossEntropy(logits, intents), weights),
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
    metrics(predictions, examples: readonly E[]): ClassScores & Record<string, unknown> {
      const labels = predictions.map(({ label }) => label);
      return { ...classScores(examples.map(gold), labels) };
    },
  });
}
