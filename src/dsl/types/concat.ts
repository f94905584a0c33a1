import type { Dim, Shape } from '../../base/dim.ts';
import type { At, AxisMissing, Cut } from './axis.ts';
import type { Plus } from './dimension.ts';
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

/** Shapes that are equal but for `Axis` → that shape with the dims of `Axis` added up. */
export type Concat<
  Shapes extends readonly Shape[],
  Axis extends number,
  Late,
  Done = false,
> = Shapes extends readonly [infer S extends Shape, ...infer Rest extends readonly Shape[]]
  ? IsAny<S, Late> extends true
    ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      Good<any>
    : At<S, Axis, Late> extends Cut<
          infer Before extends Shape,
          infer D extends Dim,
          infer After extends Shape
        >
      ? Done extends Cut<infer Before0 extends Shape, infer D0 extends Dim, infer After0 extends Shape>
        ? FirstDifference<[...Before0, ...After0], [...Before, ...After], Late> extends Bad<
            infer Message extends string
          >
          ? Bad<`concat: other dimensions differ: ${Message}`>
          : Concat<Rest, Axis, Late, Cut<Before0, Plus<D0, D>, After0>>
        : Concat<Rest, Axis, Late, Cut<Before, D, After>>
      : AxisMissing<'concat', S, Axis, Late>
  : Done extends Cut<infer Before extends Shape, infer D, infer After extends Shape>
    ? Good<[...Before, D, ...After]>
    : Good<Shape>;
