import type { ValueType } from '../../kernel/ir.ts';

const LARGEST = 3.4028234663852886e38;

/** The lowest finite value of a type: what a maximum starts from. */
export const lowestOf = (dtype: ValueType): string =>
  dtype === 'f32' ? '-3.4028234663852886e38' : dtype === 'i32' ? 'i32(-2147483648)' : '0u';

/** A number as a literal of `dtype`. WGSL has no infinity; what f32 cannot hold becomes the nearest finite number. */
export function literal(value: number, dtype: ValueType): string {
  switch (dtype) {
    case 'bool':
      return value === 0 ? 'false' : 'true';
    case 'u32':
      return `${value >>> 0}u`;
    case 'i32':
      return value === -2147483648 ? 'i32(-2147483648)' : `${Math.trunc(value)}`;
    default: {
      const finite = Math.max(-LARGEST, Math.min(LARGEST, value));
      const text = `${finite}`;
      return /^-?\d+$/.test(text) ? `${text}.0` : text;
    }
  }
}
