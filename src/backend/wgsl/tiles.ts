import type { Axis, Value } from '../../kernel/ir.ts';
import { type Cell, componentIn, elementIn, forCells, forLanes } from './cells.ts';
import { elementOf, loadsVector, registerOf, tileText, variableOf, vectorText } from './expressions.ts';
import { nameFor } from './nouns.ts';
import { type Printer, perThread, registersOf, registerType, threadsAlong, typeOf } from './printer.ts';

/** Conditions under which a cell is an element of the tile: threads do not always divide its extents. */
export const tails = (p: Printer, axes: readonly Axis[], cell: Cell): string[] =>
  axes
    .filter((axis) => axis.size !== perThread(p, axis) * threadsAlong(p, axis))
    .map((axis) => `${elementIn(p, cell, axis)} < ${axis.size}`);

/**
 * Declares the private array (or scalar) of a tile and gives its name. `zero`: the text relies on zeros. They are spelled
 * out, because Dawn (webgpu 0.6.2) does not clear a variable without initialiser again in later rounds of a loop.
 */
export function declareTile(p: Printer, value: Value, zero: boolean, wanted = nameFor(p, value)): string {
  const count = registersOf(p, value.axes);
  const name = p.writer.declare(wanted);
  const register = registerType(p, value.axes, value.dtype);
  const type = count === 1 ? register : `array<${register}, ${count}>`;
  p.writer.line(zero ? `var ${name} = ${type}();` : `var ${name}: ${type};`);
  return name;
}

/** The variable that the tile is written to: the carried one that it replaces, or a new one. */
export function targetOf(
  p: Printer,
  value: Value,
  zero = false,
): { readonly name: string; readonly fresh: boolean } {
  const carried = p.analysis.inPlace.get(value);
  const name = carried && p.variables.get(carried);
  if (name !== undefined) return { name, fresh: false };
  return { name: declareTile(p, value, zero), fresh: true };
}

/** Writes the elements of `value` into the variable `name`. */
export function fillTile(p: Printer, name: string, value: Value): void {
  forCells(p, value.axes, (cell) => {
    const text = tileText(p, value, cell, true).text;
    p.writer.line(`${elementOf(p, name, value.axes, cell)} = ${text};`);
  });
}

/**
 * The four elements of `value` along `axis` that begin at `group`, as the text of one vec4: a register, one access to
 * memory, or what is computed element by element.
 */
export function fourOf(p: Printer, value: Value, group: Cell, axis: Axis): string {
  const held = variableOf(p, value);
  if (held !== undefined && group.owned && value.axes.at(-1) === axis) {
    return registerOf(p, held, value.axes, group);
  }
  if (value.op === 'load' && loadsVector(p, value, group)) return vectorText(p, value, group);
  const type = typeOf(value.dtype, 4);
  if (p.options.unroll) {
    const texts: string[] = [];
    forLanes(p, axis, group, (cell) => texts.push(tileText(p, value, cell, true).text));
    return `${type}(${texts.join(', ')})`;
  }
  const name = p.writer.declare('four');
  p.writer.line(`var ${name}: ${type};`);
  forLanes(p, axis, group, (cell) => {
    p.writer.line(`${name}${componentIn(cell, axis)} = ${tileText(p, value, cell, true).text};`);
  });
  return name;
}
