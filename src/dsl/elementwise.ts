import { checkArguments } from '../base/arguments.ts';
import { dtypes } from '../base/dtype.ts';
import * as is from '../base/kinds.ts';
import * as rows from '../ops/elementwise.ts';
import { type DType, emit, type Shape, type Tensor } from './tensor.ts';
import type { Broadcast, Elementwise, SameTypes } from './types/broadcast.ts';
import type { MustBe, TakesFloat, TakesNumber } from './types/dtype.ts';
import type { Good, Operand, ShapeOf } from './types/result.ts';

/** One function per element of a floating tensor. */
type FloatMap<Op extends string> = <D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesFloat<Op, D, Late>, Tensor<D, S>>,
) => Tensor<D, S>;

/** One function per element of a tensor of numbers. */
type NumberMap<Op extends string> = <D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesNumber<Op, D, Late>, Tensor<D, S>>,
) => Tensor<D, S>;

/** One function of two elements; the second operand may be a plain number; shapes broadcast as in NumPy. */
type Combine<Op extends string> = <D extends DType, A extends Shape, Y extends Tensor | number, Late = never>(
  x: Tensor<D, A>,
  y: Operand<Elementwise<Op, D, A, Y, Late>, Y>,
) => Tensor<D, ShapeOf<Elementwise<Op, D, A, Y, Late>>>;

/** A comparison: bool per element. */
type Compare<Op extends string> = <D extends DType, A extends Shape, Y extends Tensor | number, Late = never>(
  x: Tensor<D, A>,
  y: Operand<Elementwise<Op, D, A, Y, Late>, Y>,
) => Tensor<'bool', ShapeOf<Elementwise<Op, D, A, Y, Late>>>;

/** A function of two bools. */
type Logic<Op extends string> = <A extends Shape, B extends Shape, Late = never>(
  x: Tensor<'bool', A>,
  y: Operand<Broadcast<Op, A, B, Late>, Tensor<'bool', B>>,
) => Tensor<'bool', ShapeOf<Broadcast<Op, A, B, Late>>>;

type Not = <S extends Shape>(x: Tensor<'bool', S>) => Tensor<'bool', S>;

/** What a row of a table of element-wise ops is called as. */
type OfUnary<Op extends string, Row> = Row extends { readonly takes: 'bool' }
  ? Not
  : Row extends { readonly takes: 'number' }
    ? NumberMap<Op>
    : FloatMap<Op>;
type OfBinary<Op extends string, Row> = Row extends { readonly takes: 'bool' }
  ? Logic<Op>
  : Row extends { readonly gives: 'bool' }
    ? Compare<Op>
    : Combine<Op>;

type Unary = { readonly [Op in keyof typeof rows.unary]: OfUnary<Op, (typeof rows.unary)[Op]> };
type Binary = { readonly [Op in keyof typeof rows.binary]: OfBinary<Op, (typeof rows.binary)[Op]> };

const each = <F>(table: object, make: (op: string) => unknown): F =>
  Object.fromEntries(Object.keys(table).map((op) => [op, make(op)])) as F;

/** Negation, absolute value and so on: the rows say what each of them is. */
export const { neg, abs, exp, log, sqrt, rsqrt, tanh, erf, gelu, relu, sigmoid, not } = each<Unary>(
  rows.unary,
  (op) => (x: unknown) => emit(op, [x]),
);

/** Operators and comparisons; `mul` is the product per element. */
export const {
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  equal,
  notEqual,
  less,
  lessEqual,
  greater,
  greaterEqual,
  and,
  or,
} = each<Binary>(rows.binary, (op) => (x: unknown, y: unknown) => emit(op, [x, y]));

/** Converts the elements; floats are cut towards 0, bools are 0 and 1, everything but 0 becomes true. */
export function cast<S extends Shape, D extends DType>(x: Tensor<DType, S>, dtype: D): Tensor<D, S> {
  checkArguments('cast', { x: is.unchecked, dtype: is.oneOf(...dtypes) }, [x, dtype], 'FROND-S019');
  return emit('cast', [x], { dtype });
}

/** `yes` where the condition holds, else `no`, which may be a plain number. */
export function where<
  C extends DType,
  S extends Shape,
  D extends DType,
  A extends Shape,
  Y extends Tensor | number,
  Late = never,
>(
  condition: Operand<MustBe<'where', 'the condition', 'bool', C, Late>, Tensor<C, S>>,
  yes: Tensor<D, A>,
  no: Operand<Where<S, D, A, Y, Late>, Y>,
): Tensor<D, ShapeOf<Where<S, D, A, Y, Late>>> {
  return emit('where', [condition, yes, no]);
}

type Where<C extends Shape, D extends DType, A extends Shape, Y, Late> =
  SameTypes<'where', D, A, Y, Late> extends Good<infer S extends Shape>
    ? Broadcast<'where', C, S, Late>
    : SameTypes<'where', D, A, Y, Late>;
