import type { Axis, Value } from '../../kernel/ir.ts';
import { type Cell, forCells } from './cells.ts';
import { elementOf, tileText } from './expressions.ts';
import { literal, lowestOf } from './literals.ts';
import { nameFor } from './nouns.ts';
import { dimensionOf, type Printer, perThread, registersOf, repeatedOver, threadsAlong } from './printer.ts';
import { declareTile, tails, targetOf } from './tiles.ts';

type Reduce = Value & { readonly op: 'reduce' };

/** The threads that hold parts of one result, and how such a thread is numbered among them. */
interface Group {
  readonly size: number;
  readonly member: string;
}

function groupOf(p: Printer, over: readonly Axis[]): Group {
  const dimensions = new Set(over.map((axis) => dimensionOf(p, axis)));
  const [x, y] = [dimensions.has('x') ? p.threads.x : 1, dimensions.has('y') ? p.threads.y : 1];
  return { size: x * y, member: x > 1 && y > 1 ? 'lane' : x > 1 ? 'tx' : y > 1 ? 'ty' : '0' };
}

const identityOf = ({ combine, arg }: Reduce): string =>
  combine === 'sum' ? literal(0, arg.dtype) : lowestOf(arg.dtype);

/** Statements that fold `next` (at `position`, for argmax) into `best`. */
function fold(
  { combine }: Reduce,
  best: string,
  next: string,
  position: readonly [string, string] | undefined,
): string {
  if (combine === 'sum') return `${best} += ${next};`;
  if (!position) return `${best} = max(${best}, ${next});`;
  const [kept, candidate] = position;
  return `if ((${next} > ${best}) | ((${next} == ${best}) & (${candidate} < ${kept}))) { ${best} = ${next}; ${kept} = ${candidate}; }`;
}

/** A thread's own part of the result at `kept`: a local variable, and one for the position of an argmax. */
function partOf(
  p: Printer,
  value: Reduce,
  kept: Cell | undefined,
): { best: string; position: string | undefined } {
  const { writer } = p;
  const best = writer.declare('part');
  writer.line(`var ${best} = ${identityOf(value)};`);
  let position: string | undefined;
  if (value.combine === 'argmax') {
    position = writer.declare('position');
    writer.line(`var ${position} = 2147483647;`);
  }
  const over = value.arg.axes.filter((axis) => value.over.includes(axis));
  forCells(
    p,
    over,
    (cell) => {
      const text = tileText(p, value.arg, cell).text;
      const missing = tails(p, over, cell);
      const candidate = position === undefined ? '' : cell.element(over[0] as Axis);
      const condition = missing.map((test) => `(${test})`).join(' & ');
      const simple = /^[\w.[\] +*]*$/.test(text);
      const next =
        value.combine === 'sum' || simple
          ? text
          : writer.bind(`part ${value.id} ${over.map((axis) => cell.key(axis)).join()}`, 'next', text);
      const step = fold(value, best, next, position === undefined ? undefined : [position, candidate]);
      writer.line(
        condition === '' ? step : `if ${missing.length === 1 ? condition : `(${condition})`} { ${step} }`,
      );
    },
    kept,
  );
  return { best, position };
}

/** Every thread of the group folds the parts of all of them, in the same order. */
function foldParts(
  p: Printer,
  value: Reduce,
  group: Group,
  parts: Parts,
  base: string,
): { best: string; position?: string } {
  const { writer } = p;
  const best = writer.declare('total');
  writer.line(`var ${best} = ${identityOf(value)};`);
  const member = writer.declare('member');
  const at = base === '0' ? member : `${base} + ${member}`;
  let position: string | undefined;
  if (parts.positions !== undefined) {
    position = writer.declare('best_position');
    writer.line(`var ${position} = 2147483647;`);
  }
  const candidates = position !== undefined ? ([position, `${parts.positions}[${at}]`] as const) : undefined;
  const step = fold(value, best, `${parts.values}[${at}]`, candidates);
  writer.line(`for (var ${member} = 0; ${member} < ${group.size}; ${member}++) { ${step} }`);
  return position === undefined ? { best } : { best, position };
}

interface Parts {
  readonly values: string;
  readonly positions: string | undefined;
}

