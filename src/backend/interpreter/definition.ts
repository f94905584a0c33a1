/**
 * The readable definition of the kernel language: a walk over a kernel, one element at a time, in the order of its
 * statements. Slow on purpose; the generated interpreter and every other backend are compared with it, and the
 * simulator watches its memory accesses.
 */

import type { Precision, TypedArray } from '../../base/dtype.ts';
import { defined, FrondError } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import { threefry } from '../../base/random.ts';
import { applied, converted, roundTo, storedAs } from '../../kernel/arithmetic.ts';
import { statementsOf } from '../../kernel/flow.ts';
import type { Axis, Buffer, Kernel, Loop, Region, Store, Term, Value } from '../../kernel/ir.ts';
import { type LaunchSizes, programsOf } from './launch.ts';

/** One access to memory, as a walk meets it. */
export interface MemoryAccess {
  readonly buffer: Buffer;
  readonly address: number;
  /** grid coordinates of the program */
  readonly program: readonly number[];
  readonly source: string | undefined;
}

/** Answers whether an access may go ahead; a load that may not gives 0, a store that may not is dropped. */
export interface Watcher {
  load(access: MemoryAccess): boolean;
  store(access: MemoryAccess): boolean;
}

/** A scalar (one element) or tile, row-major over its axes; every element type fits a double exactly. */
interface Tile {
  readonly axes: readonly Axis[];
  readonly data: Float64Array;
}

type Lookup = (row: number, column: number) => number;
/** Address of an element, or undefined where a span masks it. */
type Addressing = (row: number, column: number) => number | undefined;

interface Walk {
  readonly precision: Precision;
  readonly scalars: Readonly<Record<string, number>>;
  readonly buffers: Readonly<Record<string, TypedArray>>;
  readonly watcher: Watcher;
  readonly program: readonly number[];
  readonly values: Map<Value, Tile>;
  readonly results: Map<Loop, readonly Tile[]>;
  /** sums that loops carry, which are not rounded */
  readonly sums: ReadonlySet<Value>;
}

/** Runs every program of a launch in order. `watcher` sees each load and store. */
export function walk(
  kernel: Kernel,
  launch: LaunchSizes,
  buffers: Readonly<Record<string, TypedArray>>,
  precision: Precision,
  watcher: Watcher,
): void {
  const sums = carriedSums(kernel);
  for (const program of programsOf(launch.grid)) {
    runRegion(kernel.body, {
      precision,
      scalars: launch.scalars,
      buffers,
      watcher,
      program,
      values: new Map(),
      results: new Map(),
      sums,
    });
  }
}

function runRegion(region: Region, at: Walk): void {
  for (const statement of region.statements) {
    if (statement.kind === 'store') runStore(statement, at);
    else if (statement.kind === 'loop') runLoop(statement, at);
    else if (statement.kind === 'when') {
      if (scalar(statement.condition, at) !== 0) runRegion(statement.body, at);
    } else if (statement.value.op !== 'induction' && statement.value.op !== 'carried') {
      at.values.set(statement.value, evaluate(statement.value, at));
    }
  }
}

function runLoop(loop: Loop, at: Walk): void {
  const [to, step] = [scalar(loop.to, at), scalar(loop.step, at)];
  // a sum that a loop around this one carries is rounded where this one does not add to it
  const handed = (values: readonly Value[]): Tile[] =>
    values.map((value, i) => {
      const tile = tileOf(value, at);
      const isKept = !at.sums.has(value) || at.sums.has(defined(loop.carried[i], 'carried value'));
      return isKept ? tile : { ...tile, data: tile.data.map(roundTo(value.dtype, at.precision)) };
    });
  let tiles = handed(loop.initial);
  for (let i = scalar(loop.from, at); i < to; i += step) {
    at.values.set(loop.induction, { axes: [], data: Float64Array.of(i) });
    loop.carried.forEach((value, index) => {
      at.values.set(value, defined(tiles[index], 'carried tile'));
    });
    runRegion(loop.body, at);
    tiles = handed(loop.yields);
    if (step <= 0) throw endlessLoop(loop, step);
  }
  at.results.set(loop, tiles);
}

/** The error of a loop whose step is not positive; raised after its first iteration, as `from` may not be below `to`. */
export const endlessLoop = (loop: Loop, step: number): FrondError =>
  new FrondError('FROND-K031', `a loop advances by ${step} and never ends`, {
    node: loop.step.source ?? loop.induction.source,
  });

