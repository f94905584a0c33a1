import Table from 'cli-table3';
import type { palm } from '../index.ts';
import { percent, shown } from './io.ts';

/** A headline number. Measures of all tasks together, such as `exactMatch`, have no task. */
export interface Headline {
  readonly task: string | undefined;
  readonly measure: string;
  readonly value: number;
  /** as a person reads it: `accuracy`, `F1`, `exact match`; with its task: `intent accuracy` */
  readonly name: string;
  readonly label: string;
  /** a fraction of 1: shown in percent */
  readonly share: boolean;
  /** it says by itself how good a model is */
  readonly isWhole: boolean;
}

/** How a measure is called, whether it is a share, and whether it says by itself how good a model is. */
type Measure = readonly [label: string, kind: 'share' | 'number', says: 'all' | 'part'];
const MEASURES = new Map<string, Measure>([
  ['accuracy', ['accuracy', 'share', 'all']],
  ['exactMatch', ['exact match', 'share', 'all']],
  ['precision', ['precision', 'share', 'part']],
  ['recall', ['recall', 'share', 'part']],
  ['f1', ['F1', 'share', 'all']],
  ['microF1', ['micro F1', 'share', 'all']],
  ['macroF1', ['macro F1', 'share', 'part']],
  ['weightedF1', ['weighted F1', 'share', 'part']],
  ['pearson', ['Pearson', 'number', 'all']],
  ['spearman', ['Spearman', 'number', 'all']],
  ['meanSquaredError', ['mean squared error', 'number', 'part']],
  ['meanAbsoluteError', ['mean absolute error', 'number', 'part']],
  ['perplexity', ['perplexity', 'number', 'all']],
  ['meanReciprocalRank', ['MRR', 'share', 'all']],
  ['meanAveragePrecision', ['MAP', 'share', 'all']],
  ['ndcg', ['NDCG', 'share', 'all']],
  ['precisionAt1', ['precision@1', 'share', 'all']],
]);
const COUNTS = ['examples', 'pieces', 'queries'];

/** Which numbers of a task are headlines: of classes and chunks the usual ones, of other tasks all but counts. */
function namesIn(scores: object): readonly string[] {
  const found = ['precision', 'recall', 'f1'];
  if ('confusion' in scores) return ['accuracy', ...found];
  return 'expected' in scores ? found : Object.keys(scores).filter((name) => !COUNTS.includes(name));
}

/** The number with what is known of its measure: of one of the user's own, its name. */
function headlines(task: string | undefined, measure: string, value: unknown): Headline[] {
  if (typeof value !== 'number') return [];
  const [name, kind, says] = MEASURES.get(measure) ?? [measure, 'number', 'all'];
  const label = task === undefined ? name : `${task} ${name}`;
  return [{ task, measure, value, name, label, share: kind === 'share', isWhole: says === 'all' }];
}

/** The headline numbers of each task. */
export const headlinesOf = (metrics: palm.Metrics): Headline[] =>
  Object.entries(metrics).flatMap(([key, value]) => {
    if (typeof value === 'number') return headlines(undefined, key, value);
    const scores: Readonly<Record<string, unknown>> = Object(value);
    return namesIn(scores).flatMap((measure) => headlines(key, measure, scores[measure]));
  });

/** Those that say by themselves how good a model is: precision and recall do not. */
export const wholeScores = (metrics: palm.Metrics = {}): Headline[] =>
  headlinesOf(metrics).filter(({ isWhole }) => isWhole);

/** A score as it is printed: `97.0 %`, or `12.345`; `–` where there is none. */
export const scoreText = (score: Pick<Headline, 'value' | 'share'> | undefined, digits = 1): string => {
  if (score === undefined) return '–';
  return score.share ? `${percent(score.value, digits)} %` : score.value.toFixed(3);
};

/** The headline numbers as `metrics.json` has them: by task and measure. */
export function scoresOf(metrics: palm.Metrics): Record<string, unknown> {
  const scores = new Map<string, unknown>();
  for (const { task, measure, value } of headlinesOf(metrics)) {
    if (task === undefined) scores.set(measure, value);
    else scores.set(task, { ...Object(scores.get(task)), [measure]: value });
  }
  return Object.fromEntries(scores);
}

/** A table for a terminal. */
export function printTable(rows: readonly string[][], options: Table.TableConstructorOptions): string {
  const table = new Table({ style: { head: [], border: [] }, ...options });
  table.push(...rows);
  return table.toString();
}

/** The table that ends a training run. */
export function printScores(metrics: palm.Metrics, part = 'test'): string {
  const rows = headlinesOf(metrics).map((headline) => {
    const { task, name } = headline;
    const value = scoreText(headline, 2);
    if (task === undefined) return [shown(name), 'sentences', value];
    const scores = Object(metrics[task]);
    const byEntity = 'expected' in scores && !('confusion' in scores);
    return [shown(task), byEntity ? `${name} by entity` : shown(name), value];
  });
  return printTable(rows, { head: [part, 'measure', 'value'], colAligns: ['left', 'left', 'right'] });
}
