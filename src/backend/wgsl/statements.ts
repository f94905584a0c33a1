import { operandsOf, valuesReadBy } from '../../kernel/flow.ts';
import type { Loop, Region, Store, Value, ValueOf, When } from '../../kernel/ir.ts';
import { addressKey, type Load } from './analysis.ts';
import * as cells from './cells.ts';
import { printDot } from './dot.ts';
import { assignment, declareTile, fillTile, targetOf, textOf, variableOf } from './expressions.ts';
import { joinHazards } from './memory.ts';
import { nameFor } from './names.ts';
import { aloneIn, bindingOf, layoutOf, type Printer } from './printer.ts';
import { printReduce } from './reduce.ts';
import { guarded } from './text.ts';

/**
 * Says that all threads are about to read or write elements of a buffer, of a tile like `value`. Accesses are alike when every thread
 * touches the elements that it touched before.
 */
function access(p: Printer, { buffer, terms }: Load | Store, { axes }: Value, writes: boolean): void {
  const key = aloneIn(p, axes).length > 0 ? undefined : addressKey(terms);
  p.memory.access({ buffer: buffer.name, writes, key });
}

/** Says which buffers that the program writes are read when `value` is computed here. */
function accessLoads(p: Printer, value: Value): void {
  if (value.op === 'load' && value.buffer.access !== 'read') access(p, value, value, false);
  for (const operand of operandsOf(value)) accessUnlessHeld(p, operand);
}

function accessUnlessHeld(p: Printer, value: Value): void {
  if (!p.variables.has(value) && !p.analysis.kept.has(value)) accessLoads(p, value);
}

/** Assigns element by element, or four neighbours at a time, each computed by itself. */
function printStore(p: Printer, store: Store): void {
  const { buffer, value } = store;
  for (const operand of valuesReadBy(store)) accessUnlessHeld(p, operand);
  if (buffer.access !== 'write') access(p, store, value, true);
  const walk = bindingOf(p, buffer).lanes === 4 ? cells.forQuads : cells.forCells;
  walk(p, value.axes, (cell) => {
    const { line, inside } = assignment(p, store, cell);
    p.writer.line(guarded([...inside, ...cells.tails(p, value.axes, cell), ...aloneIn(p, value.axes)], line));
  });
}

/** Scalars that read better in place than as a name: one use, no memory access, nothing slow. */
function staysInline(p: Printer, value: Value): boolean {
  if (['constant', 'fill', 'parameter', 'program', 'result'].includes(value.op)) return true;
  if (value.op === 'load' || value.op === 'random') return false;
  const [user, ...others] = p.analysis.users.get(value) ?? [];
  return user?.kind === 'value' && others.length === 0 && textOf(p, value).text.length < 48;
}

function printScalar(p: Printer, value: Value): void {
  if (staysInline(p, value)) return;
  accessLoads(p, value);
  const { text } = textOf(p, value);
  const name = nameFor(p, value);
  // WGSL takes nothing from a writable binding for uniform, even where this program does not write it
  const isDoubted = value.op === 'load' && bindingOf(p, value.buffer).access === 'read_write';
  const share = (shared: string): void => p.writer.line(guarded(['lane == 0'], `${shared} = ${text};`));
  const isShared = isDoubted && p.analysis.controlling.has(value);
  p.variables.set(value, isShared ? p.memory.broadcast(value, name, share) : p.writer.let(name, text));
}

/** Moves the elements of a tile of one axis to the threads that own them under the axis' other name. */
function printExchange(p: Printer, value: ValueOf<'rename'>): void {
  const { writer, memory } = p;
  const { arg, from, to } = value;
  writer.line(`// ${from.name} becomes ${to.name}: elements change threads`);
  const { owned, threads } = layoutOf(p, from);
  const shared = memory.claim('exchange', value.dtype, 1, owned * threads);
  cells.forCells(p, arg.axes, (cell) => {
    const text = textOf(p, arg, cell, true).text;
    writer.line(guarded(aloneIn(p, arg.axes), `${shared}[${cells.elementIn(p, cell, from)}] = ${text};`));
  });
  memory.barrier();
  const name = declareTile(p, value, false);
  fillTile(p, name, value, (cell) => `${shared}[min(${cells.elementIn(p, cell, to)}, ${to.size - 1})]`);
  memory.reading(shared);
  p.variables.set(value, name);
}

