import type { ValueType } from '../../kernel/ir.ts';
import type { Printer } from './printer.ts';

/** An expression; `atomic` ones need no parentheses inside another. */
export interface Text {
  readonly text: string;
  readonly atomic: boolean;
}

export const atom = (text: string): Text => ({ text, atomic: true });
export const compound = (text: string): Text => ({ text, atomic: false });
export const wrap = ({ text, atomic }: Text): string => (atomic ? text : `(${text})`);

const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** An index in front of an operator. */
export const operandText = (index: string): string => (/^\w+$/.test(index) ? index : `(${index})`);

/** An index, in text, times a number. */
export function times(index: string, factor: number): string {
  if (factor === 1 || index === '0') return index;
  return isNumber(index) ? `${Number(index) * factor}` : `${operandText(index)} * ${factor}`;
}

/** The sum of indices in text. */
export function plus(...indices: readonly string[]): string {
  if (indices.every(isNumber)) return `${indices.reduce((sum, index) => sum + Number(index), 0)}`;
  return indices.filter((index) => index !== '0').join(' + ');
}

/** Conditions joined without branching. */
export const allOf = (conditions: readonly string[]): string =>
  conditions.length === 1
    ? (conditions[0] ?? 'true')
    : conditions.map((condition) => `(${condition})`).join(' & ');

/** `line` where all conditions hold. */
export const guarded = (conditions: readonly string[], line: string): string =>
  conditions.length === 0 ? line : `if (${allOf(conditions)}) { ${line} }`;

/** `.x` or `[counter]`: the component of a vec4 for a lane, which is a number or a counter. */
export const componentOf = (lane: string): string =>
  isNumber(lane) ? `.${'xyzw'[Number(lane)]}` : `[${lane}]`;

/** The lowest value of a type: what a maximum starts from. */
export const lowestOf = (p: Pick<Printer, 'helpers'>, dtype: ValueType): string =>
  dtype === 'f32' ? literal(p, Number.NEGATIVE_INFINITY, dtype) : dtype === 'i32' ? 'i32(-2147483648)' : '0u';

/**
 * A number as a text of `dtype`. WGSL has no literal for what is not finite, refuses constant expressions of that value, and may take
 * −0 for 0: a function of the module makes them from their bits.
 */
export function literal({ helpers }: Pick<Printer, 'helpers'>, value: number, dtype: ValueType): string {
  switch (dtype) {
    case 'bool':
      return value === 0 ? 'false' : 'true';
    case 'u32':
      return `${value >>> 0}u`;
    case 'i32':
      return value === -2147483648 ? 'i32(-2147483648)' : `${Math.trunc(value)}`;
    default: {
      const single = Math.fround(value);
      if (!Number.isFinite(single) || Object.is(single, -0)) {
        helpers.add('from_bits');
        const bits = Number.isNaN(single) ? '7fc' : single === 0 ? '800' : single > 0 ? '7f8' : 'ff8';
        return `from_bits(0x${bits}00000u)`;
      }
      return /^-?\d+$/.test(`${value}`) ? `${value}.0` : `${value}`;
    }
  }
}
