import type { Dim, Shape } from '../../base/dim.ts';
import type { Fails, Over, Product, Times } from './dimension.ts';
import type { IsName, IsNumeric, IsWide, Same } from './identity.ts';
import type { Bad, Good, PrintDim, PrintShape, Ranked } from './result.ts';

/**
 * A number of elements, without the -1 of a shape: the product of sizes and names, `number` where it cannot be told, and the
 * type parameters.
 */
type Elements<S extends Shape, Late, N = 1, Opaque extends Shape = []> = S extends readonly [
  infer X extends Dim,
  ...infer Rest extends Shape,
]
  ? Same<X, -1, Late> extends true
    ? Elements<Rest, Late, N, Opaque>
    : IsWide<X, Late> extends true
      ? [number, Opaque]
      : true extends IsNumeric<X, Late> | IsName<X, Late>
        ? Elements<Rest, Late, Times<N, X>, Opaque>
        : Elements<Rest, Late, N, [...Opaque, X]>
  : [N, Opaque];

/** List without all of `Names`, or false when one of them does not occur; `Passed` are dims that are not the first of them. */
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

type Count<S extends Shape, Late> = PrintDim<Product<[...Elements<S, Late>[1], Elements<S, Late>[0]], Late>>;
type CountsDiffer<A extends Shape, B extends Shape, Late> =
  HasHole<B, Late> extends true
    ? Bad<`reshape: ${Count<A, Late>} is not divisible by ${Count<B, Late>}`>
    : Bad<`reshape: ${PrintShape<A>} has ${Count<A, Late>} elements, ${PrintShape<B>} has ${Count<B, Late>}`>;

/** N / M for a -1 in a shape; never where a name would have to be divided, which `rearrange` does */
type Left<A extends Shape, N, M> =
  Over<N, M> extends infer Q
    ? Q extends `${string}/${string}`
      ? true extends IsQuotient<A[number]>
        ? Q
        : never
      : Q
    : never;
type IsQuotient<X> = X extends `${string}/${string}` ? true : false;

/** A and B without the leading dims that WholeA and WholeB have in common */
type Compare<A extends Shape, B extends Shape, WholeA extends Shape, WholeB extends Shape, Late> =
  Elements<A, Late> extends [infer N, infer OpaqueA extends Shape]
    ? Elements<B, Late> extends [infer M, infer OpaqueB extends Shape]
      ? true extends IsWide<N, Late> | IsWide<M, Late>
        ? Good<Fill<WholeB, Dim, Late>>
        : Without<OpaqueA, OpaqueB, Late> extends infer Rest extends Shape
          ? HasHole<B, Late> extends true
            ? Fails<Left<A, N, M>> extends true
              ? CountsDiffer<WholeA, WholeB, Late>
              : Good<Fill<WholeB, Product<[...Rest, Left<A, N, M>], Late>, Late>>
            : Rest extends readonly []
              ? Same<N, M, Late> extends true
                ? Good<WholeB>
                : CountsDiffer<WholeA, WholeB, Late>
              : CountsDiffer<WholeA, WholeB, Late>
          : CountsDiffer<WholeA, WholeB, Late>
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
