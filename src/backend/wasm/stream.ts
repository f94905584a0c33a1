import type { Axis, Value } from '../../kernel/ir.ts';
import { isUnit, type SpanTerm, spanTerms } from './analysis.ts';
import type { Integer, Local, Statement, Vector } from './code.ts';
import { call, countUp, select, set, when, whileBelow } from './control.ts';
import type { FunctionBuilder, Locals } from './encode.ts';
import { f32x4, i32, i32x4, plus, times, v128 } from './instructions.ts';
import type { Lowering, Pack, Place } from './lowering.ts';
import { keepIn, transposed } from './vectors.ts';

/**
 * Products of few rows: out[rows ≤ 4, columns] += left · right with `right` read where it lies in the buffer, once and in
 * order. Packing it would take as long as the product.
 */

type Dot = Value & { readonly op: 'dot' };
type Load = Value & { readonly op: 'load' };

/** Rows up to which a product streams its right side. */
const FEW_ROWS = 4;

/** A right side in its buffer: the terms of the contracted axis and of the columns. */
export interface StreamedSide {
  readonly load: Load;
  readonly over: SpanTerm;
  readonly column: SpanTerm;
}

/** The right side of a product that streams it; undefined where it is packed or lies in scratch memory. */
export function streamedSide({ analysis }: Lowering, dot: Dot): StreamedSide | undefined {
  const { right, row, over, column } = dot;
  if (row.size > FEW_ROWS || right.op !== 'load' || right.buffer.dtype !== 'f32') return undefined;
  // what a loop further in multiplies with again and again is packed before it
  if (right.otherwise !== 0 || right.region !== dot.region || analysis.isPlaced(right)) return undefined;
  const termsOver = (axis: Axis) => spanTerms(right.terms).filter(({ index }) => index.axis === axis);
  const [depth, ...moreDepths] = termsOver(over);
  const [along, ...moreColumns] = termsOver(column);
  if (!depth || !along || moreDepths.length + moreColumns.length > 0) return undefined;
  if (!isUnit(depth) && !isUnit(along)) return undefined;
  const gathers = right.terms.some(({ index }) => index.kind === 'value' && index.axes.length > 0);
  return gathers ? undefined : { load: right, over: depth, column: along };
}

/** Whether the left side has to lie in rows along the contracted axis. */
export const wantsRows = ({ column }: StreamedSide): boolean => !isUnit(column);

const PARAMETERS = ['left', 'right', 'out', 'rows', 'columns', 'depth', 'step'] as const;
type Parameters = Locals<'i32', typeof PARAMETERS>;

/** Adds the product to what lies at `out`. */
export function streamProduct(
  at: Lowering,
  { load, over, column }: StreamedSide,
  left: Pack,
  out: Place,
  sizes: readonly [rows: Integer, columns: Integer, depth: Integer],
): Statement {
  const right = at.elementAddress(load.buffer, load.terms);
  const along = isUnit(column);
  const step = at.strideBytes(load.buffer, (along ? over : column).stride);
  const name = `stream_${along ? 'down' : 'along'}_${left.rowStep}_${left.depthStep}_${out.rowStride}`;
  const author = along ? downColumns : alongRows;
  const reference = at.module.helper(name, 'i32', PARAMETERS, 'none', (fn, parameters) =>
    author(fn, { ...left, outRow: out.rowStride }, parameters),
  );
  return call(reference, [at.scratchAt(left), right, at.scratchAt(out), ...sizes, step]);
}

/** Steps through the left side, and from row to row of the product. */
type Shape = Pack & { readonly outRow: number };

/** Rows of the right side taken together: as often as `out` is then read and written. */
const TOGETHER = 8;

/** right[depth, columns] runs along columns: out[r] += Σ left[r, k] · right[k], eight rows of it at a time. */
function downColumns(fn: FunctionBuilder, shape: Shape, parameters: Parameters): Statement[] {
  const [left, right, , , columns, depth, step] = parameters;
  const [k, whole, size] = fn.several('i32', 'k', 'whole', 'size');
  const advance = (count: number): Statement[] =>
    fn.scoped(() => [
      ...takeRows(fn, shape, parameters, size, count),
      set(left, plus(left, count * shape.depthStep)),
      set(right, plus(right, times(step, count))),
    ]);
  return [
    set(size, times(columns, 4)),
    set(whole, i32.and(depth, -TOGETHER)),
    ...countUp(k, TOGETHER, whole, advance(TOGETHER)),
    whileBelow(k, 1, depth, advance(1)),
  ];
}