/** Writes a tile where it stands, and gives it a name, if anything is to be kept of it. */
function printTile(p: Printer, value: Value): void {
  const isExchanged = value.op === 'rename' && p.analysis.exchanged.has(value);
  const isKept = p.analysis.kept.has(value);
  if (value.op !== 'reduce' && value.op !== 'dot' && !isExchanged && !isKept) return;
  accessLoads(p, value);
  if (value.op === 'reduce') printReduce(p, value);
  else if (value.op === 'dot') printDot(p, value);
  else if (isExchanged) printExchange(p, value);
  else {
    const name = targetOf(p, value);
    fillTile(p, name, value);
    p.variables.set(value, name);
  }
}

/** What a carried value is called: by what the loop does to it. */
function carriedName(loop: Loop, i: number): string {
  const next = loop.yields[i];
  const label = loop.carried[i]?.label;
  if (label !== undefined) return label;
  if (next?.op === 'dot') return 'accumulator';
  if (next?.op === 'elementwise' && next.fn === 'add') return 'running_sum';
  if (next?.op === 'elementwise' && next.fn === 'max') return 'running_max';
  return 'state';
}

function printInitial(p: Printer, loop: Loop): void {
  loop.initial.forEach((value, i) => {
    const carried = loop.carried[i];
    if (!carried) return;
    if (carried.axes.length === 0) {
      const { text } = textOf(p, value);
      p.variables.set(carried, p.writer.var(carriedName(loop, i), `: ${carried.dtype} = ${text}`));
      return;
    }
    accessUnlessHeld(p, value);
    const zero = value.op === 'fill' && value.value === 0;
    const name = declareTile(p, carried, zero, carriedName(loop, i));
    if (!zero) fillTile(p, name, value);
    p.variables.set(carried, name);
  });
}

/** carried ← yields, as if all at once: what another assignment overwrites is copied first. */
function printYields(p: Printer, loop: Loop): void {
  const { writer, analysis } = p;
  const assignments: (() => void)[] = [];
  loop.yields.forEach((value, i) => {
    const carried = loop.carried[i];
    const name = carried && p.variables.get(carried);
    const source = variableOf(p, value);
    if (!carried || name === undefined || source === name || analysis.inPlace.get(value) === carried) return;
    if (carried.axes.length === 0 || (source !== undefined && loop.carried.includes(value))) {
      const copy = writer.let('next', source ?? textOf(p, value).text);
      assignments.push(() => writer.line(`${name} = ${copy};`));
    } else if (source !== undefined) assignments.push(() => writer.line(`${name} = ${source};`));
    else assignments.push(() => fillTile(p, name, value));
  });
  for (const assign of assignments) assign();
}

function printLoop(p: Printer, loop: Loop): void {
  const { writer, memory } = p;
  printInitial(p, loop);
  const counter = writer.declare(nameFor(p, loop.induction));
  p.variables.set(loop.induction, counter);
  const [from, to, step] = [loop.from, loop.to, loop.step].map((bound) => textOf(p, bound).text);
  const before = memory.hazards;
  const print = (printer: Printer): void => {
    printRegion(printer, loop.body);
    printYields(printer, loop);
  };
  // Written once to learn which accesses the end of a round leaves open for the next, then for good.
  writer.capture(() => print({ ...p, variables: new Map(p.variables) }));
  memory.hazards = joinHazards(before, memory.hazards, 'next');
  writer.block(`for (var ${counter}: i32 = ${from}; ${counter} < ${to}; ${counter} += ${step})`, () =>
    print(p),
  );
  memory.hazards = joinHazards(before, memory.hazards, 'next');
  writer.innermost.names.delete(counter);
}

function printWhen(p: Printer, { condition, body }: When): void {
  const { memory } = p;
  const before = memory.hazards;
  p.writer.block(`if (${textOf(p, condition).text})`, () => printRegion(p, body));
  memory.hazards = joinHazards(before, memory.hazards, 'same');
}

export function printRegion(p: Printer, { statements }: Region): void {
  for (const statement of statements) {
    if (statement.kind === 'store') printStore(p, statement);
    else if (statement.kind === 'loop') printLoop(p, statement);
    else if (statement.kind === 'when') printWhen(p, statement);
    else {
      const { value } = statement;
      if (!p.analysis.live.has(value) || value.op === 'carried' || value.op === 'induction') continue;
      if (value.axes.length === 0 && value.op !== 'reduce') printScalar(p, value);
      else printTile(p, value);
    }
  }
}
