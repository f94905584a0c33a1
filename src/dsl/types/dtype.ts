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

/** true when two operands may have one element type */
export type SameType<X extends DType, Y extends DType, Late> =
  Same<X, Y, Late> extends true ? true : Same<X, DType, Late> extends true ? true : Same<Y, DType, Late>;

/** Good when D may be `Wanted`; else `labels must be i32, not f32` */
export type MustBe<Op extends string, What extends string, Wanted extends DType, D extends DType, Late> =
  SameType<D, Wanted, Late> extends true ? Good<D> : Bad<`${Op}: ${What} must be ${Wanted}, not ${D}`>;

/** Good when two operands are of one floating type */
export type FloatPair<Op extends string, X extends DType, Y extends DType, Late> =
  SameType<X, Y, Late> extends true ? TakesFloat<Op, X, Late> : Bad<`${Op}: operands are ${X} and ${Y}`>;
