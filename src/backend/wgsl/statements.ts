import { operandsOf } from '../../kernel/flow.ts';
import type { Axis, Buffer, Loop, Region, Statement, Store, Term, Value, When } from '../../kernel/ir.ts';
import { type Cell, forCells, forGroups } from './cells.ts';
import { printDot } from './dot.ts';
import { printExchange } from './exchange.ts';
import {
  address,
  allOf,
  elementOf,
  scalarText,
  storedElement,
  storedVector,
  tileText,
  variableOf,
} from './expressions.ts';
import { joinHazards, type StorageAccess } from './memory.ts';
import { nameFor } from './nouns.ts';
import { type Printer, repeatedOver, typeOf, unprintable } from './printer.ts';
import { printReduce } from './reduce.ts';
import { declareTile, fillTile, fourOf, tails, targetOf } from './tiles.ts';

/** Accesses are alike when every thread touches the elements that it touched before. */
function accessOf(
  p: Printer,
  buffer: Buffer,
  terms: readonly Term[],
  value: Value,
  writes: boolean,
): StorageAccess {
  const parts = terms.map(({ index, stride }) =>
    index.kind === 'span'
      ? `span ${index.axis.order} ${scalarText(p, index.start).text}`
      : index.axes.length > 0
        ? `tile ${index.id} ${stride.id}`
        : `${scalarText(p, index).text} ${scalarText(p, stride).text}`,
  );
  const repeated = repeatedOver(p, value.axes).length > 0;
  return { buffer: buffer.name, writes, key: repeated ? undefined : parts.sort().join('; ') };
}

/** Says which buffers that the program writes are read when `value` is computed here. */
function accessLoads(p: Printer, value: Value, top = true): void {
  if (!top && (p.variables.has(value) || p.analysis.kept.has(value))) return;
  if (value.op === 'load' && value.buffer.access !== 'read') {
    p.memory.access(accessOf(p, value.buffer, value.terms, value, false));
  }
  for (const operand of operandsOf(value)) accessLoads(p, operand, false);
}

function printStore(p: Printer, store: Store): void {
  const { memory } = p;
  const { buffer, terms, value } = store;
  accessLoads(p, value, false);
  for (const { index } of terms) if (index.kind !== 'span') accessLoads(p, index, false);
  if (buffer.access !== 'write') memory.access(accessOf(p, buffer, terms, value, true));
  if (p.vectors.has(buffer)) printVectorStore(p, store);
  else {
    forCells(p, value.axes, (cell) =>
      printElementStore(p, store, cell, tileText(p, value, cell, true).text, storedElement, 1),
    );
  }
}

/** One assignment of an element, or of the four that begin at `cell`. */
function printElementStore(
  p: Printer,
  { buffer, terms, value }: Store,
  cell: Cell,
  text: string,
  placeOf: typeof storedElement,
  lanes: 1 | 4,
): void {
  const { text: at, inside } = address(p, terms, cell);
  const alone = repeatedOver(p, value.axes).map((dimension) => `t${dimension} == 0`);
  const conditions = [...inside, ...tails(p, value.axes, cell), ...alone];
  const place = placeOf(p, buffer, at);
  const stored =
    place.dtype === value.dtype
      ? text
      : place.dtype === 'f16'
        ? `${typeOf('f16', lanes)}(${text})`
        : `bitcast<${typeOf(place.dtype, lanes)}>(${text})`;
  const line = `${place.text} = ${stored};`;
  p.writer.line(conditions.length === 0 ? line : `if ${ifText(conditions)} { ${line} }`);
}

/** Four neighbours at a time, each computed by itself. */
function printVectorStore(p: Printer, store: Store): void {
  const { value } = store;
  forGroups(p, value.axes, (group) => {
    const text = fourOf(p, value, group, value.axes.at(-1) as Axis);
    printElementStore(p, store, group, text, storedVector, 4);
  });
}

const ifText = (conditions: readonly string[]): string => `(${allOf(conditions)})`;

