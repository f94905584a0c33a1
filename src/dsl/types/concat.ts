import type { Dim, Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { At, AxisMissing, Cut } from './axis.ts';
import type { Plus } from './dimension.ts';
import type { SameType } from './dtype.ts';
import type { Compatible } from './identity.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { Both } from './text.ts';

/** The first pair of dims that differ, as text, 'rank' for unequal lengths, or true. */
type FirstDifference<A extends Shape, B extends Shape, Late> = A extends readonly [
  infer X extends Dim,
  ...infer RestA extends Shape,
]
  ? B extends readonly [infer Y extends Dim, ...infer RestB extends Shape]
    ? Compatible<X, Y, Late> extends true
      ? FirstDifference<RestA, RestB, Late>
      : Bad<Both<X, Y>>
    : Bad<'rank'>
  : B extends readonly []
    ? true
    : Bad<'rank'>;

/** Tensors of one element type whose shapes are equal but for `Axis` → that shape with the dims of `Axis` added up. */
export type Concat<Tensors, Axis extends number, Late, Done = Start> = Tensors extends readonly [
  Tensor<infer D extends DType, infer S extends Shape>,
  ...infer Rest,
]
  ? IsAny<S, Late> extends true
    ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      Good<any>
    : At<S, Axis, Late> extends infer Place
      ? Place extends Cut<infer Before extends Shape, infer X extends Dim, infer After extends Shape>
        ? Done extends Joined<
            infer D0 extends DType,
            infer B0 extends Shape,
            infer X0,
            infer A0 extends Shape
          >
          ? SameType<D0, D, Late> extends true
            ? FirstDifference<[...B0, ...A0], [...Before, ...After], Late> extends Bad<
                infer Message extends string
              >
              ? Bad<`concat: other dimensions differ: ${Message}`>
              : Concat<Rest, Axis, Late, Joined<D0, B0, Plus<X0, X>, A0>>
            : Bad<`concat: operands are ${D0} and ${D}`>
          : Concat<Rest, Axis, Late, Joined<D, Before, X, After>>
        : AxisMissing<'concat', S, Axis, Late>
      : never
  : Done extends Joined<DType, infer Before extends Shape, infer X, infer After extends Shape>
    ? Good<[...Before, X, ...After]>
    : Good<Shape>;

/** nothing joined yet */
type Start = 'start';
/** the element type and the cut shape of what has been joined */
interface Joined<D, Before, X, After> {
  readonly dtype: D;
  readonly cut: Cut<Before, X, After>;
}
