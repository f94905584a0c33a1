import * as is from '../base/kinds.ts';
import { mapValues } from '../base/own.ts';
import type { Executable } from '../runtime/executable.ts';
import type { Comparison, Part } from './contract.ts';
import { type Answering, type PredictOptions, resultsIn } from './evaluate.ts';

/** An example with what was predicted of it and what is right. */
export interface Mistake extends Omit<Comparison, 'right'> {
  readonly example: unknown;
}

/** What a task got wrong in a part. */
export interface Mistakes {
  readonly wrong: number;
  /** of so many examples */
  readonly examples: number;
  /** the worst first: of numbers those that are furthest off, of the rest those that the model was surest of */
  readonly worst: readonly Mistake[];
}

/** How bad a mistake is: the higher, the worse. */
function badness(result: unknown, { predicted, gold }: Comparison): number {
  if (typeof predicted === 'number' && typeof gold === 'number') return Math.abs(predicted - gold);
  const { probability }: { readonly probability?: unknown } = Object(result);
  return is.finite.holds(probability) ? probability : 0;
}

/**
 * What each task that can say so gets wrong, with the `most` worst mistakes.
 * @throws as `predictAll`
 */
export async function mistakesIn(
  executable: Executable,
  answering: Answering,
  part: Part,
  most: number,
  options: PredictOptions,
): Promise<Readonly<Record<string, Mistakes>>> {
  const found = answering.tasks.flatMap(({ name, head }) => {
    const score = head.score();
    const compare = score.compare?.bind(score);
    return compare ? [{ name, compare, wrong: 0, examples: 0, worst: [] as (Mistake & Ranked)[] }] : [];
  });
  for await (const { examples, values } of found.length > 0
    ? resultsIn(executable, answering, part, options)
    : []) {
    for (const task of found) {
      for (const [i, example] of examples.entries()) {
        const result = values[task.name]?.[i];
        const { right, ...comparison } = task.compare(result, example);
        task.examples++;
        if (right) continue;
        task.wrong++;
        task.worst.push({ example, ...comparison, rank: badness(result, { right, ...comparison }) });
      }
      task.worst.sort((a, b) => b.rank - a.rank).splice(most);
    }
  }
  const byName = Object.fromEntries(found.map(({ name, ...task }) => [name, task]));
  return mapValues(byName, ({ wrong, examples, worst }) => ({
    wrong,
    examples,
    worst: worst.map(({ rank: _, ...mistake }) => mistake),
  }));
}
interface Ranked {
  readonly rank: number;
}
