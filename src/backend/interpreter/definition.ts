/**
 * The readable definition of the kernel language: a walk over a kernel, one element at a time, in the order of its
 * statements. Slow on purpose; the generated interpreter and every other backend are compared with it, and the
 * simulator watches its memory accesses.
 */

import type { Precision, TypedArray } from '../../base/dtype.ts';
import { defined, FrondError } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import { threefry } from '../../base/random.ts';
import { applied, converted, roundTo, storedAs } from '../../kernel/elementwise.ts';
import { type ByOp, byOp, loopsOf, operandsOf, statementsOf, valuesOf } from '../../kernel/flow.ts';
import type { Axis, Kernel, Loop, Region, Span, Store, Term, Value, ValueOf } from '../../kernel/ir.ts';
import { type Buffers, type LaunchSizes, programsOf } from './launch.ts';

/**
 * Answers whether the program of a number (in the order of `programsOf`) may access an element; a load that may not gives 0, a store
 * that may not is dropped.
 */
export type Watcher = (by: ValueOf<'load'> | Store, address: number, program: number) => boolean;

/** Runs every program of a launch in order. `watch` sees each load and store. */
export function walk(
  kernel: Kernel,
  { grid, scalars }: LaunchSizes,
  buffers: Buffers,
  precision: Precision,
  watch: Watcher = () => true,
): void {
  const sums = carriedSums(kernel);
  for (const [number, program] of programsOf(grid).entries()) {
    new Walk({ program, number, scalars, buffers, precision, sums, watch }).run(kernel.body);
  }
}

interface Surroundings extends Pick<LaunchSizes, 'scalars'> {
  readonly program: readonly number[];
  readonly number: number;
  readonly buffers: Buffers;
  readonly precision: Precision;
  /** sums that loops carry, which are not rounded */
  readonly sums: ReadonlySet<Value>;
  readonly watch: Watcher;
}

const itemOf = (list: ArrayLike<number>, index: number): number => list[index] as number;

/** The walk of one program. */
class Walk {
  readonly #at: Surroundings;
  /** scalars (one element) and tiles (row-major) by id; every element type fits a double exactly */
  readonly #tiles: Float64Array[] = [];
  /** where the element at hand stands along each axis, by the axis' order */
  readonly #place: number[] = [];

  constructor(surroundings: Surroundings) {
    this.#at = surroundings;
  }

  run(region: Region): void {
    for (const statement of region.statements) {
      if (statement.kind === 'store') this.#store(statement);
      else if (statement.kind === 'loop') this.#loop(statement);
      else if (statement.kind === 'let') this.#evaluate(statement.value);
      else if (this.#read(statement.condition) !== 0) this.run(statement.body);
    }
  }

  #loop(loop: Loop): void {
    const [to, step] = [this.#read(loop.to), this.#read(loop.step)];
    this.#carry(loop, loop.initial);
    for (let i = this.#read(loop.from); i < to; i += step) {
      this.#tiles[loop.induction.id] = Float64Array.of(i);
      this.run(loop.body);
      this.#carry(loop, loop.yields);
      if (step <= 0) throw endlessLoop(loop, step);
    }
  }

  /** Makes `values` the carried ones. A sum that another loop carries is rounded where this one does not add to it. */
  #carry(loop: Loop, values: readonly Value[]): void {
    const { sums, precision } = this.#at;
    const tiles = values.map((value, i) => {
      const isKept = !sums.has(value) || sums.has(carriedOf(loop, i));
      return isKept ? this.#tile(value) : this.#tile(value).map(roundTo(value.dtype, precision));
    });
    for (const [i, { id }] of loop.carried.entries()) this.#tiles[id] = defined(tiles[i], 'carried tile');
  }

