import type { Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { Broadcast } from './broadcast.ts';
import type { SameType, TakesNumber } from './dtype.ts';
import type { Bad, Good } from './result.ts';

/** Result of an operation on the elements of numbers [D, A] and of `Y`, a tensor or a plain number. */
export type Elementwise<Op extends string, D extends DType, A extends Shape, Y, Late> =
  TakesNumber<Op, D, Late> extends Bad<infer Message> ? Bad<Message> : SameTypes<Op, D, A, Y, Late>;

/** The same for any element type. */
export type SameTypes<Op extends string, D extends DType, A extends Shape, Y, Late> = Y extends number
  ? Good<A>
  : Y extends Tensor<infer D2 extends DType, infer B extends Shape>
    ? SameType<D, D2, Late> extends true
      ? Broadcast<Op, A, B, Late>
      : Bad<`${Op}: operands are ${D} and ${D2}`>
    : Good<Shape>;
