import { describe, expect, test } from 'vitest';
import { constant, defineSchedule, rateAt, type Schedule, triangular } from '../../src/palm/schedule.ts';

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
    expect(() => triangular({ warmup: 10 }, 1)).toThrow('hint: give the fraction of all steps, from 0 to 1');
    const broken = defineSchedule('broken', ({ rate }: { rate: number }, step) => rate / step);
    expect(() => rateAt(broken({ rate: 1 }), 0, 5)).toThrow(
      '[FROND-T020] schedule broken: the rate at step 0 of 5 is Infinity',
    );
    expect(() => broken({ rate: Number.NaN })).toThrow('[FROND-T020] schedule broken: rate is NaN');
  });
});
