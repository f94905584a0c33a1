import { checkArguments, checkOptions, nearestOf, shownName } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { callerPlace } from '../base/source.ts';
import { callSite } from './callSite.ts';
import { elementwise } from './elementwise.ts';
import type {
  Access,
  Axis,
  Buffer,
  Combine,
  ElementwiseName,
  Kernel,
  Loop,
  Region,
  Schedule,
  Span,
  Statement,
  StorageType,
  Store,
  Term,
  Value,
  ValueType,
} from './ir.ts';
import {
  axes as axesKind,
  axisKind,
  bufferKind,
  operandKind,
  pairKind,
  spanKind,
  storageKind,
  termsKind,
  typeKind,
  valueKind,
  values as valuesKind,
} from './kinds.ts';
import {
  type Fault,
  formOf,
  inOrder,
  loadedType,
  loopFaults,
  sizeFaults,
  storeFaults,
  tileFaults,
  type ValueBody,
  whenFaults,
} from './rules.ts';
import { scheduleKind } from './schedule.ts';

/** A scalar or tile, or a plain number that takes the type its neighbours have. */
export type ValueLike = Value | number;
/** [index, stride]: one summand of an address. */
export type TermInput = readonly [index: Span | ValueLike, stride: ValueLike];

/** As many values as a loop was given. */
export type Carried<I extends readonly Value[]> = { -readonly [N in keyof I]: Value };

const isNumber = (x: unknown): x is number => typeof x === 'number';
const fail = (summary: string, hint?: string): never => {
  throw new FrondError('FROND-K001', summary, { hint, place: callerPlace() });
};

/** Refuses the first of what is wrong, at the author's line. */
const judge = (faults: readonly Fault[]): void => {
  const [first] = faults;
  if (first) fail(first.message, first.hint);
};

const check = (method: string, kinds: Readonly<Record<string, is.Kind>>, given: readonly unknown[]): void =>
  checkArguments(`k.${method}`, kinds, given, 'FROND-K001');
const word = (count: number): is.Kind =>
  is.kind(
    `a whole number from 0 to ${count - 1}`,
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < count,
  );

const number = is.kind('a number', (value) => typeof value === 'number');
const optionalValue = is.kind('a value', (value) => value === undefined || valueKind.holds(value));
const whole = is.kind(
  'a whole number of 32 bits',
  (value) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 32,
);
/** What a number may be that stands for a value of a type. */
const CONSTANTS: Readonly<Record<ValueType, is.Kind>> = {
  ...{ f32: number, i32: whole, u32: whole },
  bool: is.kind('0 or 1', (value) => value === 0 || value === 1),
};
const DOT = { left: valueKind, right: valueKind, accumulator: is.optional(valueKind), over: axisKind };
const LOOP = {
  from: operandKind,
  to: operandKind,
  step: operandKind,
  initial: valuesKind,
  body: is.callable,
};

function noFunction(fn: unknown): FrondError {
  const names = Object.keys(elementwise);
  return new FrondError('FROND-K001', `k.map: there is no function ${shownName(fn)}`, {
    place: callerPlace(),
    hint: `did you mean ${nearestOf(shownName(fn), names)}? There are: ${names.join(', ')}`,
  });
}

/**
 * Records what an author's function does into a `Kernel`. Methods append to the region at hand; nothing is executed. Equal
 * functions of the same values are one value, so that authors need not share them by hand.
 * All of them throw FROND-K001 when axes or types do not fit.
 */
export class KernelBuilder {
  readonly #storage: Readonly<Record<string, StorageType>>;
  readonly #axes: Axis[] = [];
  readonly #buffers: Buffer[] = [];
  readonly #parameters: (Value & { readonly op: 'parameter' })[] = [];
  readonly #root: Region = { id: 0, parent: undefined, statements: [] };
  #region: Region = this.#root;
  #nextId = 0;
  #nextRegion = 1;
  #gridRank = 1;
  /** functions of values computed in each region, by their meaning */
  readonly #known = new Map<Region, Map<string, Value>>();

