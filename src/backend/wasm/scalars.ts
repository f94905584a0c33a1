import type { Value } from '../../kernel/ir.ts';
import { type Code, type Scalar, type Statement, set } from './code.ts';
import { kindOf, scalarCast, scalarElementwise, splat } from './elementwise.ts';
import { f32, f32x4, i32, i32x4 } from './instructions.ts';
import { elementAddress, type Lowering, scalar } from './lowering.ts';
import { writeReduce } from './reduce.ts';
import { unsupported } from './unsupported.ts';
import { callThreefry, fromHalf, keepIn } from './vectors.ts';

/** Computes a uniform scalar into a local variable. */
export function writeScalar(at: Lowering, value: Value): Statement[] {
  if (value.op === 'constant' || at.scalars.has(value)) return [];
  const kind = kindOf(value.dtype);
  const local = at.fn.local(kind, `v${value.id}`);
  at.scalars.set(value, local as Scalar);
  if (value.op === 'reduce') {
    return writeReduce(at, value, { scalar: local });
  }
  const statements: Statement[] = [];
  const code = compute(at, value, statements);
  return [...statements, set(local, code as Code<typeof kind>)];
}

function compute(at: Lowering, value: Value, statements: Statement[]): Scalar {
  const scope = { module: at.module, ...keepIn(at.fn, statements) };
  switch (value.op) {
    case 'elementwise': {
      const dtype = value.args[value.args.length - 1]?.dtype ?? value.dtype;
      const args = value.args.map((arg) => scalar(at, arg));
      return scalarElementwise(scope, value.fn, dtype, args);
    }
    case 'cast':
      return scalarCast(value.arg.dtype, value.dtype, scalar(at, value.arg));
    case 'load': {
      const address = elementAddress(at, value.buffer, value.terms);
      if (value.buffer.dtype === 'f16') {
        return f32x4.lane(fromHalf(scope, i32x4.splat(i32.load16(address))), 0);
      }
      return value.dtype === 'f32' ? f32.load(address) : i32.load(address);
    }
    case 'random': {
      const parts = [value.key0, value.key1, value.counter0, value.counter1];
      const args = parts.map((part) => splat(part.dtype, scalar(at, part)));
      return i32x4.lane(callThreefry(at.module, value.word, args), 0);
    }
    default:
      throw unsupported(at.kernel, `scalar ${value.op}`, `%${value.id}`);
  }
}
