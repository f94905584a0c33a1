import type { Axis, Buffer, Span, StorageType, Term, Value, ValueType } from '../../kernel/ir.ts';
import { type Cell, renamedCell } from './cells.ts';
import { applied } from './functionCalls.ts';
import { literal } from './literals.ts';
import { nameFor } from './nouns.ts';
import { type Printer, registersOf, unprintable } from './printer.ts';
import { atom, compound, type Text, wrap } from './text.ts';

const isConstant = (value: Value, number: number): boolean =>
  value.op === 'constant' && value.value === number;

/** A uniform scalar, or any other: the name it was given, or its text where it has none. */
export function scalarText(p: Printer, value: Value): Text {
  const name = p.variables.get(value);
  if (name !== undefined) return atom(name);
  switch (value.op) {
    case 'constant':
      return atom(literal(value.value, value.dtype));
    case 'fill':
      return atom(literal(value.value, value.dtype));
    case 'parameter':
      return atom(`launch.${p.globals.get(value.name) ?? value.name}`);
    case 'program':
      return atom(`program_${value.dimension}`);
    case 'elementwise':
      return applied(
        p,
        value.fn,
        value.args.map((arg) => scalarText(p, arg)),
        value.dtype,
      );
    case 'cast':
      return atom(`${value.dtype}(${scalarText(p, value.arg).text})`);
    case 'random':
      return randomText(p, value, (arg) => scalarText(p, arg).text);
    case 'load':
      return loadedText(p, value.buffer, value.dtype, address(p, value.terms, undefined).text);
    default:
      throw unprintable(p, value, `the scalar ${value.op}`);
  }
}

function randomText(
  p: Printer,
  value: Value & { readonly op: 'random' },
  text: (arg: Value) => string,
): Text {
  p.helpers.add('threefry');
  const { key0, key1, counter0, counter1, word } = value;
  const key = `vec2<u32>(${text(key0)}, ${text(key1)})`;
  const counter = `vec2<u32>(${text(counter0)}, ${text(counter1)})`;
  return atom(`threefry(${key}, ${counter}).${word === 0 ? 'x' : 'y'}`);
}

/** An element of a buffer as it stands in memory, and the type that memory has there. */
export function storedElement(
  p: Printer,
  buffer: Buffer,
  at: string,
): { readonly text: string; readonly dtype: StorageType } {
  const place = p.storage.get(buffer.name);
  const name = place?.binding ?? buffer.name;
  const base = place?.arena ? `launch.${buffer.name}_base` : '';
  const index = base === '' ? at : at === '0' ? base : `${base} + ${at}`;
  return { text: `${p.globals.get(name) ?? name}[${index}]`, dtype: place?.dtype ?? buffer.dtype };
}

function loadedText(p: Printer, buffer: Buffer, value: ValueType, at: string): Text {
  const { text, dtype } = storedElement(p, buffer, at);
  if (dtype === value) return atom(text);
  return atom(dtype === 'f16' ? `f32(${text})` : `bitcast<${value}>(${text})`);
}

/** Logical index of a span at a cell: start + element. */
function spanIndex(p: Printer, span: Span, cell: Cell): Text {
  const element = cell.element(span.axis);
  if (isConstant(span.start, 0)) return atom(element);
  const key = `span ${span.axis.order} ${span.start.id} ${element}`;
  const start = wrap(scalarText(p, span.start));
  return atom(p.writer.bind(key, `${span.axis.name}_at`, `${start} + ${element}`, cell.blockOf([span.axis])));
}

