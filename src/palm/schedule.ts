import { FrondError } from '../base/errors.ts';

/** A learning-rate schedule as checkpoints and reports keep it. */
export interface ScheduleRecord {
  readonly name: string;
  readonly parameters: Readonly<Record<string, number>>;
}

/** A schedule: its record, and the rate of the update after `step` finished ones out of `total`. */
export interface Schedule extends ScheduleRecord {
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
  return (parameters) => {
    for (const [key, value] of Object.entries(parameters)) {
      if (!Number.isFinite(value)) throw wrong(name, `${key} is ${value}`, 'parameters are finite numbers');
    }
    return { name, parameters, at: (step, total) => rate(parameters, step, total) };
  };
}

const wrong = (name: string, summary: string, hint: string): FrondError =>
  new FrondError('FROND-T020', `schedule ${name}: ${summary}`, { hint });

/**
 * The rate of the update after `step` finished ones, in a run of `total` updates.
 * @throws FROND-T020 when the schedule gives something that is no rate
 */
export function rateAt(schedule: Schedule, step: number, total: number): number {
  const rate = schedule.at(step, total);
  if (!Number.isFinite(rate) || rate < 0) {
    throw wrong(
      schedule.name,
      `the rate at step ${step} of ${total} is ${rate}`,
      'rates are finite and not negative',
    );
  }
  return rate;
}

export const scheduleRecord = ({ name, parameters }: Schedule): ScheduleRecord => ({ name, parameters });

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

/**
 * Linear from 0 to `rate` over the fraction `warmup` of the whole run, then linear to 0, without a jump. The run's progress is
 * (step + 1) / (total + 1), so that neither the first nor the last update is wasted on a rate of 0.
 */
export function triangular({ warmup }: { readonly warmup: number }, rate: number): Schedule {
  checkRate('triangular', rate);
  if (!(warmup >= 0 && warmup <= 1)) {
    throw wrong('triangular', `warmup is ${warmup}`, 'warmup is the fraction of all steps, from 0 to 1');
  }
  return triangularRate({ rate, warmup });
}

/** @throws FROND-T020 for what is neither a rate nor a schedule */
export function scheduleOf(rate: Schedule | number): Schedule {
  if (typeof rate === 'number') return constant(rate);
  if (typeof rate === 'object' && rate !== null && typeof rate.at === 'function') return rate;
  const what = rate === undefined ? 'there is no rate' : `the rate is no schedule but of type ${typeof rate}`;
  throw new FrondError('FROND-T020', what, {
    hint: 'give a number, palm.constantRate(0.001), palm.triangular({ warmup: 0.1 }, 0.001) or one of defineSchedule',
  });
}

function checkRate(name: string, rate: number): void {
  if (!Number.isFinite(rate) || rate < 0)
    throw wrong(name, `rate is ${rate}`, 'the rate is finite and not negative');
}