  #store(store: Store): void {
    const { buffer, terms, value } = store;
    const [data, round] = [this.#memory(store), storedAs(buffer.dtype, this.#at.precision)];
    this.#each(value.axes, () => {
      const address = this.#address(terms);
      const isWritten = !Number.isNaN(address) && this.#at.watch(store, address, this.#at.number);
      if (isWritten) data[address] = round(this.#read(value));
    });
  }

  #evaluate(value: Value): void {
    const { precision, sums } = this.#at;
    const round = sums.has(value) ? (x: number) => x : roundTo(value.dtype, precision);
    const data = new Float64Array(value.axes.reduce((size, axis) => size * axis.size, 1));
    let next = 0;
    this.#each(value.axes, () => {
      data[next++] = round(byOp(this.#elements, value));
    });
    this.#tiles[value.id] = data;
  }

  #tile({ id }: Value): Float64Array {
    return defined(this.#tiles[id], 'value');
  }

  #memory({ buffer }: ValueOf<'load'> | Store): TypedArray {
    return defined(own(this.#at.buffers, buffer.name), 'bound buffer');
  }

  /** Calls `visit` at each place along `axes`, the last one fastest. */
  #each([axis, ...others]: readonly Axis[], visit: () => void): void {
    if (!axis) visit();
    for (let i = 0; axis && i < axis.size; i++) {
      this.#place[axis.order] = i;
      this.#each(others, visit);
    }
  }

  #along({ order }: Axis): number {
    return itemOf(this.#place, order);
  }

  /** The element at hand of a scalar or tile: broadcasting. */
  #read(value: Value): number {
    const [first, second] = value.axes;
    const row = first ? this.#along(first) : 0;
    return itemOf(this.#tile(value), second ? row * second.size + this.#along(second) : row);
  }

  /** The position that a span stands for, NaN past its limit. */
  #position({ axis, start, limit }: Span): number {
    const position = this.#read(start) + this.#along(axis);
    return position < this.#read(limit) ? position : Number.NaN;
  }

  /** The address of the element at hand, NaN where a span masks it. */
  #address(terms: readonly Term[]): number {
    return terms.reduce((address, { index, stride }) => {
      const position = index.kind === 'span' ? this.#position(index) : this.#read(index);
      return address + position * this.#read(stride);
    }, 0);
  }

  /** The element at hand of a value that is being computed. */
  readonly #elements: ByOp<number> = {
    constant: ({ value }) => value,
    fill: ({ value }) => value,
    parameter: ({ name }) => defined(own(this.#at.scalars, name), 'bound scalar'),
    program: ({ dimension }) => itemOf(this.#at.program, dimension),
    arange: ({ axes: [axis] }) => this.#along(defined(axis, 'axis')),
    inside: ({ span }) => +!Number.isNaN(this.#position(span)),
    elementwise: ({ fn, args }) => {
      const apply = applied(fn, defined(args.at(-1), 'argument').dtype, this.#at.precision);
      const [x = 0, y = 0, z = 0] = args.map((arg) => this.#read(arg));
      return apply(x, y, z);
    },
    cast: ({ arg, dtype }) => converted(arg.dtype, dtype, this.#at.precision)(this.#read(arg)),
    load: (load) => {
      const address = this.#address(load.terms);
      if (Number.isNaN(address)) return load.otherwise;
      const isRead = this.#at.watch(load, address, this.#at.number);
      return isRead ? (this.#memory(load)[address] ?? 0) : 0;
    },
    reduce: ({ combine, arg, over }) => {
      let [total, place] = [combine === 'sum' ? 0 : Number.NEGATIVE_INFINITY, 0];
      // NaN is larger than all numbers
      const isLarger = (x: number): boolean => x > total || (Number.isNaN(x) && !Number.isNaN(total));
      const axes = arg.axes.filter((axis) => over.includes(axis));
      this.#each(axes, () => {
        const x = this.#read(arg);
        if (combine === 'sum') total += x;
        else if (combine === 'max') total = Math.max(total, x);
        else if (isLarger(x)) [total, place] = [x, this.#along(defined(axes[0], 'axis'))];
      });
      return combine === 'argmax' ? place : total;
    },
    // the accumulator is added last, to the sum formed in f64 in the order of the contracted axis
    dot: ({ left, right, over, accumulator }) => {
      let sum = 0;
      this.#each([over], () => {
        sum += this.#read(left) * this.#read(right);
      });
      return accumulator ? this.#read(accumulator) + sum : sum;
    },
    rename: ({ arg, from, to }) => {
      this.#place[from.order] = this.#along(to);
      return this.#read(arg);
    },
    random: (random) => {
      const [key0 = 0, key1 = 0, counter0 = 0, counter1 = 0] = operandsOf(random).map((word) =>
        this.#read(word),
      );
      return threefry(key0, key1, counter0, counter1)[random.word];
    },
    induction: (counter) => this.#read(counter),
    carried: (carried) => this.#read(carried),
    result: ({ loop, index }) => this.#read(carriedOf(loop, index)),
  };
}

export const carriedOf = (loop: Loop, index: number): Value => defined(loop.carried[index], 'carried value');

/** The error of a loop whose step is not positive; raised after its first iteration, as `from` may not be below `to`. */
export const endlessLoop = (loop: Loop, step: number): FrondError =>
  new FrondError('FROND-K031', `a loop advances by ${step} and never ends`, {
    node: loop.step.source ?? loop.induction.source,
  });

/**
 * Sums that loops carry, with the values that hold them: they stay in doubles from round to round, however long the loop is. What
 * is carried counts as a sum where the next round adds to it, or to a multiple of it.
 */
export function carriedSums(kernel: Kernel): ReadonlySet<Value> {
  const statements = statementsOf(kernel);
  const sums = new Set(
    loopsOf(statements).flatMap(({ carried, yields }) =>
      yields.flatMap((value, i) => (value.dtype === 'f32' ? pathTo(carried[i], value, 'add') : [])),
    ),
  );
  for (const value of valuesOf(statements)) {
    if (value.op === 'result' && sums.has(carriedOf(value.loop, value.index))) sums.add(value);
  }
  return sums;
}

/** The values from a carried one, times anything, plus anything (`fn`), to `value`: none where that is something else. */
function pathTo(carried: Value | undefined, value: Value, fn: 'add' | 'mul'): readonly Value[] {
  if (value === carried && fn === 'mul') return [value];
  const isFunction = value.op === 'elementwise' && value.fn === fn;
  const isSum = fn === 'add' && value.op === 'dot' && value.accumulator !== undefined;
  const operands = isFunction ? value.args : isSum ? [value.accumulator] : [];
  const path = operands.map((operand) => pathTo(carried, operand, 'mul')).find(({ length }) => length > 0);
  return path ? [value, ...path] : [];
}
