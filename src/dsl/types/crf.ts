import type { Dim, Shape } from '../../base/dim.ts';
import type { Compatible } from './identity.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

/** What a chain over emissions [B, T, C] wants: emissions of rank 3. */
export type CrfEmissions<E extends Shape, Late> =
  IsAny<E, Late> extends true
    ? Good<E>
    : number extends E['length']
      ? Good<E>
      : E extends readonly [infer _B extends Dim, infer _T extends Dim, infer _C extends Dim]
        ? Good<E>
        : Bad<`crf: emissions needs 3 dimensions, has ${PrintShape<E>}`>;

type Fits<A extends Shape, B extends Shape, Late> = A extends readonly [
  infer X extends Dim,
  ...infer RestA extends Shape,
]
  ? B extends readonly [infer Y extends Dim, ...infer RestB extends Shape]
    ? Compatible<X, Y, Late> extends true
      ? Fits<RestA, RestB, Late>
      : false
    : false
  : B extends readonly []
    ? true
    : false;

type Expect<What extends string, Wanted extends Shape, S extends Shape, Late> =
  IsAny<S, Late> extends true
    ? Good<S>
    : number extends S['length']
      ? Good<S>
      : Fits<Wanted, S, Late> extends true
        ? Good<S>
        : Bad<`crf: ${What} must be ${PrintShape<Wanted>}, not ${PrintShape<S>}`>;

/** One operand beside emissions [B, T, C]: tags [B, T], lengths [B], transitions [C, C], start and stop [C]. */
export type CrfOperand<What extends string, E extends Shape, S extends Shape, Late> =
  IsAny<E, Late> extends true
    ? Good<S>
    : E extends readonly [infer B extends Dim, infer T extends Dim, infer C extends Dim]
      ? What extends 'tags'
        ? Expect<What, [B, T], S, Late>
        : What extends 'lengths'
          ? Expect<What, [B], S, Late>
          : What extends 'transitions'
            ? Expect<What, [C, C], S, Late>
            : Expect<What, [C], S, Late>
      : Good<S>;

/** [B] of emissions [B, T, C] */
export type CrfBatch<E extends Shape, Late> =
  IsAny<E, Late> extends true
    ? E
    : E extends readonly [infer B extends Dim, infer _T extends Dim, infer _C extends Dim]
      ? [B]
      : E extends readonly []
        ? never
        : Shape;

/** [B, T] of emissions [B, T, C] */
export type CrfTags<E extends Shape, Late> =
  IsAny<E, Late> extends true
    ? E
    : E extends readonly [infer B extends Dim, infer T extends Dim, infer _C extends Dim]
      ? [B, T]
      : E extends readonly []
        ? never
        : Shape;
