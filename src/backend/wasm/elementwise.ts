import { defined } from '../../base/errors.ts';
import type { ElementwiseName, Value, ValueType } from '../../kernel/ir.ts';
import { type Transcendental, transcendental } from '../../kernel/transcendental.ts';
import type { Code, Float, Integer, Scalar, Vector } from './code.ts';
import { call, select, set } from './control.ts';
import type { FunctionBuilder, ModuleBuilder } from './encode.ts';
import { ALL_ONES, constantOf, f32, f32x4, i32, i32x4, v128 } from './instructions.ts';
import { callMath, inlineMath, type VectorScope } from './vectors.ts';

/**
 * The element-wise table and casts, on vectors of four and on scalars. A bool is −1 or 0 in each lane of a vector, 1 or
 * 0 as a scalar and in memory.
 */

export interface ElementwiseScope extends VectorScope {
  readonly module: ModuleBuilder;
  /**
   * The code runs often enough for long functions to be written out in it: a call costs their constants anew each time, and
   * what the caller has in registers.
   */
  readonly isHot?: boolean | undefined;
}

export const kindOf = (dtype: ValueType): Scalar['result'] => (dtype === 'f32' ? 'f32' : 'i32');

type Row<T extends Code, R extends Code = T> = (x: T, y: T, scope: ElementwiseScope) => R;
/** The rows of the element-wise table that a type has, but for `select` and what is transcendental. */
type Rows<T extends Code, R extends Code = T> = Partial<Record<ElementwiseName, Row<T, R>>>;

const EXPONENT = 0x7f800000;

const floatVectors: Rows<Vector> = {
  ...f32x4,
  round: f32x4.nearest,
  rsqrt: (x, _, { fn }) => f32x4.div(fn.float(1), f32x4.sqrt(x)),
  isFinite: (x, _, { fn }) => i32x4.ne(v128.and(x, fn.word(EXPONENT)), fn.word(EXPONENT)),
  isNaN: (x) => f32x4.ne(x, x),
};

const floatScalars: Rows<Float, Scalar> = {
  ...f32,
  round: f32.nearest,
  rsqrt: (x) => f32.div(f32.const(1), f32.sqrt(x)),
  isFinite: (x) => i32.ne(i32.and(i32.reinterpret(x), EXPONENT), EXPONENT),
  isNaN: (x) => f32.ne(x, x),
};

/** Integers with a sign, or without. */
type Sign = 'S' | 'U';

/** Division by zero gives 0, where the machine's instructions would trap; −2³¹ / −1 wraps. */
const divide =
  (sign: Sign, fn: 'div' | 'rem'): Row<Integer> =>
  (x, y, { module }) => {
    const direct = i32[`${fn}${sign}`];
    const known = constantOf(y) ?? 0;
    if (sign === 'U' ? known !== 0 : known > 0) return direct(x, y);
    const wrapped = (a: Integer, b: Integer): Integer => {
      const isMinusOne = i32.eq(b, -1);
      const byMinusOne = fn === 'div' ? i32.sub(0, a) : i32.const(0);
      return select(isMinusOne, byMinusOne, direct(a, select(isMinusOne, i32.const(1), b)));
    };
    const name = `${fn}_${sign.toLowerCase()}`;
    const reference = module.helper(name, 'i32', ['x', 'y'], 'i32', (builder, [a, b]) => {
      const divisor = builder.local('i32', 'divisor');
      const isZero = i32.eqz(b);
      const result = (sign === 'U' ? direct : wrapped)(a, divisor);
      return [set(divisor, select(isZero, i32.const(1), b)), select(isZero, i32.const(0), result)];
    });
    return call(reference, [x, y]);
  };

const integerScalars = (sign: Sign): Rows<Integer> => {
  const lt = i32[`lt${sign}`];
  return {
    ...i32,
    lt,
    le: i32[`le${sign}`],
    neg: (x) => i32.sub(0, x),
    abs: (x) => (sign === 'S' ? select(i32.ltS(x, 0), i32.sub(0, x), x) : x),
    min: (x, y) => select(lt(x, y), x, y),
    max: (x, y) => select(lt(x, y), y, x),
    div: divide(sign, 'div'),
    rem: divide(sign, 'rem'),
    not: i32.eqz,
    bitAnd: i32.and,
    bitOr: i32.or,
    bitXor: i32.xor,
    shiftLeft: i32.shl,
    shiftRight: i32.shrU,
  };
};
/** What SIMD has no instruction for: four scalar results put into a vector. */
const byLane =
  (scalar: Row<Integer>): Row<Vector> =>
  (x, y, scope) =>
    [0, 1, 2, 3].reduce((result, lane) => {
      const [a, b] = [i32x4.lane(x, lane), i32x4.lane(y, lane)];
      return i32x4.replace(result, scalar(a, b, scope), lane);
    }, x);

