import { checkArguments } from '../base/arguments.ts';
import { dtypes } from '../base/dtype.ts';
import * as is from '../base/kinds.ts';
import type * as rows from '../ops/elementwise.ts';
import { emit } from './handle.ts';
import type { DType, Shape, Tensor } from './tensor.ts';
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

type Unary = typeof rows.unary;
type Binary = typeof rows.binary;

/** What an element-wise op is called as, by its row. */
type OfUnary<Op extends keyof Unary> = Unary[Op] extends { readonly takes: 'bool' }
  ? Not
  : Unary[Op] extends { readonly takes: 'number' }
    ? NumberMap<Op>
    : FloatMap<Op>;
type OfBinary<Op extends keyof Binary> = Binary[Op] extends { readonly takes: 'bool' }
  ? Logic<Op>
  : Binary[Op] extends { readonly gives: 'bool' }
    ? Compare<Op>
    : Combine<Op>;

const unary = <Op extends keyof Unary>(op: Op) => ((x: unknown) => emit(op, [x])) as OfUnary<Op>;
const binary = <Op extends keyof Binary>(op: Op) =>
  ((x: unknown, y: unknown) => emit(op, [x, y])) as OfBinary<Op>;

/** −x */
export const neg = unary('neg');
/** |x|; its gradient at 0 is 0. */
export const abs = unary('abs');
/** e^x */
export const exp = unary('exp');
/** The natural logarithm. */
export const log = unary('log');
/** log(1 + x), which keeps the digits of a small x. */
export const log1p = unary('log1p');
/** The sine of x in radians, within 4 ULP for |x| < 2²¹; NaN beyond, where f32 numbers lie ¼ apart. */
export const sin = unary('sin');
/** The cosine of x in radians, within 4 ULP for |x| < 2²¹; NaN beyond, where f32 numbers lie ¼ apart. */
export const cos = unary('cos');
/** √x */
export const sqrt = unary('sqrt');
/** 1 / √x */
export const rsqrt = unary('rsqrt');
/** The hyperbolic tangent. */
export const tanh = unary('tanh');
/** The error function: 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = unary('erf');
/** x · Φ(x) with the normal distribution function (Hendrycks and Gimpel 2016), not its tanh approximation. */
export const gelu = unary('gelu');
/** max(x, 0); its gradient at 0 is 0. */
export const relu = unary('relu');
/** 1 / (1 + e^(−x)) */
export const sigmoid = unary('sigmoid');
/** x σ(x), also called swish (Elfwing et al. 2018). */
export const silu = unary('silu');
/** The approximation ½x (1 + tanh(√(2/π) (x + 0.044715 x³))) of gelu, as GPT-2 has it. */
export const geluTanh = unary('geluTanh');
/** log(1 + e^x); nothing overflows. */
export const softplus = unary('softplus');
/** log σ(x); its digits are kept where σ(x) is close to 0 or 1. */
export const logSigmoid = unary('logSigmoid');
/** 1, −1, or x itself where it is 0 or NaN; its gradient is 0. */
export const sign = unary('sign');
/** The largest integer ≤ x. It has no gradient. */
export const floor = unary('floor');
/** The smallest integer ≥ x. It has no gradient. */
export const ceil = unary('ceil');
/** The nearest integer; of two equally near ones the even one. It has no gradient. */
export const round = unary('round');
/** True where x is false. */
export const not = unary('not');
/** x + y */
export const add = binary('add');
/** x − y */
export const sub = binary('sub');
/** x · y, the product per element; `matmul` multiplies matrices. */
export const mul = binary('mul');
/** x / y */
export const div = binary('div');
/** x^y as in C: of a negative x where y is an integer, else NaN; 1 where x is 1 or y is 0, whatever the other. */
export const pow = binary('pow');
/** x − y ⌊x/y⌋, with the sign of y, as in NumPy; an integer modulo 0 is 0. */
export const mod = binary('mod');
/** (x − y)²; its mean is the mean squared error. */
export const squaredError = binary('squaredError');
/**
 * −y log σ(x) − (1 − y) log σ(−x) of logits x and targets y from 0 to 1; nothing overflows, and small losses keep their digits. As a loss,
 * take its mean.
 */
export const binaryCrossEntropy = binary('binaryCrossEntropy');
/** e^x (x − y) of log-probabilities x and y: summed over classes, the divergence of y from x (Kullback and Leibler 1951). */
export const klDivergence = binary('klDivergence');
/** max(0, 1 − x y) of scores x and targets y that are −1 or 1. */
export const hinge = binary('hinge');
/** The larger of x and y; the gradient of a tie goes to x. */
export const maximum = binary('maximum');
/** The smaller of x and y; the gradient of a tie goes to x. */
export const minimum = binary('minimum');
/** x = y */
export const equal = binary('equal');
/** x ≠ y */
export const notEqual = binary('notEqual');
/** x < y */
export const less = binary('less');
/** x ≤ y */
export const lessEqual = binary('lessEqual');
/** x > y */
export const greater = binary('greater');
/** x ≥ y */
export const greaterEqual = binary('greaterEqual');
/** True where both are. */
export const and = binary('and');
/** True where either or both are. */
export const or = binary('or');

/**
 * ½ e² for |e| < δ, else δ (|e| − ½ δ), with e = x − y (Huber 1964). Shapes broadcast as those of `sub`.
 * @throws FROND-S045 for a δ that is not above 0
 */
export function huber<D extends DType, A extends Shape, B extends Shape, Late = never>(
  x: Tensor<D, A>,
  y: Operand<Elementwise<'huber', D, A, Tensor<D, B>, Late>, Tensor<D, B>>,
  delta = 1,
): Tensor<D, ShapeOf<Elementwise<'huber', D, A, Tensor<D, B>, Late>>> {
  checkArguments('huber', { x: is.unchecked, y: is.unchecked, delta: is.positive }, [x, y, delta]);
  return emit('huber', [x, y], { delta });
}

/** The number from `low` to `high` that is nearest to x; its gradient is 0 beyond them. @throws FROND-S019 for a `low` above `high` */
export function clamp<D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesFloat<'clamp', D, Late>, Tensor<D, S>>,
  low: number,
  high: number,
): Tensor<D, S> {
  checkArguments('clamp', { x: is.unchecked, low: is.finite, high: is.finite }, [x, low, high]);
  return emit('clamp', [x], { low, high });
}

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
