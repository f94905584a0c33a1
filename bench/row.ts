import type { Figure } from './race.ts';
import { measured } from './race.ts';

/** A limit on a figure, on the same by processor time, or on its ratio to a peer. */
export interface Limit {
  readonly of: 'value' | 'processor' | 'ratio';
  readonly least?: number;
  readonly most?: number;
}

/** One measured figure, or why there is none. */
export interface Row {
  /** what was run, such as `512x512x512` or `2x128x4x512 b32 t32` */
  readonly case: string;
  /** what was measured, such as `matmul f32` */
  readonly what: string;
  /** who ran it */
  readonly by: string;
  readonly threads?: number | undefined;
  readonly value?: number | undefined;
  readonly unit: string;
  /** the same by processor time, in the same unit: what else ran on the machine counts less */
  readonly processor?: number | undefined;
  /** what the ratio compares, such as `frond ÷ jax-js`: how many times as fast the first is as the second */
  readonly compared?: string | undefined;
  readonly ratio?: number | undefined;
  /** the same by processor time: what counts where other programs run and both have as many threads */
  readonly processorRatio?: number | undefined;
  readonly asked?: Limit | undefined;
  readonly aim?: Limit | undefined;
  /** the figure is within what is asked */
  readonly holds?: boolean | undefined;
  readonly note?: string | undefined;
}

/** What a suite may use. */
export interface Context {
  /** a short look: few turns, the cases that matter most */
  readonly quick: boolean;
}

export interface Suite {
  readonly about: string;
  readonly run: (context: Context) => Promise<readonly Row[]>;
}

const within = (limit: Limit, row: Row): boolean | undefined => {
  const figure = row[limit.of];
  if (figure === undefined) return undefined;
  return (
    figure >= (limit.least ?? Number.NEGATIVE_INFINITY) && figure <= (limit.most ?? Number.POSITIVE_INFINITY)
  );
};

/** A row with its verdict. */
export const judged = (row: Row): Row =>
  row.asked === undefined ? row : { ...row, holds: within(row.asked, row) };

/** How the time of a figure becomes a value. */
export interface Scale {
  readonly unit: string;
  readonly of: (milliseconds: number) => number;
}

export const time: Scale = { unit: 'ms', of: (milliseconds) => milliseconds };
export const rate = (operations: number): Scale => ({
  unit: 'GFLOP/s',
  of: (milliseconds) => operations / milliseconds / 1e6,
});

type Named = Omit<Row, 'value' | 'unit' | 'processor' | 'ratio'>;

/** The row of a figure. */
export function rowOf(named: Named, scale: Scale, figure: Figure | undefined): Row {
  const { unit, of } = scale;
  if (!measured(figure)) return { ...named, unit, note: `not measured: ${figure?.failed ?? 'left out'}` };
  const value = of(figure.wall);
  return judged({ ...named, value, unit, processor: of(figure.processor), note: named.note ?? figure.note });
}

/** The same with the speed of `first` over that of `second`. */
export function comparedRow(row: Row, first: Figure | undefined, second: Figure | undefined): Row {
  if (!measured(first) || !measured(second)) return row;
  const processorRatio = second.processor / first.processor;
  return judged({ ...row, ratio: second.wall / first.wall, processorRatio });
}
