import { checkArguments, nearestOf, shownName } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { own, remembered } from '../base/own.ts';
import { errorAtCall } from '../base/source.ts';
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
  ValueOf,
  ValueType,
} from './ir.ts';
import * as kinds from './kinds.ts';
import * as rules from './rules.ts';
import { scheduleKind } from './schedule.ts';

/** A scalar or tile, or a plain number that takes the type its neighbours have. */
export type ValueLike = Value | number;
/** [index, stride]: one summand of an address. */
export type TermInput = readonly [index: Span | ValueLike, stride: ValueLike];

type Untagged<T> = T extends Value
  ? Omit<T, 'kind' | 'id' | 'axes' | 'dtype' | 'region' | 'source' | 'label'>
  : never;
/** What a value computes from what. */
type ValueBody = Untagged<Value>;

/** As many values as a loop was given. */
export type Carried<I extends readonly Value[]> = { -readonly [N in keyof I]: Value };

const fail = (summary: string, hint?: string): never => {
  throw errorAtCall('FROND-K001', summary, hint);
};

/** Refuses the first of what is wrong, at the author's line. */
const judge = ([first]: readonly rules.Fault[]): void => {
  if (first) fail(first.message, first.hint);
};

/**
 * What was made at the kernel author's call, with its `file:line`: the first stack frame outside of the builder. That is read when it
 * is asked for, as writing a stack out takes longer than tracing, and few kernels are ever complained about.
 */
function sited<T extends Value | Store>(made: T): T {
  const here = new Error();
  const get = (): string | undefined => {
    const lines = here.stack?.split('\n') ?? [];
    const frame = lines.slice(1).find((line) => !/kernel\/build\.[jt]s/.test(line));
    const match = frame?.match(/([\w.-]+\/[\w.-]+\.[jt]s):(\d+):\d+/);
    return match ? `${match[1]}:${match[2]}` : undefined;
  };
  return Object.defineProperty(made, 'source', { get, enumerable: true });
}

const checkCall = (method: string, taken: is.Kinds, given: readonly unknown[]): void =>
  checkArguments(`k.${method}`, taken, given, 'FROND-K001');
const check = (method: keyof typeof kinds.methods, ...given: readonly unknown[]): void =>
  checkCall(method, kinds.methods[method], given);

/**
 * Records what an author's function does into a `Kernel`. Methods append to the region at hand; nothing is executed. Equal
 * functions of the same values are one value, so that authors need not share them by hand.
 * All of them throw FROND-K001 when axes or types do not fit.
 */
export class KernelBuilder {
  readonly #storage: Readonly<Record<string, StorageType>>;
  readonly #axes: Axis[] = [];
  readonly #buffers: Buffer[] = [];
  readonly #parameters: ValueOf<'parameter'>[] = [];
  readonly #body: Region = { id: 0, parent: undefined, statements: [] };
  #region = this.#body;
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
    check('axis', name, size);
    const axis: Axis = { kind: 'axis', order: this.#axes.length, name, size };
    judge(rules.sizeFaults(axis));
    this.#axes.push(axis);
    return axis;
  }

  buffer(name: string, dtype: StorageType, access: Access): Buffer {
    check('buffer', name, dtype, access);
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
    check('parameter', name, dtype);
    const value = this.#value({ op: 'parameter', name }, [], dtype);
    if (value.op === 'parameter') this.#parameters.push(value);
    return value;
  }

  /** Index of this program along grid dimension `dimension`. */
  program(dimension: 0 | 1 | 2 | 3): Value {
    check('program', dimension);
    this.#gridRank = Math.max(this.#gridRank, dimension + 1);
    return this.#value({ op: 'program', dimension }, [], 'i32');
  }

  // ---- index space

  /** 0, 1, … along `axis` */
  arange(axis: Axis): Value {
    check('arange', axis);
    return this.#value({ op: 'arange' }, [axis], 'i32');
  }

