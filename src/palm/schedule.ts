import { checkArguments, checkOptions, show } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';

/** A learning-rate schedule; checkpoints and reports keep its name and parameters. */
export interface Schedule {
  readonly name: string;
  readonly parameters: Readonly<Record<string, number>>;
  /** the rate of the update after `step` finished ones out of `total` */
  readonly at: (step: number, total: number) => number;
}

/**
 * A kind of schedule, made from named numbers. `rate` is pure: a run that resumes gets the same rates.
 *
 *     const halving = defineSchedule('halving', ({ rate, every }, step) => rate * 0.5 ** Math.floor(step / every));
 *     const schedule = halving({ rate: 1e-3, every: 500 });
 */
export function defineSchedule<P extends Readonly<Record<string, number>>>(
  name: string,
  rate: (parameters: P, step: number, total: number) => number,
): (parameters: P) => Schedule {
  checkArguments('defineSchedule', { name: is.name, rate: is.callable }, [name, rate], 'FROND-T020');
  return (parameters) => {
    checkArguments(name, { parameters: is.object }, [parameters], 'FROND-T020');
    for (const [key, value] of Object.entries(parameters)) {
      if (!Number.isFinite(value))
        throw wrong(name, `${key} is ${show(value)}`, 'parameters are finite numbers');
    }
    return { name, parameters, at: (step, total) => rate(parameters, step, total) };
  };
}

const wrong = (name: string, summary: string, hint: string): FrondError =>
  new FrondError('FROND-T020', `schedule ${name}: ${summary}`, { hint });

/**
 * The rate of the update after `step` finished ones, in a run of `total` updates.
 * @throws FROND-T020 when the schedule gives an invalid rate
 */
export function rateAt(schedule: Schedule, step: number, total: number): number {
  const rate = schedule.at(step, total);
  if (!Number.isFinite(rate) || rate < 0) {
    throw wrong(
      schedule.name,
      `the rate at step ${step} of ${total} is ${show(rate)}`,
      'rates are finite and not negative',
    );
  }
  return rate;
}

const constantRate = defineSchedule('constant', ({ rate }: { readonly rate: number }) => rate);
const triangularRate = defineSchedule(
  'triangular',
  ({ rate, warmup }: { readonly rate: number; readonly warmup: number }, step, total) => {
    const progress = (step + 1) / (total + 1);
    if (progress >= 1) return 0;
    return progress < warmup ? (rate * progress) / warmup : (rate * (1 - progress)) / (1 - warmup);
  },
);

/** The same rate at every step. */
export function constant(rate: number): Schedule {
  checkRate('constant', rate);
  return constantRate({ rate });
}

const warmupKind = is.kind(
  'the fraction of all steps, from 0 to 1',
  (value) => typeof value === 'number' && value >= 0 && value <= 1,
);

/**
 * Linear from 0 to `rate` over the fraction `warmup` of the whole run, then linear to 0, without a jump. The run's progress is
 * (step + 1) / (total + 1), so that neither the first nor the last update is wasted on a rate of 0.
 */
export function triangular(options: { readonly warmup: number }, rate: number): Schedule {
  checkOptions('triangular', options, { warmup: warmupKind }, 'FROND-T020');
  checkRate('triangular', rate);
  return triangularRate({ rate, warmup: options.warmup });
}

/** A rate, or a schedule of rates. */
export const scheduleKind = is.kind<Schedule | number>(
  'a number, palm.constantRate(0.001), palm.triangular({ warmup: 0.1 }, 0.001) or one of defineSchedule',
  (rate) => typeof rate === 'number' || is.withFields('a schedule', { at: is.callable }).holds(rate),
);

export const scheduleOf = (rate: Schedule | number): Schedule =>
  typeof rate === 'number' ? constant(rate) : rate;

function checkRate(name: string, rate: number): void {
  if (!Number.isFinite(rate) || rate < 0)
    throw wrong(name, `rate is ${show(rate)}`, 'the rate is finite and not negative');
}
