import { operandsOf, valuesReadBy } from '../../kernel/flow.ts';
import type { Loop, Region, Statement, Store, Value, When } from '../../kernel/ir.ts';
import { addressKey, type Load } from './analysis.ts';
import { forCells, forQuads } from './cells.ts';
import { printDot } from './dot.ts';
import { address, converted, fourOf, storedAt, textOf, variableOf } from './expressions.ts';
import { joinHazards } from './memory.ts';
import { nameFor } from './names.ts';
import { aloneIn, bindingOf, type Printer } from './printer.ts';
import { printReduce } from './reduce.ts';
import { guarded } from './text.ts';
import { declareTile, fillTile, printExchange, tails, targetOf } from './tiles.ts';

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
  const { buffer, terms, value } = store;
  for (const operand of valuesReadBy(store)) accessUnlessHeld(p, operand);
  if (buffer.access !== 'write') access(p, store, value, true);
  const { lanes } = bindingOf(p, buffer);
  const last = value.axes.at(-1);
  (lanes === 4 ? forQuads : forCells)(p, value.axes, (cell) => {
    const text = lanes === 4 && last ? fourOf(p, value, cell, last) : textOf(p, value, cell, true).text;
    const { text: at, inside } = address(p, terms, cell);
    const conditions = [...inside, ...tails(p, value.axes, cell), ...aloneIn(p, value.axes)];
    const place = storedAt(p, buffer, at, lanes);
    const stored = converted(text, value.dtype, place.dtype, lanes);
    p.writer.line(guarded(conditions, `${place.text} = ${stored};`));
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
  if (needsBroadcast(p, value)) {
    const shared = p.memory.claimUniform(`uniform_${value.id}`, value.dtype);
    p.writer.line(guarded(['lane == 0'], `${shared} = ${text};`));
    p.variables.set(value, p.memory.loadUniform(shared, name));
  } else p.variables.set(value, p.writer.let(name, text));
}

/** WGSL takes nothing from a writable binding for uniform, even where this program does not write it. */
const needsBroadcast = (p: Printer, value: Value): boolean =>
  value.op === 'load' &&
  p.analysis.controlling.has(value) &&
  bindingOf(p, value.buffer).access === 'read_write';

function printValue(p: Printer, value: Value): void {
  const { live, kept, exchanged } = p.analysis;
  if (!live.has(value) || value.op === 'carried' || value.op === 'induction') return;
  if (value.op === 'reduce') {
    p.writer.line(`// ${value.combine} over ${value.over.map(({ name }) => name).join(' and ')}`);
    accessLoads(p, value);
    printReduce(p, value);
  } else if (value.axes.length === 0) printScalar(p, value);
  else if (value.op === 'dot') {
    p.writer.line(`// products summed over ${value.over.name}`);
    accessLoads(p, value);
    printDot(p, value);
  } else if (value.op === 'rename' && exchanged.has(value)) {
    p.writer.line(`// ${value.from.name} becomes ${value.to.name}: elements change threads`);
    accessLoads(p, value);
    printExchange(p, value);
  } else if (kept.has(value)) {
    accessLoads(p, value);
    const { name } = targetOf(p, value);
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
  const body = (): void => {
    printRegion(p, loop.body);
    printYields(p, loop);
  };
  // Written once to learn which accesses the end of a round leaves open for the next, then for good.
  const before = memory.hazards;
  const outside = new Set(p.variables.keys());
  writer.capture(body);
  for (const value of [...p.variables.keys()]) if (!outside.has(value)) p.variables.delete(value);
  memory.hazards = joinHazards(before, memory.hazards, 'next');
  writer.block(`for (var ${counter}: i32 = ${from}; ${counter} < ${to}; ${counter} += ${step})`, body);
  memory.hazards = joinHazards(before, memory.hazards, 'next');
  writer.innermost.names.delete(counter);
}

function printWhen(p: Printer, { condition, body }: When): void {
  const { memory } = p;
  const before = memory.hazards;
  p.writer.block(`if (${textOf(p, condition).text})`, () => printRegion(p, body));
  memory.hazards = joinHazards(before, memory.hazards, 'same');
}

function printStatement(p: Printer, statement: Statement): void {
  if (statement.kind === 'let') printValue(p, statement.value);
  else if (statement.kind === 'store') printStore(p, statement);
  else if (statement.kind === 'loop') printLoop(p, statement);
  else printWhen(p, statement);
}

export function printRegion(p: Printer, region: Region): void {
  for (const statement of region.statements) printStatement(p, statement);
}
