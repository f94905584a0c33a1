import { defined, FrondError } from '../../base/errors.ts';
import { elementwise } from '../../kernel/elementwise.ts';
import { isConstant, isWhole } from '../../kernel/flow.ts';
import type { Axis, Buffer, Span, Store, Term, Value, ValueOf, ValueType } from '../../kernel/ir.ts';
import type { Load } from './analysis.ts';
import * as cells from './cells.ts';
import type { Helper } from './functions.ts';
import { nameFor } from './names.ts';
import { bindingOf, type ElementType, type Printer, registersOf, splat, typeOf } from './printer.ts';
import { allOf, atom, compound, literal, operandText, plus, type Text, wrap } from './text.ts';

/** The variable that holds `value`: results live on in what their loop carried. */
export const variableOf = (p: Printer, value: Value): string | undefined =>
  p.variables.get(value.op === 'result' ? (value.loop.carried[value.index] ?? value) : value);

/** The private register of a tile at `cell`: a number, or four along the last axis. */
export const registerOf = (p: Printer, name: string, axes: readonly Axis[], cell: cells.Cell): string =>
  registersOf(p, axes).count === 1 ? name : `${name}[${cells.registerIn(p, cell, axes)}]`;

/** The private element of a tile at `cell`. */
function elementOf(p: Printer, name: string, axes: readonly Axis[], cell: cells.Cell): string {
  const register = registerOf(p, name, axes, cell);
  const last = axes.at(-1);
  return last && registersOf(p, axes).lanes === 4 ? `${register}${cells.componentIn(cell, last)}` : register;
}

/**
 * A scalar, or the element of a tile at `cell`: the variable that holds it, else it is computed here. `result`: it is assigned at
 * once and needs no name of its own.
 */
export function textOf(p: Printer, value: Value, cell = cells.everything(p), result = false): Text {
  const variable = variableOf(p, value);
  if (value.axes.length === 0) return variable === undefined ? compute(p, value, cell) : atom(variable);
  if (variable !== undefined && cell.owned) return atom(elementOf(p, variable, value.axes, cell));
  if (value.op === 'rename')
    return textOf(p, value.arg, cells.renamedCell(cell, value.from, value.to), result);
  const key = `value ${value.id} ${cells.keyIn(cell, value.axes)}`;
  const known = p.writer.nameOf(key);
  if (known !== undefined) return atom(known);
  const text = compute(p, value, cell);
  if (result || !deservesName(p, value, text)) return text;
  return atom(p.writer.bind(key, nameFor(p, value), text.text, cells.blockIn(cell, value.axes)));
}

/** Whether the text of an element should get a name of its own: used again, worth hoisting, or too long to read. */
function deservesName(p: Printer, value: Value, { text, atomic }: Text): boolean {
  if (atomic && !text.includes('(')) return false;
  const costly =
    value.op === 'load' || value.op === 'random' || (value.op === 'elementwise' && value.fn === 'exp');
  return costly || text.length > 72 || (p.analysis.users.get(value)?.length ?? 0) > 1;
}

function compute(p: Printer, value: Value, cell: cells.Cell): Text {
  const part = (arg: Value): Text => textOf(p, arg, cell);
  switch (value.op) {
    case 'constant':
    case 'fill':
      return atom(literal(p.helpers, value.value, value.dtype));
    case 'parameter':
      return atom(`launch.${p.globals.get(value.name) ?? value.name}`);
    case 'program':
      return atom(`program_${value.dimension}`);
    case 'arange':
      return atom(cells.elementIn(p, cell, value.axes[0] as Axis));
    case 'inside':
      return compound(`${wrap(spanIndex(p, value.span, cell))} < ${wrap(part(value.span.limit))}`);
    case 'elementwise':
      return applied(p, value, value.args.map(part));
    case 'cast':
      return castText(p, value, part(value.arg));
    case 'random':
      return randomText(p, value, part);
    case 'load':
      return atom(loadedElement(p, value, cell));
    default:
      throw new FrondError('FROND-X003', `kernel ${p.kernel.name}: ${value.op} cannot be printed as WGSL`, {
        node: `${p.kernel.name}/%${value.id}`,
        hint: 'run checkKernel on it; if that finds nothing, this is a defect of frond',
      });
  }
}

const infix = (sign: string, args: readonly Text[]): Text => compound(args.map(wrap).join(` ${sign} `));

/** A call of a function of the module. */
function call(p: Printer, helper: Helper, args: readonly Text[]): Text {
  p.helpers.add(helper);
  return atom(`${helper}(${args.map(({ text }) => text).join(', ')})`);
}

