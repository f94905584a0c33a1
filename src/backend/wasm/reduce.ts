import { defined } from '../../base/errors.ts';
import type { Axis, Value, ValueType } from '../../kernel/ir.ts';
import { type Code, type Local, type Statement, set } from './code.ts';
import { kindOf } from './elementwise.ts';
import { f32, f32x4, i32, i32x4, plus, times, v128 } from './instructions.ts';
import { type Cell, type NestOptions, rolesOf } from './loops.ts';
import { type Lowering, type Place, reserve } from './lowering.ts';
import { Nest } from './nest.ts';
import { unsupported } from './unsupported.ts';
import { cutsOf, vectorsAtOnce } from './write.ts';

type Reduce = Value & { readonly op: 'reduce' };
type Vector = Code<'v128'>;

/** How elements are combined: what an accumulator starts from, and how it takes in a vector. */
interface Combination {
  readonly identity: Vector;
  join(x: Vector, y: Vector): Vector;
}

const LOWEST_INTEGER = -0x80000000;

function combination(at: Lowering, { combine, arg, id }: Reduce): Combination {
  const { dtype } = arg;
  if (dtype === 'bool') throw unsupported(at.kernel, `reduce ${combine} of bools`, `%${id}`);
  const { fn } = at;
  if (combine === 'sum') {
    return dtype === 'f32'
      ? { identity: fn.float(0), join: f32x4.add }
      : { identity: fn.word(0), join: i32x4.add };
  }
  return { identity: lowestOf(at, dtype), join: joinMaximum(dtype) };
}

const lowestOf = ({ fn }: Lowering, dtype: ValueType): Vector =>
  dtype === 'f32' ? fn.float(Number.NEGATIVE_INFINITY) : fn.word(dtype === 'u32' ? 0 : LOWEST_INTEGER);

const joinMaximum = (dtype: ValueType) =>
  dtype === 'f32' ? f32x4.max : dtype === 'u32' ? i32x4.maxU : i32x4.maxS;

/** Where `element` is larger than what was the largest: NaN than all numbers, nothing than NaN. */
const isLarger = (dtype: ValueType, most: Vector, element: Vector): Vector =>
  dtype === 'f32'
    ? v128.andnot(f32x4.eq(most, most), f32x4.le(element, most))
    : (dtype === 'u32' ? i32x4.ltU : i32x4.ltS)(most, element);

/** A reduction to a tile of one axis, into `place`; or to a scalar, into `scalar`. */
export function writeReduce(
  at: Lowering,
  value: Reduce,
  to: { readonly place: Place } | { readonly scalar: Local<'i32'> | Local<'f32'> },
): Statement[] {
  const { arg, over } = value;
  const [first, second] = arg.axes;
  if ('place' in to && second && over[0] === first) return downRows(at, value, to.place, second);
  const lane = defined(second ?? first, 'axis of a reduction');
  return at.fn.scoped(() => acrossLanes(at, value, second ? first : undefined, lane, to));
}

const optionsOf = (at: Lowering, arg: Value, row: Axis | undefined, lane: Axis): NestOptions => ({
  cuts: cutsOf(at, arg, rolesOf(row, lane)),
});

/** Accumulators in vectors, joined across lanes at the end of each row, or of all. */
function acrossLanes(
  at: Lowering,
  value: Reduce,
  row: Axis | undefined,
  lane: Axis,
  to: { readonly place: Place } | { readonly scalar: Local<'i32'> | Local<'f32'> },
): Statement[] {
  const nest = new Nest(at, row, lane, optionsOf(at, value.arg, row, lane));
  const running = value.combine === 'argmax' ? runningArgmax(at, nest, value) : runningTotal(at, nest, value);
  const store = (result: Vector): Statement => {
    if ('scalar' in to) {
      const { scalar } = to;
      return set<'i32' | 'f32'>(scalar, (scalar.result === 'f32' ? f32x4 : i32x4).lane(result, 0));
    }
    const address = plus(at.scratch, times(nest.rowIndex, 4));
    return kindOf(value.dtype) === 'f32'
      ? f32.store(address, f32x4.lane(result, 0), to.place.offset)
      : i32.store(address, i32x4.lane(result, 0), to.place.offset);
  };
  const finish = [...running.finish, store(running.result)];
  const perRow = 'place' in to;
  return nest.close({
    ...(perRow ? { beforeRow: running.start, afterRow: finish } : { before: running.start, after: finish }),
  });
}

interface Running {
  readonly start: readonly Statement[];
  readonly finish: readonly Statement[];
  readonly result: Vector;
}

