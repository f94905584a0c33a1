import type { Dim, Shape } from '../../base/dim.ts';
import type { IsAny } from './rank.ts';
import type { Bad, Good } from './result.ts';

/** Rows of a table [V, ...Row] by ids [...Ids] → [...Ids, ...Row] */
export type Gather<Table extends Shape, Ids extends Shape, Late> =
  IsAny<Table, Late> extends true
    ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
      Good<any>
    : IsAny<Ids, Late> extends true
      ? // biome-ignore lint/suspicious/noExplicitAny: stays silent after a mistake
        Good<any>
      : Table extends readonly [infer _V extends Dim, ...infer Row extends Shape]
        ? Good<[...Ids, ...Row]>
        : Table extends readonly []
          ? Bad<'gather: the table needs 1 or more dimensions, has []'>
          : Good<Shape>;
