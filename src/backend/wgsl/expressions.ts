import type { Axis, Buffer, Span, StorageType, Term, Value, ValueType } from '../../kernel/ir.ts';
import {
  blockIn,
  type Cell,
  componentIn,
  elementIn,
  groupCell,
  inLanes,
  keyIn,
  registerIn,
  renamedCell,
} from './cells.ts';
import { applied, argumentType } from './functionCalls.ts';
import { literal } from './literals.ts';
import { nameFor } from './nouns.ts';
import { lanesOf, type Printer, registersOf, typeOf, unprintable } from './printer.ts';
import { atom, compound, type Text, wrap } from './text.ts';

type Load = Value & { readonly op: 'load' };

const isConstant = (value: Value, number: number): boolean =>
  value.op === 'constant' && value.value === number;

/** A uniform scalar, or any other: the name it was given, or its text where it has none. */
export function scalarText(p: Printer, value: Value): Text {
  const name = p.variables.get(value);
  if (name !== undefined) return atom(name);
  switch (value.op) {
    case 'constant':
      return atom(literal(p, value.value, value.dtype));
    case 'fill':
      return atom(literal(p, value.value, value.dtype));
    case 'parameter':
      return atom(`launch.${p.globals.get(value.name) ?? value.name}`);
    case 'program':
      return atom(`program_${value.dimension}`);
    case 'elementwise':
      return applied(
        p,
        value.fn,
        value.args.map((arg) => scalarText(p, arg)),
        argumentType(value.args),
      );
    case 'cast':
      return castText(p, value, scalarText(p, value.arg));
    case 'random':
      return randomText(p, value, (arg) => scalarText(p, arg).text);
    case 'load':
      return loadedText(p, value.buffer, value.dtype, address(p, value.terms, undefined).text);
    default:
      throw unprintable(p, value, `the scalar ${value.op}`);
  }
}

/** WGSL's own conversion of a large f32 ends at the largest f32 below the integers' limit. */
function castText(p: Printer, { dtype, arg }: Value & { readonly op: 'cast' }, { text }: Text): Text {
  if (arg.dtype !== 'f32' || (dtype !== 'i32' && dtype !== 'u32')) return atom(`${dtype}(${text})`);
  p.helpers.add(dtype === 'i32' ? 'toI32' : 'toU32');
  return atom(`to_${dtype}(${text})`);
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
  const { name, index, dtype } = placeOf(p, buffer, at);
  if (!p.vectors.has(buffer)) return { text: `${name}[${index}]`, dtype };
  const place = /^\w+$/.test(index) ? index : p.writer.bind(`place ${index}`, `${buffer.name}_at`, index);
  return { text: `${name}[${place} >> 2u][${place} & 3]`, dtype };
}

/** Four elements from a multiple of 4 on, of a buffer that is an array of vec4. */
export function storedVector(
  p: Printer,
  buffer: Buffer,
  at: string,
): { readonly text: string; readonly dtype: StorageType } {
  const { name, index, dtype } = placeOf(p, buffer, at);
  const simple = /^\w+$/.test(index) ? index : `(${index})`;
  return { text: index === '0' ? `${name}[0]` : `${name}[${simple} >> 2u]`, dtype };
}

function placeOf(p: Printer, buffer: Buffer, at: string) {
  const place = p.storage.get(buffer.name);
  const name = place?.binding ?? buffer.name;
  const base = place?.arena ? `launch.${buffer.name}_base` : '';
  const index = base === '' ? at : at === '0' ? base : `${base} + ${at}`;
  return { name: p.globals.get(name) ?? name, index, dtype: place?.dtype ?? buffer.dtype };
}

function converted(text: string, from: StorageType, to: ValueType, lanes: 1 | 4): Text {
  if (from === to) return atom(text);
  return atom(from === 'f16' ? `${typeOf('f32', lanes)}(${text})` : `bitcast<${typeOf(to, lanes)}>(${text})`);
}

function loadedText(p: Printer, buffer: Buffer, value: ValueType, at: string): Text {
  const { text, dtype } = storedElement(p, buffer, at);
  return converted(text, dtype, value, 1);
}

/** Whether a load takes four neighbours along `axis` where `cell` stands. */
export function loadsVector(p: Printer, value: Load, cell: Cell): boolean {
  const axis = p.accesses.get(value);
  return axis !== undefined && p.vectors.has(value.buffer) && inLanes(cell, axis, value.axes);
}

