import type { Dim, Shape } from '../../base/dim.ts';

// Whether two dimensions are the same, decided at once even where they are type parameters.
//
// An ordinary conditional type on a type parameter stays deferred and would block every function that is generic in its
// dimensions. Inference over unions is not deferred: identical members of source and target are dropped first, so what
// is left to infer tells whether everything matched. `Late` is `never` at every call; it keeps the check type generic
// inside these declarations, so that the compiler does not resolve them where they are declared.

export interface Mark {
  readonly mark: 1;
}

/** true when X and Y are identical, also as opaque type parameters */
export type Same<X, Y, Late> = { d: X } | Mark | Late extends { d: Y } | Mark | Late | infer Rest
  ? Mark extends Rest
    ? true
    : false
  : never;

/** true for `number`, `string` and `Dim`: sizes that only the build of the graph knows */
export type IsWide<X, Late> =
  Same<X, number, Late> extends true ? true : Same<X, string, Late> extends true ? true : Same<X, Dim, Late>;

/** true when X and Y may be the same dimension: identical, or one of them wide */
export type Compatible<X, Y, Late> =
  Same<X, Y, Late> extends true ? true : IsWide<X, Late> extends true ? true : IsWide<Y, Late>;

/** whether two shapes may be equal, compared from the right; boxed, so that `[...S, D]` with a generic S splits there */
export type Alike<A extends Shape, B extends Shape, Late> =
  Same<A, B, Late> extends true
    ? true
    : { s: A } extends { s: readonly [...infer HeadA extends Shape, infer X extends Dim] }
      ? { s: B } extends { s: readonly [...infer HeadB extends Shape, infer Y extends Dim] }
        ? Compatible<X, Y, Late> extends true
          ? Alike<HeadA, HeadB, Late>
          : false
        : IsOpen<B>
      : A extends readonly []
        ? IsOpen<B>
        : true;
type IsOpen<S extends Shape> = number extends S['length'] ? true : false;

type Is<X, Kind, Late> = { d: X | Mark } | Late extends { d: Kind | Mark | infer Rest } | Late
  ? Same<Rest, X, Late> extends true
    ? false
    : true
  : never;
/** true for literal numbers and `number`, false for names and type parameters */
export type IsNumeric<X, Late> = Is<X, number, Late>;
/** true for a literal name and `string`, false for numbers and type parameters */
export type IsName<X, Late> = Is<X, string, Late>;
