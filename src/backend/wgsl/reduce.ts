import type { Axis, Value, ValueType } from '../../kernel/ir.ts';
import {
  type Cell,
  componentIn,
  elementIn,
  everything,
  forCells,
  forGroups,
  forLanes,
  keyIn,
  type Walk,
} from './cells.ts';
import { registerOf, tileText } from './expressions.ts';
import { extremeOf } from './functionCalls.ts';
import { literal, lowestOf } from './literals.ts';
import { nameFor } from './nouns.ts';
import {
  dimensionOf,
  groupsOf,
  lanesOf,
  type Printer,
  repeatedOver,
  threadsAlong,
  typeOf,
} from './printer.ts';
import { tails, targetOf } from './tiles.ts';

/*
 * Folds along axes: each thread its own elements; then the threads of a group exchange parts, by subgroups as far as those reach,
 * then through workgroup memory as a tree. Up to FAN parts are read by every thread at once, which costs one barrier and
 * FAN broadcast reads; of more, every FAN-th thread folds FAN first (256 parts: two levels). Each fold runs in a fixed order.
 */

type Reduce = Value & { readonly op: 'reduce' };

/** Parts that one thread folds in a row. */
const FAN = 16;

/** The threads that hold parts of one result. */
interface Group {
  readonly size: number;
  /** how a thread is numbered among them */
  readonly member: string;
  /** neighbouring members that exchange parts inside a subgroup, a power of two */
  readonly width: number;
}

function groupOf(p: Printer, over: readonly Axis[]): Group {
  const dimensions = new Set(over.map((axis) => dimensionOf(p, axis)));
  const [x, y] = [dimensions.has('x') ? p.threads.x : 1, dimensions.has('y') ? p.threads.y : 1];
  const member = x > 1 && y > 1 ? 'lane' : x > 1 ? 'tx' : y > 1 ? 'ty' : '0';
  const neighbours = p.threads.x === 1 || dimensions.has('x') ? x * y : 1;
  return { size: x * y, member, width: widthOf(p, x === p.threads.x ? neighbours : 1) };
}

/**
 * The largest power of two that divides the neighbours and fits every subgroup of the adapter. Subgroups are used only where
 * they are full, which workgroups of whole subgroups guarantee; threads are numbered by subgroup then.
 */
function widthOf({ options: { subgroups }, threads }: Printer, neighbours: number): number {
  if (!subgroups || (threads.x * threads.y) % subgroups.max !== 0) return 1;
  let width = 1;
  while (neighbours % (width * 2) === 0 && width * 2 <= subgroups.min) width *= 2;
  return width;
}

/** What one thread has of a result: a variable, and for argmax one for the position; of four results where they are vec4. */
interface Part {
  readonly best: string;
  readonly position: string | undefined;
}

/** What is folded: of f32 an argmax compares integers in their order, among which NaN has its place. */
const foldedType = ({ combine, arg: { dtype } }: Reduce): ValueType =>
  combine === 'argmax' && dtype === 'f32' ? 'i32' : dtype;

const identityOf = (p: Printer, value: Reduce, lanes: 1 | 4): string => {
  const dtype = foldedType(value);
  const one = value.combine === 'sum' ? literal(p, 0, dtype) : lowestOf(p, dtype);
  return lanes === 4 ? `${typeOf(dtype, 4)}(${one})` : one;
};

function declarePart(p: Printer, value: Reduce, lanes: 1 | 4, wanted: string): Part {
  const { writer } = p;
  const best = writer.declare(wanted);
  writer.line(`var ${best} = ${identityOf(p, value, lanes)};`);
  if (value.combine !== 'argmax') return { best, position: undefined };
  const position = writer.declare(wanted === 'part' ? 'position' : 'best_position');
  writer.line(`var ${position} = ${typeOf('i32', lanes)}(2147483647);`);
  return { best, position };
}

