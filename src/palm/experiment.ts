import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { TasksSettings } from './tasks/index.ts';

// Is one way to train better than another? Runs of both under the same seeds are compared pair by pair.

/** A mean of paired differences with its interval. */
export interface PairedInterval {
  readonly count: number;
  readonly mean: number;
  /** ends of the interval; NaN where there are fewer than two pairs */
  readonly low: number;
  readonly high: number;
}

/**
 * P(|T| ≤ √ν tan θ) for Student's t with ν degrees of freedom, a whole number: a finite sum (Abramowitz and Stegun, "Handbook of
 * mathematical functions", 26.7.3 and 26.7.4).
 */
function probabilityWithin(theta: number, degrees: number): number {
  const [sine, cosine] = [Math.sin(theta), Math.cos(theta)];
  const odd = degrees % 2 === 1;
  let [term, sum] = odd ? [cosine, 0] : [1, 0];
  for (let k = odd ? 1 : 0; k < degrees - 1; k += 2) {
    sum += term;
    term *= (cosine * cosine * (k + 1)) / (k + 2);
  }
  return odd ? (2 / Math.PI) * (theta + sine * sum) : sine * sum;
}

/** The t for which P(|T| ≤ t) = `confidence` under Student's distribution with so many degrees of freedom, by bisection of its angle. */
export function studentQuantile(confidence: number, degrees: number): number {
  const kinds = { confidence: is.fraction, degrees: is.count };
  checkArguments('studentQuantile', kinds, [confidence, degrees], 'FROND-T002');
  let [low, high] = [0, Math.PI / 2];
  for (let middle = high / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (probabilityWithin(middle, degrees) < confidence) low = middle;
    else high = middle;
  }
  return Math.sqrt(degrees) * Math.tan(low);
}

/**
 * The mean of differences of pairs, such as of two ways to train under the same seed, with the interval that holds the true mean in 95 %
 * of experiments: mean ± t · s / √n (Student 1908), if differences are about normal.
 * @throws FROND-T002 for what is no list of numbers
 */
export function pairedInterval(differences: readonly number[], confidence = 0.95): PairedInterval {
  const kinds = { differences: is.listOf(is.finite, 'finite numbers'), confidence: is.fraction };
  checkArguments('pairedInterval', kinds, [differences, confidence], 'FROND-T002');
  const count = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { count, mean, low: Number.NaN, high: Number.NaN };
  const squares = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const reach = studentQuantile(confidence, count - 1) * Math.sqrt(squares / (count - 1) / count);
  return { count, mean, low: mean - reach, high: mean + reach };
}

/**
 * What a tasks file with several tasks is compared with: the same settings for each task by itself, auxiliary ones left out.
 * @throws FROND-T003 where there is one task only
 */
export function singleTasks(settings: TasksSettings): Readonly<Record<string, TasksSettings>> {
  const names = Object.keys(settings.tasks);
  if (names.length < 2) {
    throw new FrondError('FROND-T003', `there is one task only: ${names.join(', ')}`, {
      hint: 'an experiment compares several tasks together with each by itself; give at least two',
    });
  }
  // what is said of several tasks, or of another one
  const { balance: _, ...single } = settings;
  const { reference: __, watchGradients: ___, best, ...training } = settings.training;
  const alone = names.flatMap((name): [string, TasksSettings][] => {
    const task = settings.tasks[name];
    if (task === undefined || task.auxiliary === true) return [];
    const { reuseHeadWith: ____, ...rest } = task;
    const own = best === null || best?.startsWith(`${name}.`) ? { best } : {};
    return [[name, { ...single, training: { ...training, ...own }, tasks: { [name]: rest } }]];
  });
  return Object.fromEntries(alone);
}
