import { type Dim, product, type Shape, times } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { defined } from '../src/base/errors.ts';
import type { LaunchPlan, ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Axis, Kernel, Value } from '../src/kernel/ir.ts';
import { addUp, isLong, type SumRange } from './longSum.ts';
import { blocksOf, kernelOnce, stretchOf, tileExtent } from './plan.ts';
import { loadedType, padded, planPointwise, type StridedTensor, storage } from './pointwise.ts';

/*
 * Sums and maxima over any axes.
 *
 * Dimensions are joined into alternating groups, kept and reduced. Each reduced group is one step on a view
 * [outer, reduced, inner] of what is there so far, the last group first:
 *
 *   inner = 1   rows: a program walks a block of rows in [r, c] tiles and combines across the tile once, at the end
 *   inner > 1   columns: the same with the roles of r and c exchanged; one tile of inner per program
 *
 * Where there is no outer dimension to share out (whole tensors, bias gradients), PARTS programs reduce equal stretches into
 * a temporary and a second launch combines those in order. The order depends on shape and schedule alone.
 * Traffic: the operand is read once, partial results (PARTS × inner) are written and read once.
 */

export type Reduction = 'sum' | 'max';

export interface ReduceRequest {
  readonly combine: Reduction;
  readonly x: StridedTensor;
  readonly axes: readonly number[];
  readonly out: Slot;
  /** tells the temporaries of this reduction from others of the same node */
  readonly prefix?: string;
}

/** Stretches of a reduction without outer dimension. */
const PARTS = 32;
/** Literal lengths up to this are reduced by one program instead of PARTS. */
const SHORT = 256;

/** What a combination starts from. */
export function identity(combine: Reduction, dtype: DType): number {
  if (combine === 'sum') return 0;
  return dtype === 'i32' ? -0x80000000 : dtype === 'u32' || dtype === 'bool' ? 0 : Number.NEGATIVE_INFINITY;
}

interface Group {
  readonly size: Dim;
  readonly reduced: boolean;
}

function joinGroups(shape: Shape, axes: readonly number[]): Group[] {
  const groups: Group[] = [];
  shape.forEach((size, axis) => {
    const reduced = axes.includes(axis);
    const last = groups.at(-1);
    if (size === 1) return;
    if (last?.reduced === reduced) groups[groups.length - 1] = { size: times(last.size, size), reduced };
    else groups.push({ size, reduced });
  });
  return groups;
}

/** Launches for out = combine of x over `axes`. */
export function planReduce({ combine, x, axes, out, prefix = 'step' }: ReduceRequest): readonly LaunchPlan[] {
  let groups = joinGroups(x.shape, axes);
  const steps = groups.filter(({ reduced }) => reduced).length;
  if (steps === 0) return copyThrough(x, out);
  const launches: LaunchPlan[] = [];
  let from = x.slot;
  for (let step = 1; step <= steps; step++) {
    const at = groups.findLastIndex(({ reduced }) => reduced);
    const shape = {
      outer: product(groups.slice(0, at).map(({ size }) => size)),
      reduced: groups[at]?.size ?? 1,
      inner: product(groups.slice(at + 1).map(({ size }) => size)),
    };
    const name = `${prefix}${step}`;
    const result: TensorShape = { dtype: x.dtype, shape: [shape.outer, shape.inner] };
    const to: Slot = step === steps ? out : { kind: 'temporary', name, type: result };
    launches.push(...reduceStep(combine, x.dtype, shape, from, to, name));
    groups = groups.toSpliced(at, 1);
    from = to;
  }
  return launches;
}

interface TensorShape {
  readonly dtype: DType;
  readonly shape: Shape;
}

const copyThrough = (x: StridedTensor, out: Slot): readonly LaunchPlan[] =>
  planPointwise({
    name: 'copy',
    key: 'copy',
    inputs: [x],
    results: [{ ...x, slot: out }],
    apply: (_k, [value]) => defined(value, 'value'),
  });

interface View {
  readonly outer: Dim;
  readonly reduced: Dim;
  readonly inner: Dim;
}

function reduceStep(
  combine: Reduction,
  dtype: DType,
  view: View,
  from: Slot,
  to: Slot,
  name: string,
): LaunchPlan[] {
  const short = typeof view.reduced === 'number' && view.reduced <= SHORT;
  if (view.outer !== 1 || short) return [reduceOnce(combine, dtype, view, from, to)];
  const partial: Slot = {
    kind: 'temporary',
    name: `${name}Partial`,
    type: { dtype, shape: [PARTS, view.inner] },
  };
  return [
    reduceOnce(combine, dtype, view, from, partial, PARTS),
    reduceOnce(combine, dtype, { ...view, reduced: PARTS }, partial, to),
  ];
}

