import type { Dim, Shape } from '../../base/dim.ts';
import type { IsWide, Same } from './identity.ts';
import type { Bad, Good } from './result.ts';

/** Which of two dimensions broadcasting keeps: 'x', 'y' or neither. A tag, never the dimension itself, may be branched on. */
type Kept<X, Y, Late> =
  Same<X, Y, Late> extends true
    ? 'x'
    : Same<Y, 1, Late> extends true
      ? 'x'
      : Same<X, 1, Late> extends true
        ? 'y'
        : IsWide<X, Late> extends true
          ? 'y'
          : IsWide<Y, Late> extends true
            ? 'x'
            : 'neither';

/**
 * The shape of an element-wise operation: dims are matched from the right, 1 stretches.
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
            ? Kept<X, Y, Late> extends infer Keep
              ? Keep extends 'x'
                ? Broadcast<Op, HeadA, HeadB, Late, [X, ...Done]>
                : Keep extends 'y'
                  ? Broadcast<Op, HeadA, HeadB, Late, [Y, ...Done]>
                  : Bad<`${Op}: cannot broadcast ${X} with ${Y}`>
              : never
            : Good<Shape>
          : Good<Shape>;
