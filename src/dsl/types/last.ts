import type { Dim, Shape } from '../../base/dim.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';

/** S with `New` in place of its last dim, for maps over the last axis */
export type ReplaceLast<Op extends string, S extends Shape, New, Late> = { s: S } extends {
  s: readonly [...infer Head extends Shape, infer _Last extends Dim];
}
  ? IsAny<S, Late> extends true
    ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      Good<any>
    : Good<[...Head, New]>
  : S extends readonly []
    ? Bad<`${Op}: the input is a scalar`>
    : Good<Shape>;