function runStore(store: Store, at: Walk): void {
  const { buffer, value } = store;
  const data = defined(own(at.buffers, buffer.name), `buffer ${buffer.name}`);
  const addressing = addresses(store.terms, value.axes, at);
  const from = lookup(tileOf(value, at), value.axes);
  const round = storedAs(buffer.dtype, at.precision);
  eachElement(value.axes, (i, j) => {
    const address = addressing(i, j);
    if (address === undefined) return;
    const allowed = at.watcher.store({ buffer, address, program: at.program, source: store.source });
    if (allowed) data[address] = round(from(i, j));
  });
}

const tileOf = (value: Value, at: Walk): Tile => defined(at.values.get(value), `value %${value.id}`);
const scalar = (value: Value, at: Walk): number => defined(tileOf(value, at).data[0], 'scalar');

/** Calls `visit` for each element; a vector's position is its column. */
function eachElement(axes: readonly Axis[], visit: (row: number, column: number) => void): void {
  const rows = axes.length === 2 ? (axes[0]?.size ?? 1) : 1;
  const columns = axes[axes.length - 1]?.size ?? 1;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) visit(i, j);
}

function make(axes: readonly Axis[], round: (x: number) => number, element: Lookup): Tile {
  const data = new Float64Array(axes.reduce((size, axis) => size * axis.size, 1));
  let next = 0;
  eachElement(axes, (i, j) => {
    data[next++] = round(element(i, j));
  });
  return { axes, data };
}

/** Whether `axis` is the row coordinate of tiles over `axes` (else it is the column). */
const isRow = (axis: Axis, axes: readonly Axis[]): boolean => axes.length === 2 && axes[0] === axis;

/** Reads `tile` at coordinates of the wider tile over `axes`: broadcasting. */
function lookup({ axes: own, data }: Tile, axes: readonly Axis[]): Lookup {
  const [first, second] = own;
  if (!first) return () => data[0] as number;
  if (second) return (i, j) => data[i * second.size + j] as number;
  return isRow(first, axes) ? (i) => data[i] as number : (_, j) => data[j] as number;
}

function addresses(terms: readonly Term[], axes: readonly Axis[], at: Walk): Addressing {
  const parts = terms.map(({ index, stride }): Addressing => {
    const step = scalar(stride, at);
    if (index.kind === 'value') {
      const read = lookup(tileOf(index, at), axes);
      return (i, j) => read(i, j) * step;
    }
    const [start, limit, row] = [scalar(index.start, at), scalar(index.limit, at), isRow(index.axis, axes)];
    return (i, j) => {
      const position = start + (row ? i : j);
      return position < limit ? position * step : undefined;
    };
  });
  return (i, j) => {
    let address = 0;
    for (const part of parts) {
      const offset = part(i, j);
      if (offset === undefined) return undefined;
      address += offset;
    }
    return address;
  };
}

function evaluate(value: Value, at: Walk): Tile {
  const round = at.sums.has(value) ? (x: number) => x : roundTo(value.dtype, at.precision);
  const { axes } = value;
  switch (value.op) {
    case 'constant':
    case 'fill':
      return make(axes, round, () => value.value);
    case 'parameter':
      return make([], round, () => defined(own(at.scalars, value.name), `scalar ${value.name}`));
    case 'program':
      return make([], round, () => at.program[value.dimension] ?? 0);
    case 'arange':
      return make(axes, round, (_, j) => j);
    case 'inside': {
      const [start, limit] = [scalar(value.span.start, at), scalar(value.span.limit, at)];
      return make(axes, round, (_, j) => +(start + j < limit));
    }
    case 'elementwise': {
      const last = defined(value.args[value.args.length - 1], 'argument');
      const reads = value.args.map((arg) => lookup(tileOf(arg, at), axes));
      const [x, y, z] = [reads[0], reads[1], reads[2]].map((read) => read ?? (() => 0));
      const apply = applied(value.fn, last.dtype, at.precision);
      return make(axes, round, (i, j) => apply(x?.(i, j) ?? 0, y?.(i, j) ?? 0, z?.(i, j) ?? 0));
    }
    case 'cast': {
      const read = lookup(tileOf(value.arg, at), axes);
      const convert = converted(value.arg.dtype, value.dtype, at.precision);
      return make(axes, round, (i, j) => convert(read(i, j)));
    }
    case 'load':
      return load(value, round, at);
    case 'reduce':
      return reduce(value, round, at);
    case 'dot':
      return dot(value, round, at);
    case 'rename':
      return { axes, data: tileOf(value.arg, at).data };
    case 'random': {
      const parts = [value.key0, value.key1, value.counter0, value.counter1];
      const reads = parts.map((part) => lookup(tileOf(part, at), axes));
      const words = (i: number, j: number) => reads.map((read) => read(i, j)) as Parameters<typeof threefry>;
      return make(axes, round, (i, j) => threefry(...words(i, j))[value.word]);
    }
    case 'result':
      return defined(at.results.get(value.loop)?.[value.index], 'result of a loop');
    case 'induction':
    case 'carried':
      return tileOf(value, at);
  }
}

