import type { Shape, Tensor } from '../../../src/dsl/index.ts';

/** whether two types are identical, as the compiler's own identity relation sees it */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `expectType<T>()(value, 0)` compiles when the type of value is T exactly. */
export const expectType =
  <T>() =>
  <U>(_value: U, _ok: Equal<T, U> extends true ? 0 : { readonly got: U }): void =>
    undefined;

export type F<S extends Shape> = Tensor<'f32', S>;
