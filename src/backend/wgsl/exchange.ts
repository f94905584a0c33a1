import type { Value } from '../../kernel/ir.ts';
import { elementIn, forCells } from './cells.ts';
import { elementOf, tileText } from './expressions.ts';
import { type Printer, perThread, repeatedOver, threadsAlong } from './printer.ts';
import { declareTile } from './tiles.ts';

/** Moves the elements of a tile of one axis to the threads that own them under the axis' other name. */
export function printExchange(p: Printer, value: Value & { readonly op: 'rename' }): void {
  const { writer, memory } = p;
  const { arg, from } = value;
  const shared = memory.claim('exchange', value.dtype, 1, perThread(p, from) * threadsAlong(p, from));
  forCells(p, arg.axes, (cell) => {
    const text = tileText(p, arg, cell, true).text;
    const conditions = repeatedOver(p, arg.axes).map((dimension) => `t${dimension} == 0`);
    const line = `${shared}[${elementIn(p, cell, from)}] = ${text};`;
    writer.line(conditions.length === 0 ? line : `if (${conditions.join(' & ')}) { ${line} }`);
  });
  memory.barrier();
  const name = declareTile(p, value, false);
  forCells(p, value.axes, (cell) => {
    writer.line(
      `${elementOf(p, name, value.axes, cell)} = ${shared}[min(${elementIn(p, cell, value.to)}, ${value.to.size - 1})];`,
    );
  });
  memory.reading(shared);
  p.variables.set(value, name);
}