/** The larger of two, or of each lane of two; NaN where one of them is NaN: WGSL's own may give the other. */
export const largerOf = (p: Printer, dtype: ValueType, lanes: 1 | 4, x: string, y: string): string =>
  dtype === 'f32'
    ? call(p, lanes === 4 ? 'max_f32x4' : 'max_f32', [atom(x), atom(y)]).text
    : `max(${x}, ${y})`;

/** One row of the element-wise table over arguments already written. */
function applied(p: Printer, value: ValueOf<'elementwise'>, args: readonly Text[]): Text {
  const { fn } = value;
  const dtype = value.args.at(-1)?.dtype;
  const [x = '', y = '', z = ''] = args.map(({ text }) => text);
  switch (fn) {
    case 'div':
      // only a divisor that is known here is known not to be zero
      if (dtype === 'f32' || /^[1-9]\d*u?$/.test(y)) return infix('/', args);
      return call(p, dtype === 'u32' ? 'divide_u32' : 'divide_i32', args);
    case 'ne':
      // != is false for NaN
      return dtype === 'f32' ? compound(`!(${infix('==', args).text})`) : infix('!=', args);
    case 'neg':
      return compound(`${dtype === 'u32' ? '0u - ' : '-'}${args.map(wrap)}`);
    case 'not':
      return compound(`!${args.map(wrap)}`);
    case 'select':
      return atom(`select(${z}, ${y}, ${x})`);
    case 'min':
    case 'max':
      return dtype === 'f32' ? call(p, `${fn}_f32`, args) : atom(`${fn}(${x}, ${y})`);
    case 'sqrt':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'round':
      return atom(`${fn}(${x})`);
    case 'rsqrt':
      return atom(`inverseSqrt(${x})`);
    case 'shiftLeft':
      return compound(`${args.slice(0, 1).map(wrap)} << bitcast<u32>(${y})`);
    case 'shiftRight':
      if (dtype === 'u32') return infix('>>', args);
      return atom(`bitcast<i32>(bitcast<u32>(${x}) >> bitcast<u32>(${y}))`);
    case 'isFinite':
      return call(p, 'is_finite', args);
    case 'isNaN':
      return call(p, 'is_nan', args);
    case 'exp':
    case 'log':
    case 'tanh':
    case 'sin':
    case 'cos':
      return p.options.transcendentals === 'builtin' ? atom(`${fn}(${x})`) : call(p, `${fn}_f32`, args);
    case 'log1p':
    case 'powr':
    case 'erf':
    case 'erfcx':
      return call(p, `${fn}_f32`, args);
    default:
      return infix(defined(elementwise[fn].sign, `operator of ${fn}`), args);
  }
}

/** WGSL's own conversion of a large f32 ends at the largest f32 below the integers' limit. */
function castText(p: Printer, { dtype, arg }: ValueOf<'cast'>, { text }: Text): Text {
  if (arg.dtype !== 'f32' || (dtype !== 'i32' && dtype !== 'u32')) return atom(`${dtype}(${text})`);
  p.helpers.add(`to_${dtype}`);
  return atom(`to_${dtype}(${text})`);
}

function randomText(p: Printer, value: ValueOf<'random'>, part: (arg: Value) => Text): Text {
  p.helpers.add('threefry');
  const { key0, key1, counter0, counter1, word } = value;
  const pair = (x: Value, y: Value): string => `vec2<u32>(${part(x).text}, ${part(y).text})`;
  return atom(`threefry(${pair(key0, key1)}, ${pair(counter0, counter1)}).${word === 0 ? 'x' : 'y'}`);
}

