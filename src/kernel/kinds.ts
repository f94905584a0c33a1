import * as is from '../base/kinds.ts';
import type { Axis, Buffer, Kernel, Span, Value, ValueType } from './ir.ts';
import { scheduleKind } from './schedule.ts';

// What the methods of the builder, and what works on whole kernels, are given.

const node = <T>(what: string, tag: string): is.Kind<T> =>
  is.kind(
    what,
    (value) => typeof value === 'object' && value !== null && 'kind' in value && value.kind === tag,
  );

const number = is.kind('a number', (value) => typeof value === 'number');
const whole = is.kind(
  'a whole number of 32 bits',
  (value) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 32,
);
const below = (count: number): is.Kind =>
  is.kind(
    `a whole number from 0 to ${count - 1}`,
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < count,
  );
const value = node<Value>('a value of the kernel', 'value');
const values = is.listOf(value, 'values');
const optionalValue = is.kind('a value', (given) => given === undefined || value.holds(given));
const axis = node<Axis>('an axis, as k.axis gives it', 'axis');
const axes = is.listOf(axis, 'axes');
const buffer = node<Buffer>('a buffer, such as k.read gives', 'buffer');
const span = node<Span>('a span, as k.span gives it', 'span');
const operand = is.either(value, number);
const type = is.oneOf('f32', 'i32', 'u32', 'bool');
export const storage = is.oneOf('f32', 'f16', 'i32', 'u32');
const pair = is.kind(
  'a pair of operands',
  (given) => Array.isArray(given) && given.length === 2 && given.every(operand.holds),
);
const isTerm = (term: unknown): boolean =>
  Array.isArray(term) &&
  term.length === 2 &&
  is.either(span, operand).holds(term[0]) &&
  operand.holds(term[1]);
const at = is.kind(
  'a list of [index, stride], such as [[I, columns], [J, 1]]',
  (terms) => Array.isArray(terms) && [...terms].every(isTerm),
);

/** What a number may be that stands for a value of a type. */
export const constants: Readonly<Record<ValueType, is.Kind>> = {
  f32: number,
  i32: whole,
  u32: whole,
  bool: is.kind('0 or 1', (given) => given === 0 || given === 1),
};

/** What the methods of the builder take. */
export const methods = {
  axis: { name: is.name, size: is.unchecked },
  buffer: { name: is.name, dtype: storage, access: is.oneOf('read', 'write', 'update', 'scratch') },
  parameter: { name: is.name, dtype: is.oneOf('i32', 'u32', 'f32') },
  program: { dimension: below(4) },
  arange: { axis },
  span: { axis, start: operand, limit: operand },
  inside: { span },
  constant: { value: number, dtype: type },
  fill: { axes, value: number, dtype: type },
  cast: { arg: value, dtype: type },
  load: { buffer, at, otherwise: number },
  store: { buffer, at, value: operand },
  reduce: { combine: is.oneOf('sum', 'max', 'argmax'), arg: value, over: axes },
  dot: { left: value, right: value, accumulator: is.optional(value), over: axis },
  rename: { arg: value, from: axis, to: axis },
  random: { key: pair, counter: pair, word: below(2) },
  name: { values: is.objectOf(optionalValue, 'an object of values') },
  loop: { from: operand, to: operand, step: operand, initial: values, body: is.callable },
  when: { condition: value, body: is.callable },
  finish: { name: is.name, variant: is.text, doc: is.text, schedule: scheduleKind },
} satisfies Readonly<Record<string, is.Kinds>>;

/** What a function may be given, and what a body of a loop may return. */
export { operand, values };

export const kernelKind = is.having<Kernel>(
  'a kernel, as traceKernel gives it',
  'axes',
  'buffers',
  'body',
  'schedule',
);
