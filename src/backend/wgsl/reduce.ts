import type { Axis, Value, ValueType } from '../../kernel/ir.ts';
import {
  type Cell,
  componentIn,
  elementIn,
  everything,
  forCells,
  forLanes,
  forQuads,
  keyIn,
  quadIndex,
  walkOf,
} from './cells.ts';
import { registerOf, textOf } from './expressions.ts';
import { extremeOf } from './functionCalls.ts';
import { nameFor } from './names.ts';
import { aloneIn, layoutOf, type Printer, splat, typeOf } from './printer.ts';
import { allOf, guarded, literal, lowestOf, plus, times } from './text.ts';
import { tails, targetOf } from './tiles.ts';

/*
 * Folds along axes: each thread its own elements; then the threads of a team exchange parts, by subgroups as far as those reach,
 * then through workgroup memory as a tree. Up to FAN parts are read by every thread at once, which costs one barrier and
 * FAN broadcast reads; of more, every FAN-th thread folds FAN first (256 parts: two levels). Each fold runs in a fixed order.
 */

type Reduce = Value & { readonly op: 'reduce' };

/** Parts that one thread folds in a row. */
const FAN = 16;

/** The threads that hold parts of one result. */
interface Team {
  readonly size: number;
  /** how a thread is numbered among them */
  readonly member: string;
  /** neighbouring members that exchange parts inside a subgroup, a power of two */
  readonly width: number;
  /** parts that are left then */
  readonly parts: number;
}

