import type { Dim, Shape } from '../../base/dim.ts';
import type { Fails, Over, Times } from './dimension.ts';
import type { IsWide, Same } from './identity.ts';
import type { Rank } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

/** The number of elements: a literal factor and the named ones. */
interface Elements<N, Names extends Shape> {
  readonly number: N;
  readonly names: Names;
}

type ElementsOf<S extends Shape, N = 1, Names extends Shape = []> = S extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? IsWide<Head, never> extends true
    ? Elements<number, Names>
    : Head extends number
      ? ElementsOf<Rest, Times<N, Head>, Names>
      : ElementsOf<Rest, N, [...Names, Head]>
  : Elements<N, Names>;

type Without<List extends Shape, X, Done extends Shape = []> = List extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? [Head] extends [X]
    ? [...Done, ...Rest]
    : Without<Rest, X, [...Done, Head]>
  : false;

type SameNames<A extends Shape, B extends Shape> = A extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? Without<B, Head> extends infer RestB extends Shape
    ? SameNames<Rest, RestB>
    : false
  : B extends readonly []
    ? true
    : false;

type Fill<B extends Shape, Q, Done extends Shape = []> = B extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? Fill<Rest, Q, [...Done, Head extends -1 ? Q & Dim : Head]>
  : Done;

type WithoutHole<B extends Shape, Done extends Shape = []> = B extends readonly [
  infer Head extends Dim,
  ...infer Rest extends Shape,
]
  ? WithoutHole<Rest, Head extends -1 ? Done : [...Done, Head]>
  : Done;

/** -1 stands for what is left over. */
type InferHole<
  A extends Shape,
  B extends Shape,
  Head extends Shape,
  WholeA extends Shape,
  WholeB extends Shape,
> =
  ElementsOf<A> extends Elements<infer N, infer Names>
    ? ElementsOf<WithoutHole<B>> extends Elements<infer M, infer NamesB>
      ? number extends N | M
        ? Good<[...Head, ...Fill<B, number>]>
        : SameNames<Names, NamesB> extends true
          ? Fails<Over<N, M>> extends true
            ? Bad<`reshape: ${PrintShape<WholeA>} does not divide into ${PrintShape<WholeB>}`>
            : Good<[...Head, ...Fill<B, Over<N, M>>]>
          : Good<[...Head, ...Fill<B, Dim>]>
      : never
    : never;

type CompareElements<
  A extends Shape,
  B extends Shape,
  Head extends Shape,
  WholeA extends Shape,
  WholeB extends Shape,
> = -1 extends B[number]
  ? InferHole<A, B, Head, WholeA, WholeB>
  : ElementsOf<A> extends Elements<infer N, infer Names>
    ? ElementsOf<B> extends Elements<infer M, infer NamesB>
      ? number extends N | M
        ? Good<[...Head, ...B]>
        : SameNames<Names, NamesB> extends true
          ? [N] extends [M]
            ? Good<[...Head, ...B]>
            : Bad<`reshape: ${PrintShape<WholeA>} and ${PrintShape<WholeB>} have different numbers of elements`>
          : Bad<`reshape: ${PrintShape<WholeA>} and ${PrintShape<WholeB>} have different numbers of elements`>
      : never
    : never;

/** Common leading dims are taken off first, which also works for type parameters; then the products are compared. */
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
      : CompareElements<A, B, Head, WholeA, WholeB>
    : CompareElements<A, B, Head, WholeA, WholeB>
  : CompareElements<A, B, Head, WholeA, WholeB>;

/** A seen as shape B: equal numbers of elements; one -1 in B is computed. */
export type Reshape<A extends Shape, B extends Shape, Late> = number extends B['length']
  ? Good<Shape>
  : Rank<A, Late> extends 'known'
    ? AfterCommonHead<A, B, Late, A, B>
    : Good<B>;
