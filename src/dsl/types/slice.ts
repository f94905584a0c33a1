import type { Dim, Shape } from '../../base/dim.ts';
import type { At, AxisMissing, Cut } from './axis.ts';
import type { Fails, Minus } from './dimension.ts';
import type { IsNumeric, IsWide } from './identity.ts';
import type { Bad, Good } from './result.ts';

type IsNegative<N> = N extends number ? (`${N}` extends `-${string}` ? true : false) : false;

/** A position counted from the left: negative ones and 'end' count from D. */
type Position<D, N> = N extends 'end'
  ? D
  : N extends number
    ? number extends N
      ? number
      : `${N}` extends `-${infer M extends number}`
        ? Minus<D, M>
        : N
    : never;

/** 'whole', 'literal' when the length does not depend on the dimension, else 'relative' */
type Kind<From, To> = number extends From | To
  ? 'wide'
  : To extends 'end'
    ? From extends 0
      ? 'whole'
      : 'relative'
    : true extends IsNegative<From> | IsNegative<To>
      ? 'relative'
      : 'literal';

interface Length<N> {
  readonly length: N;
}

type LengthOf<D, From, To, Late> =
  Kind<From, To> extends infer K
    ? K extends 'wide'
      ? Length<number>
      : K extends 'whole'
        ? Length<D>
        : K extends 'literal'
          ? Fails<Minus<To, From>> extends true
            ? false
            : IsNumeric<D, Late> extends true
              ? Fails<Minus<D, To>> extends true
                ? false
                : Length<Minus<To, From>>
              : Length<Minus<To, From>>
          : RelativeLength<D, From, To, Late>
    : never;

type RelativeLength<D, From, To, Late> =
  IsNumeric<D, Late> extends true
    ? Minus<Position<D, To>, Position<D, From>> extends infer N
      ? Fails<N> extends true
        ? false
        : Length<N>
      : never
    : IsWide<D, Late> extends true
      ? Length<Dim>
      : From extends 0
        ? Length<Position<D, To>>
        : To extends 'end'
          ? IsNegative<From> extends true
            ? `${From & number}` extends `-${infer N extends number}`
              ? Length<N>
              : never
            : Length<Minus<D, From>>
          : Length<Dim>;

/** What of N is a literal number that is not whole. */
type Fraction<N> = N extends number
  ? number extends N
    ? never
    : `${N}` extends `${bigint}`
      ? never
      : N
  : never;

/** S with axis `Axis` cut to `From..To`; negative positions count from the end, as does 'end'. */
export type Slice<S extends Shape, Axis extends number, From, To, Late> = number extends Axis
  ? Good<{ -readonly [K in keyof S]: Dim }>
  : [Fraction<From | To>] extends [never]
    ? Range<S, Axis, From, To, Late>
    : Bad<`slice: a bound must be a position, not ${Fraction<From | To>}`>;

type Range<S extends Shape, Axis extends number, From, To, Late> =
  At<S, Axis, Late> extends Cut<infer Before extends Shape, infer D extends Dim, infer After extends Shape>
    ? LengthOf<D, From, To, Late> extends Length<infer N>
      ? Good<[...Before, N, ...After]>
      : Bad<`slice: ${From & Dim}..${To & Dim} does not fit dimension ${D}`>
    : AxisMissing<'slice', S, Axis, Late>;
