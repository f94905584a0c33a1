import type { Axis, Value } from '../../kernel/ir.ts';
import { type Cell, elementIn, forCells } from './cells.ts';
import { elementOf, textOf } from './expressions.ts';
import { nameFor } from './names.ts';
import { aloneIn, layoutOf, type Printer, registersOf, typeOf } from './printer.ts';
import { guarded } from './text.ts';

/** Conditions under which a cell is an element of the tile: threads do not always divide its extents. */
export const tails = (p: Printer, axes: readonly Axis[], cell: Cell): string[] =>
  axes
    .filter((axis) => axis.size !== layoutOf(p, axis).owned * layoutOf(p, axis).threads)
    .map((axis) => `${elementIn(p, cell, axis)} < ${axis.size}`);

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

/** Writes what `text` gives for each element of a tile into the variable `name`; usually the elements of `value` themselves. */
export function fillTile(
  p: Printer,
  name: string,
  value: Value,
  text = (cell: Cell): string => textOf(p, value, cell, true).text,
): void {
  forCells(p, value.axes, (cell) => {
    // what is assigned is computed first: it may declare names in front of the line
    const right = text(cell);
    p.writer.line(`${elementOf(p, name, value.axes, cell)} = ${right};`);
  });
}

/** Moves the elements of a tile of one axis to the threads that own them under the axis' other name. */
export function printExchange(p: Printer, value: Value & { readonly op: 'rename' }): void {
  const { writer, memory } = p;
  const { arg, from, to } = value;
  const { owned, threads } = layoutOf(p, from);
  const shared = memory.claim('exchange', value.dtype, 1, owned * threads);
  forCells(p, arg.axes, (cell) => {
    const text = textOf(p, arg, cell, true).text;
    writer.line(guarded(aloneIn(p, arg.axes), `${shared}[${elementIn(p, cell, from)}] = ${text};`));
  });
  memory.barrier();
  const name = declareTile(p, value, false);
  fillTile(p, name, value, (cell) => `${shared}[min(${elementIn(p, cell, to)}, ${to.size - 1})]`);
  memory.reading(shared);
  p.variables.set(value, name);
}
