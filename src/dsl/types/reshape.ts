import type { Dim, Shape } from '../../base/dim.ts';
import type { Fails, Over, Product, Times } from './dimension.ts';
import type { IsName, IsNumeric, IsWide, Same } from './identity.ts';
import type { Bad, Good, PrintDim, PrintShape, Ranked } from './result.ts';

type ToDim<Text extends string> = Text extends `${infer N extends number}` ? N : Text;

/**
 * A number of elements, without the -1 of a shape: the literal factor, `number` where it cannot be told, and the named ones.
 * `batch*time` is taken apart, other expressions are not.
 */
type Elements<S extends Shape, Late, N = 1, Names extends Shape = []> = S extends readonly [
  infer X extends Dim,
  ...infer Rest extends Shape,
]
  ? Same<X, -1, Late> extends true
    ? Elements<Rest, Late, N, Names>
    : IsWide<X, Late> extends true
      ? [number, Names]
      : IsNumeric<X, Late> extends true
        ? Elements<Rest, Late, Times<N, X>, Names>
        : IsName<X, Late> extends true
          ? X extends `${string}${'+' | '-' | '/' | '('}${string}`
            ? [number, Names]
            : X extends `${infer Head}*${infer Tail}`
              ? Elements<[ToDim<Head>, ToDim<Tail>, ...Rest], Late, N, Names>
              : Elements<Rest, Late, N, [...Names, X]>
          : Elements<Rest, Late, N, [...Names, X]>
  : [N, Names];

/** List without all of `Names`, or false when one of them does not occur; `Passed` are dims that are not the first name. */
type Without<
  List extends Shape,
  Names extends Shape,
  Late,
  Passed extends Shape = [],
> = Names extends readonly [infer Name, ...infer RestNames extends Shape]
  ? List extends readonly [infer Head extends Dim, ...infer Rest extends Shape]
    ? Same<Head, Name, Late> extends true
      ? Without<[...Passed, ...Rest], RestNames, Late>
      : Without<Rest, Names, Late, [...Passed, Head]>
    : false
  : List;

/** B with Q in place of -1 */
type Fill<B extends Shape, Q, Late> = {
  -readonly [K in keyof B]: Same<B[K], -1, Late> extends true ? Q : B[K];
};
type HasHole<B extends Shape, Late> =
  Same<Fill<B, 1, Late>, Fill<B, 2, Late>, Late> extends true ? false : true;

// Messages speak of the whole shapes, also where common leading dims were taken off before.

type NamesDiffer<
  A extends Shape,
  B extends Shape,
  Late,
> = Bad<`reshape: named dimensions differ: ${PrintShape<Elements<A, Late>[1]>} and ${PrintShape<Elements<B, Late>[1]>}`>;

type PrintCount<S extends Shape, Late> = PrintDim<Elements<S, Late>[0]>;
type CountsDiffer<A extends Shape, B extends Shape, Late> =
  HasHole<B, Late> extends true
    ? Bad<`reshape: ${PrintCount<A, Late>} is not divisible by ${PrintCount<B, Late>}`>
    : Bad<`reshape: ${PrintShape<A>} has ${PrintCount<A, Late>} elements, ${PrintShape<B>} has ${PrintCount<B, Late>}`>;

/** A and B without the leading dims that WholeA and WholeB have in common */
type Compare<A extends Shape, B extends Shape, WholeA extends Shape, WholeB extends Shape, Late> =
  Elements<A, Late> extends [infer N, infer NamesA extends Shape]
    ? Elements<B, Late> extends [infer M, infer NamesB extends Shape]
      ? number extends N | M
        ? Good<Fill<WholeB, Dim, Late>>
        : Without<NamesA, NamesB, Late> extends infer Left extends Shape
          ? HasHole<B, Late> extends true
            ? Fails<Over<N, M>> extends true
              ? CountsDiffer<WholeA, WholeB, Late>
              : Good<Fill<WholeB, Product<[...Left, Over<N, M>], Late>, Late>>
            : Left extends readonly []
              ? Same<N, M, Late> extends true
                ? Good<WholeB>
                : CountsDiffer<WholeA, WholeB, Late>
              : NamesDiffer<WholeA, WholeB, Late>
          : NamesDiffer<WholeA, WholeB, Late>
      : never
    : never;

/** Common leading dims are taken off first, which also settles type parameters; then the products are compared. */
type AfterCommonHead<A extends Shape, B extends Shape, WholeA extends Shape, WholeB extends Shape, Late> = [
  A,
  B,
] extends [
  readonly [infer X extends Dim, ...infer RestA extends Shape],
  readonly [infer Y extends Dim, ...infer RestB extends Shape],
]
  ? Same<X, Y, Late> extends true
    ? AfterCommonHead<RestA, RestB, WholeA, WholeB, Late>
    : Compare<A, B, WholeA, WholeB, Late>
  : Compare<A, B, WholeA, WholeB, Late>;

/** A seen as shape B: equal numbers of elements; one -1 in B is computed. */
export type Reshape<A extends Shape, B extends Shape, Late> = Ranked<
  B,
  Ranked<A, 'known', Late> extends 'known' ? AfterCommonHead<A, B, A, B, Late> : Good<Fill<B, Dim, Late>>,
  Late
>;