/** Scalars that read better in place than as a name: one use, no memory access, nothing slow. */
function staysInline(p: Printer, value: Value): boolean {
  if (value.op === 'constant' || value.op === 'fill' || value.op === 'parameter' || value.op === 'program')
    return true;
  if (value.op === 'load' || value.op === 'random') return false;
  const users = (p.analysis.users.get(value) ?? []).filter(
    (user) => user.kind !== 'value' || p.analysis.live.has(user),
  );
  return users.length === 1 && users[0]?.kind === 'value' && scalarText(p, value).text.length < 48;
}

function printScalar(p: Printer, value: Value): void {
  if (value.op === 'result') {
    const name = variableOf(p, value);
    if (name === undefined) throw unprintable(p, value, 'a loop result');
    p.variables.set(value, name);
    return;
  }
  if (staysInline(p, value)) return;
  accessLoads(p, value);
  const text = scalarText(p, value).text;
  const name = p.writer.declare(nameFor(p, value));
  if (needsBroadcast(p, value)) {
    const shared = p.memory.claimUniform(`uniform_${value.id}`, value.dtype);
    p.writer.line(`if (lane == 0) { ${shared} = ${text}; }`);
    p.writer.line(`let ${name} = workgroupUniformLoad(&${shared});`);
    p.memory.passed();
  } else p.writer.line(`let ${name} = ${text};`);
  p.variables.set(value, name);
}

/** WGSL takes nothing from a writable binding for uniform, even where this program does not write it. */
const needsBroadcast = (p: Printer, value: Value): boolean =>
  value.op === 'load' &&
  p.controlling.has(value) &&
  p.storage.get(value.buffer.name)?.access === 'read_write';

function printValue(p: Printer, value: Value): void {
  const { analysis } = p;
  if (!analysis.live.has(value) || value.op === 'carried' || value.op === 'induction') return;
  if (value.op === 'reduce') {
    p.writer.line(`// ${value.combine} over ${value.over.map(({ name }) => name).join(' and ')}`);
    accessLoads(p, value);
    printReduce(p, value);
  } else if (value.axes.length === 0) printScalar(p, value);
  else if (value.op === 'dot') {
    p.writer.line(`// products summed over ${value.over.name}`);
    accessLoads(p, value);
    printDot(p, value);
  } else if (value.op === 'rename' && analysis.exchanged.has(value)) {
    p.writer.line(`// ${value.from.name} becomes ${value.to.name}: elements change threads`);
    accessLoads(p, value);
    printExchange(p, value);
  } else if (analysis.kept.has(value)) {
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
      const text = scalarText(p, value).text;
      const name = p.writer.declare(carriedName(loop, i));
      p.writer.line(`var ${name}: ${carried.dtype} = ${text};`);
      p.variables.set(carried, name);
      return;
    }
    accessLoads(p, value, false);
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
    if (!carried || name === undefined || value === carried || analysis.inPlace.get(value) === carried)
      return;
    const source = variableOf(p, value);
    if (source === name) return;
    if (carried.axes.length === 0 || (source !== undefined && loop.carried.includes(value))) {
      const copy = writer.declare('next');
      writer.line(`let ${copy} = ${source ?? scalarText(p, value).text};`);
      assignments.push(() => writer.line(`${name} = ${copy};`));
    } else if (source !== undefined) {
      assignments.push(() => writer.line(`${name} = ${source};`));
    } else {
      assignments.push(() =>
        forCells(p, value.axes, (cell) => {
          const text = tileText(p, value, cell).text;
          writer.line(`${elementOf(p, name, value.axes, cell)} = ${text};`);
        }),
      );
    }
  });
  for (const assign of assignments) assign();
}

function printLoop(p: Printer, loop: Loop): void {
  const { writer, memory } = p;
  printInitial(p, loop);
  const counter = writer.declare(nameFor(p, loop.induction));
  p.variables.set(loop.induction, counter);
  const [from, to, step] = [loop.from, loop.to, loop.step].map((bound) => scalarText(p, bound).text);
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
  p.writer.block(`if (${scalarText(p, condition).text})`, () => printRegion(p, body));
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
