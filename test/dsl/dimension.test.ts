import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Dim, evaluate, minus, normalDim, over, plus, product, times } from '../../src/base/dim.ts';
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
    agree<Times<'time', 'batch'>>()(times('time', 'batch'), 'batch*time');
    agree<Times<'b*d', 'a*c*e'>>()(times('b*d', 'a*c*e'), 'a*b*c*d*e');
    agree<Times<'ab', 'a'>>()(times('ab', 'a'), 'a*ab');
    agree<Times<1, 'time'>>()(times(1, 'time'), 'time');
    agree<Times<0, 'time'>>()(times(0, 'time'), 0);
    agree<Times<'time', 4>>()(times('time', 4), '4*time');
    agree<Times<'3*time', '5*time'>>()(times('3*time', '5*time'), '15*time*time');
    agree<Times<'time+1', 4>>()(times('time+1', 4), '4*time+4');
    agree<Times<4, 'time-1'>>()(times(4, 'time-1'), '4*time-4');
    agree<Times<'a+1', 'b-1'>>()(times('a+1', 'b-1'), 'a*b+b-a-1');
    agree<Times<'time/4', 4>>()(times('time/4', 4), 'time');
    agree<Times<4, 'time/4'>>()(times(4, 'time/4'), 'time');
    agree<Times<6, 'time/4'>>()(times(6, 'time/4'), '3*time/2');
    agree<Times<'time/15', 'time/3'>>()(times('time/15', 'time/3'), 'time*time/45');
    agree<Over<'time', 4>>()(over('time', 4), 'time/4');
    agree<Over<'6*time', 4>>()(over('6*time', 4), '3*time/2');
    agree<Over<'time/3', 5>>()(over('time/3', 5), 'time/15');
    agree<Over<'time', 'time'>>()(over('time', 'time'), 1);
    agree<Over<'time+1', 'time+1'>>()(over('time+1', 'time+1'), 1);
    agree<Over<'time+1', 4>>()(over('time+1', 4), '(time+1)/4');
    agree<Over<'4*time-8', 4>>()(over('4*time-8', 4), 'time-2');
    agree<Over<'batch*time-batch', 'batch'>>()(over('batch*time-batch', 'batch'), 'time-1');
    agree<Over<'time', 'a*b'>>()(over('time', 'a*b'), 'time/(a*b)');
    agree<Over<'a*time', '2*a*b'>>()(over('a*time', '2*a*b'), 'time/(2*b)');
    agree<Times<'time/(a*b)', 'a*b'>>()(times('time/(a*b)', 'a*b'), 'time');
    agree<Times<'time/(a*b)', 'b*b'>>()(times('time/(a*b)', 'b*b'), 'b*time/a');
    agree<Over<12, 'b'>>()(over(12, 'b'), '12/b');
    agree<Over<12, 4>>()(over(12, 4), 3);
    agree<Product<['batch', 4, 2], never>>()(product(['batch', 4, 2]), '8*batch');
    expect([over(12, 5), over(12, 0), over('time', 0)]).toEqual([undefined, undefined, undefined]);
    const refused: [Equal<Over<12, 5>, never>, Equal<Over<'time', 0>, never>] = [true, true];
    expect(refused).toHaveLength(2);
  });

  test('sums and differences', () => {
    agree<Plus<'time', 1>>()(plus('time', 1), 'time+1');
    agree<Plus<1, 'time'>>()(plus(1, 'time'), 'time+1');
    agree<Plus<0, 'time'>>()(plus(0, 'time'), 'time');
    agree<Plus<'time', 'time'>>()(plus('time', 'time'), '2*time');
    agree<Plus<'time-1', 1>>()(plus('time-1', 1), 'time');
    agree<Plus<'time-1', 3>>()(plus('time-1', 3), 'time+2');
    agree<Plus<'time', 'batch*time'>>()(plus('time', 'batch*time'), 'batch*time+time');
    agree<Plus<'time/4', 'time/4'>>()(plus('time/4', 'time/4'), 'time/2');
    agree<Plus<'time/4', 1>>()(plus('time/4', 1), '(time+4)/4');
    agree<Plus<'time/2', 'time/3'>>()(plus('time/2', 'time/3'), '5*time/6');
    agree<Plus<'a/b', 'b/a'>>()(plus('a/b', 'b/a'), '(a*a+b*b)/(a*b)');
    agree<Plus<'a-b-c', 'b+c'>>()(plus('a-b-c', 'b+c'), 'a');
    agree<Minus<'time', 1>>()(minus('time', 1), 'time-1');
    agree<Minus<'time', 'a+b'>>()(minus('time', 'a+b'), 'time-a-b');
    agree<Minus<'time+1', 1>>()(minus('time+1', 1), 'time');
    agree<Minus<'time+11', 1>>()(minus('time+11', 1), 'time+10');
    agree<Minus<'time', 'time'>>()(minus('time', 'time'), 0);
    agree<Minus<'time', 'time-3'>>()(minus('time', 'time-3'), 3);
    agree<Minus<3, 'time'>>()(minus(3, 'time'), '3-time');
    agree<Minus<0, 'time'>>()(minus(0, 'time'), '0-time');
    agree<Plus<'0-time', 'time'>>()(plus('0-time', 'time'), 0);
    agree<Plus<'0-time', 5>>()(plus('0-time', 5), '5-time');
    agree<Minus<7, 7>>()(minus(7, 7), 0);
    expect(minus('time', 'time+2')).toBe(-2);
    const negative: Equal<Minus<'time', 'time+2'>, never> = true;
    expect(negative).toBe(true);
  });

  test('quotients by sums are left to the build', () => {
    const open: [Equal<Over<'time', 'a+1'>, string>, Equal<Times<'time/(a+1)', 'b'>, string>] = [true, true];
    expect(open).toHaveLength(2);
    expect(over('time', 'a+1')).toBe('time/(a+1)');
    expect(times('time/(a+1)', 'a+1')).toBe('time');
    expect(over('a*b-a', 'b-1')).toBe('a');
    expect(over('time', '6*a*b+4*a')).toBe('time/(2*(3*b+2)*a)');
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

interface Written {
  readonly text: string;
  readonly dim: Dim;
}

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
        expect(normalDim(dim)).toBe(dim);
      }),
      { seed: 7, numRuns: runs(5000, 1000) },
    );
  });

  test('and equal ones have one text, however they are written', () => {
    const parts = fc.letrec<{ sum: Written }>((tie) => ({
      sum: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.oneof(
          fc.constantFrom<Written>({ text: 'a', dim: 'a' }, { text: 'b', dim: 'b' }, { text: 'c', dim: 'c' }),
          fc.integer({ min: 0, max: 6 }).map((n) => ({ text: `${n}`, dim: n })),
        ),
        fc.tuple(tie('sum'), tie('sum'), fc.nat(2)).map(([x, y, operator]) => ({
          text: `(${x.text})${'+-*'[operator]}(${y.text})`,
          dim: [plus, minus, times][operator]?.(x.dim, y.dim) ?? 0,
        })),
      ),
    })).sum;
    fc.assert(
      fc.property(parts, ({ text, dim }) => {
        expect(normalDim(text)).toBe(dim);
      }),
      { seed: 7, numRuns: runs(5000, 1000) },
    );
  });
});
