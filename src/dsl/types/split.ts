import type { Dim, Shape } from '../../base/dim.ts';
import type { At, AxisMissing, Cut } from './axis.ts';
import type { Plus } from './dimension.ts';
import type { Compatible } from './identity.ts';
import type { Bad, Good } from './result.ts';
import type { PrintDim } from './text.ts';

type SumOf<Sizes, Done = 0> = Sizes extends readonly [infer Head, ...infer Rest]
  ? SumOf<Rest, Done extends 0 ? Head : Plus<Done, Head>>
  : Done;

/** Good when the sizes add up to the dim of the axis */
export type Split<S extends Shape, Axis extends number, Sizes extends Shape, Late> = number extends
  | Axis
  | Sizes['length']
  ? Good<S>
  : At<S, Axis, Late> extends Cut<infer _Before, infer D extends Dim, infer _After>
    ? Compatible<SumOf<Sizes>, D, Late> extends true
      ? Good<S>
      : Bad<`split: sizes add up to ${PrintDim<SumOf<Sizes>>}, dimension is ${D}`>
    : AxisMissing<'split', S, Axis, Late>;

/** S with the dim of the axis replaced */
export type ReplaceAt<S extends Shape, Axis extends number, New, Late> = number extends Axis
  ? { -readonly [K in keyof S]: Dim }
  : At<S, Axis, Late> extends Cut<infer Before extends Shape, infer _D, infer After extends Shape>
    ? [...Before, New, ...After]
    : // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      any;
