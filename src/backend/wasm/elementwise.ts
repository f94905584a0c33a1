import { FrondError } from '../../base/errors.ts';
import type { ElementwiseName, ValueType } from '../../kernel/ir.ts';
import { type Code, call, type Kind, type Scalar, select, set } from './code.ts';
import type { FunctionBuilder, ModuleBuilder } from './encode.ts';
import { ALL_ONES, f32, f32x4, i32, i32x4, v128 } from './instructions.ts';
import { callMath, inlineMath, type VectorScope } from './vectors.ts';

/**
 * The element-wise table and casts, on vectors of four and on scalars. A bool is −1 or 0 in each lane of a vector, 1 or
 * 0 as a scalar and in memory.
 */

type Vector = Code<'v128'>;
type Integer = Code<'i32'>;
type Float = Code<'f32'>;

export interface ElementwiseScope extends VectorScope {
  readonly module: ModuleBuilder;
  /**
   * The code runs often enough for long functions to be written out in it: a call costs their constants anew each time, and
   * what the caller has in registers.
   */
  readonly isHot?: boolean | undefined;
}

export const kindOf = (dtype: ValueType): Exclude<Kind, 'v128'> => (dtype === 'f32' ? 'f32' : 'i32');

const EXPONENT = 0x7f800000;

const withoutForm = (fn: ElementwiseName, types: string): FrondError =>
  new FrondError('FROND-K210', `${fn} of ${types} is not supported in WebAssembly`);

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
  if (fn === 'and' || fn === 'bitAnd') return v128.and(x, y);
  if (fn === 'or') return v128.or(x, y);
  if (fn === 'bitXor') return v128.xor(x, y);
  if (fn === 'not') return v128.not(x);
  return dtype === 'f32' ? floatVector(scope, fn, x, y) : integerVector(scope, fn, dtype, x, y);
}

function floatVector(scope: ElementwiseScope, fn: ElementwiseName, x: Vector, y: Vector): Vector {
  switch (fn) {
    case 'log':
    case 'tanh':
    case 'erf':
    case 'erfcx':
      return scope.isHot ? inlineMath(scope, fn, x) : callMath(scope.module, fn, x);
    case 'exp':
      return inlineMath(scope, fn, x);
    case 'rsqrt':
      return f32x4.div(scope.fn.float(1), f32x4.sqrt(x));
    case 'isFinite': {
      const exponent = scope.fn.word(EXPONENT);
      return i32x4.ne(v128.and(x, exponent), exponent);
    }
    case 'isNaN':
      return f32x4.ne(x, x);
    case 'neg':
    case 'abs':
    case 'floor':
    case 'sqrt':
      return f32x4[fn](x);
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'min':
    case 'max':
    case 'lt':
    case 'le':
    case 'eq':
    case 'ne':
      return f32x4[fn](x, y);
    default:
      throw withoutForm(fn, 'f32');
  }
}

function integerVector(
  { module }: ElementwiseScope,
  fn: ElementwiseName,
  dtype: ValueType,
  x: Vector,
  y: Vector,
): Vector {
  const isSigned = dtype === 'i32';
  switch (fn) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'eq':
    case 'ne':
      return i32x4[fn](x, y);
    case 'neg':
      return i32x4.neg(x);
    case 'abs':
      return isSigned ? i32x4.abs(x) : x;
    case 'min':
      return isSigned ? i32x4.minS(x, y) : i32x4.minU(x, y);
    case 'max':
      return isSigned ? i32x4.maxS(x, y) : i32x4.maxU(x, y);
    case 'lt':
      return isSigned ? i32x4.ltS(x, y) : i32x4.ltU(x, y);
    case 'le':
      return isSigned ? i32x4.leS(x, y) : i32x4.leU(x, y);
    case 'div':
    case 'rem':
    case 'shiftRight':
      return byLane(x, (i) => scalarInteger(module, fn, dtype, i32x4.lane(x, i), i32x4.lane(y, i)));
    default:
      throw withoutForm(fn, 'integers');
  }
}

