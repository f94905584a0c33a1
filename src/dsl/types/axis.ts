import type { Dim, Shape } from '../../base/dim.ts';
import type { Same } from './identity.ts';
import type { Bad, Good, PrintShape, Quiet, Ranked, Twice } from './result.ts';

type FromRight<S extends Shape, Place, After extends Shape = []> = { s: S } extends {
  s: readonly [...infer Head extends Shape, infer Last extends Dim];
}
  ? [Last, ...After]['length'] extends Place
    ? [Head, Last, After]
    : FromRight<Head, Place, [Last, ...After]>
  : false;

type FromLeft<S extends Shape, Place, Before extends Shape = []> = S extends readonly [
  infer First extends Dim,
  ...infer Rest extends Shape,
]
  ? Before['length'] extends Place
    ? [Before, First, Rest]
    : FromLeft<Rest, Place, [...Before, First]>
  : false;

/** S cut at `Axis` (negative ones count from the right): the dims before it, its own, those after it; false when it has none */
export type At<S extends Shape, Axis extends number, Late> =
  // biome-ignore lint/suspicious/noExplicitAny: recognises the shape that follows a mistake
  Same<S, any, Late> extends true
    ? false
    : `${Axis}` extends `-${infer Place extends number}`
      ? FromRight<S, Place>
      : FromLeft<S, Axis>;

/** What an axis that `At` did not find means: nothing for an unknown rank, else a mistake. */
export type AxisMissing<Op extends string, S extends Shape, Axis extends number, Late> = Ranked<
  S,
  Bad<`${Op}: axis ${Axis} is out of range for shape ${PrintShape<S>}`>,
  Late
>;

/** Good<S> when S has that axis */
export type OnAxis<Op extends string, S extends Shape, Axis extends number, Late> = number extends Axis
  ? Good<S>
  : At<S, Axis, Late> extends false
    ? AxisMissing<Op, S, Axis, Late>
    : Good<S>;

/** S with the dim of the axis replaced */
export type ReplaceAt<S extends Shape, Axis extends number, New, Late> = number extends Axis
  ? { -readonly [K in keyof S]: Dim }
  : At<S, Axis, Late> extends [infer Before extends Shape, infer _D, infer After extends Shape]
    ? [...Before, New, ...After]
    : // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      any;

// ---- several axes

type AxisSet<Axes> = Axes extends readonly number[] ? Axes[number] : Axes & number;

/** What `Axes` calls the axis that stands `Count` from the right, behind `Head`: its negative name or the other one. */
type NameOf<Axes extends number, Count extends number, Head extends Shape> = `-${Count}` extends `${Axes}`
  ? `-${Count}` extends `${infer Name extends number}`
    ? Name
    : never
  : Head['length'] extends Axes
    ? Head['length']
    : never;

/** S without the axes of the set `Axes`, with `One` in the place of each; Bad with those that S does not have. */
type Walk<
  S extends Shape,
  Axes extends number,
  One extends Shape,
  Done extends Shape = [],
  Count extends 0[] = [0],
> = [Axes] extends [never]
  ? Good<[...S, ...Done]>
  : { s: S } extends { s: readonly [...infer Head extends Shape, infer Last extends Dim] }
    ? NameOf<Axes, Count['length'], Head> extends infer Name
      ? [Name] extends [never]
        ? Walk<Head, Axes, One, [Last, ...Done], [...Count, 0]>
        : Walk<Head, Exclude<Axes, Name>, One, [...One, ...Done], [...Count, 0]>
      : never
    : Bad<Axes>;

type ReduceAxes<Op extends string, S extends Shape, Axes, One extends Shape, Late> = [Twice<Axes>] extends [
  never,
]
  ? Walk<S, AxisSet<Axes>, One> extends infer R
    ? R extends Bad<infer Axis extends number>
      ? AxisMissing<Op, S, Axis, Late>
      : R
    : never
  : Bad<`${Op}: axis ${Twice<Axes>} is named twice`>;

/** S without the dims of `Axes`, or with 1 in their place when `Keep`; `Axes` is a number, a tuple, or undefined for all. */
export type Reduce<Op extends string, S extends Shape, Axes, Keep extends boolean, Late> = [Axes] extends [
  undefined,
]
  ? Good<Keep extends true ? { -readonly [K in keyof S]: 1 } : []>
  : number extends AxisSet<Axes>
    ? Good<Keep extends true ? { -readonly [K in keyof S]: Dim } : Shape>
    : Quiet<S, ReduceAxes<Op, S, Axes, Keep extends true ? [1] : [], Late>, Late>;
