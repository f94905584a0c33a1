import { FrondError } from '../../base/errors.ts';
import type { Axis, Buffer, Span, StorageType, Term, Value, ValueType } from '../../kernel/ir.ts';
import { isConstant, isWhole, type Load } from './analysis.ts';
import {
  blockIn,
  type Cell,
  componentIn,
  elementIn,
  everything,
  forLanes,
  inLanes,
  keyIn,
  quadCell,
  registerIn,
  renamedCell,
} from './cells.ts';
import { applied, argumentType } from './functionCalls.ts';
import { nameFor } from './names.ts';
import { bindingOf, type Printer, registersOf, splat, typeOf } from './printer.ts';
import { allOf, atom, compound, literal, operandText, plus, type Text, wrap } from './text.ts';

/** The variable that holds `value`: results live on in what their loop carried. */
export const variableOf = (p: Printer, value: Value): string | undefined =>
  p.variables.get(value.op === 'result' ? (value.loop.carried[value.index] ?? value) : value);

/** The private register of a tile at `cell`: a number, or four along the last axis. */
export const registerOf = (p: Printer, name: string, axes: readonly Axis[], cell: Cell): string =>
  registersOf(p, axes).count === 1 ? name : `${name}[${registerIn(p, cell, axes)}]`;

/** The private element of a tile at `cell`. */
export function elementOf(p: Printer, name: string, axes: readonly Axis[], cell: Cell): string {
  const register = registerOf(p, name, axes, cell);
  const last = axes.at(-1);
  return last && registersOf(p, axes).lanes === 4 ? `${register}${componentIn(cell, last)}` : register;
}

/**
 * A scalar, or the element of a tile at `cell`: the variable that holds it, else it is computed here. `result`: it is assigned at
 * once and needs no name of its own.
 */
export function textOf(p: Printer, value: Value, cell = everything(p), result = false): Text {
  const variable = variableOf(p, value);
  if (value.axes.length === 0) return variable === undefined ? compute(p, value, cell) : atom(variable);
  if (variable !== undefined && cell.owned) return atom(elementOf(p, variable, value.axes, cell));
  if (value.op === 'rename') return textOf(p, value.arg, renamedCell(cell, value.from, value.to), result);
  const key = `value ${value.id} ${keyIn(cell, value.axes)}`;
  const known = p.writer.nameOf(key);
  if (known !== undefined) return atom(known);
  const text = compute(p, value, cell);
  if (result || !deservesName(p, value, text)) return text;
  return atom(p.writer.bind(key, nameFor(p, value), text.text, blockIn(cell, value.axes)));
}

/** Whether the text of an element should get a name of its own: used again, worth hoisting, or too long to read. */
function deservesName(p: Printer, value: Value, { text, atomic }: Text): boolean {
  if (atomic && !text.includes('(')) return false;
  const costly =
    value.op === 'load' || value.op === 'random' || (value.op === 'elementwise' && value.fn === 'exp');
  return costly || text.length > 72 || (p.analysis.users.get(value)?.length ?? 0) > 1;
}

function compute(p: Printer, value: Value, cell: Cell): Text {
  const part = (arg: Value): Text => textOf(p, arg, cell);
  switch (value.op) {
    case 'constant':
    case 'fill':
      return atom(literal(p, value.value, value.dtype));
    case 'parameter':
      return atom(`launch.${p.globals.get(value.name) ?? value.name}`);
    case 'program':
      return atom(`program_${value.dimension}`);
    case 'arange':
      return atom(elementIn(p, cell, value.axes[0] as Axis));
    case 'inside':
      return compound(`${wrap(spanIndex(p, value.span, cell))} < ${wrap(part(value.span.limit))}`);
    case 'elementwise':
      return applied(p, value.fn, value.args.map(part), argumentType(value.args));
    case 'cast':
      return castText(p, value, part(value.arg));
    case 'random':
      return randomText(p, value, part);
    case 'load':
      return loadsQuad(p, value, cell) ? componentOfQuad(p, value, cell) : atom(loadText(p, value, cell, 1));
    default:
      throw new FrondError('FROND-X003', `kernel ${p.kernel.name}: ${value.op} cannot be printed as WGSL`, {
        node: `${p.kernel.name}/%${value.id}`,
        hint: 'run checkKernel on it; if that finds nothing, this is a defect of frond',
      });
  }
}

/** WGSL's own conversion of a large f32 ends at the largest f32 below the integers' limit. */
function castText(p: Printer, { dtype, arg }: Value & { readonly op: 'cast' }, { text }: Text): Text {
  if (arg.dtype !== 'f32' || (dtype !== 'i32' && dtype !== 'u32')) return atom(`${dtype}(${text})`);
  p.helpers.add(`to_${dtype}`);
  return atom(`to_${dtype}(${text})`);
}

function randomText(p: Printer, value: Value & { readonly op: 'random' }, part: (arg: Value) => Text): Text {
  p.helpers.add('threefry');
  const { key0, key1, counter0, counter1, word } = value;
  const pair = (x: Value, y: Value): string => `vec2<u32>(${part(x).text}, ${part(y).text})`;
  return atom(`threefry(${pair(key0, key1)}, ${pair(counter0, counter1)}).${word === 0 ? 'x' : 'y'}`);
}

