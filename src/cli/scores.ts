import Table from 'cli-table3';
import type { palm } from '../index.ts';
import { percent, shown } from './shown.ts';

/** A headline number, a fraction of 1. Measures of all tasks together, such as `exactMatch`, have no task. */
export interface Headline {
  readonly task?: string;
  readonly measure: string;
  readonly value: number;
  /** as a person reads it: `intent accuracy`, `slots F1`, `exact match` */
  readonly label: string;
}

/** The headline numbers of each task: accuracy of classes; precision, recall and F1 of entities. */
export function headlinesOf(metrics: palm.Metrics): Headline[] {
  return Object.entries(metrics).flatMap(([key, value]): Headline[] => {
    if (typeof value === 'number') {
      return [{ measure: key, value, label: key === 'exactMatch' ? 'exact match' : key }];
    }
    const found: Readonly<Record<string, unknown>> = Object(value);
    const wanted = 'expected' in found ? ['precision', 'recall', 'f1'] : ['accuracy'];
    return wanted.flatMap((measure) => {
      const score = found[measure];
      const label = `${key} ${nameOf(measure)}`;
      return typeof score === 'number' ? [{ task: key, measure, value: score, label }] : [];
    });
  });
}

/** Those that say by themselves how good a model is: precision and recall do not. */
export const wholeScores = (metrics: palm.Metrics = {}): Headline[] =>
  headlinesOf(metrics).filter(({ task, measure }) =>
    (task === undefined ? ['exactMatch'] : ['accuracy', 'f1']).includes(measure),
  );

const nameOf = (measure: string): string => (measure === 'f1' ? 'F1' : measure);

/** The headline numbers as `metrics.json` has them: by task and measure. */
export function scoresOf(metrics: palm.Metrics): Record<string, unknown> {
  const scores = new Map<string, unknown>();
  for (const { task, measure, value } of headlinesOf(metrics)) {
    if (task === undefined) scores.set(measure, value);
    else scores.set(task, { ...Object(scores.get(task)), [measure]: value });
  }
  return Object.fromEntries(scores);
}

/** The table that ends a training run. */
export function printScores(metrics: palm.Metrics): string {
  const table = new Table({
    head: ['test', 'measure', 'value'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right'],
  });
  for (const { task, measure, value, label } of headlinesOf(metrics)) {
    const by = measure === 'accuracy' ? measure : `${nameOf(measure)} by entity`;
    const row = task === undefined ? [shown(label), 'sentences'] : [shown(task), by];
    table.push([...row, `${percent(value, 2)} %`]);
  }
  return table.toString();
}
