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

export const warmupKind = is.kind(
  'the fraction of all steps, from 0 to 1',
  (value) => typeof value === 'number' && value >= 0 && value <= 1,
  { type: 'number', minimum: 0, maximum: 1 },
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

export const fallOptions = {
  /** the fraction of the run over which the rate rises from 0; default 0 */
  warmup: is.optional(warmupKind),
  /** the rate at the end; default 0 */
  end: is.optional(is.notNegative),
};
type FallOptions = is.OptionsOf<typeof fallOptions>;

/**
 * A schedule that rises from 0 over the fraction `warmup` of the run, and over the rest goes from `rate` to `end` as `left` says: what
 * is left of the difference, from 1 to 0. Progress is (step + 1) / (total + 1), as in `triangular`.
 */
function falling<O extends FallOptions>(
  name: string,
  options: is.Kinds,
  left: (progress: number, options: O) => number,
): (options: O, rate: number) => Schedule {
  type Parameters = { readonly rate: number; readonly warmup: number; readonly end: number };
  const make = defineSchedule(name, (parameters: Parameters, step, total) => {
    const { rate, warmup, end } = parameters;
    const progress = (step + 1) / (total + 1);
    if (progress < warmup) return (rate * progress) / warmup;
    const rest = warmup < 1 ? Math.min(1, (progress - warmup) / (1 - warmup)) : 0;
    return end + (rate - end) * left(rest, parameters as unknown as O);
  });
  return (given, rate) => {
    checkOptions<object>(name, given, options, 'FROND-T020');
    checkRate(name, rate);
    return make({ warmup: 0, end: 0, ...given, rate });
  };
}

/** Linear from 0 to `rate` over the fraction `warmup` of the run, then the same rate to the end. */
export const warmUp = falling<{ readonly warmup: number }>('warmUp', { warmup: warmupKind }, () => 1);

/** After warm-up, linear from `rate` to `end`. */
export const linearDecay = falling<FallOptions>('linearDecay', fallOptions, (progress) => 1 - progress);

/** After warm-up, half a cosine from `rate` to `end` (Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts). */
export const cosineDecay = falling<FallOptions>(
  'cosineDecay',
  fallOptions,
  (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
);

/** After warm-up, from `rate` to `end` as (1 − progress)^power. */
export const polynomialDecay = falling<FallOptions & { readonly power: number }>(
  'polynomialDecay',
  { ...fallOptions, power: is.positive },
  (progress, { power }) => (1 - progress) ** power,
);

const noamRate = defineSchedule(
  'noam',
  (
    { factor, warmup, width }: { readonly factor: number; readonly warmup: number; readonly width: number },
    step,
    total,
  ) => {
    const [now, warm] = [step + 1, Math.max(1, warmup * total)];
    return factor * width ** -0.5 * Math.min(now ** -0.5, now * warm ** -1.5);
  },
);

/**
 * factor · width^−½ · min(s^−½, s · w^−³ᐟ²) at update s of 1, 2, …, where w updates are the fraction `warmup` of the run (Vaswani et al.,
 * "Attention is all you need", 2017, section 5.3). `width` is that of the encoder.
 */
export function noam(options: { readonly warmup: number; readonly width: number }, factor = 1): Schedule {
  checkOptions('noam', options, { warmup: warmupKind, width: is.count }, 'FROND-T020');
  checkRate('noam', factor);
  return noamRate({ factor, ...options });
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
