import type { Dim, Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { At, AxisMissing, OnAxis } from './axis.ts';
import type { Fails, Minus, Plus } from './dimension.ts';
import type { SameType } from './dtype.ts';
import type { Compatible, IsNumeric, IsWide } from './identity.ts';
import type { Bad, Good, PrintDim, Quiet } from './result.ts';

// ---- transpose

type Indices<S extends Shape> = { [K in keyof S]: K extends `${infer N extends number}` ? N : never }[number];

/** S with its dims in the order that the permutation P names */
export type Transpose<S extends Shape, P extends readonly number[], Late> = number extends P[number]
  ? Good<{ -readonly [K in keyof S]: Dim }>
  : Quiet<S, Permuted<S, P>, Late>;

type Permuted<S extends Shape, P extends readonly number[]> = number extends S['length']
  ? Good<{ -readonly [K in keyof P]: Dim }>
  : P['length'] extends S['length']
    ? [Exclude<Indices<S>, P[number]>] extends [never]
      ? Good<{ -readonly [K in keyof P]: S[P[K]] }>
      : Bad<`transpose: permutation lacks axis ${Exclude<Indices<S>, P[number]>}`>
    : Bad<`transpose: ${P['length']} axes given for rank ${S['length']}`>;

// ---- split

type SumOf<Sizes, Done = 0> = Sizes extends readonly [infer Head, ...infer Rest]
  ? SumOf<Rest, Plus<Done, Head>>
  : Done;

/** Good when the sizes add up to the dim of the axis */
export type Split<S extends Shape, Axis extends number, Sizes extends Shape, Late> = number extends
  | Axis
  | Sizes['length']
  ? Good<S>
  : At<S, Axis, Late> extends [infer _Before, infer D extends Dim, infer _After]
    ? Compatible<SumOf<Sizes>, D, Late> extends true
      ? Good<S>
      : Bad<`split: sizes add up to ${PrintDim<SumOf<Sizes>>}, dimension is ${D}`>
    : AxisMissing<'split', S, Axis, Late>;

// ---- slice

/** N of a position -N, else never */
type FromEnd<Position> = Position extends number
  ? `${Position}` extends `-${infer N extends number}`
    ? N
    : never
  : never;

/** A position counted from the left: negative ones and 'end' count from D. */
type FromStart<D, Position> = Position extends 'end'
  ? D
  : [FromEnd<Position>] extends [never]
    ? Position
    : Minus<D, FromEnd<Position>>;

/** Good with the length of `From..To` in a dimension D, false where it does not fit. */
type LengthOf<D, From, To, Late> = number extends From | To
  ? Good<number>
  : IsNumeric<D, Late> extends true
    ? Fails<Minus<D, FromStart<D, To>>> extends true
      ? false
      : NotNegative<Minus<FromStart<D, To>, FromStart<D, From>>>
    : [From, To] extends [0, 'end']
      ? Good<D>
      : [To extends 'end' ? 1 : FromEnd<From | To>] extends [never]
        ? NotNegative<Minus<To, From>>
        : IsWide<D, Late> extends true
          ? Good<Dim>
          : From extends 0
            ? Good<FromStart<D, To>>
            : To extends 'end'
              ? Good<[FromEnd<From>] extends [never] ? Minus<D, From> : FromEnd<From>>
              : Good<Minus<FromStart<D, To>, FromStart<D, From>>>;
type NotNegative<N> = Fails<N> extends true ? false : Good<N>;

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
    ? At<S, Axis, Late> extends [infer Before extends Shape, infer D extends Dim, infer After extends Shape]
      ? LengthOf<D, From, To, Late> extends Good<infer N>
        ? Good<[...Before, N, ...After]>
        : Bad<`slice: ${From & Dim}..${To & Dim} does not fit dimension ${D}`>
      : AxisMissing<'slice', S, Axis, Late>
    : Bad<`slice: a bound must be a position, not ${Fraction<From | To>}`>;

// ---- concat

/** Bad with the first pair of dims that differ, or with 'rank' for unequal lengths */
type FirstDifference<A extends Shape, B extends Shape, Late> = A extends readonly [
  infer X extends Dim,
  ...infer RestA extends Shape,
]
  ? B extends readonly [infer Y extends Dim, ...infer RestB extends Shape]
    ? Compatible<X, Y, Late> extends true
      ? FirstDifference<RestA, RestB, Late>
      : Bad<`${X} and ${Y}`>
    : Bad<'rank'>
  : B extends readonly []
    ? true
    : Bad<'rank'>;

/** Tensors of one element type whose shapes are equal but for `Axis` → that shape with the dims of `Axis` added up. */
export type Concat<Tensors, Axis extends number, Late> = Tensors extends readonly [
  Tensor<infer D extends DType, infer S extends Shape>,
  Tensor<infer E extends DType, infer T extends Shape>,
  ...infer Rest,
]
  ? At<S, Axis, Late> extends [infer Before extends Shape, infer X, infer After extends Shape]
    ? At<T, Axis, Late> extends [infer BeforeT extends Shape, infer Y, infer AfterT extends Shape]
      ? SameType<D, E, Late> extends true
        ? FirstDifference<[...Before, ...After], [...BeforeT, ...AfterT], Late> extends Bad<
            infer Message extends string
          >
          ? Bad<`concat: other dimensions differ: ${Message}`>
          : Concat<[Tensor<D, [...Before, Plus<X, Y>, ...After]>, ...Rest], Axis, Late>
        : Bad<`concat: operands are ${D} and ${E}`>
      : AxisMissing<'concat', T, Axis, Late>
    : AxisMissing<'concat', S, Axis, Late>
  : Tensors extends readonly [Tensor<DType, infer S extends Shape>]
    ? OnAxis<'concat', S, Axis, Late>
    : Good<Shape>;
