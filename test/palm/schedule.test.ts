import { describe, expect, test } from 'vitest';
import {
  constant,
  cosineDecay,
  defineSchedule,
  linearDecay,
  noam,
  polynomialDecay,
  rateAt,
  type Schedule,
  triangular,
  warmUp,
} from '../../src/palm/schedule.ts';

const recordOf = ({ name, parameters }: Schedule) => ({ name, parameters });

const rates = (schedule: ReturnType<typeof constant>, total: number): number[] =>
  Array.from({ length: total }, (_, step) => rateAt(schedule, step, total));

describe('schedules', () => {
  test('constant', () => {
    expect(rates(constant(0.1), 3)).toEqual([0.1, 0.1, 0.1]);
  });

  test('triangular rises to the rate and falls to 0', () => {
    const schedule = triangular({ warmup: 0.25 }, 1);
    // progress of 7 updates: 1/8 … 7/8
    const wanted = [0.5, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6];
    rates(schedule, 7).forEach((rate, step) => {
      expect(rate).toBeCloseTo(wanted[step] ?? Number.NaN, 12);
    });
    expect(rateAt(schedule, 7, 7)).toBe(0);
  });

  test('triangular never jumps, and wastes no update on a rate of 0', () => {
    for (const warmup of [0, 0.1, 0.5, 1]) {
      const total = 1000;
      const all = rates(triangular({ warmup }, 1), total);
      expect(Math.min(...all)).toBeGreaterThan(0);
      expect(Math.max(...all)).toBeGreaterThan(0.98);
      const steps = all.slice(1).map((rate, i) => Math.abs(rate - (all[i] ?? 0)));
      expect(Math.max(...steps)).toBeLessThanOrEqual(1 / (total * Math.min(warmup || 1, 1 - warmup || 1)));
    }
  });

  test('triangular works for a run of one step', () => {
    expect(rateAt(triangular({ warmup: 0.1 }, 1), 0, 1)).toBeCloseTo(1 / 2 / 0.9, 12);
  });

  const close = (schedule: Schedule, wanted: readonly number[]): void => {
    for (const [step, rate] of rates(schedule, wanted.length).entries())
      expect(rate, `step ${step}`).toBeCloseTo(wanted[step] ?? Number.NaN, 12);
  };

  test('warm-up, then constant, linear, cosine or polynomial to the end', () => {
    // progress of 7 updates: 1/8 … 7/8, a quarter of it warm-up
    close(warmUp({ warmup: 0.25 }, 2), [1, 2, 2, 2, 2, 2, 2]);
    close(linearDecay({ warmup: 0.25 }, 1), [0.5, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]);
    close(linearDecay({ end: 1 }, 5), [4.5, 4, 3.5, 3, 2.5, 2, 1.5]);
    const half = Math.SQRT1_2;
    close(
      cosineDecay({}, 2),
      [1 + Math.cos(Math.PI / 8), 1 + half, 1 + Math.cos((3 * Math.PI) / 8), 1].concat([
        1 - Math.cos((3 * Math.PI) / 8),
        1 - half,
        1 - Math.cos(Math.PI / 8),
      ]),
    );
    close(polynomialDecay({ power: 2, warmup: 0.25, end: 1 }, 2), [
      1,
      2,
      1 + 25 / 36,
      1 + 16 / 36,
      1.25,
      1 + 4 / 36,
      1 + 1 / 36,
    ]);
    for (const make of [warmUp, linearDecay, cosineDecay])
      expect(rates(make({ warmup: 1 }, 1), 9)).toHaveLength(9);
    for (const warmup of [0, 0.3]) {
      const [linear, triangle] = [linearDecay({ warmup }, 3), triangular({ warmup }, 3)];
      close(linear, rates(triangle, 50));
    }
  });

  test('noam rises for its warm-up and falls with the root of the steps', () => {
    const [width, total] = [512, 100_000];
    const schedule = noam({ warmup: 0.04, width });
    const at = (update: number): number => rateAt(schedule, update - 1, total);
    // the original: 4,000 steps of warm-up at width 512
    expect(at(4000)).toBeCloseTo(512 ** -0.5 * 4000 ** -0.5, 15);
    expect(at(1000)).toBeCloseTo(512 ** -0.5 * 1000 * 4000 ** -1.5, 15);
    expect(at(64_000) / at(4000)).toBeCloseTo(1 / 4, 12);
  });

  test('one of your own, with a record for checkpoints', () => {
    const halving = defineSchedule(
      'halving',
      ({ rate, every }: { rate: number; every: number }, step) => rate * 0.5 ** Math.floor(step / every),
    );
    const schedule = halving({ rate: 1, every: 2 });
    expect(rates(schedule, 5)).toEqual([1, 1, 0.5, 0.5, 0.25]);
    expect(JSON.parse(JSON.stringify(recordOf(schedule)))).toEqual({
      name: 'halving',
      parameters: { rate: 1, every: 2 },
    });
    expect(recordOf(triangular({ warmup: 0.1 }, 5e-5))).toEqual({
      name: 'triangular',
      parameters: { rate: 5e-5, warmup: 0.1 },
    });
  });

  test('refuse what is no rate', () => {
    expect(() => constant(-1)).toThrow('[FROND-T020] schedule constant: rate is -1');
    expect(() => constant(Number.NaN)).toThrow('[FROND-T020]');
    expect(() => triangular({ warmup: 10 }, 1)).toThrow('[FROND-T020] triangular: warmup is 10\n');
    expect(() => cosineDecay({ warmup: 10 }, 1)).toThrow('[FROND-T020] cosineDecay: warmup is 10\n');
    expect(() => linearDecay({ start: 1 } as never, 1)).toThrow(
      '[FROND-T020] linearDecay has no option start',
    );
    expect(() => polynomialDecay({} as never, 1)).toThrow('[FROND-T020] polynomialDecay: power is missing');
    expect(() => noam({ warmup: 0.1, width: 0 })).toThrow('[FROND-T020] noam: width is 0');
    expect(() => triangular({ warmup: 10 }, 1)).toThrow('hint: give the fraction of all steps, from 0 to 1');
    const broken = defineSchedule('broken', ({ rate }: { rate: number }, step) => rate / step);
    expect(() => rateAt(broken({ rate: 1 }), 0, 5)).toThrow(
      '[FROND-T020] schedule broken: the rate at step 0 of 5 is Infinity',
    );
    expect(() => broken({ rate: Number.NaN })).toThrow('[FROND-T020] schedule broken: rate is NaN');
  });
});
