import type { ValueType } from '../../kernel/ir.ts';
import type { Printer } from './printer.ts';

/** The lowest value of a type: what a maximum starts from. */
export const lowestOf = (p: Printer, dtype: ValueType): string =>
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
        helpers.add('fromBits');
        const bits = Number.isNaN(single) ? '7fc' : single === 0 ? '800' : single > 0 ? '7f8' : 'ff8';
        return `from_bits(0x${bits}00000u)`;
      }
      return /^-?\d+$/.test(`${value}`) ? `${value}.0` : `${value}`;
    }
  }
}