/** An element of a buffer as it stands in memory, or four from a multiple of 4 on, and the type that memory has there. */
export function storedAt(
  p: Printer,
  buffer: Buffer,
  at: string,
  lanes: 1 | 4,
): { readonly text: string; readonly dtype: StorageType } {
  const binding = bindingOf(p, buffer);
  const { dtype } = binding;
  const name = p.globals.get(binding.name) ?? binding.name;
  const index = binding.buffers.length > 1 ? plus(`launch.${buffer.name}_base`, at) : at;
  if (binding.lanes === 1) return { text: `${name}[${index}]`, dtype };
  if (lanes === 4)
    return { text: `${name}[${index === '0' ? index : `${operandText(index)} >> 2u`}]`, dtype };
  const place = /^\w+$/.test(index) ? index : p.writer.bind(`place ${index}`, `${buffer.name}_at`, index);
  return { text: `${name}[${place} >> 2u][${place} & 3]`, dtype };
}

/** What is stored as one type as another: f16 is converted, words are read anew. */
export function converted(
  text: string,
  from: ValueType | StorageType,
  to: ValueType | StorageType,
  lanes: 1 | 4,
): string {
  if (from === to) return text;
  const type = typeOf(to, lanes);
  return from === 'f16' || to === 'f16' ? `${type}(${text})` : `bitcast<${type}>(${text})`;
}

/** What a load gives at `cell`: an element, or the four that begin there. */
function loadText(p: Printer, value: Load, cell: Cell, lanes: 1 | 4): string {
  const { text: at, inside } = address(p, value.terms, cell);
  const { text, dtype } = storedAt(p, value.buffer, at, lanes);
  const loaded = converted(text, dtype, value.dtype, lanes);
  if (inside.length === 0) return loaded;
  // four zeros need no argument
  const otherwise = value.otherwise === 0 && lanes === 4 ? '' : literal(p, value.otherwise, value.dtype);
  return `select(${splat(value.dtype, lanes, otherwise)}, ${loaded}, ${allOf(inside)})`;
}

/** Whether a load takes four neighbours along `axis` where `cell` stands. */
function loadsQuad(p: Printer, value: Load, cell: Cell): boolean {
  const axis = p.vectorAxes.get(value);
  return axis !== undefined && bindingOf(p, value.buffer).lanes === 4 && inLanes(cell, axis, value.axes);
}

/** The four neighbours that the quad of `cell` along the load's vector axis stands for. */
const quadText = (p: Printer, value: Load, cell: Cell): string =>
  loadText(p, value, quadCell(cell, p.vectorAxes.get(value) as Axis), 4);

/** An element out of the vec4 that is loaded once for its quad. */
function componentOfQuad(p: Printer, value: Load, cell: Cell): Text {
  const axis = p.vectorAxes.get(value) as Axis;
  const quad = quadCell(cell, axis);
  const name = p.writer.bind(
    `vector ${value.id} ${keyIn(quad, value.axes)}`,
    nameFor(p, value),
    () => quadText(p, value, cell),
    blockIn(quad, value.axes),
  );
  return atom(`${name}${componentIn(cell, axis)}`);
}

/**
 * The four elements of `value` along `axis` that begin at `quad`, as the text of one vec4: a register, one access to
 * memory, or what is computed element by element.
 */
export function fourOf(p: Printer, value: Value, quad: Cell, axis: Axis): string {
  const held = variableOf(p, value);
  if (held !== undefined && quad.owned && value.axes.at(-1) === axis) {
    return registerOf(p, held, value.axes, quad);
  }
  if (value.op === 'load' && loadsQuad(p, value, quad)) return quadText(p, value, quad);
  const type = typeOf(value.dtype, 4);
  if (p.options.unroll) {
    const texts: string[] = [];
    forLanes(p, axis, quad, (cell) => texts.push(textOf(p, value, cell, true).text));
    return `${type}(${texts.join(', ')})`;
  }
  const name = p.writer.var('four', `: ${type}`);
  forLanes(p, axis, quad, (cell) => {
    p.writer.line(`${name}${componentIn(cell, axis)} = ${textOf(p, value, cell, true).text};`);
  });
  return name;
}

/** Logical index of a span at a cell: start + element. */
function spanIndex(p: Printer, { axis, start }: Span, cell: Cell): Text {
  const element = elementIn(p, cell, axis);
  if (isConstant(start, 0)) return atom(element);
  const key = `span ${axis.order} ${start.id} ${element}`;
  const text = `${wrap(textOf(p, start))} + ${element}`;
  return atom(p.writer.bind(key, `${axis.name}_at`, text, blockIn(cell, [axis])));
}

/** Σ index · stride, and the conditions under which it is inside its spans. */
export function address(
  p: Printer,
  terms: readonly Term[],
  cell: Cell,
): { readonly text: string; readonly inside: readonly string[] } {
  const parts: string[] = [];
  const inside: string[] = [];
  for (const { index, stride } of terms) {
    // a span without stride moves nothing, but still masks
    const still = isConstant(stride, 0);
    if (still && index.kind !== 'span') continue;
    const at = index.kind === 'span' ? spanIndex(p, index, cell) : indexText(p, index, cell);
    if (index.kind === 'span' && !isWhole(index))
      inside.push(`${wrap(at)} < ${wrap(textOf(p, index.limit))}`);
    if (still || at.text === '0') continue;
    parts.push(isConstant(stride, 1) ? wrap(at) : `${wrap(at)} * ${wrap(textOf(p, stride))}`);
  }
  return { text: parts.join(' + ') || '0', inside };
}

function indexText(p: Printer, index: Value, cell: Cell): Text {
  const text = textOf(p, index, cell);
  return index.dtype === 'u32' ? atom(`i32(${text.text})`) : text;
}