/** One launch; `parts` > 1 cuts the reduced dimension into that many stretches, whose results take the place of `outer`. */
function reduceOnce(
  combine: Reduction,
  dtype: DType,
  { outer, reduced, inner }: View,
  x: Slot,
  out: Slot,
  parts = 1,
): LaunchPlan {
  const slots = { x, out };
  if (inner === 1 && parts === 1) {
    const r = tileExtent(outer, 16, 4);
    const c = typeof reduced === 'number' ? Math.min(padded(reduced), 64) : 64;
    const kernel = trace('rows', combine, dtype, r, c, parts, isLong(reduced, c), rowsProgram);
    return { kernel, grid: [blocksOf(outer, r)], scalars: { outer, reduced }, slots };
  }
  if (inner === 1) {
    const kernel = trace('whole', combine, dtype, 4, 256, parts, true, wholeProgram);
    return { kernel, grid: [blocksOf(parts, 1)], scalars: { reduced }, slots };
  }
  const r = typeof reduced === 'number' ? Math.min(padded(reduced), 16) : 16;
  const c = typeof inner === 'number' ? Math.min(padded(inner), 64) : 64;
  const scalars: Record<string, ScalarExpression> = { reduced, inner };
  const kernel = trace('columns', combine, dtype, r, c, parts, isLong(reduced, r), columnsProgram);
  return { kernel, grid: [blocksOf(parts > 1 ? parts : outer, 1), blocksOf(inner, c)], scalars, slots };
}

interface Program {
  readonly k: KernelBuilder;
  readonly combine: Reduction;
  readonly dtype: DType;
  readonly r: Axis;
  readonly c: Axis;
  readonly parts: number;
  /** a sum of floats in blocks */
  readonly long: boolean;
}

function trace(
  form: string,
  combine: Reduction,
  dtype: DType,
  rows: number,
  columns: number,
  parts: number,
  isLongSum: boolean,
  program: (context: Program) => void,
): Kernel {
  const long = isLongSum && combine === 'sum' && loadedType(dtype) === 'f32';
  const variant = `${form} ${dtype} ${rows}x${columns}${parts > 1 ? ` parts ${parts}` : ''}${long ? ' long' : ''}`;
  const doc = `${combine} of [outer, reduced, inner] over reduced, by ${form}: x is read once`;
  const tiles = { r: rows, c: columns };
  return kernelOnce({ name: combine, variant, doc, schedule: { tiles } }, (k) => {
    const r = k.axis('r', rows);
    const c = k.axis('c', columns);
    program({ k, combine, dtype, r, c, parts, long });
  });
}

/** The tile of what `load` gives over a stretch, combined; `axes` are those of the tile. */
function combined(
  { k, combine, dtype, long }: Program,
  axes: readonly Axis[],
  stretch: Omit<SumRange, 'long'>,
  load: (at: Value, otherwise: number) => Value,
): Value {
  const start = identity(combine, dtype);
  const join = (x: Value, y: Value): Value => (combine === 'sum' ? k.add(x, y) : k.max(x, y));
  const [total] = addUp(k, { ...stretch, long }, [k.fill(axes, start, loadedType(dtype))], (at, [acc]) => [
    join(defined(acc, 'total'), load(at, start)),
  ]);
  return defined(total, 'total');
}

/** out[outer] of x [outer, reduced]: a block of rows per program. */
function rowsProgram(program: Program): void {
  const { k, combine, dtype, r, c } = program;
  const x = k.read('x', storage(dtype));
  const out = k.write('out', storage(dtype));
  const outer = k.parameter('outer');
  const reduced = k.parameter('reduced');
  const R = k.span(r, k.mul(k.program(0), r.size), outer);
  const total = combined(program, [r, c], { from: 0, to: reduced, step: c.size }, (at, otherwise) => {
    const terms = [
      [R, reduced],
      [k.span(c, at, reduced), 1],
    ] as const;
    return k.load(x, terms, otherwise);
  });
  k.store(out, [[R, 1]], k.reduce(combine, total, c));
}

/** out[part] of x [reduced]: a stretch of a vector per program. */
function wholeProgram(program: Program): void {
  const { k, combine, dtype, c, parts } = program;
  const x = k.read('x', storage(dtype));
  const out = k.write('out', storage(dtype));
  const reduced = k.parameter('reduced');
  const { from, to } = stretchOf(k, k.program(0), parts, reduced, c.size);
  const total = combined(program, [c], { from, to, step: c.size }, (at, otherwise) =>
    k.load(x, [[k.span(c, at, to), 1]], otherwise),
  );
  k.store(out, [[k.program(0), 1]], k.reduce(combine, total, c));
}

/** out[outer, inner] of x [outer, reduced, inner]: one outer index (or stretch of `reduced`) and one tile of inner per program. */
function columnsProgram(program: Program): void {
  const { k, combine, dtype, r, c, parts } = program;
  const x = k.read('x', storage(dtype));
  const out = k.write('out', storage(dtype));
  const reduced = k.parameter('reduced');
  const inner = k.parameter('inner');
  const row = k.program(0);
  const C = k.span(c, k.mul(k.program(1), c.size), inner);
  const { from, to } = parts > 1 ? stretchOf(k, row, parts, reduced, r.size) : { from: 0, to: reduced };
  const base = parts > 1 ? k.constant(0, 'i32') : k.mul(row, k.mul(reduced, inner));
  const total = combined(program, [r, c], { from, to, step: r.size }, (at, otherwise) => {
    const terms = [
      [base, 1],
      [k.span(r, at, to), inner],
      [C, 1],
    ] as const;
    return k.load(x, terms, otherwise);
  });
  const terms = [
    [row, inner],
    [C, 1],
  ] as const;
  k.store(out, terms, k.reduce(combine, total, r));
}
