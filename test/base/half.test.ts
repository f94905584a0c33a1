import { expect, it } from 'vitest';
import { halfBits, halfValue, roundHalf } from '../../src/base/half.ts';

/** All finite f16 that are not negative, and what would be the next one. */
const halves = [...Array.from({ length: 0x7c00 }, (_, bits) => halfValue(bits)), 65_536];

it('rounds to the nearest f16, ties to even, of either sign, as the 16 bits do', () => {
  const wrong = halves.slice(1).flatMap((high, i) => {
    const low = halves[i] ?? 0;
    const middle = (low + high) / 2;
    const even = i % 2 === 0 ? low : high;
    return [1, -1].flatMap((sign) =>
      (
        [
          [low, low],
          [middle, even],
          [middle * (1 + 2 ** -20), high],
          [middle * (1 - 2 ** -20), low],
        ] as const
      ).filter(([x, nearest]) => {
        const wanted = sign * (nearest === 65_536 ? Number.POSITIVE_INFINITY : nearest);
        const got = roundHalf(sign * x);
        return !Object.is(got, wanted) || !Object.is(halfValue(halfBits(sign * x)), got);
      }),
    );
  });
  expect(wrong).toEqual([]);
});

it.each([
  [65_519, 65_504],
  [65_520, Number.POSITIVE_INFINITY],
  [-1e30, Number.NEGATIVE_INFINITY],
  [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  [Number.NaN, Number.NaN],
  [-1e-9, -0],
  [1e-45, 0],
])('takes %d for %d', (x, wanted) => {
  expect(roundHalf(x)).toBe(wanted);
});
