import type { Axis, Value } from '../../kernel/ir.ts';
import { type Dot, isConstant } from './analysis.ts';
import {
  type Cell,
  componentIn,
  countTo,
  elementIn,
  forCells,
  type Walk,
  walkAt,
  walkOf,
  writtenOut,
} from './cells.ts';
import { fourOf, textOf } from './expressions.ts';
import { layoutOf, type Printer, typeOf } from './printer.ts';
import { componentOf, guarded, plus, times } from './text.ts';
import { tails } from './tiles.ts';
import type { Block } from './writer.ts';

/** Operands of products on their way into workgroup memory. */

/** An operand in workgroup memory, [over][kept], as vec4 along `kept` where threads own quads. */
export interface Staged {
  readonly array: string;
  readonly value: Value;
  readonly over: Axis;
  readonly kept: Axis;
  /** neighbours in memory are steps of the contraction, as far as the text tells */
  readonly turned: boolean;
  /** evaluated chunk by chunk from memory; else written whole by the threads that own its elements */
  readonly streamed: boolean;
  readonly lanes: 1 | 4;
  /** of one step, in elements of the array */
  readonly pitch: number;
}

/** The axis along which the elements of a tile are neighbours in memory, as far as the text tells. */
function unitAxis(value: Value): Axis | undefined {
  if (value.op === 'load') {
    const unit = value.terms.find(({ index, stride }) => index.kind === 'span' && isConstant(stride, 1));
    return unit?.index.kind === 'span' ? unit.index.axis : undefined;
  }
  const args = value.op === 'elementwise' ? value.args : value.op === 'cast' ? [value.arg] : [];
  return args
    .filter(({ axes }) => axes.length > 0)
    .map(unitAxis)
    .find((axis) => axis !== undefined);
}

/** What a renamed operand is written from: the tile that threads own, and its name for an axis of the operand. */
function sourceOf(
  p: Printer,
  value: Value,
): { readonly source: Value; readonly named: (axis: Axis) => Axis } {
  if (value.op !== 'rename' || p.variables.has(value)) return { source: value, named: (axis) => axis };
  const { source, named } = sourceOf(p, value.arg);
  return { source, named: (axis) => named(axis === value.to ? value.from : axis) };
}

/** Whether the threads that write a whole operand own quads of it, at the places where they are read. */
function ownsQuads(p: Printer, value: Value, kept: Axis): boolean {
  const { source, named } = sourceOf(p, value);
  return source.axes.includes(named(kept)) && layoutOf(p, named(kept)).lanes === 4;
}

export function planOperand(p: Printer, dot: Dot, side: 'left' | 'right', depth: number): Staged {
  const { over, [side]: value } = dot;
  const kept = side === 'left' ? dot.row : dot.column;
  const streamed = p.analysis.placement.streamable.has(value);
  const lanes = layoutOf(p, kept).lanes === 4 && (streamed || ownsQuads(p, value, kept)) ? 4 : 1;
  const turned = unitAxis(value) === over;
  const width = kept.size / lanes;
  // An odd pitch where threads write along the contraction, so that they hit different banks.
  const pitch = (!streamed || turned) && width % 2 === 0 ? width + 1 : width;
  const array = p.memory.claim(`${side}_tile`, 'f32', lanes, (streamed ? depth : over.size) * pitch);
  return { array, value, over, kept, turned, streamed, lanes, pitch };
}

export const placeIn = ({ array, pitch }: Staged, step: string, element: string): string =>
  `${array}[${plus(times(step, pitch), element)}]`;

/** Every thread writes its elements of an operand; a rename changes only the place that they are written to. */
export function stageWhole(p: Printer, staged: Staged): void {
  const { source, named } = sourceOf(p, staged.value);
  const [over, kept] = [named(staged.over), named(staged.kept)];
  forCells(p, source.axes, (cell) => {
    const text = textOf(p, source, cell, true).text;
    const step = elementIn(p, cell, over);
    const place =
      staged.lanes === 4
        ? `${placeIn(staged, step, quadIndex(p, kept, walkOf(cell, kept).quad))}${componentIn(cell, kept)}`
        : placeIn(staged, step, elementIn(p, cell, kept));
    p.writer.line(guarded(tails(p, source.axes, cell), `${place} = ${text};`));
  });
}

/** Which quad of an axis one of a thread's is. */
export function quadIndex(p: Printer, axis: Axis, quad: string): string {
  const { thread, threads } = layoutOf(p, axis);
  return plus(thread, times(quad, threads));
}

/** Runs `body` for the `count` pieces of a chunk that fall to this thread; the first `busy` threads have other work. */
function forItems(p: Printer, count: number, busy: number, body: (item: string) => void): void {
  const { writer } = p;
  const threads = p.threads.x * p.threads.y;
  if (busy > 0) {
    const condition =
      count + busy === threads ? `lane >= ${busy}` : `(lane >= ${busy}) & (lane < ${busy + count})`;
    writer.block(`if (${condition})`, () => body(`(lane - ${busy})`));
  } else if (count === threads) body('lane');
  else if (count < threads) writer.block(`if (lane < ${count})`, () => body('lane'));
  else if (count % threads === 0 && writtenOut(p, (8 * count) / threads)) {
    for (let i = 0; i < count / threads; i++) {
      writer.block('', () => body(i === 0 ? 'lane' : `(lane + ${i * threads})`));
    }
  } else {
    writer.loop('item', (item) => `var ${item} = lane; ${item} < ${count}; ${item} += ${threads}`, body);
  }
}

