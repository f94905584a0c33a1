import { checkArguments } from '../base/arguments.ts';
import { dtypes } from '../base/dtype.ts';
import { oneOf, unchecked } from '../base/kinds.ts';
import { type DType, emit, type Shape, type Tensor } from './tensor.ts';
import type { Broadcast } from './types/broadcast.ts';
import type { TakesBool, TakesFloat, TakesNumber } from './types/dtype.ts';
import type { Elementwise, SameTypes } from './types/elementwise.ts';
import type { Bad, Good, Operand, ShapeOf } from './types/result.ts';

/** One function per element of a floating tensor. */
type FloatMap<Op extends string> = <D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesFloat<Op, D, Late>, Tensor<D, S>>,
) => Tensor<D, S>;

/** One function per element of a tensor of numbers. */
type NumberMap<Op extends string> = <D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesNumber<Op, D, Late>, Tensor<D, S>>,
) => Tensor<D, S>;

/** One function of two elements; the second operand may be a plain number; shapes broadcast as in NumPy. */
export type Combine<Op extends string> = <
  D extends DType,
  A extends Shape,
  Y extends Tensor | number,
  Late = never,
>(
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

export const add: Combine<'add'> = (x, y) => emit('add', [x, y]);
export const sub: Combine<'sub'> = (x, y) => emit('sub', [x, y]);
/** Product per element. */
export const mul: Combine<'mul'> = (x, y) => emit('mul', [x, y]);
export const div: Combine<'div'> = (x, y) => emit('div', [x, y]);
export const maximum: Combine<'maximum'> = (x, y) => emit('maximum', [x, y]);
export const minimum: Combine<'minimum'> = (x, y) => emit('minimum', [x, y]);

export const neg: NumberMap<'neg'> = (x) => emit('neg', [x]);
export const abs: NumberMap<'abs'> = (x) => emit('abs', [x]);
export const exp: FloatMap<'exp'> = (x) => emit('exp', [x]);
/** Natural logarithm. */
export const log: FloatMap<'log'> = (x) => emit('log', [x]);
export const sqrt: FloatMap<'sqrt'> = (x) => emit('sqrt', [x]);
/** 1/√x */
export const rsqrt: FloatMap<'rsqrt'> = (x) => emit('rsqrt', [x]);
export const tanh: FloatMap<'tanh'> = (x) => emit('tanh', [x]);
/** Error function. */
export const erf: FloatMap<'erf'> = (x) => emit('erf', [x]);
/** x · Φ(x), with the normal distribution function itself (Hendrycks and Gimpel 2016). */
export const gelu: FloatMap<'gelu'> = (x) => emit('gelu', [x]);
/** max(x, 0) */
export const relu: FloatMap<'relu'> = (x) => emit('relu', [x]);
/** 1 / (1 + e^(−x)) */
export const sigmoid: FloatMap<'sigmoid'> = (x) => emit('sigmoid', [x]);

export const equal: Compare<'equal'> = (x, y) => emit('equal', [x, y]);
export const notEqual: Compare<'notEqual'> = (x, y) => emit('notEqual', [x, y]);
export const less: Compare<'less'> = (x, y) => emit('less', [x, y]);
export const lessEqual: Compare<'lessEqual'> = (x, y) => emit('lessEqual', [x, y]);
export const greater: Compare<'greater'> = (x, y) => emit('greater', [x, y]);
export const greaterEqual: Compare<'greaterEqual'> = (x, y) => emit('greaterEqual', [x, y]);
export const and: Logic<'and'> = (x, y) => emit('and', [x, y]);
export const or: Logic<'or'> = (x, y) => emit('or', [x, y]);
export function not<S extends Shape>(x: Tensor<'bool', S>): Tensor<'bool', S> {
  return emit('not', [x]);
}

/** Converts the elements; floats are cut towards 0, bools are 0 and 1, everything but 0 becomes true. */
export function cast<S extends Shape, D extends DType>(x: Tensor<DType, S>, dtype: D): Tensor<D, S> {
  checkArguments('cast', { x: unchecked, dtype: oneOf(...dtypes) }, [x, dtype], 'FROND-S019');
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
  condition: Operand<Condition<C, Late>, Tensor<C, S>>,
  yes: Tensor<D, A>,
  no: Operand<Where<S, D, A, Y, Late>, Y>,
): Tensor<D, ShapeOf<Where<S, D, A, Y, Late>>> {
  return emit('where', [condition, yes, no]);
}

type Condition<D extends DType, Late> =
  TakesBool<'where', D, Late> extends Bad<unknown>
    ? Bad<`where: the condition must be bool, not ${D}`>
    : Good<D>;

type Where<C extends Shape, D extends DType, A extends Shape, Y, Late> =
  SameTypes<'where', D, A, Y, Late> extends infer R
    ? R extends Good<infer S extends Shape>
      ? Broadcast<'where', C, S, Late>
      : R
    : never;
