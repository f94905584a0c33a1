import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput, ValueLike } from '../src/kernel/build.ts';
import type { Axis, Buffer, Kernel, Schedule, Span, Value } from '../src/kernel/ir.ts';
import { chooseSchedule, type Schedules, scheduleWords, shapeClassOf } from '../src/kernel/schedule.ts';
import { addUp, isLong } from './longSum.ts';
import { blocksOf, kernelOnce, roundUp, tileExtent } from './plan.ts';

/** Shared by the kernels that work along the rows of a matrix [rows, columns], one block of rows per program. */

/** How such a kernel walks the matrix. */
export interface RowSchedule {
  readonly rows: number;
  readonly columns: number;
  /** the row fits one tile: loaded once, no loop */
  readonly whole: boolean;
  /** the row is exactly one tile: no masks */
  readonly exact: boolean;
  /** too many tiles to add up one by one */
  readonly long: boolean;
  /** 16 × 16 threads where it is left out */
  readonly workgroup?: Schedule['workgroup'];
  /** under which it was looked up */
  readonly shapeClass?: string;
}

/** Rows of at most this many elements are kept in one tile, where the device's tables say nothing else. */
const WHOLE_ROW = 256;

const OWN: Schedule = { tiles: { r: 16, c: 64 }, workgroup: [16, 16] };

/**
 * 16 rows of a whole short row, or 16 × 64 tiles in a loop over the columns. What the tables say of `kernel` goes first: `c` is
 * the widest tile there, and a row that fits into it is kept whole.
 */
export function rowSchedule(
  rows: Dim,
  columns: Dim,
  kernel?: { readonly name: string; readonly schedules: Schedules | undefined },
): RowSchedule {
  const shapeClass = shapeClassOf('', { r: rows, c: columns });
  const short = typeof columns === 'number' && columns <= WHOLE_ROW;
  const own = short ? { ...OWN, tiles: { ...OWN.tiles, c: WHOLE_ROW } } : OWN;
  const { tiles, workgroup } = kernel ? chooseSchedule(kernel.schedules, kernel.name, shapeClass, own) : own;
  const { r = 16, c = 64 } = tiles;
  const whole = typeof columns === 'number' && columns <= c;
  return {
    rows: tileExtent(rows, r, 4),
    columns: whole ? Math.max(4, roundUp(columns, 4)) : c,
    whole,
    long: !whole && isLong(columns, c),
    exact: whole && columns % 4 === 0 && columns > 0,
    ...{ workgroup, shapeClass },
  };
}

/** The axes of a row kernel, with accesses to row-major buffers of [rows, columns] and [rows]. */
export interface RowBlock {
  readonly r: Axis;
  readonly c: Axis;
  readonly R: Span;
  readonly columns: ValueLike;
  /** the address of a tile over `C` */
  at(C: Span): readonly TermInput[];
  load(buffer: Buffer, C: Span, otherwise?: number): Value;
  /** the tile with zeros past the end of the row */
  cut(tile: Value, C: Span): Value;
  store(buffer: Buffer, C: Span, value: Value): void;
  /** of a buffer [rows], or of row `line` of one [lines, rows] */
  loadVector(buffer: Buffer, otherwise?: number, line?: number): Value;
  storeVector(buffer: Buffer, value: Value, line?: number): void;
}

/** Declares axes r and c and the span of rows that belongs to this program. */
export function rowBlock(k: KernelBuilder, { rows, columns, exact }: RowSchedule): RowBlock {
  const count = k.parameter('rows');
  const stride = exact ? columns : k.parameter('columns');
  const r = k.axis('r', rows);
  const c = k.axis('c', columns);
  const R = k.span(r, k.mul(k.program(0), rows), count);
  const at = (C: Span) =>
    [
      [R, stride],
      [C, 1],
    ] as const;
  const vectorAt = (line: number): TermInput[] => [...(line > 0 ? [[line, count] as const] : []), [R, 1]];
  return {
    r,
    c,
    R,
    columns: stride,
    at,
    load: (buffer, C, otherwise = 0) => k.load(buffer, at(C), otherwise),
    cut: (tile, C) => (exact ? tile : k.select(k.inside(C), tile, 0)),
    store: (buffer, C, value) => k.store(buffer, at(C), value),
    loadVector: (buffer, otherwise = 0, line = 0) => k.load(buffer, vectorAt(line), otherwise),
    storeVector: (buffer, value, line = 0) => k.store(buffer, vectorAt(line), value),
  };
}

/**
 * Runs `body` over the column tiles of a block. `initial` tiles are carried through; a whole row takes one pass
 * without a loop. Gives what the last pass returned.
 */
export function overColumns(
  k: KernelBuilder,
  { c, columns }: RowBlock,
  { whole }: RowSchedule,
  initial: readonly Value[],
  body: (C: Span, carried: readonly Value[]) => readonly Value[],
): readonly Value[] {
  if (whole) return body(k.span(c, 0, columns), initial);
  return k.loop(0, columns, c.size, initial, (start, ...carried) => body(k.span(c, start, columns), carried));
}

/** Sums over the columns of a block, as many as `body` adds to: a whole row takes one pass, more are added up in blocks of tiles. */
export function sumsOverColumns(
  k: KernelBuilder,
  { r, c, columns }: RowBlock,
  { whole, long }: RowSchedule,
  count: number,
  body: (C: Span, sums: readonly Value[]) => readonly Value[],
): readonly Value[] {
  const zeros = new Array<Value>(count).fill(k.fill([r, c], 0));
  if (whole) return body(k.span(c, 0, columns), zeros);
  const stretch = { from: 0, to: columns, step: c.size, long };
  return addUp(k, stretch, zeros, (start, sums) => body(k.span(c, start, columns), sums));
}

/** Traces a row kernel once per schedule. */
export function traceRows(
  name: string,
  doc: string,
  schedule: RowSchedule,
  program: (k: KernelBuilder, schedule: RowSchedule) => void,
  /** what else shapes the text */
  more?: string,
): Kernel {
  const { rows, columns, whole, exact, long, workgroup = OWN.workgroup } = schedule;
  const chosen: Schedule = { tiles: { r: rows, c: columns }, workgroup };
  const kind = exact ? ['exact'] : whole ? ['whole'] : long ? ['long'] : [];
  const words = [`${rows}x${columns}`, ...kind, ...scheduleWords(chosen, OWN), ...(more ? [more] : [])];
  return kernelOnce({ name, variant: words.join(' '), doc, schedule: chosen }, (k) => program(k, schedule));
}

/** The launch of a row kernel over [rows, columns]. */
export function launchRows(
  kernel: Kernel,
  schedule: RowSchedule,
  { rows, columns }: { readonly rows: Dim; readonly columns: Dim },
  slots: Readonly<Record<string, Slot>>,
  scalars: Readonly<Record<string, ScalarExpression>> = {},
): LaunchPlan {
  return {
    kernel,
    grid: [blocksOf(rows, schedule.rows)],
    scalars: { rows, ...(schedule.exact ? {} : { columns }), ...scalars },
    slots,
    shapeClass: schedule.shapeClass,
  };
}
