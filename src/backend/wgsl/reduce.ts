import type { Axis, ValueOf } from '../../kernel/ir.ts';
import * as cells from './cells.ts';
import { largerOf, registerOf, targetOf, textOf } from './expressions.ts';
import { nameFor } from './names.ts';
import { aloneIn, layoutOf, type Printer, splat, typeOf } from './printer.ts';
import { allOf, guarded, literal, plus, rangeText, times } from './text.ts';

/*
 * Folds along axes: each thread its own elements; then the threads of a team exchange parts, by subgroups as far as those reach,
 * then through workgroup memory as a tree. Up to FAN parts are read by every thread at once, which costs one barrier and
 * FAN broadcast reads; of more, every FAN-th thread folds FAN first (256 parts: two levels). Each fold runs in a fixed order.
 */

type Reduce = ValueOf<'reduce'>;

/** What a maximum starts from. */
const LOWEST = { f32: Number.NEGATIVE_INFINITY, i32: -2147483648, u32: 0, bool: 0 } as const;

/** Parts that one thread folds in a row. */
const FAN = 16;

/** How a reduction is written: what its results are like, and the team of threads that hold parts of one result. */
function foldOf(p: Printer, value: Reduce) {
  const { subgroups } = p.options;
  const { x: columns, y: rows } = p.threads;
  const kept = value.axes[0];
  const dimensions = new Set(value.over.map((axis) => layoutOf(p, axis).dimension));
  const [x, y] = [dimensions.has('x') ? columns : 1, dimensions.has('y') ? rows : 1];
  const size = x * y;
  // Subgroups are used only where they are full, which workgroups of whole subgroups guarantee, and by teams of neighbours.
  const reach = subgroups && x === columns && (columns * rows) % subgroups.max === 0 ? subgroups.min : 1;
  let width = 1;
  while (size % (width * 2) === 0 && width * 2 <= reach) width *= 2;
  const lanes: 1 | 4 = kept ? layoutOf(p, kept).lanes : 1;
  /** what is folded: of f32 an argmax compares integers in their order, among which NaN has its place */
  const dtype = value.combine === 'argmax' && value.arg.dtype === 'f32' ? 'i32' : value.arg.dtype;
  return {
    p,
    value,
    /** the axis that the result keeps, if any */
    kept,
    /** results of a quad are folded together */
    lanes,
    dtype,
    /** how a thread is numbered in its team */
    member: x > 1 && y > 1 ? 'lane' : x > 1 ? 'tx' : y > 1 ? 'ty' : '0',
    /** neighbouring members that exchange parts inside a subgroup, a power of two */
    width,
    /** parts of a result that are left then */
    parts: size / width,
  };
}
type Fold = ReturnType<typeof foldOf>;

/** What there is of a result: the best so far, and for argmax its position; of four results where they are vec4. */
type Part = readonly string[];

function declarePart({ p, value, dtype, lanes }: Fold, wanted: string, wantedPosition: string): Part {
  const { writer } = p;
  const identity = literal(p.helpers, value.combine === 'sum' ? 0 : LOWEST[dtype], dtype);
  const best = writer.var(wanted, ` = ${splat(dtype, lanes, identity)}`);
  if (value.combine !== 'argmax') return [best];
  return [best, writer.var(wantedPosition, ` = ${typeOf('i32', lanes)}(2147483647)`)];
}

/** Statements that fold `next` into `part`. */
function foldText(p: Printer, { combine, arg }: Reduce, part: Part, next: Part, lanes: 1 | 4): string {
  const [best = '', position] = part;
  const [other = '', candidate] = next;
  if (combine === 'sum') return `${best} += ${other};`;
  if (combine === 'max') return `${best} = ${largerOf(p, arg.dtype, lanes, best, other)};`;
  const better = `(${other} > ${best}) | ((${other} == ${best}) & (${candidate} < ${position}))`;
  return `${position} = select(${position}, ${candidate}, ${better}); ${best} = max(${best}, ${other});`;
}