/** The four neighbours that the group of `cell` along the load's vector axis stands for. */
export function vectorText(p: Printer, value: Load, cell: Cell): string {
  const group = groupCell(cell, p.accesses.get(value) as Axis);
  const { text: at, inside } = address(p, value.terms, group);
  const { text, dtype } = storedVector(p, value.buffer, at);
  const loaded = converted(text, dtype, value.dtype, 4).text;
  if (inside.length === 0) return loaded;
  const otherwise = `${typeOf(value.dtype, 4)}(${value.otherwise === 0 ? '' : literal(p, value.otherwise, value.dtype)})`;
  return `select(${otherwise}, ${loaded}, ${allOf(inside)})`;
}

/** Logical index of a span at a cell: start + element. */
function spanIndex(p: Printer, span: Span, cell: Cell): Text {
  const element = elementIn(p, cell, span.axis);
  if (isConstant(span.start, 0)) return atom(element);
  const key = `span ${span.axis.order} ${span.start.id} ${element}`;
  const start = wrap(scalarText(p, span.start));
  return atom(
    p.writer.bind(key, `${span.axis.name}_at`, `${start} + ${element}`, blockIn(cell, [span.axis])),
  );
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

/** The private register of a tile at `cell`: a number, or four along the last axis. */
export const registerOf = (p: Printer, name: string, axes: readonly Axis[], cell: Cell): string =>
  registersOf(p, axes) === 1 ? name : `${name}[${registerIn(p, cell, axes)}]`;

/** The private element of a tile at `cell`. */
export function elementOf(p: Printer, name: string, axes: readonly Axis[], cell: Cell): string {
  const register = registerOf(p, name, axes, cell);
  const last = axes.at(-1);
  return last && lanesOf(p, last) === 4 ? `${register}${componentIn(cell, last)}` : register;
}

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

/** An element out of the vec4 that is loaded once for its group. */
function componentOfLoad(p: Printer, value: Load, cell: Cell): Text {
  const axis = p.accesses.get(value) as Axis;
  const group = groupCell(cell, axis);
  const key = `vector ${value.id} ${value.axes.map((other) => keyIn(group, other)).join()}`;
  const name =
    p.writer.nameOf(key) ??
    p.writer.bind(key, nameFor(p, value), vectorText(p, value, cell), blockIn(group, value.axes));
  return atom(`${name}${componentIn(cell, axis)}`);
}

function compute(p: Printer, value: Value, cell: Cell): Text {
  const part = (arg: Value): Text => (arg.axes.length > 0 ? tileText(p, arg, cell) : scalarText(p, arg));
  switch (value.op) {
    case 'fill':
      return atom(literal(p, value.value, value.dtype));
    case 'arange':
      return atom(elementIn(p, cell, value.axes[0] as Axis));
    case 'inside':
      return compound(`${wrap(spanIndex(p, value.span, cell))} < ${wrap(scalarText(p, value.span.limit))}`);
    case 'elementwise':
      return applied(p, value.fn, value.args.map(part), argumentType(value.args));
    case 'cast':
      return castText(p, value, part(value.arg));
    case 'random':
      return randomText(p, value, (arg) => part(arg).text);
    case 'load': {
      if (loadsVector(p, value, cell)) return componentOfLoad(p, value, cell);
      const { text, inside } = address(p, value.terms, cell);
      const loaded = loadedText(p, value.buffer, value.dtype, text);
      if (inside.length === 0) return loaded;
      return atom(`select(${literal(p, value.otherwise, value.dtype)}, ${loaded.text}, ${allOf(inside)})`);
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
  if (variable !== undefined && cell.owned) return atom(elementOf(p, variable, value.axes, cell));
  if (value.op === 'rename') return tileText(p, value.arg, renamedCell(cell, value.from, value.to), result);
  const key = `value ${value.id} ${value.axes.map((axis) => keyIn(cell, axis)).join()}`;
  const known = p.writer.nameOf(key);
  if (known !== undefined) return atom(known);
  const text = compute(p, value, cell);
  if (result || !deservesName(p, value, text)) return text;
  return atom(p.writer.bind(key, nameFor(p, value), text.text, blockIn(cell, value.axes)));
}
