import { defined } from '../../base/errors.ts';
import { isWhole } from '../../kernel/flow.ts';
import type { Axis, Span } from '../../kernel/ir.ts';
import type { Body, Code, Integer, Kind, Local, Statement, Vector } from './code.ts';
import { block, branchIf, countUp, joined, loop, select, set, whileBelow } from './control.ts';
import type { ElementwiseScope } from './elementwise.ts';
import { i32, i32x4, plus, times } from './instructions.ts';
import type { Lowering } from './lowering.ts';

/** What an axis is to a nest: its outer loop, or the inner one, whose elements are the lanes of vectors. */
export type Role = 'row' | 'lane';
export type Roles = ReadonlyMap<Axis, Role>;

/** One of the vectors that an iteration computes: `row` rows and 4 · `vector` lanes further. */
export interface Cell {
  readonly row: number;
  readonly vector: number;
  /** what the axes of the values are to the nest, which differs inside a rename */
  readonly roles: Roles;
}

/** Where a statement stands: before the loops, once per row, once per vector. */
export type Level = 0 | 1 | 2;

/** What stands around the loops over the lanes of each row, or around all loops. */
export interface NestFrame {
  readonly start: Body;
  readonly finish: Body;
  readonly perRow: boolean;
}

/** A span that may cut an axis of a nest, and what that axis is to the nest. */
export interface Cut {
  readonly span: Span;
  readonly role: Role;
}

/** Where a loop ends: at the end of a span, rounded up to a multiple of `unit`. */
export interface End {
  readonly span: Span;
  /** a power of two */
  readonly unit: number;
}

export const endAt = (span: Span | undefined, unit: number): End | undefined => span && { span, unit };

export interface LoopOptions {
  /** the span that ends the loop over rows; without it, rows up to the end of the axis are visited */
  readonly rows?: End | undefined;
  /** the same for lanes, in whole vectors */
  readonly lanes?: End | undefined;
  /** rows per iteration; default 1 */
  readonly step?: number;
}

/**
 * The loops of a nest over the rows and lanes of a tile, and where in them a span holds. What depends on rows only, or on
 * neither, is computed at its own level, once. `nest.ts` adds the evaluation of values.
 *
 * Lanes are visited in two ranges: whole vectors inside all spans, without masks, then the rest of the row, one vector at
 * a time under masks. A row that a span leaves out is all rest. What is computed once per row is the same for both.
 */
export class Loops {
  readonly at: Lowering;
  readonly row: Axis | undefined;
  readonly lane: Axis;
  readonly rowIndex: Local<'i32'>;
  /** four times the index of the first lane */
  readonly laneBytes: Local<'i32'>;
  readonly #roles: Roles;
  readonly #options: LoopOptions;
  readonly #cuts: readonly Cut[];
  readonly #outer: readonly [Statement[], Statement[]] = [[], []];
  readonly #inside: Statement[] = [];
  readonly #rest: Statement[] = [];
  readonly #known = new Map<string, Code>();
  /** lanes are inside all spans, as far as what is being computed depends on them */
  #isInside = true;
  #vectors = 1;

  /** @param cuts spans that may cut the tile; those that never do are left out */
  constructor(at: Lowering, row: Axis | undefined, lane: Axis, options: LoopOptions, cuts: readonly Cut[]) {
    this.at = at;
    this.#options = options;
    this.row = row;
    this.lane = lane;
    this.#roles = rolesOf(row, lane);
    this.#cuts = distinct(cuts).filter(({ span, role }) => !this.#isRowEnd(span, role));
    this.rowIndex = at.fn.local('i32', row?.name ?? 'row');
    this.laneBytes = at.fn.local('i32', `${lane.name}_bytes`);
  }

