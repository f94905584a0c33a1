import { checkArguments } from '../../base/arguments.ts';
import { names } from '../../base/kinds.ts';
import { sameLength } from './entities.ts';

/** How often gold label `row` was predicted as label `column`. */
export interface ConfusionMatrix {
  /** every label that occurs as gold or prediction, in code-unit order */
  readonly labels: readonly string[];
  /** [gold][predicted] */
  readonly counts: readonly (readonly number[])[];
}

export interface ClassScores {
  /** share of right predictions; a gold label that training never showed counts as an error */
  readonly accuracy: number;
  /** mean F1 over the labels that occur as gold or prediction */
  readonly macroF1: number;
  readonly examples: number;
  readonly confusion: ConfusionMatrix;
}

/** @throws FROND-T030 when the numbers of labels differ */
export function confusionMatrix(gold: readonly string[], predicted: readonly string[]): ConfusionMatrix {
  checkArguments('confusionMatrix', { gold: names, predicted: names }, [gold, predicted]);
  sameLength('labels', gold.length, predicted.length);
  const labels = [...new Set([...gold, ...predicted])].sort();
  const place = new Map(labels.map((label, i) => [label, i]));
  const counts = labels.map(() => new Array<number>(labels.length).fill(0));
  gold.forEach((label, i) => {
    const row = counts[place.get(label) ?? 0];
    const column = place.get(predicted[i] ?? '') ?? 0;
    if (row !== undefined) row[column] = (row[column] ?? 0) + 1;
  });
  return { labels, counts };
}

/** Accuracy, macro F1 and confusions of single labels. */
export function classScores(gold: readonly string[], predicted: readonly string[]): ClassScores {
  const confusion = confusionMatrix(gold, predicted);
  const { counts } = confusion;
  const at = (row: number, column: number): number => counts[row]?.[column] ?? 0;
  const sum = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0);
  const right = counts.map((_, i) => at(i, i));
  // F1 = 2 · right / (expected + found), at least one of which is positive for a label that occurs
  const f1 = counts.map((row, i) => (2 * at(i, i)) / (sum(row) + sum(counts.map((other) => other[i] ?? 0))));
  return {
    accuracy: gold.length === 0 ? 0 : sum(right) / gold.length,
    macroF1: f1.length === 0 ? 0 : sum(f1) / f1.length,
    examples: gold.length,
    confusion,
  };
}
