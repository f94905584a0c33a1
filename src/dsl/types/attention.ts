import type { Dim, Shape } from '../../base/dim.ts';
import type { Indivisible } from './dimension.ts';
import type { Compatible } from './identity.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

/** query [B, T, W] */
export type AttentionQuery<Q extends Shape, Late> =
  IsAny<Q, Late> extends true
    ? Good<Q>
    : Q extends readonly [infer _B extends Dim, infer _T extends Dim, infer _W extends Dim]
      ? Good<Q>
      : number extends Q['length']
        ? Good<Q>
        : Bad<`attention: query needs 3 dimensions, has ${PrintShape<Q>}`>;

/** key or value [B, S, W] beside a query [B, T, W] */
export type AttentionOther<What extends string, Q extends Shape, K extends Shape, Late> =
  IsAny<Q, Late> extends true
    ? Good<K>
    : IsAny<K, Late> extends true
      ? Good<K>
      : [Q, K] extends [
            readonly [infer B extends Dim, infer _T extends Dim, infer W extends Dim],
            readonly [infer B2 extends Dim, infer _S extends Dim, infer W2 extends Dim],
          ]
        ? Compatible<B, B2, Late> extends true
          ? Compatible<W, W2, Late> extends true
            ? Good<K>
            : Bad<`attention: query and ${What} widths differ: ${W} and ${W2}`>
          : Bad<`attention: query and ${What} batches differ: ${B} and ${B2}`>
        : number extends Q['length'] | K['length']
          ? Good<K>
          : Bad<`attention: ${What} needs 3 dimensions, has ${PrintShape<K>}`>;

/** value [B, S, W] beside a key of the same length */
export type AttentionValue<Q extends Shape, K extends Shape, V extends Shape, Late> =
  AttentionOther<'value', Q, V, Late> extends infer R
    ? R extends Bad<unknown>
      ? R
      : [K, V] extends [
            readonly [infer _B extends Dim, infer S extends Dim, infer _W extends Dim],
            readonly [infer _B2 extends Dim, infer S2 extends Dim, infer _W2 extends Dim],
          ]
        ? IsAny<K, Late> extends true
          ? R
          : IsAny<V, Late> extends true
            ? R
            : Compatible<S, S2, Late> extends true
              ? R
              : Bad<`attention: key and value lengths differ: ${S} and ${S2}`>
        : R
    : never;

/** the width must be shared out evenly */
export type AttentionHeads<Q extends Shape, H extends number, Late> = Q extends readonly [
  infer _B extends Dim,
  infer _T extends Dim,
  infer W extends Dim,
]
  ? IsAny<Q, Late> extends true
    ? Good<H>
    : Indivisible<W, H, Late> extends true
      ? Bad<`attention: ${W} is not divisible by ${H} heads`>
      : Good<H>
  : Good<H>;

/** mask [B, S] beside a key [B, S, W] */
export type AttentionMask<K extends Shape, M extends Shape, Late> =
  IsAny<K, Late> extends true
    ? Good<M>
    : IsAny<M, Late> extends true
      ? Good<M>
      : number extends M['length'] | K['length']
        ? Good<M>
        : K extends readonly [infer B extends Dim, infer S extends Dim, infer _W extends Dim]
          ? M extends readonly [infer B2 extends Dim, infer S2 extends Dim]
            ? [Compatible<B, B2, Late>, Compatible<S, S2, Late>] extends [true, true]
              ? Good<M>
              : Bad<`attention: the mask must be ${PrintShape<[B, S]>}, not ${PrintShape<M>}`>
            : Bad<`attention: the mask must be ${PrintShape<[B, S]>}, not ${PrintShape<M>}`>
          : Good<M>;