/** An element of a buffer as it stands in memory, or four from a multiple of 4 on, and the type that memory has there. */
function storedAt(p: Printer, buffer: Buffer, at: string, lanes: 1 | 4) {
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
function converted(text: string, from: ElementType, to: ElementType, lanes: 1 | 4): string {
  if (from === to) return text;
  const type = typeOf(to, lanes);
  return from === 'f16' || to === 'f16' ? `${type}(${text})` : `bitcast<${type}>(${text})`;
}

/** What a load gives at `cell`: an element, or the four that begin there. */
function loadText(p: Printer, value: Load, cell: cells.Cell, lanes: 1 | 4): string {
  const { text: at, inside } = address(p, value.terms, cell);
  const { text, dtype } = storedAt(p, value.buffer, at, lanes);
  const loaded = converted(text, dtype, value.dtype, lanes);
  if (inside.length === 0) return loaded;
  // four zeros need no argument
  const otherwise =
    value.otherwise === 0 && lanes === 4 ? '' : literal(p.helpers, value.otherwise, value.dtype);
  return `select(${splat(value.dtype, lanes, otherwise)}, ${loaded}, ${allOf(inside)})`;
}

/** The axis along which a load takes four neighbours where `cell` stands, if it does. */
function quadAxis(p: Printer, value: Load, cell: cells.Cell): Axis | undefined {
  const axis = bindingOf(p, value.buffer).lanes === 4 ? p.vectorAxes.get(value) : undefined;
  return axis && cells.inLanes(cell, axis, value.axes) ? axis : undefined;
}

/** An element that is loaded: by itself, or out of the vec4 that is loaded once for its quad. */
function loadedElement(p: Printer, value: Load, cell: cells.Cell): string {
  const axis = quadAxis(p, value, cell);
  if (!axis) return loadText(p, value, cell, 1);
  const quad = cells.quadCell(cell, axis);
  const key = `vector ${value.id} ${cells.keyIn(quad, value.axes)}`;
  const text = (): string => loadText(p, value, quad, 4);
  const name = p.writer.bind(key, nameFor(p, value), text, cells.blockIn(quad, value.axes));
  return `${name}${cells.componentIn(cell, axis)}`;
}

/**
 * The four elements of `value` along `axis` that begin at `quad`, as the text of one vec4: a register, one access to
 * memory, or what is computed element by element.
 */
export function fourOf(p: Printer, value: Value, quad: cells.Cell, axis: Axis): string {
  const held = variableOf(p, value);
  if (held !== undefined && quad.owned && value.axes.at(-1) === axis) {
    return registerOf(p, held, value.axes, quad);
  }
  if (value.op === 'load') {
    const along = quadAxis(p, value, quad);
    if (along) return loadText(p, value, cells.quadCell(quad, along), 4);
  }
  const type = typeOf(value.dtype, 4);
  if (p.options.unroll) {
    const texts: string[] = [];
    cells.forLanes(p, axis, quad, (cell) => texts.push(textOf(p, value, cell, true).text));
    return `${type}(${texts.join(', ')})`;
  }
  const name = p.writer.var('four', `: ${type}`);
  cells.forLanes(p, axis, quad, (cell) => {
    p.writer.line(`${name}${cells.componentIn(cell, axis)} = ${textOf(p, value, cell, true).text};`);
  });
  return name;
}

/** Logical index of a span at a cell: start + element. */
function spanIndex(p: Printer, { axis, start }: Span, cell: cells.Cell): Text {
  const element = cells.elementIn(p, cell, axis);
  if (isConstant(start, 0)) return atom(element);
  const key = `span ${axis.order} ${start.id} ${element}`;
  const text = `${wrap(textOf(p, start))} + ${element}`;
  return atom(p.writer.bind(key, `${axis.name}_at`, text, cells.blockIn(cell, [axis])));
}

/** Σ index · stride, and the conditions under which it is inside its spans. */
function address(p: Printer, terms: readonly Term[], cell: cells.Cell) {
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

/** What a store writes at `cell`, an element or four, and the conditions under which that is inside its spans. */
export function assignment(p: Printer, { buffer, terms, value }: Store, cell: cells.Cell) {
  const { lanes } = bindingOf(p, buffer);
  const last = value.axes.at(-1);
  const text = lanes === 4 && last ? fourOf(p, value, cell, last) : textOf(p, value, cell, true).text;
  const { text: at, inside } = address(p, terms, cell);
  const place = storedAt(p, buffer, at, lanes);
  return { line: `${place.text} = ${converted(text, value.dtype, place.dtype, lanes)};`, inside };
}

function indexText(p: Printer, index: Value, cell: cells.Cell): Text {
  const text = textOf(p, index, cell);
  return index.dtype === 'u32' ? atom(`i32(${text.text})`) : text;
}

/**
 * Declares the private array (or scalar) of a tile and gives its name. `zero`: the text relies on zeros. They are spelled
 * out, because Dawn (webgpu 0.6.2) does not clear a variable without initialiser again in later rounds of a loop.
 */
export function declareTile(p: Printer, value: Value, zero: boolean, wanted = nameFor(p, value)): string {
  const { count, lanes } = registersOf(p, value.axes);
  const register = typeOf(value.dtype, lanes);
  const type = count === 1 ? register : `array<${register}, ${count}>`;
  return p.writer.var(wanted, zero ? ` = ${type}()` : `: ${type}`);
}

/** The variable that the tile is written to: the carried one that it replaces, or a new one. */
export function targetOf(p: Printer, value: Value, zero = false): string {
  const carried = p.analysis.inPlace.get(value);
  return (carried && p.variables.get(carried)) ?? declareTile(p, value, zero);
}

/** Writes what `text` gives for each element of a tile into the variable `name`; usually the elements of `value` themselves. */
export function fillTile(
  p: Printer,
  name: string,
  value: Value,
  text = (cell: cells.Cell): string => textOf(p, value, cell, true).text,
): void {
  cells.forCells(p, value.axes, (cell) => {
    // what is assigned is computed first: it may declare names in front of the line
    const right = text(cell);
    p.writer.line(`${elementOf(p, name, value.axes, cell)} = ${right};`);
  });
}
