import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { palm } from '../../src/index.ts';

describe('the quantiles of Student’s t', () => {
  it('has closed forms for 1 and 2 degrees of freedom', () => {
    for (const confidence of [0.1, 0.5, 0.95, 0.999]) {
      const one = Math.tan((Math.PI / 2) * confidence);
      const two = confidence * Math.sqrt(2 / (1 - confidence ** 2));
      expect(palm.studentQuantile(confidence, 1) / one).toBeCloseTo(1, 10);
      expect(palm.studentQuantile(confidence, 2) / two).toBeCloseTo(1, 10);
    }
  });

  it.each([
    [0.95, 3, 3.182],
    [0.95, 4, 2.776],
    [0.95, 9, 2.262],
    [0.99, 5, 4.032],
    [0.9, 30, 1.697],
    [0.95, 120, 1.98],
  ])('is as in tables: confidence %s, %s degrees', (confidence, degrees, wanted) => {
    expect(palm.studentQuantile(confidence, degrees)).toBeCloseTo(wanted, 3);
  });
});

describe('an interval of paired differences', () => {
  it('is the mean ± t · s / √n', () => {
    const { count, mean, low, high } = palm.pairedInterval([0.5, -0.25, 1]);
    // s² = 0.395833…
    const reach = palm.studentQuantile(0.95, 2) * Math.sqrt(0.3958333333333333 / 3);
    expect([count, mean]).toEqual([3, 1.25 / 3]);
    expect([low, high]).toEqual([expect.closeTo(1.25 / 3 - reach, 10), expect.closeTo(1.25 / 3 + reach, 10)]);
  });

  it('is unknown for fewer than two pairs', () => {
    expect(palm.pairedInterval([0.5])).toEqual({ count: 1, mean: 0.5, low: Number.NaN, high: Number.NaN });
  });

  it('holds the mean, moves with the differences, and is wider for more confidence', () => {
    const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(values, fc.double({ min: -5, max: 5, noNaN: true }), (differences, shift) => {
        const { mean, low, high } = palm.pairedInterval(differences);
        expect(low).toBeLessThanOrEqual(mean);
        expect(high).toBeGreaterThanOrEqual(mean);
        const wider = palm.pairedInterval(differences, 0.99);
        expect(wider.high).toBeGreaterThanOrEqual(high);
        const moved = palm.pairedInterval(differences.map((value) => value + shift));
        expect(moved.low).toBeCloseTo(low + shift, 8);
      }),
    );
  });
});
