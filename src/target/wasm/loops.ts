import { defined } from '../../base/errors.ts';
import type { Axis, Span, Value } from '../../kernel/ir.ts';
import {
  block,
  branchIf,
  type Code,
  get,
  isGet,
  type Kind,
  type Local,
  loop,
  type Statement,
  set,
} from './code.ts';
import { countUp } from './encode.ts';
import { i32, i32x4, plus, times } from './instructions.ts';
import { type Lowering, lengthOf } from './lowering.ts';

/** What an axis is to a nest: its outer loop, or the inner one, whose elements are the lanes of vectors. */
export type Role = 'row' | 'lane';
export type Roles = ReadonlyMap<Axis, Role>;

/** One of the vectors that an iteration computes: `row` rows and 4 · `vector` lanes further. */
export interface Cell {
  readonly row: number;
  readonly vector: number;
}

/** Where a statement stands: before the loops, once per row, once per vector. */
export type Level = 0 | 1 | 2;

/** How the loops run. Codes of `inner` come after what evaluations need. */
export interface NestBody {
  readonly inner: readonly Statement[];
  readonly before?: readonly Statement[];
  readonly after?: readonly Statement[];
  readonly beforeRow?: readonly Statement[];
  readonly afterRow?: readonly Statement[];
  /** rows and vectors per iteration; default 1 */
  readonly rows?: number;
  readonly vectors?: number;
}

/**
 * The loops of a nest over the rows and lanes of a tile, and where in them a span holds. What depends on rows only, or on
 * neither, is computed at its own level, once. `nest.ts` adds the evaluation of values.
 */
export abstract class Loops {
  readonly at: Lowering;
  readonly row: Axis | undefined;
  readonly lane: Axis;
  /** spans may cut their axes */
  readonly masked: boolean;
  /** the span that ends the loop over rows */
  readonly rows: Span | undefined;
  readonly roles: Roles;
  readonly rowIndex: Local<'i32'>;
  /** four times the index of the first lane */
  readonly laneBytes: Local<'i32'>;
  readonly #levels: readonly [Statement[], Statement[], Statement[]] = [[], [], []];
  readonly #known = new Map<string, Code>();

  constructor(at: Lowering, row: Axis | undefined, lane: Axis, masked: boolean, rows?: Span) {
    this.at = at;
    this.rows = rows;
    this.row = row;
    this.lane = lane;
    this.masked = masked;
    this.roles = new Map<Axis, Role>([...(row ? [[row, 'row'] as const] : []), [lane, 'lane']]);
    this.rowIndex = at.fn.local('i32', row?.name ?? 'row');
    this.laneBytes = at.fn.local('i32', `${lane.name}_bytes`);
  }

  /** A statement of a level, after those so far. */
  push(level: Level, statement: Statement): void {
    this.#levels[level].push(statement);
  }

  /** `make` evaluated once at its level. */
  once<T extends Kind>(level: Level, key: string, kind: T, name: string, make: () => Code<T>): Code<T> {
    const known = this.#known.get(key);
    if (known) return known as Code<T>;
    const value = make();
    // what only reads a local needs no other
    const result = isGet(value) ? value : this.keep(level, kind, name, value);
    this.#known.set(key, result);
    return result;
  }

  /** A value in a local of its own, at its level. */
  keep<T extends Kind>(level: Level, kind: T, name: string, value: Code<T>): Code<T> {
    const local = this.at.fn.local(kind, name);
    this.push(level, set(local, value));
    return get(local);
  }

  /** Index of the row of a cell. */
  rowAt({ row }: Cell): Code<'i32'> {
    return plus(get(this.rowIndex), i32.const(row));
  }

  /** Indices of the lanes of a cell. */
  laneIndices({ vector }: Cell): Code<'v128'> {
    return this.once(2, `lanes ${vector}`, 'v128', `${this.lane.name}_lanes`, () => {
      const first = i32.shrU(get(this.laneBytes), i32.const(2));
      const ramp = [0, 1, 2, 3].map((i) => 4 * vector + i) as [number, number, number, number];
      return i32x4.add(i32x4.splat(first), this.at.fn.constant(i32x4.const(...ramp)));
    });
  }

  roleOf(axis: Axis, roles: Roles): Role {
    return defined(roles.get(axis), `role of axis ${axis.name} in a nest of ${this.at.kernel.name}`);
  }

