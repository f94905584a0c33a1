import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Dim, evaluate, minus, over, plus, times } from '../../src/base/dim.ts';
import type { Minus, Over, Plus, Product, Times } from '../../src/dsl/types/dimension.ts';
import type { Add, Divide, Multiply, Subtract } from '../../src/dsl/types/natural.ts';
import { runs } from '../support/counts.ts';
import type { Equal } from './types/equality.ts';

/** The type is exactly the literal `text` (else this does not compile), and so is the value at run time. */
function agree<T>() {
  return <const L extends Dim>(
    atRunTime: Dim | undefined,
    text: Equal<T, L> extends true ? L : never,
  ): void => expect(atRunTime).toBe(text);
}

describe('dimensions combine to the same text in types and at run time', () => {
  test('products and quotients', () => {
    agree<Times<'batch', 'time'>>()(times('batch', 'time'), 'batch*time');
    agree<Times<1, 'time'>>()(times(1, 'time'), 'time');
    agree<Times<'time', 4>>()(times('time', 4), 'time*4');
    agree<Times<'time+1', 4>>()(times('time+1', 4), '(time+1)*4');
    agree<Times<4, 'time-1'>>()(times(4, 'time-1'), '4*(time-1)');
    agree<Times<'(a+b)*c', 2>>()(times('(a+b)*c', 2), '(a+b)*c*2');
    agree<Times<'time/4', 4>>()(times('time/4', 4), 'time');
    agree<Times<4, 'time/4'>>()(times(4, 'time/4'), 'time');
    agree<Times<'a+time/4', 4>>()(times('a+time/4', 4), '(a+time/4)*4');
    agree<Over<'time', 4>>()(over('time', 4), 'time/4');
    agree<Over<'time', 'time'>>()(over('time', 'time'), 1);
    agree<Over<'time+1', 4>>()(over('time+1', 4), '(time+1)/4');
    agree<Over<'time', 'a*b'>>()(over('time', 'a*b'), 'time/(a*b)');
    agree<Times<'time/(a*b)', 'a*b'>>()(times('time/(a*b)', 'a*b'), 'time');
    agree<Times<'a/b*c', 'b*c'>>()(times('a/b*c', 'b*c'), 'a/b*c*b*c');
    agree<Over<12, 'b'>>()(over(12, 'b'), '12/b');
    agree<Over<12, 4>>()(over(12, 4), 3);
    agree<Product<['batch', 4, 2], never>>()([2].reduce<Dim>(times, times('batch', 4)), 'batch*4*2');
    expect(over(12, 5)).toBeUndefined();
    const indivisible: Equal<Over<12, 5>, never> = true;
    expect(indivisible).toBe(true);
  });

  test('sums and differences', () => {
    agree<Plus<'time', 1>>()(plus('time', 1), 'time+1');
    agree<Plus<1, 'time'>>()(plus(1, 'time'), '1+time');
    agree<Plus<0, 'time'>>()(plus(0, 'time'), 'time');
    agree<Plus<'time-1', 1>>()(plus('time-1', 1), 'time');
    agree<Plus<'a-(b+c)', 'b+c'>>()(plus('a-(b+c)', 'b+c'), 'a');
    agree<Minus<'time', 1>>()(minus('time', 1), 'time-1');
    agree<Minus<'time', 'a+b'>>()(minus('time', 'a+b'), 'time-(a+b)');
    agree<Minus<'1+time', 1>>()(minus('1+time', 1), 'time');
    agree<Minus<'time+1', 1>>()(minus('time+1', 1), 'time');
    agree<Minus<'time+11', 1>>()(minus('time+11', 1), 'time+11-1');
    agree<Minus<7, 7>>()(minus(7, 7), 0);
  });
});

test('literal arithmetic is exact', () => {
  agree<Multiply<8, 64>>()(8 * 64, 512);
  agree<Multiply<123456, 98765>>()(123456 * 98765, 12193131840);
  agree<Multiply<50257, 768>>()(50257 * 768, 38597376);
  agree<Multiply<0, 12>>()(0, 0);
  agree<Multiply<999, 999>>()(999 * 999, 998001);
  agree<Add<999, 1>>()(1000, 1000);
  agree<Add<1, 99999>>()(100000, 100000);
  agree<Subtract<1000, 1>>()(999, 999);
  agree<Subtract<5, 5>>()(0, 0);
  agree<Divide<128, 4>>()(32, 32);
  agree<Divide<38597376, 768>>()(50257, 50257);
  agree<Divide<1000000, 1000>>()(1000, 1000);
  agree<Divide<0, 5>>()(0, 0);
  const refused: [
    Equal<Subtract<5, 70>, never>,
    Equal<Divide<128, 5>, never>,
    Equal<Divide<12, 128>, never>,
  ] = [true, true, true];
  expect(refused).toHaveLength(3);
});

describe('expressions mean what they were built from', () => {
  const SIZES = { a: 12, b: 6, c: 2 };
  /** an expression with its value; only exact divisions and differences that are not negative are built */
  type Valued = readonly [Dim, number];
  const combine = ([x, m]: Valued, [y, n]: Valued, operator: number): Valued => {
    if (operator === 0) return [times(x, y), m * n];
    if (operator === 1) return [plus(x, y), m + n];
    if (operator === 2 && m >= n) return [minus(x, y), m - n];
    const quotient = operator === 3 && n > 0 && m % n === 0 ? over(x, y) : undefined;
    return quotient === undefined ? [x, m] : [quotient, m / n];
  };
  const leaf = fc.oneof(
    fc.constantFrom<Valued>(['a', SIZES.a], ['b', SIZES.b], ['c', SIZES.c]),
    fc.integer({ min: 0, max: 6 }).map((n): Valued => [n, n]),
  );
  const steps = fc.array(fc.tuple(leaf, leaf, fc.nat(3), fc.nat(3), fc.boolean()), {
    minLength: 1,
    maxLength: 4,
  });

  test('whatever the order of operations', () => {
    fc.assert(
      fc.property(leaf, steps, (first, rest) => {
        const [dim, value] = rest.reduce<Valued>((sum, [x, y, inner, outer, swap]) => {
          const operand = combine(x, y, inner);
          return swap ? combine(operand, sum, outer) : combine(sum, operand, outer);
        }, first);
        expect(evaluate(dim, SIZES)).toBe(value);
      }),
      { seed: 7, numRuns: runs(5000, 1000) },
    );
  });
});