/** Four scalar results in a vector. */
function byLane(first: Vector, element: (lane: number) => Integer): Vector {
  let result = first;
  for (let lane = 0; lane < 4; lane++) result = i32x4.replace(result, element(lane), lane);
  return result;
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
    return scalarFloat(scope, fn, x, y);
  }
  const [x, y] = args as [Integer, Integer];
  if (fn === 'and' || fn === 'bitAnd') return i32.and(x, y);
  if (fn === 'or') return i32.or(x, y);
  if (fn === 'bitXor') return i32.xor(x, y);
  if (fn === 'not') return i32.eqz(x);
  return scalarInteger(scope.module, fn, dtype, x, y);
}

function scalarFloat(scope: ElementwiseScope, fn: ElementwiseName, x: Float, y: Float): Integer | Float {
  switch (fn) {
    case 'exp':
    case 'log':
    case 'tanh':
    case 'erf':
    case 'erfcx':
      return f32x4.lane(floatVector(scope, fn, f32x4.splat(x), f32x4.splat(x)), 0);
    case 'rsqrt':
      return f32.div(f32.const(1), f32.sqrt(x));
    case 'isFinite':
      return i32.ne(i32.and(i32.reinterpret(x), EXPONENT), EXPONENT);
    case 'isNaN':
      return f32.ne(x, x);
    case 'neg':
    case 'abs':
    case 'floor':
    case 'sqrt':
      return f32[fn](x);
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'min':
    case 'max':
    case 'lt':
    case 'le':
    case 'eq':
    case 'ne':
      return f32[fn](x, y);
    default:
      throw withoutForm(fn, 'f32');
  }
}

function scalarInteger(
  module: ModuleBuilder,
  fn: ElementwiseName,
  dtype: ValueType,
  x: Integer,
  y: Integer,
): Integer {
  const isSigned = dtype === 'i32';
  switch (fn) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'eq':
    case 'ne':
      return i32[fn](x, y);
    case 'neg':
      return i32.sub(0, x);
    case 'abs':
      return isSigned ? select(i32.ltS(x, 0), i32.sub(0, x), x) : x;
    case 'min':
      return select(isSigned ? i32.ltS(x, y) : i32.ltU(x, y), x, y);
    case 'max':
      return select(isSigned ? i32.ltS(x, y) : i32.ltU(x, y), y, x);
    case 'lt':
      return isSigned ? i32.ltS(x, y) : i32.ltU(x, y);
    case 'le':
      return isSigned ? i32.leS(x, y) : i32.leU(x, y);
    case 'shiftRight':
      return i32.shrU(x, y);
    case 'div':
    case 'rem':
      return divide(module, fn, isSigned, x, y);
    default:
      throw withoutForm(fn, 'integers');
  }
}

/** Division by zero gives 0, and −2³¹ / −1 wraps: the machine's instructions would trap. */
function divide(
  module: ModuleBuilder,
  fn: 'div' | 'rem',
  isSigned: boolean,
  x: Integer,
  y: Integer,
): Integer {
  const known = y.operands.length === 0 && y.bytes[0] === 0x41 ? Number(y.text) : 0;
  if (!isSigned) {
    const direct = fn === 'div' ? i32.divU : i32.remU;
    if (known !== 0) return direct(x, y);
    return call(
      guarded(module, `${fn}_u`, (a, b) => direct(a, b)),
      [x, y],
    );
  }
  const direct = fn === 'div' ? i32.divS : i32.remS;
  if (known > 0) return direct(x, y);
  const byMinusOne = (a: Integer): Integer => (fn === 'div' ? i32.sub(0, a) : i32.const(0));
  const author = (a: Integer, b: Integer): Integer => {
    const safe = select(i32.eq(b, -1), i32.const(1), b);
    return select(i32.eq(b, -1), byMinusOne(a), direct(a, safe));
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

export function vectorCast({ fn }: ElementwiseScope, from: ValueType, to: ValueType, x: Vector): Vector {
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