/** Statements that fold `next` (at `candidate`, for argmax) into `part`. */
function fold(
  p: Printer,
  { combine, arg }: Reduce,
  { best, position }: Part,
  next: string,
  candidate: string,
  lanes: 1 | 4 = 1,
): string {
  if (combine === 'sum') return `${best} += ${next};`;
  if (position === undefined) return `${best} = ${extremeOf(p, 'max', arg.dtype, lanes, [best, next])};`;
  const better = `(${next} > ${best}) | ((${next} == ${best}) & (${candidate} < ${position}))`;
  return `${position} = select(${position}, ${candidate}, ${better}); ${best} = max(${best}, ${next});`;
}

/** The axis that a result keeps, if any. */
const keptOf = (value: Reduce): Axis | undefined => value.axes[0];

/** Folds a thread's own elements for the results that `kept` stands for: one, or the four of a group. */
function foldOwn(p: Printer, value: Reduce, kept: Cell | undefined): Part {
  const axis = keptOf(value);
  const part = declarePart(p, value, axis ? lanesOf(p, axis) : 1, 'part');
  const open = (i: number, cell: Cell): void => {
    const next = value.arg.axes[i];
    if (!next) foldElement(p, value, part, cell);
    else if (next === axis) forLanes(p, next, cell, (inner) => open(i + 1, inner));
    else forCells(p, [next], (inner) => open(i + 1, inner), cell);
  };
  open(0, kept ?? everything(p));
  return part;
}

function foldElement(p: Printer, value: Reduce, part: Part, cell: Cell): void {
  const { writer } = p;
  const axis = keptOf(value);
  const component = axis && lanesOf(p, axis) === 4 ? componentIn(cell, axis) : '';
  const of = (name: string): string => `${name}${component}`;
  const text = tileText(p, value.arg, cell).text;
  const over = value.arg.axes.filter((other) => other !== axis);
  const missing = tails(p, over, cell);
  const isOrdered = foldedType(value) !== value.arg.dtype;
  if (isOrdered) p.helpers.add('order');
  const compared = isOrdered ? `order_f32(${text})` : text;
  const next =
    value.combine !== 'argmax' || /^[\w.[\] +*]*$/.test(compared)
      ? compared
      : writer.bind(
          `part ${value.id} ${value.arg.axes.map((other) => keyIn(cell, other)).join()}`,
          'next',
          compared,
        );
  const own: Part = { best: of(part.best), position: part.position && of(part.position) };
  const candidate = part.position === undefined ? '' : elementIn(p, cell, over[0] as Axis);
  const step = fold(p, value, own, next, candidate);
  const condition = missing.map((test) => `(${test})`).join(' & ');
  writer.line(
    condition === '' ? step : `if ${missing.length === 1 ? condition : `(${condition})`} { ${step} }`,
  );
}

/** Members of a subgroup swap parts at distances 1, 2, 4, …: all of them end with the same bits. */
function foldSubgroup(p: Printer, value: Reduce, part: Part, { width }: Group): void {
  const { writer } = p;
  if (width > 1) p.subgroupsUsed.add('shuffle');
  const axis = keptOf(value);
  const lanes = axis ? lanesOf(p, axis) : 1;
  for (let distance = 1; distance < width; distance *= 2) {
    const other = (name: string): string => `subgroupShuffleXor(${name}, ${distance}u)`;
    if (part.position === undefined) writer.line(fold(p, value, part, other(part.best), '', lanes));
    else {
      const [next, candidate] = [writer.declare('other'), writer.declare('other_position')];
      writer.line(`let ${next} = ${other(part.best)};`);
      writer.line(`let ${candidate} = ${other(part.position)};`);
      writer.line(fold(p, value, part, next, candidate));
    }
  }
}

/** Parts in workgroup memory: where each member's part of a result stands. */
interface Parts {
  readonly values: string;
  readonly positions: string | undefined;
  readonly members: number;
  /** results side by side, so that neighbouring threads write to neighbouring places */
  readonly resultsInside: number | undefined;
}

function claimParts(p: Printer, value: Reduce, lanes: 1 | 4, group: Group, results: number): Parts {
  const members = group.size / group.width;
  const length = results * members;
  const axis = keptOf(value);
  const inside = axis !== undefined && dimensionOf(p, axis) === 'x';
  return {
    values: p.memory.claim('parts', foldedType(value), lanes, length),
    positions: value.combine === 'argmax' ? p.memory.claim('positions', 'i32', lanes, length) : undefined,
    members,
    resultsInside: inside ? results : undefined,
  };
}