  levelOf(axes: readonly Axis[], roles: Roles): Level {
    const own = axes.map((axis) => this.roleOf(axis, roles));
    return own.includes('lane') ? 2 : own.includes('row') ? 1 : 0;
  }

  /** Names what `axes` of a cell distinguish. */
  keyOf(axes: readonly Axis[], cell: Cell, roles: Roles): string {
    return axes
      .map((axis) => (this.roleOf(axis, roles) === 'row' ? `r${cell.row}` : `v${cell.vector}`))
      .join('');
  }

  /** The value at a cell: read where it is placed, else computed. */
  abstract evaluate(value: Value, cell: Cell, roles: Roles): Code<'v128'>;

  /** Base of scratch memory plus the row's distance in tiles of this stride. */
  rowAddress(rowStride: number): Code<'i32'> {
    return this.once(1, `row ${rowStride}`, 'i32', `${this.row?.name ?? 'row'}_row`, () =>
      plus(this.at.scratch, times(get(this.rowIndex), i32.const(rowStride))),
    );
  }

  /** Whether nothing of this nest is beyond the span. */
  isWithin(span: Span, roles: Roles): boolean {
    if (!this.masked) return true;
    const { rows } = this;
    const sameEnds = rows?.start === span.start && rows.limit === span.limit;
    return sameEnds && this.roleOf(span.axis, roles) === 'row';
  }

  /** start + index < limit, in every lane. */
  spanMask(span: Span, cell: Cell, roles: Roles): Code<'v128'> {
    const id = `${span.start.id} ${span.limit.id}`;
    if (this.roleOf(span.axis, roles) === 'row') {
      return this.once(1, `row mask ${id} ${cell.row}`, 'v128', 'row_mask', () =>
        i32x4.splat(i32.sub(i32.const(0), this.isRowInside(span, cell))),
      );
    }
    const limit = this.once(0, `limits ${id}`, 'v128', 'limits', () => i32x4.splat(this.lengthOf(span)));
    return this.once(2, `mask ${id} ${cell.vector}`, 'v128', 'mask', () =>
      i32x4.ltS(this.laneIndices(cell), limit),
    );
  }

  isRowInside(span: Span, cell: Cell): Code<'i32'> {
    return this.once(1, `row ok ${span.start.id} ${span.limit.id} ${cell.row}`, 'i32', 'row_ok', () =>
      i32.ltS(this.rowAt(cell), this.lengthOf(span)),
    );
  }

  /** limit − start of a span, computed once. */
  lengthOf(span: Span): Code<'i32'> {
    return this.once(0, `length ${span.start.id} ${span.limit.id}`, 'i32', `${span.axis.name}_length`, () =>
      lengthOf(this.at, span),
    );
  }

  /** The loops around what was pushed and `body`. */
  close({ inner, before = [], after = [], ...body }: NestBody): Statement[] {
    const [once, perRow, perVector] = this.#levels;
    // asked for here, so that it stands before the loops
    if (this.rows) this.lengthOf(this.rows);
    const vectors = body.vectors ?? 1;
    const step = vectors * 16;
    const lanes =
      this.lane.size * 4 <= step
        ? [set(this.laneBytes, i32.const(0)), ...perVector, ...inner]
        : countUp(this.laneBytes, step, i32.const(this.lane.size * 4), [...perVector, ...inner]);
    const row = [...perRow, ...(body.beforeRow ?? []), ...lanes, ...(body.afterRow ?? [])];
    return [...once, ...before, ...this.#rows(row, body.rows ?? 1), ...after];
  }

  #rows(row: readonly Statement[], step: number): Statement[] {
    if (!this.row) return [...row];
    const limit = this.rows && this.lengthOf(this.rows);
    const first = set(this.rowIndex, i32.const(0));
    if (this.row.size <= step) {
      return limit ? [first, block([branchIf(0, i32.leS(limit, i32.const(0))), ...row])] : [first, ...row];
    }
    if (!limit) return countUp(this.rowIndex, step, i32.const(this.row.size), row);
    const size = this.row.size;
    const next = [
      branchIf(1, i32.geS(get(this.rowIndex), limit)),
      ...row,
      set(this.rowIndex, plus(get(this.rowIndex), i32.const(step))),
      branchIf(0, i32.ltS(get(this.rowIndex), i32.const(size))),
    ];
    return [first, block([loop(next)])];
  }
}
