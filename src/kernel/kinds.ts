import * as is from '../base/kinds.ts';

// What the methods of the builder, and what works on whole kernels, are given.

const node = (what: string, ...kinds: readonly string[]): is.Kind =>
  is.kind(
    what,
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      'kind' in value &&
      kinds.some((one) => one === value.kind),
  );

const number = is.kind('a number', (value) => typeof value === 'number');
export const valueKind = node('a value of the kernel', 'value');
export const axisKind = node('an axis, as k.axis gives it', 'axis');
export const axes = is.listOf(axisKind, 'axes');
export const bufferKind = node('a buffer, such as k.read gives', 'buffer');
export const spanKind = node('a span, as k.span gives it', 'span');
export const operandKind = is.either(valueKind, number);
export const values = is.listOf(valueKind, 'values');
export const typeKind = is.oneOf('f32', 'i32', 'u32', 'bool');
export const storageKind = is.oneOf('f32', 'f16', 'i32', 'u32');
const isTerm = (term: unknown): boolean =>
  Array.isArray(term) &&
  term.length === 2 &&
  is.either(spanKind, operandKind).holds(term[0]) &&
  operandKind.holds(term[1]);
export const termsKind = is.kind(
  'a list of [index, stride], such as [[I, columns], [J, 1]]',
  (value) => Array.isArray(value) && [...value].every(isTerm),
);
export const pairKind = is.kind(
  'a pair of operands',
  (value) => Array.isArray(value) && value.length === 2 && value.every(operandKind.holds),
);
export const kernelKind = is.having(
  'a kernel, as traceKernel gives it',
  'axes',
  'buffers',
  'body',
  'schedule',
);