const integerVectors = (sign: Sign): Rows<Vector> => ({
  ...i32x4,
  div: byLane(divide(sign, 'div')),
  rem: byLane(divide(sign, 'rem')),
  lt: i32x4[`lt${sign}`],
  le: i32x4[`le${sign}`],
  min: i32x4[`min${sign}`],
  max: i32x4[`max${sign}`],
  abs: sign === 'S' ? i32x4.abs : (x) => x,
  not: v128.not,
  and: v128.and,
  or: v128.or,
  bitAnd: v128.and,
  bitOr: v128.or,
  bitXor: v128.xor,
  shiftLeft: byLane(i32.shl),
  shiftRight: byLane(i32.shrU),
});

const [signed, unsigned] = [integerVectors('S'), integerVectors('U')];
const vectorRows = { f32: floatVectors, i32: signed, u32: unsigned, bool: unsigned };
const scalarRows = { i32: integerScalars('S'), u32: integerScalars('U'), bool: integerScalars('U') };

const isTranscendental = (fn: ElementwiseName): fn is Transcendental => Object.hasOwn(transcendental, fn);

const mathOf = (scope: ElementwiseScope, fn: Transcendental, args: readonly Vector[]): Vector =>
  fn === 'exp' || scope.isHot ? inlineMath(scope, fn, args) : callMath(scope.module, fn, args);

/** Whether a mask is the constant that holds in every lane, as inside the limits of a span. */
const isEverywhere = ({ text }: Vector): boolean => text === `$${ALL_ONES}`;

type Elementwise = Value & { readonly op: 'elementwise' };

/** The type of the last argument is that of the function. */
const typeOf = ({ args, dtype }: Elementwise): ValueType => args.at(-1)?.dtype ?? dtype;

/** A function on vectors. Arguments are cheap to repeat. */
export function vectorElementwise(
  scope: ElementwiseScope,
  value: Elementwise,
  args: readonly Vector[],
): Vector {
  const { fn } = value;
  const [x, y, z] = args as [Vector, Vector, Vector];
  if (fn === 'select') return isEverywhere(x) ? y : v128.select(x, y, z);
  if (fn === 'and' && isEverywhere(x)) return y;
  if (fn === 'and' && isEverywhere(y)) return x;
  if (isTranscendental(fn)) return mathOf(scope, fn, args);
  return defined(vectorRows[typeOf(value)][fn], fn)(x, y, scope);
}

/** A function on scalars. */
export function scalarElementwise(
  scope: ElementwiseScope,
  value: Elementwise,
  args: readonly Code[],
): Scalar {
  const { fn } = value;
  const dtype = typeOf(value);
  if (fn === 'select') {
    const [condition, yes, no] = args as [Integer, Integer, Integer];
    return select(condition, yes, no);
  }
  if (dtype === 'f32') {
    const floats = args as readonly Float[];
    if (isTranscendental(fn)) return f32x4.lane(mathOf(scope, fn, floats.map(f32x4.splat)), 0);
    const [x, y] = floats as [Float, Float];
    return defined(floatScalars[fn], fn)(x, y, scope);
  }
  const [x, y] = args as [Integer, Integer];
  return defined(scalarRows[dtype][fn], fn)(x, y, scope);
}

export function vectorCast(fn: FunctionBuilder, from: ValueType, to: ValueType, x: Vector): Vector {
  if (from === to) return x;
  if (to === 'bool') return from === 'f32' ? f32x4.ne(x, fn.float(0)) : i32x4.ne(x, fn.word(0));
  if (from === 'bool') return v128.and(x, to === 'f32' ? fn.float(1) : fn.word(1));
  if (to === 'f32') return from === 'i32' ? f32x4.convertS(x) : f32x4.convertU(x);
  if (from === 'f32') return to === 'i32' ? i32x4.truncateS(x) : i32x4.truncateU(x);
  return x;
}

export function scalarCast(from: ValueType, to: ValueType, x: Code): Integer | Float {
  if (from === 'f32') {
    const float = x as Float;
    if (to === 'bool') return f32.ne(float, f32.const(0));
    if (to === 'f32') return float;
    return to === 'i32' ? i32.truncateS(float) : i32.truncateU(float);
  }
  const integer = x as Integer;
  if (to === 'bool') return i32.ne(integer, 0);
  if (to === 'f32') return from === 'u32' ? f32.convertU(integer) : f32.convertS(integer);
  return integer;
}

/** A scalar in every lane. */
export function splat(dtype: ValueType, x: Code): Vector {
  if (dtype === 'f32') return f32x4.splat(x as Float);
  const integer = x as Integer;
  return i32x4.splat(dtype === 'bool' ? i32.sub(0, integer) : integer);
}

/** The literal `value` of a type in every lane. */
export function literal(fn: FunctionBuilder, dtype: ValueType, value: number): Vector {
  if (dtype === 'f32') return fn.float(value);
  return fn.word(dtype === 'bool' ? -Number(value !== 0) : value);
}

export const scalarLiteral = (dtype: ValueType, value: number): Integer | Float =>
  dtype === 'f32' ? f32.const(value) : i32.const(dtype === 'bool' ? Number(value !== 0) : value);