function runningTotal(at: Lowering, nest: Nest, value: Reduce): Running {
  const { identity, join } = combination(at, value);
  const name = value.combine === 'sum' ? 'total' : 'most';
  const most = vectorsAtOnce(at, value.arg, nest.lane);
  const totals = Array.from({ length: most }, () => at.fn.local('v128', name));
  nest.each(most, (vectors) => {
    totals.slice(0, vectors).forEach((total, vector) => {
      const element = nest.evaluate(value.arg, { row: 0, vector });
      nest.push(2, set(total, join(total, element)));
    });
  });
  const [first, ...rest] = totals as [Local<'v128'>, ...Local<'v128'>[]];
  const all = rest.reduce<Vector>((sum, total) => join(sum, total), first);
  return {
    start: totals.map((total) => set(total, identity)),
    finish: [set(first, all), ...acrossVector(first, join)],
    result: first,
  };
}

/** Joins the four lanes of a vector; all of them hold the result. */
function acrossVector(vector: Local<'v128'>, join: (x: Vector, y: Vector) => Vector): Statement[] {
  const x = vector;
  return [
    set(vector, join(x, v128.shuffle(x, x, [2, 3, 0, 1]))),
    set(vector, join(x, v128.shuffle(x, x, [1, 0, 3, 2]))),
  ];
}

/** Largest elements and where they were first met, lane by lane. Among equals the smallest index wins in the end. */
function runningArgmax(at: Lowering, nest: Nest, value: Reduce): Running {
  const { arg } = value;
  const { dtype } = arg;
  if (dtype === 'bool') throw unsupported(at.kernel, 'reduce argmax of bools', `%${value.id}`);
  const [most, where] = [at.fn.local('v128', 'most'), at.fn.local('v128', 'where')];
  const cell: Cell = { row: 0, vector: 0 };
  const better = at.fn.local('v128', 'better');
  nest.each(1, () => {
    const element = nest.evaluate(arg, cell);
    nest.push(2, set(better, isLarger(dtype, most, element)));
    nest.push(2, set(most, v128.select(better, element, most)));
    nest.push(2, set(where, v128.select(better, nest.laneIndices(cell), where)));
  });
  const top = at.fn.local('v128', 'top');
  // equal, or NaN both: a lane that is NaN makes the top NaN
  const isTop = dtype === 'f32' ? v128.or(f32x4.eq(most, top), f32x4.ne(most, most)) : i32x4.eq(most, top);
  const far = at.fn.word(0x7fffffff);
  return {
    start: [set(most, lowestOf(at, dtype)), set(where, at.fn.word(0))],
    finish: [
      set(top, most),
      ...acrossVector(top, joinMaximum(dtype)),
      set(where, v128.select(isTop, where, far)),
      ...acrossVector(where, i32x4.minS),
    ],
    result: where,
  };
}

/** Over the rows of a tile: one accumulator per column, in memory. */
function downRows(at: Lowering, value: Reduce, place: Place, lane: Axis): Statement[] {
  const { arg, combine } = value;
  const row = defined(arg.axes[0], 'rows of a reduction');
  if (combine === 'argmax') return argmaxDownRows(at, value, place, row, lane);
  const { identity, join } = combination(at, value);
  return [
    ...fillVector(at, place.offset, lane, identity),
    ...at.fn.scoped(() => {
      const nest = new Nest(at, row, lane, optionsOf(at, arg, row, lane));
      const address = plus(at.scratch, nest.laneBytes);
      nest.each(vectorsAtOnce(at, arg, lane), (vectors) => {
        for (let vector = 0; vector < vectors; vector++) {
          const element = nest.evaluate(arg, { row: 0, vector });
          const offset = place.offset + vector * 16;
          nest.push(2, v128.store(address, join(v128.load(address, offset), element), offset));
        }
      });
      return nest.close();
    }),
  ];
}

function argmaxDownRows(at: Lowering, value: Reduce, place: Place, row: Axis, lane: Axis): Statement[] {
  const { arg } = value;
  if (arg.dtype === 'bool') throw unsupported(at.kernel, 'reduce argmax of bools', `%${value.id}`);
  const most = reserve(at, lane.size * 4);
  return [
    ...fillVector(at, most, lane, lowestOf(at, arg.dtype)),
    ...fillVector(at, place.offset, lane, at.fn.word(0)),
    ...at.fn.scoped(() => {
      const nest = new Nest(at, row, lane, optionsOf(at, arg, row, lane));
      const address = plus(at.scratch, nest.laneBytes);
      const better = at.fn.local('v128', 'better');
      const update = (offset: number, next: Vector): Statement =>
        v128.store(address, v128.select(better, next, v128.load(address, offset)), offset);
      nest.each(1, () => {
        const element = nest.evaluate(arg, { row: 0, vector: 0 });
        nest.push(2, set(better, isLarger(arg.dtype, v128.load(address, most), element)));
        nest.push(2, update(most, element));
        nest.push(2, update(place.offset, i32x4.splat(nest.rowAt({ row: 0, vector: 0 }))));
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
