import { type Entrant, type Figure, measured, type Races } from './race.ts';
import { type Row, rate, rowOf, type Scale, time } from './row.ts';

/** What the machine gives at most, one core: figures are seen beside it. */
export interface Ceilings {
  readonly rows: readonly Row[];
  /** GFLOP/s of multiplications and additions in registers: no product without fused multiply-add exceeds it */
  readonly arithmetic: number | undefined;
  /** GB/s read and written by a copy beyond the caches */
  readonly memory: number | undefined;
}

const entrant = (what: string): Entrant => ({ name: what, file: 'frond.ts', what, options: {} });

/** The contender says in its note how much a call does. */
function row(what: string, figure: Figure | undefined, unit: string): Row {
  const amount = measured(figure) ? Number(figure.note) : Number.NaN;
  const scale: Scale = Number.isFinite(amount) ? { ...rate(amount), unit } : time;
  return rowOf({ case: 'ceiling', what, by: 'this machine', threads: 1, note: '' }, scale, figure);
}

export async function ceilingsOf(races: Races): Promise<Ceilings> {
  const figures = await races.race([entrant('ceiling'), entrant('copy')]);
  const arithmetic = row('multiply, add in registers', figures.get('ceiling'), 'GFLOP/s');
  const memory = row('copy of 64 MiB', figures.get('copy'), 'GB/s');
  return { rows: [arithmetic, memory], arithmetic: arithmetic.value, memory: memory.value };
}
