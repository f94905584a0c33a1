import type { ValueType } from '../../kernel/ir.ts';
import type { Printer } from './printer.ts';

/** The lowest value of a type: what a maximum starts from. */
export const lowestOf = (p: Printer, dtype: ValueType): string =>
  dtype === 'f32' ? literal(p, Number.NEGATIVE_INFINITY, dtype) : dtype === 'i32' ? 'i32(-2147483648)' : '0u';

/**
 * A number as a text of `dtype`. WGSL has no literal for what is not finite, and refuses constant expressions of that value: a
 * function of the module makes it from its bits.
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
      if (!Number.isFinite(single)) {
        helpers.add('fromBits');
        return `from_bits(0x${Number.isNaN(single) ? '7fc' : single > 0 ? '7f8' : 'ff8'}00000u)`;
      }
      const text = Object.is(single, -0) ? '-0' : `${value}`;
      return /^-?\d+$/.test(text) ? `${text}.0` : text;
    }
  }
}
