/** What the constructs of the kernel language ask of their operands: the builder and the checker both judge by these rules. */
import { shownName } from '../base/arguments.ts';
import type { ErrorCode } from '../base/errors.ts';
import { areSame } from '../base/own.ts';
import { elementwise } from './elementwise.ts';
import { type ByOp, byOp, describe, operandsOf } from './flow.ts';
import type { Axis, Buffer, Loop, Store, Term, Value, ValueType, When } from './ir.ts';

/** What is wrong with one value or statement: the rest of a finding is known to the caller. */
export interface Fault {
  /**
   * K101 axes of a tile · K102 declarations · K103 placement on threads · K104 use outside of a region · K105 uniformity
   * K106 types · K107 access of a buffer · K108 colliding stores · K109 carried values · K110 shapes · K112 order of accesses
   */
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Axes and type of a value, as they follow from its operands, and what is wrong with these. */
export interface Form {
  readonly axes: readonly Axis[];
  readonly dtype: ValueType;
  readonly faults: readonly Fault[];
}

export const tileFault = (message: string, hint?: string): Fault => ({ code: 'FROND-K101', message, hint });
export const typeFault = (message: string, hint?: string): Fault => ({ code: 'FROND-K106', message, hint });
export const axesFault = (message: string, hint?: string): Fault => ({ code: 'FROND-K110', message, hint });
/** What is wrong by the rules that do not hold. */
export const broken = (...rules: readonly (Fault | false)[]): Fault[] =>
  rules.filter((rule) => rule !== false);

export const names = (axes: readonly Axis[]): string => `[${axes.map((axis) => axis.name).join(', ')}]`;
/** Axes in the order of their declaration. */
export const inOrder = (axes: Iterable<Axis>): Axis[] => [...new Set(axes)].sort((a, b) => a.order - b.order);
/** Memory of f16 is read and written as f32 values. */
export const loadedType = ({ dtype }: Buffer): ValueType => (dtype === 'f16' ? 'f32' : dtype);
const axesOfTerms = (terms: readonly Term[]): Axis[] =>
  inOrder(terms.flatMap(({ index }) => (index.kind === 'span' ? [index.axis] : index.axes)));

/** An axis of a size that every backend can spread over lanes. */
export const sizeFaults = ({ name, size }: Axis): Fault[] =>
  broken(
    (!Number.isSafeInteger(size) || size <= 0 || size % 4 !== 0) && {
      code: 'FROND-K102',
      message: `axis ${name}: its extent must be a positive multiple of 4, not ${shownName(size)}`,
      hint: 'a logical size that is no multiple of 4 goes into the limit of a span',
    },
  );

const ORDER_HINTS: Readonly<Partial<Record<Value['op'], string>>> = {
  dot: 'swap the operands',
  rename: 'a rename must not transpose a tile',
};

/** Tiles have at most two axes, in the order of their declaration. */
export function tileFaults(what: string, axes: readonly Axis[], op: Value['op']): Fault[] {
  const [first, second] = axes;
  return broken(
    axes.length > 2 && tileFault(`${what}: a tile has at most two axes, this one would have ${names(axes)}`),
    first !== undefined &&
      second !== undefined &&
      first.order >= second.order &&
      tileFault(
        `${what}: the axes ${names(axes)} do not stand in the order of declaration`,
        ORDER_HINTS[op] ??
          'declare axes in the order in which tiles use them; a transposed operand has other strides',
      ),
  );
}

/** Scalars that spans, addresses and bounds are made of. */
function scalarFaults(values: readonly Value[], what: string, dtype: ValueType = 'i32'): Fault[] {
  return values.flatMap((value) =>
    broken(
      value.axes.length > 0 && {
        code: 'FROND-K105',
        message: `${what} must be a uniform scalar, ${describe(value)} is a tile`,
      },
      value.dtype !== dtype && typeFault(`${what} must be ${dtype}, ${describe(value)} is ${value.dtype}`),
    ),
  );
}

const addressFaults = (terms: readonly Term[], where: string): Fault[] =>
  terms.flatMap(({ index, stride }) => [
    ...scalarFaults([stride], `${where}: a stride`),
    ...(index.kind === 'span'
      ? scalarFaults([index.start, index.limit], `${where}: an end of a span`)
      : broken(
          index.dtype !== 'i32' &&
            index.dtype !== 'u32' &&
            typeFault(`${where}: an index is ${index.dtype}, not i32 or u32`),
        )),
  ]);

/** Numbers that are part of the text are numbers: −∞, where a maximum begins, among them. */
const numberFaults = (value: number, what: string): Fault[] =>
  broken(
    Number.isNaN(value) &&
      typeFault(`${what} is NaN`, 'use a number: −∞ is one, from which a maximum begins'),
  );

const FORMS: Partial<ByOp<Form>> = {
  constant: ({ op, axes, dtype, value }) => ({ axes, dtype, faults: numberFaults(value, `a ${op}`) }),
  fill: ({ op, axes, dtype, value }) => ({ axes, dtype, faults: numberFaults(value, `a ${op}`) }),
  inside: ({ span: { axis, start, limit } }) => ({
    axes: [axis],
    dtype: 'bool',
    faults: scalarFaults([start, limit], 'inside: an end of the span'),
  }),
  elementwise: ({ fn, args }) => {
    const { accepts, arity, result } = elementwise[fn];
    const dtype = args.at(-1)?.dtype ?? 'f32';
    const kind = dtype === 'f32' ? 'float' : dtype === 'bool' ? 'bool' : 'integer';
    const isTaken = accepts === 'any' || accepts === kind || (accepts === 'number' && kind !== 'bool');
    const typeAt = (place: number): ValueType => (fn === 'select' && place === 0 ? 'bool' : dtype);
    return {
      axes: inOrder(args.flatMap(({ axes }) => axes)),
      dtype: result === 'bool' ? 'bool' : dtype,
      faults: broken(
        args.length !== arity && typeFault(`${fn} takes ${arity} arguments, got ${args.length}`),
        ...args.map(
          (arg, i) =>
            arg.dtype !== typeAt(i) &&
            typeFault(`${fn}: argument ${i} is ${arg.dtype}, expected ${typeAt(i)}`),
        ),
        !isTaken && typeFault(`${fn} takes ${accepts} arguments, got ${dtype}`),
      ),
    };
  },
  cast: ({ arg, dtype }) => ({ axes: arg.axes, dtype, faults: [] }),
  load: ({ buffer, terms, otherwise }) => ({
    axes: axesOfTerms(terms),
    dtype: loadedType(buffer),
    faults: [
      ...broken(
        buffer.access === 'write' && {
          code: 'FROND-K107',
          message: `load: buffer ${buffer.name} is write-only`,
          hint: 'declare it as update (in place) or scratch (read back by the same program)',
        },
      ),
      ...addressFaults(terms, `load of ${buffer.name}`),
      ...numberFaults(otherwise, `the default of a load of ${buffer.name}`),
    ],
  }),
  reduce: ({ arg, over, combine }) => {
    const stray = over.find((axis) => !arg.axes.includes(axis))?.name;
    const isStray = stray !== undefined || over.length === 0;
    return {
      axes: arg.axes.filter((axis) => !over.includes(axis)),
      dtype: combine === 'argmax' ? 'i32' : arg.dtype,
      faults: broken(
        isStray && axesFault(`reduce ${combine}: axis ${stray ?? '(none)'} is not an axis of the tile`),
        combine === 'argmax' && over.length > 1 && axesFault('reduce argmax runs over exactly one axis'),
        arg.dtype === 'bool' && typeFault(`reduce ${combine} of bool`, 'cast to i32 or f32 first'),
      ),
    };
  },
  dot: (dot) => {
    const { left, right, accumulator, over, row, column } = dot;
    const isFactor = ({ axes }: Value, kept: Axis): boolean =>
      axes.length === 2 && axes.includes(over) && axes.includes(kept) && kept !== over;
    return {
      axes: [row, column],
      dtype: 'f32',
      faults: broken(
        (!isFactor(left, row) || !isFactor(right, column)) &&
          axesFault('dot: both operands are tiles of two axes that share the contracted one'),
        accumulator !== undefined &&
          !areSame(accumulator.axes, [row, column]) &&
          axesFault('dot: the accumulator must have the axes of the result'),
        operandsOf(dot).some(({ dtype }) => dtype !== 'f32') &&
          typeFault('dot works on f32 tiles', 'cast the operands to f32'),
      ),
    };
  },
  rename: ({ arg, from, to }) => ({
    axes: arg.axes.map((axis) => (axis === from ? to : axis)),
    dtype: arg.dtype,
    faults: broken(
      from.size !== to.size &&
        axesFault(`rename: axis ${from.name} has ${from.size} elements, ${to.name} has ${to.size}`),
      !arg.axes.includes(from) && axesFault(`rename: axis ${from.name} is not an axis of the tile`),
    ),
  }),
  random: ({ key0, key1, counter0, counter1 }) => ({
    axes: inOrder([counter0, counter1].flatMap(({ axes }) => axes)),
    dtype: 'u32',
    faults: [
      ...scalarFaults([key0, key1], 'random: a word of the key', 'u32'),
      ...broken(
        [counter0, counter1].some(({ dtype }) => dtype !== 'u32') && typeFault('random takes u32 counters'),
      ),
    ],
  }),
};

/** What follows for a value from its operands; axes and type that do not follow from them are its own. */
export const formOf = (value: Value): Form =>
  byOp(FORMS, value) ?? { axes: value.axes, dtype: value.dtype, faults: [] };

/** Type and axes of a store: its indices run over exactly the axes of the value. */
export function storeFaults({ buffer, terms, value }: Store): Fault[] {
  const where = `store to ${buffer.name}`;
  const covered = axesOfTerms(terms);
  const missing = value.axes.find((axis) => !covered.includes(axis));
  const stray = covered.find((axis) => !value.axes.includes(axis));
  return [
    ...broken(
      buffer.access === 'read' && {
        code: 'FROND-K107',
        message: `store: buffer ${buffer.name} is read-only`,
      },
      value.dtype !== loadedType(buffer) &&
        typeFault(`${where}: value is ${value.dtype}, buffer is ${buffer.dtype}`),
      missing !== undefined &&
        axesFault(`${where}: axis ${missing.name} of the value has no index, elements would collide`),
      stray !== undefined &&
        axesFault(`${where}: the indices run over the axis ${stray.name}, which the value does not have`),
    ),
    ...addressFaults(terms, where),
  ];
}

export const whenFaults = ({ condition }: Pick<When, 'condition'>): Fault[] =>
  scalarFaults([condition], 'when: the condition', 'bool');

/** Bounds of a loop are scalars; what it yields keeps number, axes and types of what it carries. */
export function loopFaults({ from, to, step, initial, yields }: Loop): Fault[] {
  const carriedFault = (message: string, hint?: string): Fault => ({ code: 'FROND-K109', message, hint });
  const isSame = (value: Value, other: Value | undefined): boolean =>
    other?.dtype === value.dtype && areSame(other.axes, value.axes);
  return [
    ...scalarFaults([from, to, step], 'loop: a bound'),
    ...broken(
      step.op === 'constant' && step.value <= 0 && carriedFault('loop: the step must be positive'),
      yields.length !== initial.length &&
        carriedFault(`loop: the body returns ${yields.length} values, ${initial.length} are carried`),
      ...initial.map(
        (value, i) =>
          i < yields.length &&
          !isSame(value, yields[i]) &&
          carriedFault(
            `loop: carried value ${i} changes its axes or type`,
            'rename axes or broadcast (add a fill) before yielding',
          ),
      ),
    ),
  ];
}
