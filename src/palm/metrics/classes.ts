import { checkArguments } from '../../base/arguments.ts';
import * as is from '../../base/kinds.ts';
import type { Accumulator } from '../contract.ts';
import { checkSettings } from '../settings.ts';
import { accumulate, meanF1, type Score, scoreAll, sum, tally } from './accumulator.ts';

/** How often gold label `row` was predicted as label `column`. */
export interface ConfusionMatrix {
  /** every label that occurs as gold or prediction, in code-unit order */
  readonly labels: readonly string[];
  /** [gold][predicted] */
  readonly counts: readonly (readonly number[])[];
}

export type LabelScore = Score & { readonly label: string };

export type ClassScores = {
  /** share of right predictions, which is micro F1 too; a gold label that training never showed counts as an error */
  readonly accuracy: number;
  /** mean F1 over the labels that occur as gold or prediction */
  readonly macroF1: number;
  /** the same, each label weighted by how often it is gold */
  readonly weightedF1: number;
  /** Matthews correlation coefficient, −1 … 1, of two or more classes (Gorodkin 2004); 0 where gold or prediction never vary */
  readonly matthews: number;
  readonly examples: number;
  /** by label, in code-unit order */
  readonly classes: readonly LabelScore[];
  readonly confusion: ConfusionMatrix;
};
/** Where one class is the one looked for: its precision, recall and F1 stand beside the rest. */
export type BinaryScores = ClassScores & Score;

const classesOptions = {
  /** the class that is looked for, such as `yes`: its precision, recall and F1 are given too */
  positive: is.optional(is.text),
};

/** Accuracy, F1, Matthews correlation and confusions of single labels. */
export function classes(): Accumulator<string, string, ClassScores>;
export function classes(options: { readonly positive: string }): Accumulator<string, string, BinaryScores>;
export function classes(
  options: is.OptionsOf<typeof classesOptions> = {},
): Accumulator<string, string, ClassScores | BinaryScores> {
  checkSettings('classes', options, classesOptions);
  const { positive } = options;
  const cells = new Map<string, Map<string, number>>();
  const counts = tally();
  // a class that never occurs was neither found nor expected
  const none: Score = { precision: 0, recall: 0, f1: 0, expected: 0, found: 0, correct: 0 };
  return accumulate(
    { predicted: is.text, gold: is.text, what: 'labels' },
    (predicted, gold) => {
      const row = cells.get(gold) ?? new Map<string, number>();
      cells.set(gold, row.set(predicted, (row.get(predicted) ?? 0) + 1));
      counts.count(gold, 'expected');
      counts.count(predicted, 'found');
      if (gold === predicted) counts.count(gold, 'correct');
    },
    () => {
      const { correct, expected: examples } = counts.total();
      const byName = counts.byName();
      const labels = byName.map(([label]) => label);
      const scores = byName.map(([, score]) => score);
      const all = {
        accuracy: examples === 0 ? 0 : correct / examples,
        ...meanF1(scores),
        matthews: matthewsOf(scores, correct, examples),
        examples,
        classes: byName.map(([label, score]) => ({ label, ...score })),
        confusion: {
          labels,
          counts: labels.map((gold) => labels.map((predicted) => cells.get(gold)?.get(predicted) ?? 0)),
        },
      };
      return positive === undefined ? all : { ...all, ...(new Map(byName).get(positive) ?? none) };
    },
  );
}

/** R_K = (c·s − Σ p_k t_k) / √((s² − Σ p_k²)(s² − Σ t_k²)), for c of s right, p_k predicted and t_k gold of class k. */
function matthewsOf(scores: readonly Score[], right: number, examples: number): number {
  const over = (term: (score: Score) => number): number => sum(scores.map(term));
  const covariance = right * examples - over(({ found, expected }) => found * expected);
  const predicted = examples ** 2 - over(({ found }) => found ** 2);
  const gold = examples ** 2 - over(({ expected }) => expected ** 2);
  return predicted === 0 || gold === 0 ? 0 : covariance / Math.sqrt(predicted * gold);
}

export type LabelSetScores = {
  /** of all labels of all examples together */
  readonly microF1: number;
  readonly macroF1: number;
  readonly weightedF1: number;
  readonly precision: number;
  readonly recall: number;
  /** share of examples with exactly the right labels */
  readonly exactMatch: number;
  readonly examples: number;
  /** by label, in code-unit order */
  readonly labels: readonly LabelScore[];
};

/** Precision, recall and F1 where an example has any number of labels; what stands twice in a list counts once. */
export function labelSets(): Accumulator<readonly string[], readonly string[], LabelSetScores> {
  const counts = tally();
  let [examples, exact] = [0, 0];
  return accumulate(
    { predicted: is.names, gold: is.names, what: 'lists of labels' },
    (predicted, gold) => {
      const [found, expected] = [new Set(predicted), new Set(gold)];
      let correct = 0;
      for (const label of found) counts.count(label, 'found');
      for (const label of expected) {
        counts.count(label, 'expected');
        if (!found.has(label)) continue;
        counts.count(label, 'correct');
        correct++;
      }
      examples++;
      if (correct === found.size && correct === expected.size) exact++;
    },
    () => {
      const { precision, recall, f1 } = counts.total();
      const byName = counts.byName();
      return {
        microF1: f1,
        ...meanF1(byName.map(([, score]) => score)),
        precision,
        recall,
        exactMatch: examples === 0 ? 0 : exact / examples,
        examples,
        labels: byName.map(([label, score]) => ({ label, ...score })),
      };
    },
  );
}

/** @throws FROND-T030 when the numbers of labels differ */
export function confusionMatrix(gold: readonly string[], predicted: readonly string[]): ConfusionMatrix {
  checkArguments('confusionMatrix', { gold: is.names, predicted: is.names }, [gold, predicted]);
  return scoreAll(classes(), predicted, gold).confusion;
}

/** Scores of single labels, all at once: see `classes`. @throws FROND-T030 when the numbers of labels differ */
export function classScores(gold: readonly string[], predicted: readonly string[]): ClassScores {
  checkArguments('classScores', { gold: is.names, predicted: is.names }, [gold, predicted]);
  return scoreAll(classes(), predicted, gold);
}
