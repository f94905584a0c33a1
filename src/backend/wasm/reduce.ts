import { defined } from '../../base/errors.ts';
import type { Axis, Value, ValueType } from '../../kernel/ir.ts';
import type { Float, Integer, Local, Statement, Vector } from './code.ts';
import { set } from './control.ts';
import type { FunctionBuilder } from './encode.ts';
import { f32, f32x4, i32, i32x4, plus, times, v128 } from './instructions.ts';
import type { NestFrame } from './loops.ts';
import type { Lowering, Place } from './lowering.ts';
import { Nest } from './nest.ts';
import { vectorsAtOnce } from './write.ts';

type Reduce = Value & { readonly op: 'reduce' };
type Join = (x: Vector, y: Vector) => Vector;

/** What a type's reductions are made of. */
interface Numbers {
  readonly zero: (fn: FunctionBuilder) => Vector;
  readonly add: Join;
  /** what a maximum starts from */
  readonly lowest: (fn: FunctionBuilder) => Vector;
  readonly max: Join;
  /** where `element` is larger than what was the largest: NaN than all numbers, nothing than NaN */
  readonly isLarger: (most: Vector, element: Vector) => Vector;
}

const integers = { zero: (fn: FunctionBuilder): Vector => fn.word(0), add: i32x4.add };

const NUMBERS: Readonly<Record<Exclude<ValueType, 'bool'>, Numbers>> = {
  f32: {
    zero: (fn) => fn.float(0),
    add: f32x4.add,
    lowest: (fn) => fn.float(Number.NEGATIVE_INFINITY),
    max: f32x4.max,
    isLarger: (most, element) => v128.andnot(f32x4.eq(most, most), f32x4.le(element, most)),
  },
  i32: { ...integers, lowest: (fn) => fn.word(-0x80000000), max: i32x4.maxS, isLarger: i32x4.ltS },
  u32: { ...integers, lowest: (fn) => fn.word(0), max: i32x4.maxU, isLarger: i32x4.ltU },
};

function numbersOf(at: Lowering, { arg: { dtype }, combine, id }: Reduce): Numbers {
  if (dtype === 'bool') throw at.unsupported(`reduce ${combine} of bools`, `%${id}`);
  return NUMBERS[dtype];
}

/** What an accumulator of a sum or a maximum starts from, and how it takes in a vector. */
function combination(at: Lowering, value: Reduce): { readonly identity: Vector; readonly join: Join } {
  const { zero, add, lowest, max } = numbersOf(at, value);
  return value.combine === 'sum'
    ? { identity: zero(at.fn), join: add }
    : { identity: lowest(at.fn), join: max };
}

type Target = { readonly place: Place } | { readonly scalar: Local<'i32' | 'f32'> };

/** A reduction to a tile of one axis, into `place`; or to a scalar, into `scalar`. */
export function writeReduce(at: Lowering, value: Reduce, to: Target): Statement[] {
  const { arg, over, combine } = value;
  const [first, second] = arg.axes;
  if ('place' in to && first && second && over[0] === first) {
    return (combine === 'argmax' ? argmaxDownRows : downRows)(at, value, to.place, first, second);
  }
  const lane = defined(second ?? first, 'axis of a reduction');
  return at.fn.scoped(() => acrossLanes(at, value, nestOver(at, value, second && first, lane), to));
}

const nestOver = (at: Lowering, { arg }: Reduce, row: Axis | undefined, lane: Axis): Nest =>
  new Nest(at, row, lane, { of: [arg] });

/** Accumulators in vectors, joined across lanes at the end of each row, or of all. */
function acrossLanes(at: Lowering, value: Reduce, nest: Nest, to: Target): Statement[] {
  const running = (value.combine === 'argmax' ? runningArgmax : runningTotal)(at, nest, value);
  const store = (): Statement => {
    const isFloat = value.dtype === 'f32';
    const result = (isFloat ? f32x4 : i32x4).lane(running.result, 0);
    if ('scalar' in to) return set<'i32' | 'f32'>(to.scalar, result);
    const address = plus(at.scratch, times(nest.rowIndex, 4));
    return result.result === 'f32'
      ? f32.store(address, result as Float, to.place.offset)
      : i32.store(address, result as Integer, to.place.offset);
  };
  return nest.close({ ...running, finish: [...running.finish, store()], perRow: 'place' in to });
}

interface Running extends Pick<NestFrame, 'start' | 'finish'> {
  readonly result: Vector;
}

