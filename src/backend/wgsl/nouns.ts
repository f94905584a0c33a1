import type { ElementwiseName, Value } from '../../kernel/ir.ts';
import type { Printer } from './printer.ts';

/** Names for what element-wise functions give, where the text needs one. */
const NOUNS: Record<ElementwiseName, string> = {
  add: 'sum',
  sub: 'difference',
  mul: 'product',
  div: 'quotient',
  rem: 'remainder',
  min: 'smaller',
  max: 'larger',
  neg: 'negated',
  abs: 'magnitude',
  floor: 'floored',
  exp: 'exponential',
  log: 'logarithm',
  sqrt: 'root',
  rsqrt: 'inverse_root',
  tanh: 'tangent',
  erf: 'error_function',
  erfcx: 'scaled_tail',
  lt: 'below',
  le: 'within',
  eq: 'equal',
  ne: 'different',
  and: 'both',
  or: 'either',
  not: 'inverse',
  select: 'chosen',
  isFinite: 'finite',
  isNaN: 'not_a_number',
  bitAnd: 'bits',
  bitXor: 'mixed',
  shiftRight: 'shifted',
};

/** What scalars are called that are the ends of a span. */
export function spanNames(values: readonly Value[]): ReadonlyMap<Value, string> {
  const names = new Map<Value, string>();
  for (const value of values) {
    const spans =
      value.op === 'inside'
        ? [value.span]
        : value.op === 'load'
          ? value.terms.flatMap(({ index }) => (index.kind === 'span' ? [index] : []))
          : [];
    for (const { axis, start, limit } of spans) {
      if (!names.has(start)) names.set(start, `${axis.name}_start`);
      if (!names.has(limit)) names.set(limit, `${axis.name}_limit`);
    }
  }
  return names;
}

/** A name that says what `value` is, as far as the kernel's source tells. */
export const nameFor = (p: Printer, value: Value): string =>
  value.label ?? p.spanNames.get(value) ?? nounOf(value);

function nounOf(value: Value): string {
  switch (value.op) {
    case 'elementwise':
      return NOUNS[value.fn];
    case 'load':
      return `${value.buffer.name}_value`;
    case 'reduce':
      return `${value.combine === 'sum' ? 'sum' : value.combine}_over_${value.over.map(({ name }) => name).join('')}`;
    case 'dot':
      return `dot_over_${value.over.name}`;
    case 'rename':
      return `along_${value.to.name}`;
    case 'cast':
      return `as_${value.dtype}`;
    case 'induction':
      return 'round';
    case 'random':
      return 'word';
    case 'inside':
      return 'inside';
    default:
      return 'value';
  }
}
