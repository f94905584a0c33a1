import Table from 'cli-table3';
import type { palm } from '../index.ts';
import { shown } from './shown.ts';

/** The scores of a joint model as `metrics.json` has them: fractions of 1. */
export interface TestScores {
  readonly [task: string]: unknown;
  readonly exactMatch?: number;
}

const NUMBERS = ['accuracy', 'precision', 'recall', 'f1'] as const;

/** Keeps the headline numbers of each task: accuracy for classes; precision, recall, F1 for entities. */
export function headlines(metrics: palm.Metrics): TestScores {
  const rows = Object.entries(metrics).flatMap(([task, value]): (readonly [string, unknown])[] => {
    if (typeof value === 'number') return [[task, value]];
    if (typeof value !== 'object' || value === null) return [];
    const found = value as Readonly<Record<string, unknown>>;
    const wanted = 'expected' in found ? NUMBERS.slice(1) : NUMBERS.slice(0, 1);
    return [[task, Object.fromEntries(wanted.map((name) => [name, found[name]]))]];
  });
  return Object.fromEntries(rows);
}

const percent = (value: unknown): string =>
  typeof value === 'number' ? `${(100 * value).toFixed(2)} %` : '';

/** The table that ends a training run. */
export function printScores(scores: TestScores): string {
  const table = new Table({
    head: ['test', 'measure', 'value'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right'],
  });
  for (const [task, value] of Object.entries(scores)) {
    if (typeof value === 'number')
      table.push([task === 'exactMatch' ? 'exact match' : shown(task), 'sentences', percent(value)]);
    else {
      const entity = typeof value === 'object' && value !== null && 'f1' in value;
      for (const [name, number] of Object.entries(value as object)) {
        table.push([
          shown(task),
          entity ? `${name === 'f1' ? 'F1' : name} by entity` : name,
          percent(number),
        ]);
      }
    }
  }
  return table.toString();
}

/** One sentence with its labels under the words: `play [genre jazz] in the [room kitchen]`. */
export function bracket(words: readonly string[], tags: readonly string[]): string {
  const parts: string[] = [];
  let open = '';
  words.forEach((word, i) => {
    const tag = tags[i] ?? 'O';
    const type = tag.slice(2);
    if (open !== '' && !(tag.startsWith('I-') && type === open)) {
      parts[parts.length - 1] += ']';
      open = '';
    }
    if (tag !== 'O' && open === '') {
      open = type;
      parts.push(`[${type} ${word}`);
    } else parts.push(word);
  });
  return `${parts.join(' ')}${open === '' ? '' : ']'}`;
}