  /** A statement of a level, after those so far. */
  push(level: Level, statement: Statement): void {
    if (level !== 2) this.#outer[level].push(statement);
    else (this.#isInside ? this.#inside : this.#rest).push(statement);
  }

  /**
   * The body of the loop over lanes. `author` writes it for each of up to `vectors` cells along a row, and once more for one
   * cell at a time where spans cut the tile.
   */
  each(vectors: number, author: (cell: Cell, vectors: number) => void): void {
    this.#vectors = vectors;
    for (let vector = 0; vector < vectors; vector++) author(this.cell(vector), vectors);
    if (this.#cuts.length === 0) return;
    this.#isInside = false;
    author(this.cell(), 1);
    this.#isInside = true;
  }

  /** `make` evaluated once at its level. */
  once<T extends Kind>(level: Level, key: string, name: string, make: () => Code<T>): Code<T> {
    const own = level === 2 && !this.#isInside ? `rest ${key}` : key;
    const known = this.#known.get(own);
    if (known) return known as Code<T>;
    const outer = this.#isInside;
    // what depends on no lane is computed once per row, for rows that spans leave out too
    if (level < 2) this.#isInside = this.#cuts.length === 0;
    const value = make();
    this.#isInside = outer;
    // what only reads a local needs no other
    const result = 'index' in value ? value : this.keep(level, name, value);
    this.#known.set(own, result);
    return result;
  }

  /** A value in a local of its own, at its level. */
  keep<T extends Kind>(level: Level, name: string, value: Code<T>): Code<T> {
    const local = this.at.fn.local(value.result, name);
    this.push(level, set(local, value));
    return local;
  }

  /** Where vector code of a level goes. */
  scopeAt(level: Level): ElementwiseScope {
    const { module, fn } = this.at;
    const keep = (code: Vector, name: string) => this.keep(level, name, code);
    return { module, fn, keep, isHot: level === 2 && this.#isInside };
  }

  cell(vector = 0, row = 0): Cell {
    return { row, vector, roles: this.#roles };
  }

  /** Index of the row of a cell. */
  rowAt({ row }: Cell): Integer {
    return plus(this.rowIndex, row);
  }

  /** Indices of the lanes of a cell. */
  laneIndices({ vector }: Cell): Vector {
    return this.once(2, `lanes ${vector}`, `${this.lane.name}_lanes`, () => {
      const first = i32.shrU(this.laneBytes, 2);
      const ramp = [0, 1, 2, 3].map((i) => 4 * vector + i) as [number, number, number, number];
      return i32x4.add(i32x4.splat(first), this.at.fn.constant(i32x4.const(...ramp)));
    });
  }

  roleOf(axis: Axis, { roles }: Cell): Role {
    return defined(roles.get(axis), `role of axis ${axis.name} in a nest of ${this.at.kernel.name}`);
  }

  levelOf(axes: readonly Axis[], cell: Cell): Level {
    const own = axes.map((axis) => this.roleOf(axis, cell));
    return own.includes('lane') ? 2 : own.includes('row') ? 1 : 0;
  }

  /** Names what `axes` of a cell distinguish. */
  keyOf(axes: readonly Axis[], cell: Cell): string {
    return axes
      .map((axis) => (this.roleOf(axis, cell) === 'row' ? `r${cell.row}` : `v${cell.vector}`))
      .join('');
  }

  /** Base of scratch memory plus the row's distance in tiles of this stride. */
  rowAddress(rowStride: number): Integer {
    return this.once(1, `row ${rowStride}`, `${this.row?.name ?? 'row'}_row`, () =>
      plus(this.at.scratch, times(this.rowIndex, rowStride)),
    );
  }

  /** Whether nothing of this nest is beyond the span. */
  isWithin(span: Span, cell: Cell): boolean {
    return this.#isInside || isWhole(span) || this.#isRowEnd(span, this.roleOf(span.axis, cell));
  }

  get #step(): number {
    return this.#options.step ?? 1;
  }

  #isRowEnd(span: Span, role: Role): boolean {
    const { rows } = this.#options;
    if (role !== 'row' || !rows || rows.unit > 1 || this.#step > 1) return false;
    return rows.span.start === span.start && rows.span.limit === span.limit;
  }

  /** start + index < limit, in every lane. */
  spanMask(span: Span, cell: Cell): Vector {
    const id = `${span.start.id} ${span.limit.id}`;
    if (this.roleOf(span.axis, cell) === 'row') {
      return this.once(1, `row mask ${id} ${cell.row}`, 'row_mask', () =>
        i32x4.splat(i32.sub(0, this.isRowInside(span, cell))),
      );
    }
    const limit = this.once(0, `limits ${id}`, 'limits', () => i32x4.splat(this.lengthOf(span)));
    return this.once(2, `mask ${id} ${cell.vector}`, 'mask', () => i32x4.ltS(this.laneIndices(cell), limit));
  }

  isRowInside(span: Span, cell: Cell): Integer {
    return this.once(1, `row ok ${span.start.id} ${span.limit.id} ${cell.row}`, 'row_ok', () =>
      i32.ltS(this.rowAt(cell), this.lengthOf(span)),
    );
  }

  /** limit − start of a span, computed once. */
  lengthOf(span: Span): Integer {
    return this.once(0, `length ${span.start.id} ${span.limit.id}`, `${span.axis.name}_length`, () =>
      this.at.lengthOf(span),
    );
  }

  /** The loops around what was pushed. */
  close({ start, finish, perRow }: NestFrame = { start: [], finish: [], perRow: false }): Statement[] {
    const end = this.#lanesEnd();
    const inner = this.#innerEnd(end);
    const limit = this.#rowsEnd();
    const lanes = this.#cuts.length === 0 ? this.#loop(end) : this.#loops(inner, end);
    const [once, row] = this.#outer;
    if (perRow) return [...once, ...this.#rows([...row, ...start, ...lanes, ...finish], limit)];
    return [...once, ...start, ...this.#rows([...row, ...lanes], limit), ...finish];
  }

  /** Bytes of the row that are visited, in whole vectors. */
  #lanesEnd(): Integer {
    const whole = i32.const(this.lane.size * 4);
    const { lanes } = this.#options;
    if (!lanes || isWhole(lanes.span)) return whole;
    const length = this.lengthOf(lanes.span);
    const bytes = times(roundUp(length, Math.max(4, lanes.unit)), 4);
    return this.keep(0, 'lanes_end', select(i32.ltS(length, this.lane.size), bytes, whole));
  }

  #rowsEnd(): Integer | undefined {
    const { rows } = this.#options;
    if (!rows || isWhole(rows.span)) return undefined;
    const length = this.lengthOf(rows.span);
    return rows.unit === 1 ? length : this.keep(0, 'rows_end', roundUp(length, rows.unit));
  }

  #cutting(role: Role): Span[] {
    return this.#cuts.flatMap((cut) => (cut.role === role ? [cut.span] : []));
  }

  /** Bytes of a row inside all spans over lanes, in whole iterations. */
  #innerEnd(end: Integer): Integer {
    const spans = this.#cutting('lane');
    if (spans.length === 0) return end;
    const least = spans.reduce<Integer>((shortest, span) => {
      const length = this.lengthOf(span);
      return select(i32.ltS(length, shortest), length, shortest);
    }, i32.const(this.lane.size));
    const shortest = this.keep(0, 'shortest', least);
    const bytes = i32.and(times(shortest, 4), -16 * this.#vectors);
    return this.keep(0, 'inner_end', select(i32.gtS(shortest, 0), bytes, i32.const(0)));
  }

  /** One loop over all lanes. */
  #loop(end: Integer): Statement[] {
    const step = this.#vectors * 16;
    if (this.lane.size * 4 <= step) return [set(this.laneBytes, 0), ...this.#inside];
    return countUp(this.laneBytes, step, end, this.#inside);
  }

  /** Lanes inside all spans, then the rest of the row. */
  #loops(inner: Integer, end: Integer): Statement[] {
    const last = this.rowAt(this.cell(0, this.#step - 1));
    const inside = joined(i32.and, this.#cutting('row'), (span) => i32.ltS(last, this.lengthOf(span)));
    const cut = inside ? this.keep(1, 'cut', select(inside, inner, i32.const(0))) : inner;
    return [
      set(this.laneBytes, 0),
      whileBelow(this.laneBytes, this.#vectors * 16, cut, this.#inside),
      whileBelow(this.laneBytes, 16, end, this.#rest),
    ];
  }

  #rows(row: Body, limit: Integer | undefined): Body {
    if (!this.row) return row;
    const { size } = this.row;
    const [index, step] = [this.rowIndex, this.#step];
    const isSingle = size <= step;
    if (!limit) return isSingle ? [set(index, 0), ...row] : countUp(index, step, size, row);
    const single = [branchIf(0, i32.leS(limit, 0)), ...row];
    const next = [set(index, plus(index, step)), branchIf(0, i32.ltS(index, size))];
    const several = [loop([branchIf(1, i32.geS(index, limit)), ...row, ...next])];
    return [set(index, 0), block(isSingle ? single : several)];
  }
}

/** What the axes of a tile are to a nest over `row` and `lane`. */
export const rolesOf = (row: Axis | undefined, lane: Axis): Roles =>
  new Map<Axis, Role>([...(row ? [[row, 'row'] as const] : []), [lane, 'lane']]);

/** The roles inside a rename: what is `from` outside is `to` there. */
export const renamed = (roles: Roles, from: Axis, to: Axis): Roles =>
  new Map(Array.from(roles, ([axis, role]) => [axis === from ? to : axis, role]));

const roundUp = (x: Integer, unit: number): Integer => i32.and(plus(x, unit - 1), -unit);

const distinct = (cuts: readonly Cut[]): Cut[] => [
  ...new Map(
    cuts
      .filter(({ span }) => !isWhole(span))
      .map((cut) => [`${cut.role} ${cut.span.axis.size} ${cut.span.start.id} ${cut.span.limit.id}`, cut]),
  ).values(),
];
