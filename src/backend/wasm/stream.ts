import type { Axis, Span, Term, Value } from '../../kernel/ir.ts';
import {
  type Code,
  call,
  type FunctionReference,
  get,
  type Local,
  type Statement,
  select,
  set,
  when,
} from './code.ts';
import { type FunctionBuilder, type ModuleBuilder, whileBelow } from './encode.ts';
import { f32x4, i32, i32x4, plus, times, v128 } from './instructions.ts';
import { elementAddress, type Lowering, strideBytes } from './lowering.ts';
import { turn } from './turn.ts';
import { keepIn } from './vectorMath.ts';

/**
 * Products of few rows: out[rows ≤ 4, columns] += left · right with `right` read where it lies in the buffer, once and in
 * order. Packing it would take as long as the product.
 */

type Dot = Value & { readonly op: 'dot' };
type Load = Value & { readonly op: 'load' };
type Vector = Code<'v128'>;
type Integer = Local<'i32'>;

/** Rows up to which a product streams its right side. */
const FEW_ROWS = 4;

/** A right side in its buffer: the terms of the contracted axis and of the columns. */
export interface StreamedSide {
  readonly load: Load;
  readonly over: Term & { readonly index: Span };
  readonly column: Term & { readonly index: Span };
}

const spanOver = (terms: readonly Term[], axis: Axis): (Term & { readonly index: Span }) | undefined => {
  const own = terms.filter(({ index }) => index.kind === 'span' && index.axis === axis);
  const [only] = own;
  return own.length === 1 && only?.index.kind === 'span' ? { ...only, index: only.index } : undefined;
};

const isUnit = ({ stride }: Term): boolean => stride.op === 'constant' && stride.value === 1;

/** The right side of a product that streams it; undefined where it is packed or lies in scratch memory. */
export function streamedSide({ analysis }: Lowering, dot: Dot): StreamedSide | undefined {
  const { right, row, over, column } = dot;
  if (row.size > FEW_ROWS || right.op !== 'load' || right.buffer.dtype !== 'f32') return undefined;
  // what a loop further in multiplies with again and again is packed before it
  if (right.otherwise !== 0 || right.region !== dot.region || analysis.isPlaced(right)) return undefined;
  const [depth, along] = [spanOver(right.terms, over), spanOver(right.terms, column)];
  if (!depth || !along || !(isUnit(depth) || isUnit(along))) return undefined;
  const gathers = right.terms.some(({ index }) => index.kind === 'value' && index.axes.length > 0);
  return gathers ? undefined : { load: right, over: depth, column: along };
}

/** Whether the left side has to lie in rows along the contracted axis. */
export const wantsRows = ({ column }: StreamedSide): boolean => !isUnit(column);

/** Where a product finds its left side, in bytes of scratch memory. */
export interface StreamedLeft {
  readonly offset: number;
  readonly rowStep: number;
  readonly depthStep: number;
}

export interface StreamedSizes {
  readonly rows: Code<'i32'>;
  readonly columns: Code<'i32'>;
  readonly depth: Code<'i32'>;
}

/** Adds the product to what lies at `out`, rows `outRow` bytes apart. */
export function streamProduct(
  at: Lowering,
  { load, over, column }: StreamedSide,
  left: StreamedLeft,
  out: { readonly offset: number; readonly rowStride: number },
  { rows, columns, depth }: StreamedSizes,
): Statement {
  const right = elementAddress(at, load.buffer, load.terms);
  const along = isUnit(column);
  const step = strideBytes(at, load.buffer, (along ? over : column).stride);
  const shape: Shape = { ...left, outRow: out.rowStride };
  const reference = along ? downColumns(at.module, shape) : alongRows(at.module, shape);
  const address = (offset: number): Code<'i32'> => plus(at.scratch, i32.const(offset));
  return call(reference, [address(left.offset), right, address(out.offset), rows, columns, depth, step]);
}

interface Shape {
  readonly rowStep: number;
  readonly depthStep: number;
  readonly outRow: number;
}

const NAMES = ['left', 'right', 'out', 'rows', 'columns', 'depth', 'step'] as const;
type Parameters = Readonly<Record<(typeof NAMES)[number], Integer>>;

function helper(
  module: ModuleBuilder,
  name: string,
  { rowStep, depthStep, outRow }: Shape,
  author: (fn: FunctionBuilder, at: Parameters) => Statement[],
): FunctionReference<'none'> {
  const full = `${name}_${rowStep}_${depthStep}_${outRow}`;
  return module.helper(full, 'i32', NAMES, 'none', (fn, parameters) => {
    const [left, right, out, rows, columns, depth, step] = parameters;
    return author(fn, { left, right, out, rows, columns, depth, step });
  });
}

/** Steps of the contracted axis taken together: as often as `out` is then read and written. */
const STEPS = 8;

/** right[depth, columns] runs along columns: out[r] += Σ left[r, k] · right[k], eight rows of it at a time. */
function downColumns(module: ModuleBuilder, shape: Shape): FunctionReference<'none'> {
  return helper(module, 'stream_down', shape, (fn, at) => {
    const [k, whole, size] = fn.several('i32', 'k', 'whole', 'size');
    const advance = (steps: number): Statement[] => [
      ...takeSteps(fn, at, shape, size, steps),
      set(at.left, plus(get(at.left), i32.const(steps * shape.depthStep))),
      set(at.right, plus(get(at.right), times(get(at.step), i32.const(steps)))),
    ];
    return [
      set(size, times(get(at.columns), i32.const(4))),
      set(whole, i32.and(get(at.depth), i32.const(-STEPS))),
      set(k, i32.const(0)),
      whileBelow(
        k,
        STEPS,
        get(whole),
        fn.scoped(() => advance(STEPS)),
      ),
      whileBelow(
        k,
        1,
        get(at.depth),
        fn.scoped(() => advance(1)),
      ),
    ];
  });
}

