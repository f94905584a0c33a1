import type { DType } from '../../base/dtype.ts';
import type { Same } from './identity.ts';
import type { Bad, Good } from './result.ts';

type IsInteger<D, Late> = Same<D, 'i32', Late> extends true ? true : Same<D, 'u32', Late>;

/** Good for f32, f16 and what only the build knows; `cannot take i32 operands` for the others */
export type TakesFloat<Op extends string, D extends DType, Late> =
  IsInteger<D, Late> extends true
    ? Bad<`${Op}: cannot take ${D} operands`>
    : Same<D, 'bool', Late> extends true
      ? Bad<`${Op}: cannot take ${D} operands`>
      : Good<D>;

/** Good for every type but bool */
export type TakesNumber<Op extends string, D extends DType, Late> =
  Same<D, 'bool', Late> extends true ? Bad<`${Op}: cannot take ${D} operands`> : Good<D>;

/** Good for bool and what only the build knows */
export type TakesBool<Op extends string, D extends DType, Late> =
  Same<D, 'bool', Late> extends true
    ? Good<D>
    : Same<D, DType, Late> extends true
      ? Good<D>
      : Bad<`${Op}: cannot take ${D} operands`>;

/** true when two operands may have one element type */
export type SameType<X extends DType, Y extends DType, Late> =
  Same<X, Y, Late> extends true ? true : Same<X, DType, Late> extends true ? true : Same<Y, DType, Late>;

/** Good for f32, f16 and what only the build knows; `the operand must be f32, not i32` for the others */
export type MustBeFloat<Op extends string, What extends string, D extends DType, Late> =
  TakesFloat<Op, D, Late> extends Bad<unknown> ? Bad<`${Op}: ${What} must be f32, not ${D}`> : Good<D>;