  /** `start, start+1, …` along `axis`, cut at `limit`: loads beyond give their default, stores beyond are dropped. */
  span(axis: Axis, start: ValueLike, limit: ValueLike): Span {
    check('span', axis, start, limit);
    return { kind: 'span', axis, start: this.#lift(start, 'i32'), limit: this.#lift(limit, 'i32') };
  }

  inside(span: Span): Value {
    check('inside', span);
    return this.#computed({ op: 'inside', span });
  }

  // ---- values

  constant(value: number, dtype: ValueType = 'f32'): Value {
    check('constant', value, dtype);
    checkCall('constant', { value: kinds.constants[dtype] }, [value]);
    return this.#value({ op: 'constant', value }, [], dtype);
  }

  fill(axes: readonly Axis[], value: number, dtype: ValueType = 'f32'): Value {
    check('fill', axes, value, dtype);
    return this.#value({ op: 'fill', value }, rules.inOrder(axes), dtype);
  }

  cast(arg: Value, dtype: ValueType): Value {
    check('cast', arg, dtype);
    return arg.dtype === dtype ? arg : this.#value({ op: 'cast', arg }, arg.axes, dtype);
  }

  /** Applies a row of the element-wise table, broadcasting scalars and vectors over named axes. */
  map(fn: ElementwiseName, ...inputs: readonly ValueLike[]): Value {
    if (typeof fn !== 'string' || !Object.hasOwn(elementwise, fn)) {
      const names = Object.keys(elementwise);
      const nearest = nearestOf(shownName(fn), names);
      const hint = `did you mean ${nearest}? There are: ${names.join(', ')}`;
      fail(`k.map: there is no function ${shownName(fn)}`, hint);
    }
    for (const [i, input] of inputs.entries()) checkCall(fn, { [`argument ${i}`]: kinds.operand }, [input]);
    const typed = (fn === 'select' ? inputs.slice(1) : inputs).find((input) => typeof input !== 'number');
    const dtype = typed?.dtype ?? 'f32';
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
  /**
   * x^y as in C: of a negative x where y is an integer, else NaN; 1 where x is 1 or y is 0, whatever the other. Within 16 ULP; an
   * exponent below the smallest normal number counts as 0.
   */
  pow(x: ValueLike, y: ValueLike): Value {
    const half = this.mul(y, 0.5);
    const isInteger = this.eq(this.map('floor', y), y);
    const isOdd = this.not(this.eq(this.map('floor', half), half));
    // `powr` of a negative number is NaN
    const power = this.map('powr', this.select(isInteger, this.map('abs', x), x), y);
    const isNegative = this.and(this.lt(x, 0), isOdd);
    return this.select(this.eq(x, 1), 1, this.select(isNegative, this.neg(power), power));
  }
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
    check('load', buffer, at, otherwise);
    return this.#computed({ op: 'load', buffer, terms: this.#terms(at), otherwise });
  }

  store(buffer: Buffer, at: readonly TermInput[], value: ValueLike): void {
    check('store', buffer, at, value);
    const dtype = rules.loadedType(buffer);
    const lifted = this.#lift(value, dtype);
    const stored = lifted.dtype === 'bool' && dtype === 'u32' ? this.cast(lifted, 'u32') : lifted;
    const statement = sited<Store>({ kind: 'store', buffer, terms: this.#terms(at), value: stored });
    judge(rules.storeFaults(statement));
    this.#push(statement);
  }

  /** Combines over `over`; over every axis of `arg` the result is a uniform scalar. */
  reduce(combine: Combine, arg: Value, ...over: readonly Axis[]): Value {
    check('reduce', combine, arg, over);
    return this.#computed({ op: 'reduce', combine, arg, over });
  }

  sum = (arg: Value, ...over: readonly Axis[]): Value => this.reduce('sum', arg, ...over);
  maximum = (arg: Value, ...over: readonly Axis[]): Value => this.reduce('max', arg, ...over);
  argmax = (arg: Value, over: Axis): Value => this.reduce('argmax', arg, over);

  /** accumulator + Σ over `over` of left · right; the axes of the result are the two that remain, row from `left`. */
  dot(left: Value, right: Value, accumulator: Value | undefined, over: Axis): Value {
    check('dot', left, right, accumulator, over);
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
    check('rename', arg, from, to);
    return this.#computed({ op: 'rename', arg, from, to });
  }

  /** A word of Threefry-2x32 (Salmon et al. 2011, 20 rounds); counters are logical element indices. */
  random(key: readonly [ValueLike, ValueLike], counter: readonly [ValueLike, ValueLike], half: 0 | 1): Value {
    check('random', key, counter, half);
    const [key0, key1] = [this.#lift(key[0], 'u32'), this.#lift(key[1], 'u32')];
    const [counter0, counter1] = [this.#lift(counter[0], 'u32'), this.#lift(counter[1], 'u32')];
    return this.#computed({ op: 'random', key0, key1, counter0, counter1, word: half });
  }

  /** What values are called in generated text: `k.name({ scores, weights })` gives them the names of the author's variables. */
  name(values: Readonly<Record<string, Value | undefined>>): void {
    check('name', values);
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
    check('loop', from, to, step, initial, body);
    const [start, end, stride] = [this.#lift(from, 'i32'), this.#lift(to, 'i32'), this.#lift(step, 'i32')];
    const { region, result: inside } = this.#inRegion(() => {
      const induction = this.#value({ op: 'induction' }, [], 'i32');
      const carried = initial.map((value, index) =>
        this.#value({ op: 'carried', index }, value.axes, value.dtype),
      );
      return { induction, carried, yields: body(induction, ...(carried as unknown as Carried<I>)) };
    });
    const { induction, carried, yields } = inside;
    checkCall('loop', { 'what the body returns': kinds.values }, [yields]);
    const bounds = { from: start, to: end, step: stride };
    const loop: Loop = { kind: 'loop', ...bounds, induction, initial, carried, yields, body: region };
    judge(rules.loopFaults(loop));
    this.#push(loop);
    const results = initial.map((value, index) =>
      this.#value({ op: 'result', loop, index }, value.axes, value.dtype),
    );
    return results as unknown as Carried<I>;
  }

  /** Runs `body` for its stores where the uniform `condition` holds. */
  when(condition: Value, body: () => void): void {
    check('when', condition, body);
    judge(rules.whenFaults({ condition }));
    this.#push({ kind: 'when', condition, body: this.#inRegion(body).region });
  }

  finish(name: string, variant: string, doc: string, schedule: Schedule): Kernel {
    check('finish', name, variant, doc, schedule);
    const [axes, buffers, parameters] = [this.#axes, this.#buffers, this.#parameters];
    const traced = { axes, buffers, parameters, gridRank: this.#gridRank, body: this.#body };
    return { name, variant, doc, schedule, ...traced };
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
      index: typeof index === 'number' ? this.#lift(index, 'i32') : index,
      stride: this.#lift(stride, 'i32'),
    }));
  }

  #lift(value: ValueLike, dtype: ValueType): Value {
    return typeof value === 'number' ? this.constant(value, dtype) : value;
  }

  /** A value whose axes and type follow from its operands. */
  #computed(body: ValueBody): Value {
    const { axes, dtype, faults } = rules.formOf(body as Value);
    const what = body.op === 'elementwise' ? body.fn : body.op;
    judge([...faults, ...rules.tileFaults(what, axes, body.op)]);
    return this.#value(body, axes, dtype);
  }

  #value(body: ValueBody, axes: readonly Axis[], dtype: ValueType): Value {
    const key = keyOf(body, dtype);
    const twin = key === undefined ? undefined : this.#visible(key);
    if (twin !== undefined) return twin;
    const made = { kind: 'value', id: this.#nextId++, axes, dtype, region: this.#region } as const;
    const value = sited<Value>({ ...body, ...made });
    this.#push({ kind: 'let', value });
    if (key !== undefined) remembered(this.#known, this.#region, () => new Map()).set(key, value);
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
  if (body.op === 'constant') return `${dtype} ${Object.is(body.value, -0) ? '-0' : body.value}`;
  if (body.op === 'elementwise') return `${body.fn} ${body.args.map(({ id }) => id).join(' ')}`;
  return body.op === 'cast' ? `cast ${dtype} ${body.arg.id}` : undefined;
}

/** What is fixed when a kernel is traced. */
const kernelOptions = {
  name: is.name,
  /** distinguishes this trace from others of the same name: tile extents, dtypes, epilogue */
  variant: is.optional(is.text),
  doc: is.text,
  schedule: is.typed<Schedule>(scheduleKind),
  /** what buffers hold that the author declares as f32, by name: f16 is converted on load and store */
  storage: is.omittable(is.objectOf(kinds.storage, 'an object of element types by buffer')),
};
export type KernelOptions = is.OptionsOf<typeof kernelOptions>;

/** Traces `author` once with symbolic arguments into a kernel. */
export function traceKernel(options: KernelOptions, author: (k: KernelBuilder) => void): Kernel {
  checkArguments('traceKernel', { options: kernelOptions, author: is.callable }, [options, author]);
  const { name, variant = '', doc, schedule, storage } = options;
  const builder = new KernelBuilder(storage);
  author(builder);
  return builder.finish(name, variant, doc, schedule);
}