function runningTotal(at: Lowering, nest: Nest, value: Reduce): Running {
  const { identity, join } = combination(at, value);
  const name = value.combine === 'sum' ? 'total' : 'most';
  const most = vectorsAtOnce(at, value.arg, nest.lane);
  const first = at.fn.local('v128', name);
  const totals = [first, ...Array.from({ length: most - 1 }, () => at.fn.local('v128', name))];
  nest.each(most, (cell) => {
    const total = totals[cell.vector] ?? first;
    nest.push(2, set(total, join(total, nest.evaluate(value.arg, cell))));
  });
  return {
    start: totals.map((total) => set(total, identity)),
    finish: [set(first, totals.slice(1).reduce<Vector>(join, first)), ...acrossVector(first, join)],
    result: first,
  };
}

/** Joins the four lanes of a vector; all of them hold the result. */
const acrossVector = (x: Local<'v128'>, join: Join): Statement[] => [
  set(x, join(x, v128.shuffle(x, x, [2, 3, 0, 1]))),
  set(x, join(x, v128.shuffle(x, x, [1, 0, 3, 2]))),
];

/** Largest elements and where they were first met, lane by lane. Among equals the smallest index wins in the end. */
function runningArgmax(at: Lowering, nest: Nest, value: Reduce): Running {
  const { lowest, max, isLarger } = numbersOf(at, value);
  const [most, where, better, top] = at.fn.several('v128', 'most', 'where', 'better', 'top');
  nest.each(1, (cell) => {
    const element = nest.evaluate(value.arg, cell);
    nest.push(2, set(better, isLarger(most, element)));
    nest.push(2, set(most, v128.select(better, element, most)));
    nest.push(2, set(where, v128.select(better, nest.laneIndices(cell), where)));
  });
  // equal, or NaN both: a lane that is NaN makes the top NaN
  const isTop =
    value.arg.dtype === 'f32' ? v128.or(f32x4.eq(most, top), f32x4.ne(most, most)) : i32x4.eq(most, top);
  return {
    start: [set(most, lowest(at.fn)), set(where, at.fn.word(0))],
    finish: [
      set(top, most),
      ...acrossVector(top, max),
      set(where, v128.select(isTop, where, at.fn.word(0x7fffffff))),
      ...acrossVector(where, i32x4.minS),
    ],
    result: where,
  };
}

/** Over the rows of a tile: one accumulator per column, in memory. */
function downRows(at: Lowering, value: Reduce, place: Place, row: Axis, lane: Axis): Statement[] {
  const { arg } = value;
  const { identity, join } = combination(at, value);
  return [
    ...fillVector(at, place.offset, lane, identity),
    ...at.fn.scoped(() => {
      const nest = nestOver(at, value, row, lane);
      const address = plus(at.scratch, nest.laneBytes);
      nest.each(vectorsAtOnce(at, arg, lane), (cell) => {
        const element = nest.evaluate(arg, cell);
        const offset = place.offset + cell.vector * 16;
        nest.push(2, v128.store(address, join(v128.load(address, offset), element), offset));
      });
      return nest.close();
    }),
  ];
}

function argmaxDownRows(at: Lowering, value: Reduce, place: Place, row: Axis, lane: Axis): Statement[] {
  const { lowest, isLarger } = numbersOf(at, value);
  const most = at.reserve(lane.size * 4);
  return [
    ...fillVector(at, most, lane, lowest(at.fn)),
    ...fillVector(at, place.offset, lane, at.fn.word(0)),
    ...at.fn.scoped(() => {
      const nest = nestOver(at, value, row, lane);
      const address = plus(at.scratch, nest.laneBytes);
      const better = at.fn.local('v128', 'better');
      const update = (offset: number, next: Vector): Statement =>
        v128.store(address, v128.select(better, next, v128.load(address, offset)), offset);
      nest.each(1, (cell) => {
        const element = nest.evaluate(value.arg, cell);
        nest.push(2, set(better, isLarger(v128.load(address, most), element)));
        nest.push(2, update(most, element));
        nest.push(2, update(place.offset, i32x4.splat(nest.rowAt(cell))));
      });
      return nest.close();
    }),
  ];
}

function fillVector(at: Lowering, offset: number, lane: Axis, value: Vector): Statement[] {
  return at.fn.scoped(() => {
    const nest = new Nest(at, undefined, lane);
    nest.push(2, v128.store(plus(at.scratch, nest.laneBytes), value, offset));
    return nest.close();
  });
}