/** In how many pieces a chunk is staged: numbers, vec4, or where it is turned, blocks of 4 × 4. */
export const itemsOf = ({ kept, turned, lanes }: Staged, depth: number): number =>
  (kept.size / lanes) * (lanes === 4 && turned ? depth / 4 : depth);

/** All threads share out the elements of one chunk of an operand, along memory where that is known. */
export function stageChunk(p: Printer, staged: Staged, first: string, depth: number, busy: number): void {
  const { over, kept, turned, lanes } = staged;
  const { writer } = p;
  const width = kept.size / lanes;
  const count = itemsOf(staged, depth);
  const steps = count / width;
  forItems(p, count, busy, (item) => {
    const inner = turned ? steps : width;
    const remainder = `${item} % ${inner}`;
    const quotient = inner === count ? '0' : `${item} / ${inner}`;
    const [which, element] = turned ? [remainder, quotient] : [quotient, remainder];
    const step = writer.declare(`${over.name}_step`);
    const at = writer.declare(lanes === 4 ? `${kept.name}_vector` : kept.name);
    writer.line(`let ${step} = ${steps < depth ? `(${which}) * 4` : which};`);
    writer.line(`let ${at} = ${element};`);
    if (lanes === 4 && turned) stageTurned(p, staged, first, step, at);
    else stageStraight(p, staged, first, step, at);
  });
}

/** A cell that stands where the thread stages: nobody owns elements there. */
const stagingCell = (outside: Block, walks: readonly (readonly [Axis, Walk])[]): Cell => ({
  walks: new Map(walks),
  outside,
  owned: false,
  count: 1,
});

/** The element of the contraction that step `step` of a chunk stands for. */
const overAt =
  (p: Printer, { over }: Staged, first: string, step: string, block: Block) =>
  (): string =>
    first === '0'
      ? step
      : p.writer.bind(`element ${over.order} ${step}`, over.name, `${first} + ${step}`, block);

/** One step of a row or column, or of four that are neighbours. */
function stageStraight(p: Printer, staged: Staged, first: string, step: string, at: string): void {
  const { value, over, kept, lanes } = staged;
  const block = p.writer.innermost;
  const start = (): string =>
    lanes === 1 ? at : p.writer.bind(`first ${at}`, kept.name, `${at} * 4`, block);
  const cell = stagingCell(block, [
    [over, walkAt(step, 1, { block, depth: 0 }, { first: overAt(p, staged, first, step, block) })],
    [kept, walkAt(at, lanes, { block, depth: 1 }, { first: start })],
  ]);
  const text = lanes === 4 ? fourOf(p, value, cell, kept) : textOf(p, value, cell, true).text;
  p.writer.line(`${placeIn(staged, step, at)} = ${text};`);
}

/** Four steps of four rows or columns whose steps are neighbours in memory: read along it, written across. */
function stageTurned(p: Printer, staged: Staged, first: string, step: string, at: string): void {
  const { value, over, kept } = staged;
  const { writer } = p;
  const outside = writer.innermost;
  const rows = names(p, 'along', { count: 4, lanes: 4, unroll: p.options.unroll === true }, (row, block) => {
    const element = writer.bind(`row ${at} ${row}`, kept.name, plus(`${at} * 4`, row), block);
    // the first element of four steps is known outside of the row, its neighbours are met inside
    const scopes = {
      first: overAt(p, staged, first, step, outside),
      quadScope: { block: outside, depth: 0 },
    };
    const cell = stagingCell(outside, [
      [kept, walkAt(element, 1, { block, depth: 1 })],
      [over, walkAt(step, 4, { block: outside, depth: 2 }, scopes)],
    ]);
    return fourOf(p, value, cell, over);
  });
  const turn = (lane: string): void => {
    const four = ['0', '1', '2', '3'].map((row) => `${rows(row)}${componentOf(lane)}`);
    writer.line(`${placeIn(staged, plus(step, lane), at)} = vec4<f32>(${four.join(', ')});`);
  };
  countTo(p, 'turn', 4, turn, { braces: false });
}

/**
 * Several f32 or vec4 that a thread reads before it uses them: a name each where elements are written out, else an array filled
 * in a loop. Gives the text of one by its number or counter.
 */
export function names(
  p: Printer,
  wanted: string,
  { count, lanes, unroll }: { readonly count: number; readonly lanes: 1 | 4; readonly unroll: boolean },
  text: (counter: string, block: Block) => string,
): (counter: string) => string {
  const { writer } = p;
  if (count === 1 || unroll) {
    const known = Array.from({ length: count }, (_, i) => writer.let(wanted, text(`${i}`, writer.innermost)));
    return (counter) => known[Number(counter)] ?? '';
  }
  const name = writer.declare(wanted);
  writer.line(`var ${name}: array<${typeOf('f32', lanes)}, ${count}>;`);
  countTo(p, `${wanted}_i`, count, (counter, block) => {
    const value = text(counter, block);
    writer.line(`${name}[${counter}] = ${value};`);
  });
  return (counter) => `${name}[${counter}]`;
}
