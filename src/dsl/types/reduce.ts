import type { Dim, Shape } from '../../base/dim.ts';
import type { AxisMissing } from './axis.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';

/** An axis that is written twice. */
type Twice<Axes> = Axes extends readonly [infer Head extends number, ...infer Rest]
  ? Head extends Rest[number]
    ? Head
    : Twice<Rest>
  : never;

type AxisSet<Axes> = Axes extends readonly number[] ? Axes[number] : Axes & number;
type Negative<N extends number> = `-${N}` extends `${infer M extends number}` ? M : never;

/** Walks from the right and looks both names of an axis, the negative and the other one, up in the set `Axes`. */
type Walk<
  Op extends string,
  S extends Shape,
  Axes extends number,
  Keep extends boolean,
  Whole extends Shape,
  Late,
  Done extends Shape = [],
  Count extends 0[] = [0],
> = [Axes] extends [never]
  ? Good<[...S, ...Done]>
  : { s: S } extends { s: readonly [...infer Head extends Shape, infer Last extends Dim] }
    ? `-${Count['length']}` extends `${Axes}`
      ? Walk<
          Op,
          Head,
          Exclude<Axes, Negative<Count['length']>>,
          Keep,
          Whole,
          Late,
          Keep extends true ? [1, ...Done] : Done,
          [...Count, 0]
        >
      : Head['length'] extends Axes
        ? Walk<
            Op,
            Head,
            Exclude<Axes, Head['length']>,
            Keep,
            Whole,
            Late,
            Keep extends true ? [1, ...Done] : Done,
            [...Count, 0]
          >
        : Walk<Op, Head, Axes, Keep, Whole, Late, [Last, ...Done], [...Count, 0]>
    : AxisMissing<Op, Whole, Axes, Late>;

type EveryOne<S extends Shape> = { -readonly [K in keyof S]: 1 };

/** S without the dims of `Axes`, or with 1 in their place when `Keep`; `Axes` is a number, a tuple, or undefined for all. */
export type Reduce<Op extends string, S extends Shape, Axes, Keep extends boolean, Late> = [Axes] extends [
  undefined,
]
  ? Keep extends true
    ? Good<EveryOne<S>>
    : Good<[]>
  : number extends AxisSet<Axes>
    ? Good<Keep extends true ? { -readonly [K in keyof S]: Dim } : Shape>
    : IsAny<S, Late> extends true
      ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
        Good<any>
      : [Twice<Axes>] extends [never]
        ? Walk<Op, S, AxisSet<Axes>, Keep, S, Late>
        : Bad<`${Op}: axis ${Twice<Axes>} is named twice`>;