/** For every row of `out`: out += Σ over `count` rows of the right side, along all columns. */
function takeRows(
  fn: FunctionBuilder,
  { rowStep, depthStep, outRow }: Shape,
  [left, right, out, rows, , , step]: Parameters,
  size: Integer,
  count: number,
): Statement[] {
  const [row, a, c, j] = fn.several('i32', 'row', 'a', 'c', 'j');
  const xs = Array.from({ length: count }, (_, i) => fn.local('v128', `x${i}`));
  const ys = Array.from({ length: count }, (_, i) => fn.local('i32', `y${i}`));
  const total = fn.local('v128', 'total');
  // columns past the end keep what they hold
  const add = (guard: Guard): Statement[] => [
    ...xs.map((x, i) => {
      const product = f32x4.mul(x, guard(v128.load(plus(ys[i] ?? j, j))));
      return set(total, i === 0 ? product : f32x4.add(total, product));
    }),
    v128.store(plus(c, j), f32x4.add(v128.load(plus(c, j)), total)),
  ];
  return [
    ...ys.map((y, i) => set(y, i === 0 ? right : plus(ys[i - 1] ?? y, step))),
    set(a, left),
    set(c, out),
    ...countUp(row, 1, rows, [
      ...xs.map((x, i) => set(x, v128.loadSplat(a, i * depthStep))),
      ...byVectors(fn, j, size, add),
      set(a, plus(a, rowStep)),
      set(c, plus(c, outRow)),
    ]),
  ];
}

/** What is read of a vector: all of it, or the lanes before the end, others being 0. */
type Guard = (vector: Vector) => Vector;

/** `bytes` bytes, a vector at a time. */
function byVectors(
  fn: FunctionBuilder,
  counter: Local<'i32'>,
  bytes: Integer,
  author: (guard: Guard) => Statement[],
): Statement[] {
  const whole = fn.local('i32', 'whole_bytes');
  const mask = lanesBelow(fn, i32.shrS(i32.sub(bytes, counter), 2));
  const all = author((vector) => vector);
  const rest = author((vector) => v128.and(vector, mask));
  return [
    set(whole, i32.and(bytes, -16)),
    ...countUp(counter, 16, whole, all),
    when(i32.ltS(counter, bytes), rest),
  ];
}

/** Which of the lanes 0 … 3 are below `count`. */
const lanesBelow = (fn: FunctionBuilder, count: Integer): Vector =>
  i32x4.gtS(i32x4.splat(count), fn.constant(i32x4.const(0, 1, 2, 3)));

/** right[columns, depth] runs along the contracted axis: four columns at a time, a vector of partial sums for each. */
function alongRows(fn: FunctionBuilder, { rowStep, outRow }: Shape, parameters: Parameters): Statement[] {
  const [left, right, out, rows, columns, depth, step] = parameters;
  const [j, row, a, c, k] = fn.several('i32', 'j', 'row', 'a', 'c', 'k');
  const ys = fn.several('i32', 'y0', 'y1', 'y2', 'y3');
  const x = fn.local('v128', 'x');
  const totals = fn.several('v128', 'total0', 'total1', 'total2', 'total3');
  // columns past the end are computed from the last one, and dropped
  const start = (i: number): Integer => {
    const [column, last] = [plus(j, i), i32.sub(columns, 1)];
    return plus(right, times(select(i32.ltS(column, last), column, last), step));
  };
  const add = (guard: Guard): Statement[] => [
    set(x, guard(v128.load(plus(a, k)))),
    ...totals.map((total, i) => {
      const y = guard(v128.load(plus(ys[i] ?? a, k)));
      return set(total, f32x4.add(total, f32x4.mul(x, y)));
    }),
  ];
  const joins: Statement[] = [];
  const [first, ...rest] = transposed(totals, keepIn(fn, joins));
  const sums = rest.reduce(f32x4.add, first);
  const inside = lanesBelow(fn, i32.sub(columns, j));
  return countUp(j, 4, columns, [
    ...ys.map((y, i) => set(y, start(i))),
    set(a, left),
    set(c, plus(out, times(j, 4))),
    ...countUp(row, 1, rows, [
      ...totals.map((total) => set(total, f32x4.const(0))),
      ...byVectors(fn, k, times(depth, 4), add),
      ...joins,
      v128.store(c, f32x4.add(v128.load(c), v128.and(sums, inside))),
      set(a, plus(a, rowStep)),
      set(c, plus(c, outRow)),
    ]),
  ]);
}
