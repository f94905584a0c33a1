import { FrondError } from '../../base/errors.ts';
import type { ElementwiseName, ValueType } from '../../kernel/ir.ts';
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
  rsqrt: (x, _, { fn }) => f32x4.div(fn.float(1), f32x4.sqrt(x)),
  isFinite: (x, _, { fn }) => i32x4.ne(v128.and(x, fn.word(EXPONENT)), fn.word(EXPONENT)),
  isNaN: (x) => f32x4.ne(x, x),
};

const floatScalars: Rows<Float, Scalar> = {
  ...f32,
  rsqrt: (x) => f32.div(f32.const(1), f32.sqrt(x)),
  isFinite: (x) => i32.ne(i32.and(i32.reinterpret(x), EXPONENT), EXPONENT),
  isNaN: (x) => f32.ne(x, x),
};

/** Integers with a sign, or without. */
type Sign = 'S' | 'U';

const integerScalars = (sign: Sign): Rows<Integer> => {
  const [lt, le] = [i32[`lt${sign}`], i32[`le${sign}`]];
  const divide = sign === 'S' ? divideSigned : divideUnsigned;
  return {
    ...i32,
    lt,
    le,
    neg: (x) => i32.sub(0, x),
    abs: (x) => (sign === 'S' ? select(i32.ltS(x, 0), i32.sub(0, x), x) : x),
    min: (x, y) => select(lt(x, y), x, y),
    max: (x, y) => select(lt(x, y), y, x),
    div: (x, y, scope) => divide(scope, 'div', x, y),
    rem: (x, y, scope) => divide(scope, 'rem', x, y),
    not: i32.eqz,
    bitAnd: i32.and,
    bitXor: i32.xor,
    shiftRight: i32.shrU,
  };
};
const signedScalars = integerScalars('S');
const unsignedScalars = integerScalars('U');

const integerVectors = (sign: Sign, scalars: Rows<Integer>): Rows<Vector> => ({
  ...i32x4,
  ...byLane(scalars, 'div', 'rem', 'shiftRight'),
  lt: i32x4[`lt${sign}`],
  le: i32x4[`le${sign}`],
  min: i32x4[`min${sign}`],
  max: i32x4[`max${sign}`],
  abs: sign === 'S' ? i32x4.abs : (x) => x,
  not: v128.not,
  and: v128.and,
  or: v128.or,
  bitAnd: v128.and,
  bitXor: v128.xor,
});
const signedVectors = integerVectors('S', signedScalars);
const unsignedVectors = integerVectors('U', unsignedScalars);

const vectorRows = { f32: floatVectors, i32: signedVectors, u32: unsignedVectors, bool: unsignedVectors };

/** Rows that SIMD has no instruction for, as four scalar results put into a vector. */
function byLane(rows: Rows<Integer>, ...names: readonly ElementwiseName[]): Rows<Vector> {
  const rowOf = (name: ElementwiseName): Row<Vector> => {
    const scalar = rowIn(rows, name, 'integers');
    return (x, y, scope) =>
      [0, 1, 2, 3].reduce<Vector>(
        (result, lane) =>
          i32x4.replace(result, scalar(i32x4.lane(x, lane), i32x4.lane(y, lane), scope), lane),
        x,
      );
  };
  return Object.fromEntries(names.map((name) => [name, rowOf(name)]));
}

function rowIn<T extends Code, R extends Code>(rows: Rows<T, R>, fn: ElementwiseName, of: string): Row<T, R> {
  const row = rows[fn];
  if (row) return row;
  throw new FrondError('FROND-K210', `${fn} of ${of} is not supported in WebAssembly`);
}

const typesOf = (dtype: ValueType): string => (dtype === 'f32' ? dtype : 'integers');

const isTranscendental = (fn: ElementwiseName): fn is Transcendental => Object.hasOwn(transcendental, fn);

const mathOf = (scope: ElementwiseScope, fn: Transcendental, x: Vector): Vector =>
  fn === 'exp' || scope.isHot ? inlineMath(scope, fn, x) : callMath(scope.module, fn, x);

/** Whether a mask is the constant that holds in every lane, as inside the limits of a span. */
const isEverywhere = ({ text }: Vector): boolean => text === `$${ALL_ONES}`;

/** `fn` on vectors; `dtype` is the type of its last argument. Arguments are cheap to repeat. */
export function vectorElementwise(
  scope: ElementwiseScope,
  fn: ElementwiseName,
  dtype: ValueType,
  args: readonly Vector[],
): Vector {
  const [x, y, z] = args as [Vector, Vector, Vector];
  if (fn === 'select') return isEverywhere(x) ? y : v128.select(x, y, z);
  if (fn === 'and' && isEverywhere(x)) return y;
  if (fn === 'and' && isEverywhere(y)) return x;
  if (isTranscendental(fn)) return mathOf(scope, fn, x);
  return rowIn(vectorRows[dtype], fn, typesOf(dtype))(x, y, scope);
}

/** `fn` on scalars. */
export function scalarElementwise(
  scope: ElementwiseScope,
  fn: ElementwiseName,
  dtype: ValueType,
  args: readonly Code[],
): Scalar {
  if (fn === 'select') {
    const [condition, yes, no] = args as [Integer, Integer, Integer];
    return select(condition, yes, no);
  }
  if (dtype === 'f32') {
    const [x, y] = args as [Float, Float];
    if (isTranscendental(fn)) return f32x4.lane(mathOf(scope, fn, f32x4.splat(x)), 0);
    return rowIn(floatScalars, fn, dtype)(x, y, scope);
  }
  const [x, y] = args as [Integer, Integer];
  return rowIn(dtype === 'i32' ? signedScalars : unsignedScalars, fn, typesOf(dtype))(x, y, scope);
}

/** Division by zero gives 0: the machine's instructions would trap. */
function divideUnsigned({ module }: ElementwiseScope, fn: 'div' | 'rem', x: Integer, y: Integer): Integer {
  const direct = fn === 'div' ? i32.divU : i32.remU;
  return constantOf(y) ? direct(x, y) : call(guarded(module, `${fn}_u`, direct), [x, y]);
}

/** As for unsigned numbers, and −2³¹ / −1 wraps. */
function divideSigned({ module }: ElementwiseScope, fn: 'div' | 'rem', x: Integer, y: Integer): Integer {
  const direct = fn === 'div' ? i32.divS : i32.remS;
  if ((constantOf(y) ?? 0) > 0) return direct(x, y);
  const author = (a: Integer, b: Integer): Integer => {
    const isMinusOne = i32.eq(b, -1);
    const byMinusOne = fn === 'div' ? i32.sub(0, a) : i32.const(0);
    return select(isMinusOne, byMinusOne, direct(a, select(isMinusOne, i32.const(1), b)));
  };
  return call(guarded(module, `${fn}_s`, author), [x, y]);
}

/** A function x, y → y = 0 ? 0 : author(x, y). */
const guarded = (module: ModuleBuilder, name: string, author: (x: Integer, y: Integer) => Integer) =>
  module.helper(name, 'i32', ['x', 'y'], 'i32', (fn, [x, y]) => {
    const divisor = fn.local('i32', 'divisor');
    const isZero = i32.eqz(y);
    return [set(divisor, select(isZero, i32.const(1), y)), select(isZero, i32.const(0), author(x, divisor))];
  });

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
