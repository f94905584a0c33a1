import type { Dim, Shape } from '../../base/dim.ts';
import type { Broadcast } from './broadcast.ts';
import type { Compatible } from './identity.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

/** Good<S> when the inner dims may be the same */
type Inner<A extends Shape, B extends Shape, K extends Dim, K2 extends Dim, S, Late> =
  Compatible<K, K2, Late> extends true
    ? Good<S>
    : Bad<`matmul: inner dimensions differ: ${K} and ${K2} in ${PrintShape<A>} x ${PrintShape<B>}`>;

/** [...L, M, K] x [...R, K, N] → [...(L with R broadcast), M, N]; a matrix on the right takes any rank on the left. */
export type Matmul<A extends Shape, B extends Shape, Late> = { s: A } extends {
  s: readonly [...infer L extends Shape, infer K extends Dim];
}
  ? IsAny<A, Late> extends true
    ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      Good<any>
    : IsAny<B, Late> extends true
      ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
        Good<any>
      : B extends readonly [infer K2 extends Dim, infer N extends Dim]
        ? Inner<A, B, K, K2, [...L, N], Late>
        : Batched<A, B, L, K, Late>
  : A extends readonly []
    ? Bad<'matmul: left operand is a scalar'>
    : Good<Shape>;

type Batched<A extends Shape, B extends Shape, L extends Shape, K extends Dim, Late> = { s: B } extends {
  s: readonly [...infer OuterB extends Shape, infer K2 extends Dim, infer N extends Dim];
}
  ? { s: L } extends { s: readonly [...infer OuterA extends Shape, infer M extends Dim] }
    ? Inner<A, B, K, K2, never, Late> extends infer Fit
      ? Fit extends Bad<unknown>
        ? Fit
        : Broadcast<'matmul batch', OuterA, OuterB, Late> extends infer R
          ? R extends Good<infer Q extends Shape>
            ? Good<[...Q, M, N]>
            : R
          : never
      : never
    : { s: L } extends { s: readonly [] }
      ? Bad<`matmul: left operand needs 2 or more dimensions, has ${PrintShape<A>}`>
      : Good<Shape>
  : number extends B['length']
    ? Good<Shape>
    : Bad<`matmul: right operand needs 2 or more dimensions, has ${PrintShape<B>}`>;