const product = (text: string, factor: number): string =>
  text === '0' || factor === 1 ? text : /^\w+$/.test(text) ? `${text} * ${factor}` : `(${text}) * ${factor}`;
const sum = (...texts: readonly string[]): string => texts.filter((text) => text !== '0').join(' + ') || '0';

const placeOf = ({ members, resultsInside }: Parts, result: string, member: string): string =>
  resultsInside === undefined
    ? sum(product(result, members), member)
    : sum(product(member, resultsInside), result);

/** Writes a thread's part, once for each group of threads that have the same, and once for each subgroup. */
function writePart(p: Printer, value: Reduce, parts: Parts, group: Group, result: string, part: Part): void {
  const { member, width } = group;
  const slot = width === 1 ? member : parts.members === 1 ? '0' : `${member} / ${width}`;
  const at = placeOf(parts, result, slot);
  const conditions = [
    ...repeatedOver(p, value.arg.axes).map((dimension) => `(t${dimension} == 0)`),
    ...(width === 1 ? [] : [`(${member} % ${width} == 0)`]),
  ];
  const lines = [`${parts.values}[${at}] = ${part.best};`];
  if (parts.positions !== undefined && part.position !== undefined)
    lines.push(`${parts.positions}[${at}] = ${part.position};`);
  p.writer.line(
    conditions.length === 0 ? lines.join(' ') : `if (${conditions.join(' & ')}) { ${lines.join(' ')} }`,
  );
}

/** Folds the parts of a result from `from` to `to` in steps of `by`, in this order. */
function foldParts(
  p: Printer,
  value: Reduce,
  lanes: 1 | 4,
  parts: Parts,
  result: string,
  { from = '0', to, by = 1 }: { readonly from?: string; readonly to: number; readonly by?: number },
): Part {
  const { writer } = p;
  const total = declarePart(p, value, lanes, 'folded');
  const i = writer.declare('i');
  const at = placeOf(parts, result, i);
  const step = fold(p, value, total, `${parts.values}[${at}]`, `${parts.positions ?? ''}[${at}]`, lanes);
  const next = by === 1 ? `${i}++` : `${i} += ${by}`;
  writer.line(`for (var ${i} = ${from}; ${i} < ${to}; ${next}) { ${step} }`);
  return total;
}

/** Upper levels of the tree, in place: a member reads and writes places that no other reads. Gives how many parts are left. */
function foldLevels(
  p: Printer,
  value: Reduce,
  lanes: 1 | 4,
  parts: Parts,
  group: Group,
  forResults: (body: (result: string) => void) => void,
): number {
  let left = parts.members;
  while (left > FAN) {
    const next = Math.ceil(left / FAN);
    const idle = repeatedOver(p, value.arg.axes).map((dimension) => ` & (t${dimension} == 0)`);
    p.memory.barrier();
    forResults((result) => {
      const condition =
        idle.length === 0 ? `${group.member} < ${next}` : `(${group.member} < ${next})${idle.join('')}`;
      p.writer.block(`if (${condition})`, () => {
        const at = placeOf(parts, result, group.member);
        const own = { from: group.member, to: left, by: next };
        const total = foldParts(p, value, lanes, parts, result, own);
        p.writer.line(`${parts.values}[${at}] = ${total.best};`);
        if (total.position !== undefined) p.writer.line(`${parts.positions}[${at}] = ${total.position};`);
      });
    });
    left = next;
  }
  return left;
}

