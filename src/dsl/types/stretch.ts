import type { Dim, Shape } from '../../base/dim.ts';
import type { Compatible, Same } from './identity.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

type Fits<A extends Shape, B extends Shape, Late> = { s: A } extends { s: readonly [] }
  ? true
  : { s: A } extends { s: readonly [...infer HeadA extends Shape, infer X extends Dim] }
    ? { s: B } extends { s: readonly [...infer HeadB extends Shape, infer Y extends Dim] }
      ? Same<X, 1, Late> extends true
        ? Fits<HeadA, HeadB, Late>
        : Compatible<X, Y, Late> extends true
          ? Fits<HeadA, HeadB, Late>
          : false
      : Same<B['length'], number, Late>
    : true;

/** A repeated to the shape B */
export type Stretch<A extends Shape, B extends Shape, Late> =
  IsAny<A, Late> extends true
    ? Good<B>
    : Fits<A, B, Late> extends true
      ? Good<B>
      : Bad<`broadcast: ${PrintShape<A>} does not stretch to ${PrintShape<B>}`>;