  /** `storage`: what buffers of f32 hold instead, by name */
  constructor(storage: Readonly<Record<string, StorageType>> = {}) {
    this.#storage = storage;
  }

  // ---- declarations

  /** A tile axis of `size` elements, a multiple of 4. Tiles list their axes in the order of these calls. */
  axis(name: string, size: number): Axis {
    check('axis', { name: is.name, size: is.unchecked }, [name, size]);
    const axis: Axis = { kind: 'axis', order: this.#axes.length, name, size };
    judge(sizeFaults(axis));
    this.#axes.push(axis);
    return axis;
  }

  buffer(name: string, dtype: StorageType, access: Access): Buffer {
    const kinds = {
      name: is.name,
      dtype: storageKind,
      access: is.oneOf('read', 'write', 'update', 'scratch'),
    };
    check('buffer', kinds, [name, dtype, access]);
    if (this.#buffers.some((other) => other.name === name)) fail(`buffer ${name} is declared twice`);
    const stored = dtype === 'f32' ? (own(this.#storage, name) ?? dtype) : dtype;
    const buffer: Buffer = { kind: 'buffer', name, dtype: stored, access };
    this.#buffers.push(buffer);
    return buffer;
  }

  read = (name: string, dtype: StorageType = 'f32'): Buffer => this.buffer(name, dtype, 'read');
  write = (name: string, dtype: StorageType = 'f32'): Buffer => this.buffer(name, dtype, 'write');

  /** A uniform scalar given at launch. */
  parameter(name: string, dtype: 'i32' | 'u32' | 'f32' = 'i32'): Value {
    check('parameter', { name: is.name, dtype: is.oneOf('i32', 'u32', 'f32') }, [name, dtype]);
    const value = this.#value({ op: 'parameter', name }, [], dtype);
    if (value.op === 'parameter') this.#parameters.push(value);
    return value;
  }

  /** Index of this program along grid dimension `dimension`. */
  program(dimension: 0 | 1 | 2 | 3): Value {
    check('program', { dimension: word(4) }, [dimension]);
    this.#gridRank = Math.max(this.#gridRank, dimension + 1);
    return this.#value({ op: 'program', dimension }, [], 'i32');
  }

  // ---- index space

  /** 0, 1, … along `axis` */
  arange(axis: Axis): Value {
    check('arange', { axis: axisKind }, [axis]);
    return this.#value({ op: 'arange' }, [axis], 'i32');
  }

  /** `start, start+1, …` along `axis`, cut at `limit`: loads beyond give their default, stores beyond are dropped. */
  span(axis: Axis, start: ValueLike, limit: ValueLike): Span {
    check('span', { axis: axisKind, start: operandKind, limit: operandKind }, [axis, start, limit]);
    return { kind: 'span', axis, start: this.#lift(start, 'i32'), limit: this.#lift(limit, 'i32') };
  }

  inside(span: Span): Value {
    check('inside', { span: spanKind }, [span]);
    return this.#computed({ op: 'inside', span });
  }

  // ---- values

  constant(value: number, dtype: ValueType = 'f32'): Value {
    check('constant', { value: number, dtype: typeKind }, [value, dtype]);
    check('constant', { value: CONSTANTS[dtype] }, [value]);
    return this.#value({ op: 'constant', value }, [], dtype);
  }

  fill(axes: readonly Axis[], value: number, dtype: ValueType = 'f32'): Value {
    check('fill', { axes: axesKind, value: number, dtype: typeKind }, [axes, value, dtype]);
    return this.#value({ op: 'fill', value }, inOrder(axes), dtype);
  }

  cast(arg: Value, dtype: ValueType): Value {
    check('cast', { arg: valueKind, dtype: typeKind }, [arg, dtype]);
    return arg.dtype === dtype ? arg : this.#value({ op: 'cast', arg }, arg.axes, dtype);
  }

  /** Applies a row of the element-wise table, broadcasting scalars and vectors over named axes. */
  map(fn: ElementwiseName, ...inputs: readonly ValueLike[]): Value {
    if (typeof fn !== 'string' || !Object.hasOwn(elementwise, fn)) throw noFunction(fn);
    for (const [i, input] of inputs.entries()) check(fn, { [`argument ${i}`]: operandKind }, [input]);
    const typed = (fn === 'select' ? inputs.slice(1) : inputs).find((input) => !isNumber(input));
    const dtype = typed === undefined || isNumber(typed) ? 'f32' : typed.dtype;
    const args = inputs.map((input, i) => this.#lift(input, fn === 'select' && i === 0 ? 'bool' : dtype));
    return this.#computed({ op: 'elementwise', fn, args });
  }

  add = (x: ValueLike, y: ValueLike): Value => this.map('add', x, y);
  sub = (x: ValueLike, y: ValueLike): Value => this.map('sub', x, y);
  mul = (x: ValueLike, y: ValueLike): Value => this.map('mul', x, y);
  div = (x: ValueLike, y: ValueLike): Value => this.map('div', x, y);
  rem = (x: ValueLike, y: ValueLike): Value => this.map('rem', x, y);
  min = (x: ValueLike, y: ValueLike): Value => this.map('min', x, y);
  max = (x: ValueLike, y: ValueLike): Value => this.map('max', x, y);
  neg = (x: ValueLike): Value => this.map('neg', x);
  exp = (x: ValueLike): Value => this.map('exp', x);
  log = (x: ValueLike): Value => this.map('log', x);
  sqrt = (x: ValueLike): Value => this.map('sqrt', x);
  rsqrt = (x: ValueLike): Value => this.map('rsqrt', x);
  lt = (x: ValueLike, y: ValueLike): Value => this.map('lt', x, y);
  le = (x: ValueLike, y: ValueLike): Value => this.map('le', x, y);
  eq = (x: ValueLike, y: ValueLike): Value => this.map('eq', x, y);
  and = (x: ValueLike, y: ValueLike): Value => this.map('and', x, y);
  or = (x: ValueLike, y: ValueLike): Value => this.map('or', x, y);
  not = (x: ValueLike): Value => this.map('not', x);
  select = (condition: ValueLike, yes: ValueLike, no: ValueLike): Value =>
    this.map('select', condition, yes, no);
  isFinite = (x: ValueLike): Value => this.map('isFinite', x);
  isNaN = (x: ValueLike): Value => this.map('isNaN', x);

  /** Element at Σ index·stride; what lies outside a span reads as `otherwise`, the consumer's identity. */
  load(buffer: Buffer, at: readonly TermInput[], otherwise = 0): Value {
    check('load', { buffer: bufferKind, at: termsKind, otherwise: number }, [buffer, at, otherwise]);
    return this.#computed({ op: 'load', buffer, terms: this.#terms(at), otherwise });
  }

  store(buffer: Buffer, at: readonly TermInput[], value: ValueLike): void {
    check('store', { buffer: bufferKind, at: termsKind, value: operandKind }, [buffer, at, value]);
    const dtype = loadedType(buffer);
    const lifted = this.#lift(value, dtype);
    const stored = lifted.dtype === 'bool' && dtype === 'u32' ? this.cast(lifted, 'u32') : lifted;
    const site = callSite();
    const statement: Store = {
      kind: 'store',
      buffer,
      terms: this.#terms(at),
      value: stored,
      get source() {
        return site();
      },
    };
    judge(storeFaults(statement));
    this.#push(statement);
  }

  /** Combines over `over`; over every axis of `arg` the result is a uniform scalar. */
  reduce(combine: Combine, arg: Value, ...over: readonly Axis[]): Value {
    check('reduce', { combine: is.oneOf('sum', 'max', 'argmax'), arg: valueKind, over: axesKind }, [
      combine,
      arg,
      over,
    ]);
    return this.#computed({ op: 'reduce', combine, arg, over });
  }

  sum = (arg: Value, ...over: readonly Axis[]): Value => this.reduce('sum', arg, ...over);
  maximum = (arg: Value, ...over: readonly Axis[]): Value => this.reduce('max', arg, ...over);
  argmax = (arg: Value, over: Axis): Value => this.reduce('argmax', arg, over);

  /** accumulator + Σ over `over` of left · right; the axes of the result are the two that remain, row from `left`. */
  dot(left: Value, right: Value, accumulator: Value | undefined, over: Axis): Value {
    check('dot', DOT, [left, right, accumulator, over]);
    const other = (tile: Value): Axis => tile.axes.find((axis) => axis !== over) ?? over;
    return this.#computed({
      op: 'dot',
      left,
      right,
      accumulator,
      over,
      row: other(left),
      column: other(right),
    });
  }

  /** The same tile with axis `from` called `to`. The renamed axes must stand in declaration order too. */
  rename(arg: Value, from: Axis, to: Axis): Value {
    check('rename', { arg: valueKind, from: axisKind, to: axisKind }, [arg, from, to]);
    return this.#computed({ op: 'rename', arg, from, to });
  }

  /** A word of Threefry-2x32 (Salmon et al. 2011, 20 rounds); counters are logical element indices. */
  random(key: readonly [ValueLike, ValueLike], counter: readonly [ValueLike, ValueLike], half: 0 | 1): Value {
    check('random', { key: pairKind, counter: pairKind, word: word(2) }, [key, counter, half]);
    const [key0, key1] = [this.#lift(key[0], 'u32'), this.#lift(key[1], 'u32')];
    const [counter0, counter1] = [this.#lift(counter[0], 'u32'), this.#lift(counter[1], 'u32')];
    return this.#computed({ op: 'random', key0, key1, counter0, counter1, word: half });
  }

  /** What values are called in generated text: `k.name({ scores, weights })` gives them the names of the author's variables. */
  name(values: Readonly<Record<string, Value | undefined>>): void {
    check('name', { values: is.objectOf(optionalValue, 'an object of values') }, [values]);
    for (const [label, value] of Object.entries(values)) {
      const holders = value?.op === 'result' ? [value, value.loop.carried[value.index]] : [value];
      for (const holder of holders) if (holder && !holder.label) Object.assign(holder, { label });
    }
  }

  // ---- control

  /**
   * for (i = from; i < to; i += step). `body` gets the counter and the carried values and returns what it carries on;
   * the returned values keep axes and type. Gives the last ones.
   */
  loop<const I extends readonly Value[]>(
    from: ValueLike,
    to: ValueLike,
    step: ValueLike,
    initial: I,
    body: (i: Value, ...carried: Carried<I>) => readonly Value[],
  ): Carried<I> {
    check('loop', LOOP, [from, to, step, initial, body]);
    const [start, end, stride] = [this.#lift(from, 'i32'), this.#lift(to, 'i32'), this.#lift(step, 'i32')];
    const { region, result: inside } = this.#inRegion(() => {
      const induction = this.#value({ op: 'induction' }, [], 'i32');
      const carried = initial.map((value, index) =>
        this.#value({ op: 'carried', index }, value.axes, value.dtype),
      );
      return { induction, carried, yields: body(induction, ...(carried as unknown as Carried<I>)) };
    });
    const { induction, carried, yields } = inside;
    check('loop', { 'what the body returns': valuesKind }, [yields]);
    const bounds = { from: start, to: end, step: stride };
    const loop: Loop = { kind: 'loop', ...bounds, induction, initial, carried, yields, body: region };
    judge(loopFaults(loop));
    this.#push(loop);
    const results = initial.map((value, index) =>
      this.#value({ op: 'result', loop, index }, value.axes, value.dtype),
    );
    return results as unknown as Carried<I>;
  }

  /** Runs `body` for its stores where the uniform `condition` holds. */
  when(condition: Value, body: () => void): void {
    check('when', { condition: valueKind, body: is.callable }, [condition, body]);
    judge(whenFaults({ condition }));
    this.#push({ kind: 'when', condition, body: this.#inRegion(body).region });
  }

  finish(name: string, variant: string, doc: string, schedule: Schedule): Kernel {
    const kinds = { name: is.name, variant: is.text, doc: is.text, schedule: scheduleKind };
    check('finish', kinds, [name, variant, doc, schedule]);
    return {
      name,
      variant,
      doc,
      schedule,
      axes: this.#axes,
      buffers: this.#buffers,
      parameters: this.#parameters,
      gridRank: this.#gridRank,
      body: this.#root,
    };
  }

  /** Lets `body` append to a region of its own. */
  #inRegion<R>(body: () => R): { readonly region: Region; readonly result: R } {
    const outer = this.#region;
    const region: Region = { id: this.#nextRegion++, parent: outer, statements: [] };
    this.#region = region;
    const result = body();
    this.#region = outer;
    return { region, result };
  }

  #terms(at: readonly TermInput[]): Term[] {
    return at.map(([index, stride]) => ({
      index: isNumber(index) ? this.#lift(index, 'i32') : index,
      stride: this.#lift(stride, 'i32'),
    }));
  }

  #lift(value: ValueLike, dtype: ValueType): Value {
    return isNumber(value) ? this.constant(value, dtype) : value;
  }

  /** A value whose axes and type follow from its operands. */
  #computed(body: ValueBody): Value {
    const { axes, dtype, faults } = formOf(body, { axes: [], dtype: 'f32' });
    const what = body.op === 'elementwise' ? body.fn : body.op;
    judge([...faults, ...tileFaults(what, axes, body.op)]);
    return this.#value(body, axes, dtype);
  }

  #value(body: ValueBody, axes: readonly Axis[], dtype: ValueType): Value {
    const key = keyOf(body, dtype);
    const twin = key === undefined ? undefined : this.#visible(key);
    if (twin !== undefined) return twin;
    const site = callSite();
    const value = {
      ...body,
      kind: 'value',
      id: this.#nextId++,
      axes,
      dtype,
      region: this.#region,
      get source() {
        return site();
      },
    } as Value;
    this.#push({ kind: 'let', value });
    if (key !== undefined) {
      const known = this.#known.get(this.#region) ?? new Map<string, Value>();
      this.#known.set(this.#region, known.set(key, value));
    }
    return value;
  }

  /** A value of the same meaning that has been computed already, here or around here. */
  #visible(key: string): Value | undefined {
    for (let region: Region | undefined = this.#region; region !== undefined; region = region.parent) {
      const value = this.#known.get(region)?.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #push(statement: Statement): void {
    this.#region.statements.push(statement);
  }
}

/** Names what a function of other values means, so that it is computed once; undefined for everything else. */
function keyOf(body: ValueBody, dtype: ValueType): string | undefined {
  switch (body.op) {
    case 'constant':
      return `${dtype} ${Object.is(body.value, -0) ? '-0' : body.value}`;
    case 'elementwise':
      return `${body.fn} ${body.args.map(({ id }) => id).join(' ')}`;
    case 'cast':
      return `cast ${dtype} ${body.arg.id}`;
    default:
      return undefined;
  }
}

/** What is fixed when a kernel is traced. */
export interface KernelOptions {
  readonly name: string;
  /** distinguishes this trace from others of the same name: tile extents, dtypes, epilogue */
  readonly variant?: string;
  readonly doc: string;
  readonly schedule: Schedule;
  /** what buffers hold that the author declares as f32, by name: f16 is converted on load and store */
  readonly storage?: Readonly<Record<string, StorageType>> | undefined;
}

/** Traces `author` once with symbolic arguments into a kernel. */
export function traceKernel(options: KernelOptions, author: (k: KernelBuilder) => void): Kernel {
  checkOptions('traceKernel', options, {
    ...{ name: is.name, variant: is.optional(is.text), doc: is.text, schedule: scheduleKind },
    storage: is.optional(is.objectOf(storageKind, 'an object of element types by buffer')),
  });
  checkArguments('traceKernel', { options: is.unchecked, author: is.callable }, [options, author]);
  const { name, variant = '', doc, schedule, storage } = options;
  const builder = new KernelBuilder(storage);
  author(builder);
  return builder.finish(name, variant, doc, schedule);
}
