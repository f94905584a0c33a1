import type { Dim, Shape } from '../../base/dim.ts';
import type { IsAny, Rank } from './rank.ts';
import type { Bad, Good } from './result.ts';
import type { PrintShape } from './text.ts';

/** A shape cut at one axis: the dims before it, its own, the dims after it. */
export interface Cut<Before, D, After> {
  readonly before: Before;
  readonly dim: D;
  readonly after: After;
}

type FromRight<S extends Shape, Place, After extends Shape = []> = { s: S } extends {
  s: readonly [...infer Head extends Shape, infer Last extends Dim];
}
  ? [Last, ...After]['length'] extends Place
    ? Cut<Head, Last, After>
    : FromRight<Head, Place, [Last, ...After]>
  : false;

type FromLeft<S extends Shape, Place, Before extends Shape = []> = S extends readonly [
  infer First extends Dim,
  ...infer Rest extends Shape,
]
  ? Before['length'] extends Place
    ? Cut<Before, First, Rest>
    : FromLeft<Rest, Place, [...Before, First]>
  : false;

/** S cut at `Axis` (negative ones count from the right), or false when there is no such axis */
export type At<
  S extends Shape,
  Axis extends number,
  Late,
> = `${Axis}` extends `-${infer Place extends number}`
  ? FromRight<S, Place>
  : IsAny<S, Late> extends true
    ? false
    : FromLeft<S, Axis>;

/** What an axis that `At` did not find means: nothing for an unknown rank, else a mistake. */
export type AxisMissing<Op extends string, S extends Shape, Axis extends number, Late> =
  Rank<S, Late> extends infer K
    ? K extends 'any'
      ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
        Good<any>
      : K extends 'open'
        ? Good<Shape>
        : Bad<`${Op}: axis ${Axis} is out of range for shape ${PrintShape<S>}`>
    : never;

/** Good<S> when S has that axis */
export type OnAxis<Op extends string, S extends Shape, Axis extends number, Late> = number extends Axis
  ? Good<S>
  : At<S, Axis, Late> extends Cut<unknown, unknown, unknown>
    ? Good<S>
    : AxisMissing<Op, S, Axis, Late>;
