import type { Dim, Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { SameType, TakesNumber } from './dtype.ts';
import type { Alike, IsWide, Same } from './identity.ts';
import type { Bad, Both, Good, PrintShape, Quiet } from './result.ts';

/** Which of two dimensions broadcasting keeps: 'x', 'y' or neither. A tag, never the dimension itself, may be branched on. */
type Kept<X, Y, Late> =
  Same<X, Y, Late> extends true
    ? 'x'
    : Same<Y, 1, Late> extends true
      ? 'x'
      : true extends Same<X, 1, Late> | IsWide<X, Late>
        ? 'y'
        : IsWide<Y, Late> extends true
          ? 'x'
          : 'neither';

/**
 * The shape of an element-wise operation: dims are matched from the right, those of size 1 repeat.
 * Shapes are boxed in `{ s: … }` so that `[...S, D]` with a generic S splits from the right.
 */
export type Broadcast<Op extends string, A extends Shape, B extends Shape, Late, Done extends Shape = []> =
  Same<A, B, Late> extends true
    ? Good<[...A, ...Done]>
    : { s: B } extends { s: readonly [] }
      ? Good<[...A, ...Done]>
      : { s: A } extends { s: readonly [] }
        ? Good<[...B, ...Done]>
        : { s: A } extends { s: readonly [...infer HeadA extends Shape, infer X extends Dim] }
          ? { s: B } extends { s: readonly [...infer HeadB extends Shape, infer Y extends Dim] }
            ? Kept<X, Y, Late> extends 'x'
              ? Broadcast<Op, HeadA, HeadB, Late, [X, ...Done]>
              : Kept<X, Y, Late> extends 'y'
                ? Broadcast<Op, HeadA, HeadB, Late, [Y, ...Done]>
                : Bad<`${Op}: cannot broadcast ${X} with ${Y}`>
            : Good<Shape>
          : Good<Shape>;

/** A repeated to the shape B */
export type BroadcastTo<A extends Shape, B extends Shape, Late> =
  Broadcast<'broadcast', A, B, Late> extends Good<infer Both extends Shape>
    ? Quiet<A, Alike<Both, B, Late> extends true ? Good<B> : DoesNotReach<A, B>, Late>
    : DoesNotReach<A, B>;
type DoesNotReach<A, B> = Bad<`broadcast: ${PrintShape<A>} does not stretch to ${PrintShape<B>}`>;

/** Result of an operation on the elements of numbers [D, A] and of `Y`, a tensor or a plain number. */
export type Elementwise<Op extends string, D extends DType, A extends Shape, Y, Late> = Both<
  TakesNumber<Op, D, Late>,
  SameTypes<Op, D, A, Y, Late>
>;

/** The same for any element type. */
export type SameTypes<Op extends string, D extends DType, A extends Shape, Y, Late> = Y extends number
  ? Good<A>
  : Y extends Tensor<infer D2 extends DType, infer B extends Shape>
    ? SameType<D, D2, Late> extends true
      ? Broadcast<Op, A, B, Late>
      : Bad<`${Op}: operands are ${D} and ${D2}`>
    : Good<Shape>;
