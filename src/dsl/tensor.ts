import type { Dim, Shape } from '../base/dim.ts';
import type { DType } from '../base/dtype.ts';

export type { Dim, DType, Shape };

// Element types as values, so that they are spelled without quotes where a tensor is declared.

/** Floats of 32 bits. */
export const f32 = 'f32' as const;
/** Floats of 16 bits, which are computed with as f32. */
export const f16 = 'f16' as const;
/** Whole numbers of 32 bits. */
export const i32 = 'i32' as const;
/** Whole numbers of 32 bits without a sign. */
export const u32 = 'u32' as const;
/** True and false. */
export const bool = 'bool' as const;

declare const single: unique symbol;

/**
 * 1 for a dimension that is one thing. Without this guard a call of `layer<B>(x: [B, 128], mask: [B, 1])` with
 * 'batch' in one operand and 'other' in the second would silently infer B = 'batch' | 'other'.
 */
type One<X, All = X> = number extends X
  ? unknown
  : string extends X
    ? unknown
    : X extends unknown
      ? [All] extends [X]
        ? 1
        : 'two different dimensions where one is expected'
      : never;

/**
 * A tensor of a graph under construction: element type D, shape S, a tuple of sizes and names. It holds no numbers.
 * Hovering over one in an editor shows both.
 */
export interface Tensor<D = DType, S = Shape> {
  readonly dtype: D;
  readonly shape: S;
  /** exists for the compiler alone */
  readonly [single]: { readonly [K in keyof S]: One<S[K]> };
}