/** For every row: out += Σ over `steps` rows of the right side, along all columns. */
function takeSteps(
  fn: FunctionBuilder,
  at: Parameters,
  { rowStep, depthStep, outRow }: Shape,
  size: Integer,
  steps: number,
): Statement[] {
  const [row, a, c, j, whole] = fn.several('i32', 'row', 'a', 'c', 'j', 'whole_bytes');
  const xs = Array.from({ length: steps }, (_, i) => fn.local('v128', `x${i}`));
  const ys = Array.from({ length: steps }, (_, i) => fn.local('i32', `y${i}`));
  const total = fn.local('v128', 'total');
  const add = (guard: (y: Vector) => Vector): Statement[] => [
    ...xs.map((x, i) => {
      const product = f32x4.mul(get(x), guard(v128.load(plus(get(ys[i] ?? j), get(j)))));
      return set(total, i === 0 ? product : f32x4.add(get(total), product));
    }),
    v128.store(plus(get(c), get(j)), f32x4.add(v128.load(plus(get(c), get(j))), get(total))),
  ];
  const mask = lanesBelow(fn, i32.shrS(i32.sub(get(size), get(j)), i32.const(2)));
  return [
    ...ys.map((y, i) =>
      set(y, plus(get(i === 0 ? at.right : (ys[i - 1] ?? y)), i === 0 ? i32.const(0) : get(at.step))),
    ),
    set(a, get(at.left)),
    set(c, get(at.out)),
    set(whole, i32.and(get(size), i32.const(-16))),
    set(row, i32.const(0)),
    whileBelow(row, 1, get(at.rows), [
      ...xs.map((x, i) => set(x, v128.loadSplat(get(a), i * depthStep))),
      set(j, i32.const(0)),
      whileBelow(
        j,
        16,
        get(whole),
        add((y) => y),
      ),
      // columns past the end keep what they hold
      when(
        i32.ltS(get(j), get(size)),
        add((y) => v128.and(y, mask)),
      ),
      set(a, plus(get(a), i32.const(rowStep))),
      set(c, plus(get(c), i32.const(outRow))),
    ]),
  ];
}

/** Which of the lanes 0 … 3 are below `count`. */
const lanesBelow = (fn: FunctionBuilder, count: Code<'i32'>): Vector =>
  i32x4.gtS(i32x4.splat(count), fn.constant(i32x4.const(0, 1, 2, 3)));

/** right[columns, depth] runs along the contracted axis: four columns at a time, a vector of partial sums for each. */
function alongRows(module: ModuleBuilder, shape: Shape): FunctionReference<'none'> {
  return helper(module, 'stream_along', shape, (fn, at) => {
    const [j, row, a, c] = fn.several('i32', 'j', 'row', 'a', 'c');
    const ys = [0, 1, 2, 3].map((i) => fn.local('i32', `y${i}`));
    // columns past the end are computed from the last one, and dropped
    const start = (i: number): Code<'i32'> => {
      const column = plus(get(j), i32.const(i));
      const last = i32.sub(get(at.columns), i32.const(1));
      return plus(get(at.right), times(select(i32.ltS(column, last), column, last), get(at.step)));
    };
    const inside = lanesBelow(fn, i32.sub(get(at.columns), get(j)));
    const { statements, sums } = sumsAlong(fn, at, a, ys);
    return [
      set(j, i32.const(0)),
      whileBelow(j, 4, get(at.columns), [
        ...ys.map((y, i) => set(y, start(i))),
        set(a, get(at.left)),
        set(c, plus(get(at.out), times(get(j), i32.const(4)))),
        set(row, i32.const(0)),
        whileBelow(row, 1, get(at.rows), [
          ...statements,
          v128.store(get(c), f32x4.add(v128.load(get(c)), v128.and(sums, inside))),
          set(a, plus(get(a), i32.const(shape.rowStep))),
          set(c, plus(get(c), i32.const(shape.outRow))),
        ]),
      ]),
    ];
  });
}

/** Σ over depth of left · right for one row and four columns, as a vector. */
function sumsAlong(
  fn: FunctionBuilder,
  at: Parameters,
  a: Integer,
  ys: readonly Integer[],
): { readonly statements: Statement[]; readonly sums: Vector } {
  const [k, whole] = fn.several('i32', 'k', 'whole');
  const x = fn.local('v128', 'x');
  const totals = ys.map((_, i) => fn.local('v128', `total${i}`));
  const size = times(get(at.depth), i32.const(4));
  const add = (guard: (vector: Vector) => Vector): Statement[] => [
    set(x, guard(v128.load(plus(get(a), get(k))))),
    ...totals.map((total, i) => {
      const y = guard(v128.load(plus(get(ys[i] ?? a), get(k))));
      return set(total, f32x4.add(get(total), f32x4.mul(get(x), y)));
    }),
  ];
  const mask = lanesBelow(fn, i32.sub(get(at.depth), i32.shrU(get(k), i32.const(2))));
  const statements = [
    ...totals.map((total) => set(total, f32x4.const(0))),
    set(whole, i32.and(size, i32.const(-16))),
    set(k, i32.const(0)),
    whileBelow(
      k,
      16,
      get(whole),
      add((vector) => vector),
    ),
    when(
      i32.ltS(get(k), size),
      add((vector) => v128.and(vector, mask)),
    ),
  ];
  const { keep } = keepIn(fn, statements);
  const lines = totals.map((total): Vector => get(total)) as [Vector, Vector, Vector, Vector];
  const [first, ...rest] = turn(lines, keep) as [Vector, ...Vector[]];
  return { statements, sums: rest.reduce(f32x4.add, first) };
}