/** Σ index · stride, and the conditions under which it is inside its spans. */
export function address(
  p: Printer,
  terms: readonly Term[],
  cell: Cell | undefined,
): { readonly text: string; readonly inside: readonly string[] } {
  const parts: string[] = [];
  const inside: string[] = [];
  for (const { index, stride } of terms) {
    // a span without stride moves nothing, but still masks
    const still = isConstant(stride, 0);
    let at: Text;
    if (index.kind === 'span') {
      if (!cell) continue;
      at = spanIndex(p, index, cell);
      const limit = index.limit;
      const always = isConstant(index.start, 0) && limit.op === 'constant' && limit.value >= index.axis.size;
      if (!always) inside.push(`${wrap(at)} < ${wrap(scalarText(p, limit))}`);
    } else if (still) {
      continue;
    } else {
      at = index.axes.length > 0 && cell ? tileText(p, index, cell) : scalarText(p, index);
      if (index.dtype === 'u32') at = atom(`i32(${at.text})`);
    }
    if (still || at.text === '0') continue;
    parts.push(isConstant(stride, 1) ? wrap(at) : `${wrap(at)} * ${wrap(scalarText(p, stride))}`);
  }
  return { text: parts.join(' + ') || '0', inside };
}

/** Conditions joined without branching. */
export const allOf = (conditions: readonly string[]): string =>
  conditions.length === 1
    ? (conditions[0] ?? 'true')
    : conditions.map((condition) => `(${condition})`).join(' & ');

/** The variable whose private array holds `value`: results live on in what their loop carried. */
export const variableOf = (p: Printer, value: Value): string | undefined => {
  const holder = value.op === 'result' ? (value.loop.carried[value.index] ?? value) : value;
  return p.variables.get(holder);
};

/** `name[register]`, or `name` where a thread owns one element. */
export const elementOf = (p: Printer, name: string, axes: readonly Axis[], cell: Cell): string =>
  registersOf(p, axes) === 1 ? name : `${name}[${cell.register?.(axes) ?? '0'}]`;

/** Whether the text of `value` should get a name of its own: used again, worth hoisting, or too long to read. */
function deservesName(p: Printer, value: Value, text: Text): boolean {
  if (text.atomic && !text.text.includes('(')) return false;
  const uses = (p.analysis.users.get(value) ?? []).filter(
    (user) => user.kind !== 'value' || p.analysis.live.has(user),
  ).length;
  const costly =
    value.op === 'load' || value.op === 'random' || (value.op === 'elementwise' && value.fn === 'exp');
  return uses > 1 || costly || text.text.length > 72;
}

function compute(p: Printer, value: Value, cell: Cell): Text {
  const part = (arg: Value): Text => (arg.axes.length > 0 ? tileText(p, arg, cell) : scalarText(p, arg));
  switch (value.op) {
    case 'fill':
      return atom(literal(value.value, value.dtype));
    case 'arange':
      return atom(cell.element(value.axes[0] as Axis));
    case 'inside':
      return compound(`${wrap(spanIndex(p, value.span, cell))} < ${wrap(scalarText(p, value.span.limit))}`);
    case 'elementwise':
      return applied(p, value.fn, value.args.map(part), value.args[0]?.dtype ?? value.dtype);
    case 'cast':
      return atom(`${value.dtype}(${part(value.arg).text})`);
    case 'random':
      return randomText(p, value, (arg) => part(arg).text);
    case 'load': {
      const { text, inside } = address(p, value.terms, cell);
      const loaded = loadedText(p, value.buffer, value.dtype, text);
      if (inside.length === 0) return loaded;
      return atom(`select(${literal(value.otherwise, value.dtype)}, ${loaded.text}, ${allOf(inside)})`);
    }
    default:
      throw unprintable(p, value, `an element of ${value.op}`);
  }
}

/**
 * The element of a tile at `cell`: from its private array, or computed here. `result`: it is assigned at once and needs
 * no name of its own.
 */
export function tileText(p: Printer, value: Value, cell: Cell, result = false): Text {
  if (value.axes.length === 0) return scalarText(p, value);
  const variable = variableOf(p, value);
  if (variable !== undefined && cell.register) return atom(elementOf(p, variable, value.axes, cell));
  if (value.op === 'rename') return tileText(p, value.arg, renamedCell(cell, value.from, value.to), result);
  const key = `value ${value.id} ${value.axes.map((axis) => cell.key(axis)).join()}`;
  const known = p.writer.nameOf(key);
  if (known !== undefined) return atom(known);
  const text = compute(p, value, cell);
  if (result || !deservesName(p, value, text)) return text;
  return atom(p.writer.bind(key, nameFor(p, value), text.text, cell.blockOf(value.axes)));
}