/** Folds a thread's own elements for the results at `cell`: one, or the four of a quad. Then those of its subgroup. */
function foldOwn(fold: Fold, cell: cells.Cell): Part {
  const part = declarePart(fold, 'part', 'position');
  cells.forCells(fold.p, fold.value.arg.axes, (element) => foldElement(fold, part, element), cell);
  foldSubgroup(fold, part);
  return part;
}

function foldElement({ p, value, kept, lanes, dtype }: Fold, part: Part, cell: cells.Cell): void {
  const { arg, over, combine, id } = value;
  const component = kept && lanes === 4 ? cells.componentIn(cell, kept) : '';
  const own = part.map((name) => name + component);
  const { text } = textOf(p, arg, cell);
  const missing = cells.tails(p, over, cell);
  let next = [text];
  if (combine === 'argmax') {
    const isOrdered = dtype !== arg.dtype;
    if (isOrdered) p.helpers.add('order_f32');
    const compared = isOrdered ? `order_f32(${text})` : text;
    const isShort = /^[\w.[\] +*]*$/.test(compared);
    const best = isShort
      ? compared
      : p.writer.bind(`part ${id} ${cells.keyIn(cell, arg.axes)}`, 'next', compared);
    next = [best, cells.elementIn(p, cell, over[0] as Axis)];
  }
  p.writer.line(guarded(missing, foldText(p, value, own, next, 1)));
}

/** Members of a subgroup swap parts at distances 1, 2, 4, …: all of them end with the same bits. */
function foldSubgroup({ p, value, lanes, width }: Fold, part: Part): void {
  if (width > 1) p.usesSubgroups = true;
  for (let distance = 1; distance < width; distance *= 2) {
    const swapped = part.map((name) => `subgroupShuffleXor(${name}, ${distance}u)`);
    const other =
      value.combine === 'argmax'
        ? swapped.map((text, i) => p.writer.let(i === 0 ? 'other' : 'other_position', text))
        : swapped;
    p.writer.line(foldText(p, value, part, other, lanes));
  }
}

/** Claims workgroup memory for the parts of each member, for as many results as are folded at once. */
function claimParts({ p, value, kept, lanes, parts, dtype }: Fold, results: number) {
  const length = results * parts;
  // results side by side, so that neighbouring threads write to neighbouring places
  const inside = kept !== undefined && layoutOf(p, kept).dimension === 'x';
  const arrays = [p.memory.claim('parts', dtype, lanes, length)];
  if (value.combine === 'argmax') arrays.push(p.memory.claim('positions', 'i32', lanes, length));
  return {
    /** an array for what is best, and one for its position */
    arrays,
    /** where the part of a member for a result stands */
    placeOf: (result: string, member: string): string =>
      inside ? plus(times(member, results), result) : plus(times(result, parts), member),
  };
}
type Parts = ReturnType<typeof claimParts>;

const storePart = ({ arrays }: Parts, at: string, part: Part): string[] =>
  part.map((name, i) => `${arrays[i]}[${at}] = ${name};`);

/** Writes a thread's part, once for each team of threads that have the same, and once for each subgroup. */
function writePart(
  { p, value, member, width, parts }: Fold,
  memory: Parts,
  result: string,
  part: Part,
): void {
  const slot = width === 1 ? member : parts === 1 ? '0' : `${member} / ${width}`;
  const conditions = aloneIn(p, value.arg.axes);
  if (width > 1) conditions.push(`${member} % ${width} == 0`);
  p.writer.line(guarded(conditions, storePart(memory, memory.placeOf(result, slot), part).join(' ')));
}

/** Folds the parts of a result from `from` to `to` in steps of `by`, in this order. */
function foldParts(fold: Fold, memory: Parts, result: string, to: number, from = '0', by = 1): Part {
  const { p, value, lanes } = fold;
  const total = declarePart(fold, 'folded', 'best_position');
  const i = p.writer.declare('i');
  const at = memory.placeOf(result, i);
  const next = memory.arrays.map((array) => `${array}[${at}]`);
  const body = foldText(p, value, total, next, lanes);
  p.writer.line(`for (${rangeText(i, { from, to, by })}) { ${body} }`);
  return total;
}