export function printReduce(p: Printer, value: Reduce): void {
  const axis = keptOf(value);
  const group = groupOf(p, value.over);
  if (!axis) {
    printUniformReduce(p, value, group);
    return;
  }
  const lanes = lanesOf(p, axis);
  const target = targetOf(p, value).name;
  const assign = (cell: Cell, { best, position }: Part): void =>
    p.writer.line(`${registerOf(p, target, value.axes, cell)} = ${position ?? best};`);
  const resultOf = (cell: Cell): string => {
    const { group: counter } = cell.walks.get(axis) as Walk;
    const thread = threadsAlong(p, axis) === 1 ? '0' : dimensionOf(p, axis) === 'y' ? 'ty' : 'tx';
    return sum(thread, product(counter, threadsAlong(p, axis)));
  };
  if (group.size === group.width) {
    forGroups(p, [axis], (cell) => {
      const part = foldOwn(p, value, cell);
      foldSubgroup(p, value, part, group);
      assign(cell, part);
    });
  } else {
    const together = groupsOf(p, axis) * threadsAlong(p, axis);
    const bytes = (together * lanes * 4 * group.size) / group.width;
    const alone = bytes > p.partBytes && groupsOf(p, axis) > 1;
    const parts = claimParts(p, value, lanes, group, alone ? threadsAlong(p, axis) : together);
    if (alone) foldAlone(p, value, group, parts, assign);
    else foldTogether(p, value, group, parts, resultOf, assign);
  }
  p.variables.set(value, target);
}

/** All results of a thread at once: one barrier a level. */
function foldTogether(
  p: Printer,
  value: Reduce,
  group: Group,
  parts: Parts,
  resultOf: (cell: Cell) => string,
  assign: (cell: Cell, part: Part) => void,
): void {
  const axis = keptOf(value) as Axis;
  const lanes = lanesOf(p, axis);
  forGroups(p, [axis], (cell) => {
    const part = foldOwn(p, value, cell);
    foldSubgroup(p, value, part, group);
    writePart(p, value, parts, group, resultOf(cell), part);
  });
  const left = foldLevels(p, value, lanes, parts, group, (body) =>
    forGroups(p, [axis], (cell) => body(resultOf(cell))),
  );
  p.memory.barrier();
  forGroups(p, [axis], (cell) =>
    assign(cell, foldParts(p, value, lanes, parts, resultOf(cell), { to: left })),
  );
  p.memory.reading(parts.values, ...(parts.positions === undefined ? [] : [parts.positions]));
}

/** Less memory and more barriers: all threads meet for each result, or four, that a thread keeps. */
function foldAlone(
  p: Printer,
  value: Reduce,
  group: Group,
  parts: Parts,
  assign: (cell: Cell, part: Part) => void,
): void {
  const axis = keptOf(value) as Axis;
  const lanes = lanesOf(p, axis);
  const result = threadsAlong(p, axis) === 1 ? '0' : dimensionOf(p, axis) === 'y' ? 'ty' : 'tx';
  forGroups(p, [axis], (cell) => {
    const part = foldOwn(p, value, cell);
    foldSubgroup(p, value, part, group);
    writePart(p, value, parts, group, result, part);
    const left = foldLevels(p, value, lanes, parts, group, (body) => body(result));
    p.memory.barrier();
    assign(cell, foldParts(p, value, lanes, parts, result, { to: left }));
    p.memory.barrier();
  });
}

/** Over all axes: one thread folds the last parts and hands the result to all, as a value that WGSL knows to be uniform. */
function printUniformReduce(p: Printer, value: Reduce, group: Group): void {
  const { writer, memory } = p;
  const shared = memory.claimUniform(`uniform_${value.id}`, value.dtype);
  const part = foldOwn(p, value, undefined);
  foldSubgroup(p, value, part, group);
  if (group.size === group.width)
    writer.line(`if (lane == 0) { ${shared} = ${part.position ?? part.best}; }`);
  else {
    const parts = claimParts(p, value, 1, group, 1);
    writePart(p, value, parts, group, '0', part);
    const left = foldLevels(p, value, 1, parts, group, (body) => body('0'));
    memory.barrier();
    writer.block('if (lane == 0)', () => {
      const total = foldParts(p, value, 1, parts, '0', { to: left });
      writer.line(`${shared} = ${total.position ?? total.best};`);
    });
  }
  const name = writer.declare(nameFor(p, value));
  writer.line(`let ${name} = workgroupUniformLoad(&${shared});`);
  memory.passed();
  p.variables.set(value, name);
}
