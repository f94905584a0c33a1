import type { ErrorCode } from '../base/errors.ts';
import { elementwise, resultType } from './elementwise.ts';
import { describe } from './flow.ts';
import type { Axis, Buffer, Value, ValueType } from './ir.ts';

/** What is wrong with one value or statement: the rest of a finding is known to the caller. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

const fault = (code: Fault['code'], message: string, hint?: string): Fault =>
  hint === undefined ? { code, message } : { code, message, hint };

const names = (axes: readonly Axis[]): string => `[${axes.map((axis) => axis.name).join(', ')}]`;
const sameAxes = (x: readonly Axis[], y: readonly Axis[]): boolean =>
  x.length === y.length && x.every((axis, i) => axis === y[i]);
/** The axes of tiles together, in declaration order. */
export const unionAxes = (tiles: readonly (readonly Axis[])[]): Axis[] =>
  [...new Set(tiles.flat())].sort((a, b) => a.order - b.order);

export const elementTypeOf = (buffer: Buffer): ValueType => (buffer.dtype === 'f16' ? 'f32' : buffer.dtype);

/** Tiles have at most two axes, declared by this kernel, in declaration order. */
export function axisFaults(value: Value, declared: readonly Axis[]): Fault[] {
  const { axes } = value;
  const faults: Fault[] = [];
  if (axes.length > 2) faults.push(fault('FROND-K101', `a tile has at most two axes, not ${names(axes)}`));
  for (const axis of axes) {
    if (declared[axis.order] !== axis) {
      faults.push(fault('FROND-K101', `axis ${axis.name} is not declared by this kernel`));
    }
  }
  const [first, second] = axes;
  if (first && second && first.order >= second.order) {
    faults.push(
      fault(
        'FROND-K101',
        `the axes ${names(axes)} do not stand in declaration order`,
        'declare the axes in the order in which tiles use them; a transposed operand is another list of strides',
      ),
    );
  }
  return faults;
}

const kindOf = (dtype: ValueType): 'float' | 'integer' | 'bool' =>
  dtype === 'f32' ? 'float' : dtype === 'bool' ? 'bool' : 'integer';

function elementwiseFaults(value: Value & { readonly op: 'elementwise' }): Fault[] {
  const { fn, args } = value;
  const row = elementwise[fn];
  if (args.length !== row.arity) {
    return [fault('FROND-K106', `${fn} takes ${row.arity} arguments, not ${args.length}`)];
  }
  const last = args[args.length - 1];
  const dtype = last ? last.dtype : 'f32';
  const faults: Fault[] = [];
  args.forEach((arg, i) => {
    const wanted = fn === 'select' && i === 0 ? 'bool' : dtype;
    if (arg.dtype !== wanted) {
      faults.push(fault('FROND-K106', `${fn}: argument ${i} is ${arg.dtype}, expected ${wanted}`));
    }
  });
  const kind = kindOf(dtype);
  if (row.accepts !== 'any' && row.accepts !== kind && !(row.accepts === 'number' && kind !== 'bool')) {
    faults.push(fault('FROND-K106', `${fn} takes ${row.accepts} arguments, not ${dtype}`));
  }
  if (value.dtype !== resultType(fn, dtype)) {
    faults.push(fault('FROND-K106', `${fn} of ${dtype} gives ${resultType(fn, dtype)}, not ${value.dtype}`));
  }
  const axes = unionAxes(args.map((arg) => arg.axes));
  if (!sameAxes(axes, value.axes)) {
    faults.push(
      fault('FROND-K110', `${fn} of these tiles has the axes ${names(axes)}, not ${names(value.axes)}`),
    );
  }
  return faults;
}

function reduceFaults(value: Value & { readonly op: 'reduce' }): Fault[] {
  const { arg, over, combine } = value;
  const faults: Fault[] = [];
  const stray = over.find((axis) => !arg.axes.includes(axis));
  if (stray || over.length === 0) {
    faults.push(
      fault(
        'FROND-K110',
        `reduce ${combine}: ${stray?.name ?? 'nothing'} is not an axis of ${names(arg.axes)}`,
      ),
    );
  }
  if (combine === 'argmax' && over.length > 1) {
    faults.push(fault('FROND-K110', 'reduce argmax runs over exactly one axis'));
  }
  const rest = arg.axes.filter((axis) => !over.includes(axis));
  if (!sameAxes(rest, value.axes)) {
    faults.push(fault('FROND-K110', `reduce ${combine} leaves ${names(rest)}, not ${names(value.axes)}`));
  }
  const dtype = combine === 'argmax' ? 'i32' : arg.dtype;
  if (arg.dtype === 'bool') {
    faults.push(fault('FROND-K106', `reduce ${combine} of bool`, 'cast to i32 or f32 first'));
  } else if (value.dtype !== dtype) {
    faults.push(fault('FROND-K106', `reduce ${combine} of ${arg.dtype} gives ${dtype}, not ${value.dtype}`));
  }
  return faults;
}