function teamOf(p: Printer, over: readonly Axis[]): Team {
  const dimensions = new Set(over.map((axis) => layoutOf(p, axis).dimension));
  const [x, y] = [dimensions.has('x') ? p.threads.x : 1, dimensions.has('y') ? p.threads.y : 1];
  const member = x > 1 && y > 1 ? 'lane' : x > 1 ? 'tx' : y > 1 ? 'ty' : '0';
  const neighbours = p.threads.x === 1 || dimensions.has('x') ? x * y : 1;
  const width = widthOf(p, x === p.threads.x ? neighbours : 1);
  return { size: x * y, member, width, parts: (x * y) / width };
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

/** A reduction, how its results are laid out, and the printer that it is written with. */
interface Fold {
  readonly p: Printer;
  readonly value: Reduce;
  /** the axis that the result keeps, if any */
  readonly kept: Axis | undefined;
  /** results of a quad are folded together */
  readonly lanes: 1 | 4;
  readonly team: Team;
  /** what is folded: of f32 an argmax compares integers in their order, among which NaN has its place */
  readonly dtype: ValueType;
}

/** What there is of a result: the best so far, and for argmax its position; of four results where they are vec4. */
type Part = readonly string[];

function declarePart({ p, value, dtype, lanes }: Fold, wanted: string, wantedPosition: string): Part {
  const { writer } = p;
  const identity = value.combine === 'sum' ? literal(p, 0, dtype) : lowestOf(p, dtype);
  const best = writer.var(wanted, ` = ${splat(dtype, lanes, identity)}`);
  if (value.combine !== 'argmax') return [best];
  return [best, writer.var(wantedPosition, ` = ${typeOf('i32', lanes)}(2147483647)`)];
}

/** Statements that fold `next` into `part`. */
function foldText({ p, value }: Fold, part: Part, next: Part, lanes: 1 | 4): string {
  const [best = '', position] = part;
  const [other = '', candidate] = next;
  if (value.combine === 'sum') return `${best} += ${other};`;
  if (value.combine === 'max')
    return `${best} = ${extremeOf(p, 'max', value.arg.dtype, lanes, [best, other])};`;
  const better = `(${other} > ${best}) | ((${other} == ${best}) & (${candidate} < ${position}))`;
  return `${position} = select(${position}, ${candidate}, ${better}); ${best} = max(${best}, ${other});`;
}

/** Folds a thread's own elements for the results at `cell`: one, or the four of a quad. Then those of its subgroup. */
function foldOwn(fold: Fold, cell: Cell): Part {
  const { p, value, kept } = fold;
  const part = declarePart(fold, 'part', 'position');
  const open = ([axis, ...inner]: readonly Axis[], cell: Cell): void => {
    if (!axis) foldElement(fold, part, cell);
    else if (axis === kept) forLanes(p, axis, cell, (element) => open(inner, element));
    else forCells(p, [axis], (element) => open(inner, element), cell);
  };
  open(value.arg.axes, cell);
  foldSubgroup(fold, part);
  return part;
}

function foldElement(fold: Fold, part: Part, cell: Cell): void {
  const { p, value, kept, lanes, dtype } = fold;
  const { arg, over, combine, id } = value;
  const component = kept && lanes === 4 ? componentIn(cell, kept) : '';
  const { text } = textOf(p, arg, cell);
  const missing = tails(p, over, cell);
  const isOrdered = dtype !== arg.dtype;
  if (isOrdered) p.helpers.add('order_f32');
  const compared = isOrdered ? `order_f32(${text})` : text;
  const best =
    combine !== 'argmax' || /^[\w.[\] +*]*$/.test(compared)
      ? compared
      : p.writer.bind(`part ${id} ${keyIn(cell, arg.axes)}`, 'next', compared);
  const next = combine === 'argmax' ? [best, elementIn(p, cell, over[0] as Axis)] : [best];
  const own = part.map((name) => name + component);
  p.writer.line(guarded(missing, foldText(fold, own, next, 1)));
}

/** Members of a subgroup swap parts at distances 1, 2, 4, …: all of them end with the same bits. */
function foldSubgroup(fold: Fold, part: Part): void {
  const { p, lanes, team } = fold;
  if (team.width > 1) p.usesSubgroups = true;
  for (let distance = 1; distance < team.width; distance *= 2) {
    const swapped = part.map((name) => `subgroupShuffleXor(${name}, ${distance}u)`);
    const isNamed = part.length > 1;
    const other = isNamed
      ? swapped.map((text, i) => p.writer.let(i === 0 ? 'other' : 'other_position', text))
      : swapped;
    p.writer.line(foldText(fold, part, other, lanes));
  }
}

/** Parts in workgroup memory: those of each member, for as many results as are folded at once. */
interface Parts {
  /** an array for what is best, and one for its position */
  readonly arrays: readonly string[];
  /** where the part of a member for a result stands */
  readonly placeOf: (result: string, member: string) => string;
}

function claimParts({ p, value, kept, lanes, team, dtype }: Fold, results: number): Parts {
  const length = results * team.parts;
  // results side by side, so that neighbouring threads write to neighbouring places
  const inside = kept !== undefined && layoutOf(p, kept).dimension === 'x';
  const values = p.memory.claim('parts', dtype, lanes, length);
  return {
    arrays:
      value.combine === 'argmax' ? [values, p.memory.claim('positions', 'i32', lanes, length)] : [values],
    placeOf: (result, member) =>
      inside ? plus(times(member, results), result) : plus(times(result, team.parts), member),
  };
}

const storePart = ({ arrays }: Parts, at: string, part: Part): string[] =>
  part.map((name, i) => `${arrays[i]}[${at}] = ${name};`);

/** Writes a thread's part, once for each team of threads that have the same, and once for each subgroup. */
function writePart({ p, value, team }: Fold, parts: Parts, result: string, part: Part): void {
  const { member, width } = team;
  const slot = width === 1 ? member : team.parts === 1 ? '0' : `${member} / ${width}`;
  const conditions = aloneIn(p, value.arg.axes);
  if (width > 1) conditions.push(`${member} % ${width} == 0`);
  p.writer.line(guarded(conditions, storePart(parts, parts.placeOf(result, slot), part).join(' ')));
}

/** Folds the parts of a result from `from` to `to` in steps of `by`, in this order. */
function foldParts(fold: Fold, parts: Parts, result: string, to: number, from = '0', by = 1): Part {
  const { writer } = fold.p;
  const total = declarePart(fold, 'folded', 'best_position');
  const i = writer.declare('i');
  const at = parts.placeOf(result, i);
  const next = parts.arrays.map((array) => `${array}[${at}]`);
  const step = by === 1 ? `${i}++` : `${i} += ${by}`;
  writer.line(
    `for (var ${i} = ${from}; ${i} < ${to}; ${step}) { ${foldText(fold, total, next, fold.lanes)} }`,
  );
  return total;
}

type ForResults = (body: (cell: Cell) => void) => void;

/**
 * Folds the results that `forResults` walks, through workgroup memory where a team has several parts, and gives each to `assign`
 * with `total`, which writes the last level of the fold.
 */
function foldResults(
  fold: Fold,
  parts: Parts,
  resultOf: (cell: Cell) => string,
  forResults: ForResults,
  assign: (cell: Cell, total: () => Part) => void,
): void {
  const { p, value, team } = fold;
  forResults((cell) => writePart(fold, parts, resultOf(cell), foldOwn(fold, cell)));
  // upper levels of the tree, in place: a member reads and writes places that no other reads
  let left = team.parts;
  while (left > FAN) {
    const next = Math.ceil(left / FAN);
    const [to, condition] = [left, allOf([`${team.member} < ${next}`, ...aloneIn(p, value.arg.axes)])];
    p.memory.barrier();
    forResults((cell) => {
      const result = resultOf(cell);
      p.writer.block(`if (${condition})`, () => {
        const at = parts.placeOf(result, team.member);
        const total = foldParts(fold, parts, result, to, team.member, next);
        for (const line of storePart(parts, at, total)) p.writer.line(line);
      });
    });
    left = next;
  }
  p.memory.barrier();
  forResults((cell) => assign(cell, () => foldParts(fold, parts, resultOf(cell), left)));
}

export function printReduce(p: Printer, value: Reduce): void {
  const kept = value.axes[0];
  const { combine, arg } = value;
  const dtype = combine === 'argmax' && arg.dtype === 'f32' ? 'i32' : arg.dtype;
  const lanes = kept ? layoutOf(p, kept).lanes : 1;
  const fold = { p, value, kept, lanes, team: teamOf(p, value.over), dtype };
  p.variables.set(value, kept ? reduceAlong(fold, kept) : reduceAll(fold));
}

/** A result for each element of the axis `kept`. Gives the variable that holds them. */
function reduceAlong(fold: Fold, kept: Axis): string {
  const { p, value, lanes, team } = fold;
  const { thread, threads, quads } = layoutOf(p, kept);
  const target = targetOf(p, value).name;
  const assign = (cell: Cell, total: () => Part): void => {
    const result = total().at(-1);
    p.writer.line(`${registerOf(p, target, value.axes, cell)} = ${result};`);
  };
  const forResults: ForResults = (body) => forQuads(p, [kept], body);
  const together = quads * threads;
  if (team.parts === 1) forResults((cell) => assign(cell, () => foldOwn(fold, cell)));
  else if (quads > 1 && together * lanes * 4 * team.parts > p.partBytes) {
    // less memory and more barriers: all threads meet for each result, or four, that a thread keeps
    const parts = claimParts(fold, threads);
    forResults((cell) => {
      foldResults(
        fold,
        parts,
        () => thread,
        (body) => body(cell),
        assign,
      );
      p.memory.barrier();
    });
  } else {
    const parts = claimParts(fold, together);
    const resultOf = (cell: Cell): string => quadIndex(p, kept, walkOf(cell, kept).quad);
    foldResults(fold, parts, resultOf, forResults, assign);
    p.memory.reading(...parts.arrays);
  }
  return target;
}

/** Over all axes: one thread folds the last parts and hands the result to all, as a value that WGSL knows to be uniform. */
function reduceAll(fold: Fold): string {
  const { p, value, team } = fold;
  const shared = p.memory.claimUniform(`uniform_${value.id}`, value.dtype);
  const whole = everything(p);
  const share = (part: Part): string => `${shared} = ${part.at(-1)};`;
  if (team.parts === 1) p.writer.line(guarded(['lane == 0'], share(foldOwn(fold, whole))));
  else {
    const last = (_: Cell, total: () => Part): void =>
      p.writer.block('if (lane == 0)', () => p.writer.line(share(total())));
    foldResults(
      fold,
      claimParts(fold, 1),
      () => '0',
      (body) => body(whole),
      last,
    );
  }
  return p.memory.loadUniform(shared, nameFor(p, value));
}