/** Folds along axes: each thread its own elements, then all threads of a group the parts of the group. */
export function printReduce(p: Printer, value: Reduce): void {
  const { writer, memory } = p;
  const group = groupOf(p, value.over);
  if (value.axes.length === 0) {
    printUniformReduce(p, value, group);
    return;
  }
  const target = targetOf(p, value).name;
  const result = ({ best, position }: { best: string; position?: string | undefined }): string =>
    position ?? best;
  if (group.size === 1) {
    forCells(p, value.axes, (cell) => {
      writer.line(`${elementOf(p, target, value.axes, cell)} = ${result(partOf(p, value, cell))};`);
    });
    p.variables.set(value, target);
    return;
  }
  const kept = value.axes.reduce((size, axis) => size * threadsAlong(p, axis), 1);
  if (registersOf(p, value.axes) > 1 && kept * registersOf(p, value.axes) * group.size * 4 > LARGE) {
    printSlowReduce(p, value, group, kept, target);
    return;
  }
  const padded = value.axes.reduce((size, axis) => size * perThread(p, axis) * threadsAlong(p, axis), 1);
  const parts = claimParts(p, value, padded * group.size);
  const baseOf = (cell: Cell): string => {
    const element = cell.element(value.axes[0] as Axis);
    return element === '0' ? '0' : `${element} * ${group.size}`;
  };
  forCells(p, value.axes, (cell) => {
    const { best, position } = partOf(p, value, cell);
    const base = baseOf(cell);
    writeParts(p, value, parts, base === '0' ? group.member : `${base} + ${group.member}`, best, position);
  });
  memory.barrier();
  forCells(p, value.axes, (cell) => {
    const total = foldParts(p, value, group, parts, baseOf(cell));
    writer.line(`${elementOf(p, target, value.axes, cell)} = ${result(total)};`);
  });
  memory.reading(parts.values, ...(parts.positions === undefined ? [] : [parts.positions]));
  p.variables.set(value, target);
}

/** Bytes of parts above which results are reduced one after the other, in the same memory. */
const LARGE = 4096;

/** The same with less memory and more barriers: all threads meet twice for each result that a thread keeps. */
function printSlowReduce(p: Printer, value: Reduce, group: Group, kept: number, target: string): void {
  const { writer, memory } = p;
  const parts = claimParts(p, value, kept * group.size);
  const thread = dimensionOf(p, value.axes[0] as Axis) === 'y' ? 'ty' : 'tx';
  const base = kept === 1 ? '0' : `${thread} * ${group.size}`;
  forCells(p, value.axes, (cell) => {
    const { best, position } = partOf(p, value, cell);
    writeParts(p, value, parts, base === '0' ? group.member : `${base} + ${group.member}`, best, position);
    memory.barrier();
    const total = foldParts(p, value, group, parts, base);
    writer.line(`${elementOf(p, target, value.axes, cell)} = ${total.position ?? total.best};`);
    memory.barrier();
  });
  p.variables.set(value, target);
}

function claimParts(p: Printer, value: Reduce, length: number): Parts {
  const values = p.memory.claim('parts', value.arg.dtype, length);
  const positions = value.combine === 'argmax' ? p.memory.claim('positions', 'i32', length) : undefined;
  // claiming the second array may have placed a barrier, never undone a claim
  return { values, positions };
}

function writeParts(
  p: Printer,
  value: Reduce,
  parts: Parts,
  at: string,
  best: string,
  position: string | undefined,
): void {
  const idle = repeatedOver(p, value.arg.axes).map((dimension) => `t${dimension} == 0`);
  const lines = [`${parts.values}[${at}] = ${best};`];
  if (parts.positions !== undefined && position !== undefined)
    lines.push(`${parts.positions}[${at}] = ${position};`);
  p.writer.line(idle.length === 0 ? lines.join(' ') : `if (${idle.join(' & ')}) { ${lines.join(' ')} }`);
}

/** Over all axes: one thread folds the parts and hands the result to all, as a value that WGSL knows to be uniform. */
function printUniformReduce(p: Printer, value: Reduce, group: Group): void {
  const { writer, memory } = p;
  const parts = claimParts(p, value, group.size);
  const { best, position } = partOf(p, value, undefined);
  writeParts(p, value, parts, group.member, best, position);
  memory.barrier();
  const shared = memory.claimUniform(`uniform_${value.id}`, value.dtype);
  writer.block('if (lane == 0)', () => {
    const total = foldParts(p, value, group, parts, '0');
    writer.line(`${shared} = ${total.position ?? total.best};`);
  });
  const name = writer.declare(nameFor(p, value));
  writer.line(`let ${name} = workgroupUniformLoad(&${shared});`);
  memory.passed();
  p.variables.set(value, name);
}

/** Moves the elements of a tile of one axis to the threads that own them under the axis' other name. */
export function printExchange(p: Printer, value: Value & { readonly op: 'rename' }): void {
  const { writer, memory } = p;
  const { arg, from } = value;
  const shared = memory.claim('exchange', value.dtype, perThread(p, from) * threadsAlong(p, from));
  forCells(p, arg.axes, (cell) => {
    const text = tileText(p, arg, cell, true).text;
    const conditions = repeatedOver(p, arg.axes).map((dimension) => `t${dimension} == 0`);
    const line = `${shared}[${cell.element(from)}] = ${text};`;
    writer.line(conditions.length === 0 ? line : `if (${conditions.join(' & ')}) { ${line} }`);
  });
  memory.barrier();
  const name = declareTile(p, value, false);
  forCells(p, value.axes, (cell) => {
    writer.line(
      `${elementOf(p, name, value.axes, cell)} = ${shared}[min(${cell.element(value.to)}, ${value.to.size - 1})];`,
    );
  });
  memory.reading(shared);
  p.variables.set(value, name);
}
