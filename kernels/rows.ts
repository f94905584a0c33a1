import type { Dim } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import { remembered } from '../src/base/own.ts';
import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Buffer, Schedule, Span, StorageType, Value } from '../src/kernel/ir.ts';
import {
  type Bindings,
  choose,
  type Declaration,
  type Declared,
  type Given,
  kernel,
  type None,
  type ParameterType,
  type Symbols,
  type Tuned,
} from './kernel.ts';
import { addUp, isLong } from './longSum.ts';
import { ABSENT, extentsOf, forEach, matrix, roundUp, tileExtent, tileOf } from './plan.ts';

/*
 * Kernels that work along the rows of a matrix [rows, columns], one block of rows per program. A row that fits into a tile is kept
 * whole: it is loaded once, without a loop. A longer one is walked tile by tile, once for each of `maximum`, `sums` and `each`.
 * A program says what it does once, for both.
 */

/** The matrix that a row kernel is launched over. */
export interface Matrix extends Tuned {
  readonly rows: Dim;
  readonly columns: Dim;
}

type Each = (C: Span) => Value;

/** How the matrix is walked. */
interface Layout {
  readonly perTile: boolean;
  /** the row fits one tile */
  readonly whole: boolean;
  /** the row is exactly one tile: no masks */
  readonly exact: boolean;
  /** too many tiles to add up one by one */
  readonly long: boolean;
}

/** Rows of at most this many elements are whole where the device's tables say nothing else. */
const WHOLE_ROW = 256;

const OWN = { tiles: { r: 16, c: 64 }, workgroup: [16, 16] } satisfies Schedule;

interface RowDeclaration<R, W, P>
  extends Pick<
    Declaration<never, R, W, None, P>,
    'owner' | 'name' | 'doc' | 'variant' | 'reads' | 'writes' | 'parameters'
  > {
  /** A program takes one tile, `each` of its row: it combines nothing along rows. */
  readonly perTile?: boolean;
}

type Tiles = Readonly<Record<'r' | 'c', number>>;

/** A kernel over rows: `softmax.plan({ rows, columns, x, out })`, or `softmax.over(matrix).with({ x, out })`. */
export function rowKernel<
  R extends Declared<StorageType>,
  W extends Declared<StorageType>,
  P extends Declared<ParameterType> = None,
>(
  { variant = [], perTile = false, ...declaration }: RowDeclaration<R, W, P>,
  program: (k: KernelBuilder, block: RowBlock, symbols: Symbols<Tiles, R & W & None, P>) => void,
) {
  const over = ({ rows, columns, schedules }: Matrix) => {
    const short = typeof columns === 'number' && columns <= WHOLE_ROW;
    const own = short ? { ...OWN, tiles: { ...OWN.tiles, c: WHOLE_ROW } } : OWN;
    const choice = choose(declaration.name, own, { r: rows, c: columns }, schedules);
    const { r, c } = choice.schedule.tiles;
    const whole = typeof columns === 'number' && columns <= c;
    const tiles = { r: tileExtent(rows, r, 4), c: whole ? Math.max(4, roundUp(columns, 4)) : c };
    const exact = columns === tiles.c;
    const long = !whole && isLong(columns, c);
    const form = exact ? 'exact' : whole ? 'whole' : long && 'long';
    const launch = kernel<Tiles, R, W, None, P>(
      { ...declaration, tiles, choice, variant: [extentsOf(tiles), form, ...variant] },
      (k, symbols) => program(k, rowBlock(k, symbols, { perTile, whole, exact, long }), symbols),
    ).over(perTile ? { r: rows, c: columns } : { r: rows });
    return {
      tiles,
      with(given: Given<R & W & None, P>, more?: Bindings): LaunchPlan {
        const scalars = { rows, ...(exact ? {} : { columns }), ...more?.scalars };
        return launch.with(given, { slots: more?.slots ?? {}, scalars });
      },
    };
  };
  return { over, plan: (args: Matrix & Given<R & W & None, P>): LaunchPlan[] => [over(args).with(args)] };
}

/** The rows of a program. What is loaded over one span is loaded once. */
export type RowBlock = ReturnType<typeof rowBlock>;

function rowBlock(
  k: KernelBuilder,
  { r, c }: Readonly<Record<'r' | 'c', Axis>>,
  { perTile, whole, exact, long }: Layout,
) {
  const rows = k.parameter('rows');
  const columns = exact ? c.size : k.parameter('columns');
  const R = tileOf(k, r, 0, rows);
  const loaded = new Map<Span, Map<string, Value>>();
  const once = (C: Span, key: string, load: () => Value): Value => {
    const known = remembered(loaded, C, () => new Map<string, Value>());
    return remembered(known, key, load);
  };
  const row = perTile ? tileOf(k, c, 1, columns) : whole ? k.span(c, 0, columns) : undefined;
  const at = (start: Value): Span => k.span(c, start, columns);
  const vectorAt = (line: number): TermInput[] => [...(line > 0 ? [[line, rows] as const] : []), [R, 1]];
  return {
    r,
    c,
    R,
    columns,
    /** the tile of a matrix [rows, columns] over the columns `C` */
    load: (buffer: Buffer, C: Span, otherwise = 0): Value =>
      once(C, `${buffer.name} ${otherwise}`, () => k.load(buffer, matrix(R, C, columns), otherwise)),
    store: (buffer: Buffer, C: Span, value: Value): void => k.store(buffer, matrix(R, C, columns), value),
    /** a number per row: of a buffer [rows], or of row `line` of one [lines, rows] */
    loadVector: (buffer: Buffer, otherwise = 0, line = 0): Value => k.load(buffer, vectorAt(line), otherwise),
    storeVector: (buffer: Buffer, value: Value, line = 0): void => k.store(buffer, vectorAt(line), value),
    /** a number per column */
    loadColumns: (buffer: Buffer, C: Span): Value => once(C, buffer.name, () => k.load(buffer, [[C, 1]])),
    /** the tile with zeros past the end of the row */
    cut: (tile: Value, C: Span): Value => (exact ? tile : k.select(k.inside(C), tile, 0)),
    /** 1 / columns; 1 for rows without elements, whose mean is then 0 */
    perColumn: (): Value =>
      typeof columns === 'number' ? k.constant(1 / columns) : k.div(1, k.cast(k.max(columns, 1), 'f32')),
    /** the largest element of each row */
    maximum(tile: Each): Value {
      if (row) return k.maximum(tile(row), c);
      const lowest = k.fill([r, c], ABSENT);
      const [highest] = k.loop(0, columns, c.size, [lowest], (start, most) => [k.max(most, tile(at(start)))]);
      k.name({ highest });
      return k.maximum(highest, c);
    },
    /** sums of the elements of each row */
    sums<T extends readonly Each[]>(...tiles: T) {
      const zeros = tiles.map(() => k.fill([r, c], 0));
      const range = { from: 0, to: columns, step: c.size, long };
      const totals = row
        ? tiles.map((tile) => tile(row))
        : addUp(k, range, zeros, (start, sums) => {
            const C = at(start);
            return tiles.map((tile, i) => k.add(defined(sums[i], 'sum'), tile(C)));
          });
      return totals.map((total) => k.sum(total, c)) as { readonly [I in keyof T]: Value };
    },
    each(body: (C: Span) => void): void {
      if (row) body(row);
      else forEach(k, 0, columns, c.size, (start) => body(at(start)));
    },
  };
}