function dotFaults(value: Value & { readonly op: 'dot' }): Fault[] {
  const { left, right, accumulator, over, row, column } = value;
  const faults: Fault[] = [];
  for (const [operand, kept] of [
    [left, row],
    [right, column],
  ] as const) {
    const axes = operand.axes;
    if (axes.length !== 2 || !axes.includes(over) || !axes.includes(kept) || over === kept) {
      faults.push(
        fault(
          'FROND-K110',
          `dot: an operand has the axes ${names(axes)}, expected ${over.name} and ${kept.name}`,
        ),
      );
    }
  }
  if (!sameAxes(value.axes, [row, column])) {
    faults.push(fault('FROND-K110', `dot gives ${names([row, column])}, not ${names(value.axes)}`));
  }
  if (accumulator && !sameAxes(accumulator.axes, value.axes)) {
    faults.push(fault('FROND-K110', 'dot: the accumulator must have the axes of the result'));
  }
  const types = [left, right, value, ...(accumulator ? [accumulator] : [])].map(({ dtype }) => dtype);
  if (types.some((dtype) => dtype !== 'f32')) {
    faults.push(fault('FROND-K106', 'dot works on f32 tiles', 'cast the operands to f32'));
  }
  return faults;
}

function renameFaults(value: Value & { readonly op: 'rename' }): Fault[] {
  const { arg, from, to } = value;
  const faults: Fault[] = [];
  if (from.size !== to.size) {
    faults.push(
      fault('FROND-K110', `rename: axis ${from.name} has ${from.size} elements, ${to.name} has ${to.size}`),
    );
  }
  const axes = arg.axes.map((axis) => (axis === from ? to : axis));
  if (!arg.axes.includes(from) || !sameAxes(axes, value.axes)) {
    faults.push(fault('FROND-K110', `rename of ${from.name} in ${names(arg.axes)} gives ${names(axes)}`));
  }
  if (value.dtype !== arg.dtype) faults.push(fault('FROND-K106', 'rename keeps the type of its argument'));
  return faults;
}

function loadFaults(value: Value & { readonly op: 'load' }): Fault[] {
  const { buffer, terms } = value;
  const faults: Fault[] = [];
  if (buffer.access === 'write') {
    faults.push(
      fault(
        'FROND-K107',
        `load from the write-only buffer ${buffer.name}`,
        'declare it as update (in place) or scratch (read back by the same program)',
      ),
    );
  }
  if (value.dtype !== elementTypeOf(buffer)) {
    faults.push(
      fault('FROND-K106', `a load of ${buffer.name} gives ${elementTypeOf(buffer)}, not ${value.dtype}`),
    );
  }
  const axes = unionAxes(terms.map(({ index }) => (index.kind === 'span' ? [index.axis] : index.axes)));
  if (!sameAxes(axes, value.axes)) {
    faults.push(fault('FROND-K110', `a load through these indices has the axes ${names(axes)}`));
  }
  return faults;
}

/** Numbers that are part of the text are numbers: −∞, where a maximum begins, among them. */
function numberFaults(value: number, what: string): Fault[] {
  return Number.isNaN(value)
    ? [fault('FROND-K106', `${what} is NaN`, 'use a number: −∞ is one, from which a maximum begins')]
    : [];
}

/** Rules on the operands' types and axes, by construct. */
export function valueFaults(value: Value): Fault[] {
  switch (value.op) {
    case 'constant':
    case 'fill':
      return numberFaults(value.value, `a ${value.op}`);
    case 'elementwise':
      return elementwiseFaults(value);
    case 'reduce':
      return reduceFaults(value);
    case 'dot':
      return dotFaults(value);
    case 'rename':
      return renameFaults(value);
    case 'load':
      return [
        ...loadFaults(value),
        ...numberFaults(value.otherwise, `the default of a load of ${value.buffer.name}`),
      ];
    case 'cast':
      return sameAxes(value.axes, value.arg.axes)
        ? []
        : [fault('FROND-K110', `cast of ${describe(value.arg)} must keep its axes`)];
    case 'inside':
      return value.dtype === 'bool' && sameAxes(value.axes, [value.span.axis])
        ? []
        : [fault('FROND-K110', 'inside gives bools along the axis of its span')];
    case 'arange':
      return value.dtype === 'i32' && value.axes.length === 1
        ? []
        : [fault('FROND-K110', 'arange gives i32 numbers along one axis')];
    case 'random': {
      const words = [value.key0, value.key1, value.counter0, value.counter1];
      const keys = [value.key0, value.key1];
      return words.every(({ dtype }) => dtype === 'u32') && keys.every(({ axes }) => axes.length === 0)
        ? []
        : [fault('FROND-K106', 'random takes u32 counters and uniform u32 keys')];
    }
    default:
      return [];
  }
}