/**
 * Folds the results that `forResults` walks through workgroup memory, and gives each to `assign` with `total`, which writes the last
 * level of the fold.
 */
function foldResults(
  fold: Fold,
  memory: Parts,
  resultOf: (cell: cells.Cell) => string,
  forResults: (body: (cell: cells.Cell) => void) => void,
  assign: (cell: cells.Cell, total: () => Part) => void,
): void {
  const { p, value, member } = fold;
  forResults((cell) => writePart(fold, memory, resultOf(cell), foldOwn(fold, cell)));
  // upper levels of the tree, in place: a member reads and writes places that no other reads
  let left = fold.parts;
  while (left > FAN) {
    const [to, by] = [left, Math.ceil(left / FAN)];
    const condition = allOf([`${member} < ${by}`, ...aloneIn(p, value.arg.axes)]);
    p.memory.barrier();
    forResults((cell) => {
      const result = resultOf(cell);
      p.writer.block(`if (${condition})`, () => {
        const total = foldParts(fold, memory, result, to, member, by);
        for (const line of storePart(memory, memory.placeOf(result, member), total)) p.writer.line(line);
      });
    });
    left = by;
  }
  p.memory.barrier();
  forResults((cell) => assign(cell, () => foldParts(fold, memory, resultOf(cell), left)));
}

export function printReduce(p: Printer, value: Reduce): void {
  p.writer.line(`// ${value.combine} over ${value.over.map(({ name }) => name).join(' and ')}`);
  const fold = foldOf(p, value);
  p.variables.set(value, fold.kept ? reduceAlong(fold, fold.kept) : reduceAll(fold));
}

/** A result for each element of the axis `kept`. Gives the variable that holds them. */
function reduceAlong(fold: Fold, kept: Axis): string {
  const { p, value, lanes, parts } = fold;
  const { thread, threads, quads } = layoutOf(p, kept);
  const name = targetOf(p, value);
  const assign = (cell: cells.Cell, total: () => Part): void =>
    p.writer.line(`${registerOf(p, name, value.axes, cell)} = ${total().at(-1)};`);
  const forResults = (body: (cell: cells.Cell) => void): void => cells.forQuads(p, [kept], body);
  const together = quads * threads;
  if (parts === 1) forResults((cell) => assign(cell, () => foldOwn(fold, cell)));
  else if (quads === 1 || together * lanes * 4 * parts <= p.partBytes) {
    const memory = claimParts(fold, together);
    foldResults(fold, memory, (cell) => cells.quadOf(p, cell, kept), forResults, assign);
    p.memory.reading(...memory.arrays);
  } else {
    // less memory and more barriers: all threads meet for each result, or four, that a thread keeps
    const memory = claimParts(fold, threads);
    forResults((cell) => {
      const forResult = (body: (cell: cells.Cell) => void): void => body(cell);
      foldResults(fold, memory, () => thread, forResult, assign);
      p.memory.barrier();
    });
  }
  return name;
}

/** Over all axes: one thread folds the last parts and hands the result to all. */
function reduceAll(fold: Fold): string {
  const { p, value } = fold;
  return p.memory.broadcast(value, nameFor(p, value), (shared) => {
    const whole = cells.everything(p);
    const share = (part: Part): string => `${shared} = ${part.at(-1)};`;
    const last = (_: cells.Cell, total: () => Part): void =>
      p.writer.block('if (lane == 0)', () => p.writer.line(share(total())));
    if (fold.parts === 1) p.writer.line(guarded(['lane == 0'], share(foldOwn(fold, whole))));
    else
      foldResults(
        fold,
        claimParts(fold, 1),
        () => '0',
        (body) => body(whole),
        last,
      );
  });
}
