import type { Dim, Shape } from '../../base/dim.ts';
import type { Fails, Over, Times } from './dimension.ts';
import type { IsName, IsNumeric, IsWide, Same } from './identity.ts';
import type { Rank } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

/** A number of elements: the literal factor and the named ones; `number` where it cannot be told. */
interface Elements<N, Names extends Shape> {
  readonly literal: N;
  readonly names: Names;
}

type ElementsOf<S extends Shape, Late, N = 1, Names extends Shape = []> = S extends readonly [
  infer X extends Dim,
  ...infer Rest extends Shape,
]
  ? IsWide<X, Late> extends true
    ? Elements<number, Names>
    : IsNumeric<X, Late> extends true
      ? ElementsOf<Rest, Late, Times<N, X>, Names>
      : IsName<X, Late> extends true
        ? FactorsOf<X> extends infer Factors
          ? Factors extends Shape
            ? ElementsOf<[...Factors, ...Rest], Late, N, Names>
            : Factors extends 'one'
              ? ElementsOf<Rest, Late, N, [...Names, X]>
              : Elements<number, Names>
          : never
        : ElementsOf<Rest, Late, N, [...Names, X]>
  : Elements<N, Names>;

/** `batch*time` taken apart; 'one' for a plain name, 'opaque' for other expressions */
type FactorsOf<X> = X extends `${string}${'+' | '-' | '/' | '('}${string}`
  ? 'opaque'
  : X extends `${infer Head}*${infer Rest}`
    ? [ToDim<Head>, ToDim<Rest>]
    : 'one';
type ToDim<Text extends string> = Text extends `${infer N extends number}` ? N : Text;

/** List without one X, or false when X does not occur */
type Without<List extends Shape, X, Late, Done extends Shape = []> = List extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? Same<Head, X, Late> extends true
    ? [...Done, ...Rest]
    : Without<Rest, X, Late, [...Done, Head]>
  : false;

/** List without all of `Names`, or false when one of them does not occur */
type WithoutAll<List extends Shape, Names extends Shape, Late> = Names extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? Without<List, Head, Late> extends infer Left
    ? Left extends Shape
      ? WithoutAll<Left, Rest, Late>
      : false
    : never
  : List;

type Fill<B extends Shape, Q, Late, Done extends Shape = []> = B extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? Fill<Rest, Q, Late, [...Done, Same<Head, -1, Late> extends true ? Q & Dim : Head]>
  : Done;

type WithoutHole<B extends Shape, Late, Done extends Shape = []> = B extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? WithoutHole<Rest, Late, Same<Head, -1, Late> extends true ? Done : [...Done, Head]>
  : Done;

type ProductOf<Names, N> = Names extends readonly [infer X, infer Y, ...infer Rest]
  ? ProductOf<[Times<X, Y>, ...Rest], N>
  : Names extends readonly [infer X]
    ? Times<X, N>
    : N;

// What the messages say of the whole shapes, also where common leading dims were taken off before.

type NamesDiffer<A extends Shape, B extends Shape, Late> =
  ElementsOf<A, Late> extends Elements<unknown, infer NamesA>
    ? ElementsOf<B, Late> extends Elements<unknown, infer NamesB>
      ? Bad<`reshape: named dimensions differ: ${PrintShape<NamesA>} and ${PrintShape<NamesB>}`>
      : never
    : never;

type CountsDiffer<A extends Shape, B extends Shape, Late> =
  ElementsOf<A, Late> extends Elements<infer N, Shape>
    ? ElementsOf<B, Late> extends Elements<infer M, Shape>
      ? Bad<`reshape: ${PrintShape<A>} has ${N & Dim} elements, ${PrintShape<B>} has ${M & Dim}`>
      : never
    : never;

type NotDivisible<A extends Shape, B extends Shape, Late> =
  ElementsOf<A, Late> extends Elements<infer N, Shape>
    ? ElementsOf<B, Late> extends Elements<infer M, Shape>
      ? Bad<`reshape: ${N & Dim} is not divisible by ${M & Dim}`>
      : never
    : never;

/** -1 stands for what is left over */
type InferHole<
  A extends Shape,
  B extends Shape,
  Head extends Shape,
  WholeA extends Shape,
  WholeB extends Shape,
  Late,
> =
  ElementsOf<A, Late> extends Elements<infer N, infer NamesA>
    ? ElementsOf<WithoutHole<B, Late>, Late> extends Elements<infer M, infer NamesB>
      ? number extends N | M
        ? Good<[...Head, ...Fill<B, Dim, Late>]>
        : WithoutAll<NamesA, NamesB, Late> extends infer Left
          ? Left extends Shape
            ? Fails<Over<N, M>> extends true
              ? NotDivisible<WholeA, WithoutHole<WholeB, Late>, Late>
              : Good<[...Head, ...Fill<B, ProductOf<Left, Over<N, M>>, Late>]>
            : NamesDiffer<WholeA, WithoutHole<WholeB, Late>, Late>
          : never
      : never
    : never;

type CompareElements<
  A extends Shape,
  B extends Shape,
  Head extends Shape,
  WholeA extends Shape,
  WholeB extends Shape,
  Late,
> =
  ElementsOf<A, Late> extends Elements<infer N, infer NamesA>
    ? ElementsOf<B, Late> extends Elements<infer M, infer NamesB>
      ? number extends N | M
        ? Good<[...Head, ...B]>
        : WithoutAll<NamesA, NamesB, Late> extends readonly []
          ? Same<N, M, Late> extends true
            ? Good<[...Head, ...B]>
            : CountsDiffer<WholeA, WholeB, Late>
          : NamesDiffer<WholeA, WholeB, Late>
      : never
    : never;

type HasHole<B extends Shape, Late> = B extends readonly [infer Head extends Dim, ...infer Rest extends Shape]
  ? Same<Head, -1, Late> extends true
    ? true
    : HasHole<Rest, Late>
  : false;

/** Common leading dims are taken off first, which also settles type parameters; then the products are compared. */
type AfterCommonHead<
  A extends Shape,
  B extends Shape,
  Late,
  WholeA extends Shape,
  WholeB extends Shape,
  Head extends Shape = [],
> = A extends readonly [infer X extends Dim, ...infer RestA extends Shape]
  ? B extends readonly [infer Y extends Dim, ...infer RestB extends Shape]
    ? Same<X, Y, Late> extends true
      ? AfterCommonHead<RestA, RestB, Late, WholeA, WholeB, [...Head, X]>
      : Differing<A, B, Head, WholeA, WholeB, Late>
    : Differing<A, B, Head, WholeA, WholeB, Late>
  : Differing<A, B, Head, WholeA, WholeB, Late>;

type Differing<
  A extends Shape,
  B extends Shape,
  Head extends Shape,
  WholeA extends Shape,
  WholeB extends Shape,
  Late,
> =
  HasHole<B, Late> extends true
    ? InferHole<A, B, Head, WholeA, WholeB, Late>
    : CompareElements<A, B, Head, WholeA, WholeB, Late>;

/** A seen as shape B: equal numbers of elements; one -1 in B is computed. */
export type Reshape<A extends Shape, B extends Shape, Late> =
  Rank<B, Late> extends 'known'
    ? Rank<A, Late> extends 'known'
      ? AfterCommonHead<A, B, Late, A, B>
      : HasHole<B, Late> extends true
        ? Good<Fill<B, Dim, Late>>
        : Good<B>
    : Good<Shape>;