function load(value: Value & { readonly op: 'load' }, round: (x: number) => number, at: Walk): Tile {
  const { buffer } = value;
  const data = defined(own(at.buffers, buffer.name), `buffer ${buffer.name}`);
  const addressing = addresses(value.terms, value.axes, at);
  return make(value.axes, round, (i, j) => {
    const address = addressing(i, j);
    if (address === undefined) return value.otherwise;
    const allowed = at.watcher.load({ buffer, address, program: at.program, source: value.source });
    return allowed ? (data[address] ?? 0) : 0;
  });
}

function reduce(value: Value & { readonly op: 'reduce' }, round: (x: number) => number, at: Walk): Tile {
  const { arg, combine } = value;
  const read = lookup(tileOf(arg, at), arg.axes);
  const kept = value.axes[0];
  const keepsRow = kept !== undefined && isRow(kept, arg.axes);
  const size = kept?.size ?? 1;
  const total = new Float64Array(size).fill(combine === 'sum' ? 0 : Number.NEGATIVE_INFINITY);
  const best = new Float64Array(size);
  eachElement(arg.axes, (i, j) => {
    const place = kept === undefined ? 0 : keepsRow ? i : j;
    const [x, before] = [read(i, j), total[place] as number];
    if (combine === 'sum') total[place] = before + x;
    else if (combine === 'max') total[place] = Math.max(before, x);
    else if (isLarger(x, before)) {
      total[place] = x;
      best[place] = arg.axes.length === 2 && !keepsRow ? i : j;
    }
  });
  const from = combine === 'argmax' ? best : total;
  return make(value.axes, round, (_, j) => from[j] as number);
}

/** The accumulator is added last, to the sum formed in f64 in the order of the contracted axis. */
function dot(value: Value & { readonly op: 'dot' }, round: (x: number) => number, at: Walk): Tile {
  const { over, row, column } = value;
  const operand = (tile: Value, other: Axis): ((free: number, k: number) => number) => {
    const read = lookup(tileOf(tile, at), tile.axes);
    return tile.axes[0] === other ? (free, k) => read(free, k) : (free, k) => read(k, free);
  };
  const [left, right] = [operand(value.left, row), operand(value.right, column)];
  const accumulator = value.accumulator && lookup(tileOf(value.accumulator, at), value.axes);
  return make(value.axes, round, (i, j) => {
    let sum = 0;
    for (let k = 0; k < over.size; k++) sum += left(i, k) * right(j, k);
    return accumulator ? accumulator(i, j) + sum : sum;
  });
}

/** Whether x comes after `largest` in the order of maxima, in which NaN is larger than all numbers. */
const isLarger = (x: number, largest: number): boolean =>
  x > largest || (Number.isNaN(x) && !Number.isNaN(largest));

/**
 * Sums that loops carry, with the values that hold them: they stay in doubles from round to round, however long the loop is. What
 * is carried counts as a sum where the next round adds to it, or to a multiple of it.
 */
export function carriedSums(kernel: Kernel): ReadonlySet<Value> {
  const sums = new Set<Value>();
  for (const { statement } of statementsOf(kernel)) {
    if (statement.kind === 'let' && statement.value.op === 'result') {
      const { loop, index } = statement.value;
      if (sums.has(loop.carried[index] as Value)) sums.add(statement.value);
    }
    if (statement.kind !== 'loop') continue;
    statement.yields.forEach((value, i) => {
      const path = pathTo(statement.carried[i], value);
      if (value.dtype === 'f32') for (const part of path) sums.add(part);
    });
  }
  return sums;
}

/** The values from a carried one to what is yielded for it: nothing where that is no sum. */
function pathTo(carried: Value | undefined, value: Value): readonly Value[] {
  if (value.op === 'dot') return value.accumulator ? scaled(carried, value.accumulator, [value]) : [];
  if (value.op !== 'elementwise' || value.fn !== 'add') return [];
  return value.args.map((arg) => scaled(carried, arg, [value])).find((path) => path.length > 0) ?? [];
}

function scaled(carried: Value | undefined, value: Value, path: readonly Value[]): readonly Value[] {
  if (value === carried) return [...path, value];
  if (value.op !== 'elementwise' || value.fn !== 'mul') return [];
  const next = [...path, value];
  return value.args.map((arg) => scaled(carried, arg, next)).find((found) => found.length > 0) ?? [];
}
