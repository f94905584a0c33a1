import { spansOf } from '../../kernel/flow.ts';
import type { Axis, Value } from '../../kernel/ir.ts';
import { type Dot, unitSpans } from './analysis.ts';
import * as cells from './cells.ts';
import { fillTile, fourOf, registerOf, targetOf, textOf } from './expressions.ts';
import { layoutOf, type Printer, splat, typeOf } from './printer.ts';
import { type Block, componentOf, guarded, plus, times, wrap } from './text.ts';

/*
 * accumulator += left · right, where a thread owns a block of the result: R rows × C columns in registers. Both operands stand in
 * workgroup memory as [over][kept], so that one slice of the contraction reads R + C numbers for R·C multiply-adds.
 *
 * What that gives on a GPU (128 lanes of f32 and 128 bytes of workgroup memory per clock and multiprocessor, as NVIDIA's and
 * most others): a warp of 32 threads needs R·C/4 clocks for its multiply-adds. Laid out 16 × 2 threads, it reads C·16
 * different numbers of the right operand and R·2 of the left (the others are broadcasts): (16·C + 2·R) · 4 / 128 clocks, in
 * accesses of 16 bytes that never meet in a bank, since neighbouring threads read neighbouring vec4.
 *
 *   block 4 × 4:  4 clocks of arithmetic, 2.25 of memory, 2 reads of a vec4 beside 16 multiply-adds
 *   block 8 × 8: 16 clocks of arithmetic, 4.5 of memory, 4 reads of a vec4 beside 64 multiply-adds
 *
 * Of what a warp issues, 64 / 68 is arithmetic then; 64 / 76 where the browser clamps every index and addresses cost one
 * instruction each. 8 × 8 keeps 64 sums, 16 operands and some 30 numbers more in registers: about 110, so that 65,536 registers
 * hold two workgroups of 256 threads. A chunk of 16 slices keeps all lanes busy for 8 · 16 · 16 = 2,048 clocks, longer
 * than its reads from memory take (about 700), so that each workgroup computes while the other waits: hence no double buffer.
 * A tile of 128 × 128 reads 1/64 number from memory per multiply-add: at 60 TFLOP/s (30 T multiply-adds per second) 1.9 TB/s, most
 * of it from the second-level cache, where 64 × 64 tiles would ask for 3.8 TB/s.
 */

/** The axis along which the elements of a tile are neighbours in memory, as far as the text tells. */
function unitAxis(value: Value): Axis | undefined {
  if (value.axes.length === 0) return undefined;
  if (value.op === 'load') return unitSpans(value.terms)[0]?.axis;
  const args = value.op === 'elementwise' ? value.args : value.op === 'cast' ? [value.arg] : [];
  return args.map(unitAxis).find((axis) => axis !== undefined);
}

/** What a renamed operand is written from: the tile that threads own, and its name for an axis of the operand. */
function sourceOf(p: Printer, value: Value): { source: Value; named: (axis: Axis) => Axis } {
  if (value.op !== 'rename' || p.variables.has(value)) return { source: value, named: (axis) => axis };
  const { source, named } = sourceOf(p, value.arg);
  return { source, named: (axis) => named(axis === value.to ? value.from : axis) };
}

/** An operand in workgroup memory, [over][kept], as vec4 along `kept` where threads own quads. `depth`: of a chunk of it. */
function planOperand(p: Printer, dot: Dot, side: 'left' | 'right', depth: number) {
  const { over, [side]: value } = dot;
  const kept = side === 'left' ? dot.row : dot.column;
  const { source, named } = sourceOf(p, value);
  /** evaluated chunk by chunk from memory; else written whole by the threads that own its elements */
  const streamed = p.analysis.placement.streamable.has(value);
  const isInQuads = (axis: Axis): boolean => layoutOf(p, axis).lanes === 4;
  const ownsQuads = source.axes.includes(named(kept)) && isInQuads(named(kept));
  const lanes: 1 | 4 = isInQuads(kept) && (streamed || ownsQuads) ? 4 : 1;
  /** neighbours in memory are slices of the contraction, as far as the text tells */
  const turned = unitAxis(value) === over;
  const width = kept.size / lanes;
  // An odd pitch where threads write along the contraction, so that they hit different banks.
  /** length of a slice, in elements of the array */
  const pitch = (!streamed || turned) && width % 2 === 0 ? width + 1 : width;
  const array = p.memory.claim(`${side}_tile`, 'f32', lanes, (streamed ? depth : over.size) * pitch);
  /** pieces in which a chunk is staged: numbers, vec4, or where it is turned, blocks of 4 × 4 */
  const pieces = { along: width, across: lanes === 4 && turned ? depth / 4 : depth };
  return { array, value, source, named, over, kept, turned, streamed, lanes, pitch, pieces };
}
type Staged = ReturnType<typeof planOperand>;

const placeIn = ({ array, pitch }: Staged, slice: string, element: string): string =>
  `${array}[${plus(times(slice, pitch), element)}]`;

/** Every thread writes its elements of an operand; a rename changes only the place that they are written to. */
function stageWhole(p: Printer, staged: Staged): void {
  const { source, named } = staged;
  const [over, kept] = [named(staged.over), named(staged.kept)];
  cells.forCells(p, source.axes, (cell) => {
    const text = textOf(p, source, cell, true).text;
    const slice = cells.elementIn(p, cell, over);
    const place =
      staged.lanes === 4
        ? `${placeIn(staged, slice, cells.quadOf(p, cell, kept))}${cells.componentIn(cell, kept)}`
        : placeIn(staged, slice, cells.elementIn(p, cell, kept));
    p.writer.line(guarded(cells.tails(p, source.axes, cell), `${place} = ${text};`));
  });
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
  else if (count % threads === 0 && cells.writtenOut(p, (8 * count) / threads)) {
    for (let i = 0; i < count / threads; i++) {
      writer.block('', () => body(i === 0 ? 'lane' : `(lane + ${i * threads})`));
    }
  } else {
    writer.loop('item', { from: 'lane', to: count, by: threads }, body);
  }
}

/** All threads share out the elements of one chunk of an operand, along memory where that is known. */
function stageChunk(p: Printer, staged: Staged, first: string, busy: number): void {
  const { over, kept, turned, lanes, pieces } = staged;
  const { writer } = p;
  const count = pieces.along * pieces.across;
  forItems(p, count, busy, (item) => {
    const inner = turned ? pieces.across : pieces.along;
    const remainder = `${item} % ${inner}`;
    const quotient = inner === count ? '0' : `${item} / ${inner}`;
    const [which, element] = turned ? [remainder, quotient] : [quotient, remainder];
    const inBlocks = lanes === 4 && turned;
    const slice = writer.let(`${over.name}_slice`, inBlocks ? `(${which}) * 4` : which);
    const at = writer.let(lanes === 4 ? `${kept.name}_vector` : kept.name, element);
    const block = writer.innermost;
    /** where the slice stands along the contracted axis */
    const overAt = (): string => {
      if (first === '0') return slice;
      return writer.bind(`element ${over.order} ${slice}`, over.name, `${first} + ${slice}`, block);
    };
    (inBlocks ? stageTurned : stageStraight)(p, staged, slice, at, overAt);
  });
}

/** A cell that stands where the thread stages: nobody owns elements there. */
const stagingCell = (
  p: Printer,
  outside: Block,
  ...walks: readonly (readonly [Axis, cells.Walk])[]
): cells.Cell => ({ ...cells.everything(p), walks: new Map(walks), outside, owned: false });

/** One slice of a row or column, or of four neighbouring ones. */
function stageStraight(p: Printer, staged: Staged, slice: string, at: string, overAt: () => string): void {
  const { value, over, kept, lanes } = staged;
  const block = p.writer.innermost;
  const keptAt = (): string =>
    lanes === 1 ? at : p.writer.bind(`first ${at}`, kept.name, `${at} * 4`, block);
  const cell = stagingCell(
    p,
    block,
    [over, cells.walkAt(slice, 1, { block, depth: 0 }, { first: overAt })],
    [kept, cells.walkAt(at, lanes, { block, depth: 1 }, { first: keptAt })],
  );
  const text = lanes === 4 ? fourOf(p, value, cell, kept) : textOf(p, value, cell, true).text;
  p.writer.line(`${placeIn(staged, slice, at)} = ${text};`);
}

/** Four slices, which are neighbours in memory, of four rows or columns: read along memory, written across. */
function stageTurned(p: Printer, staged: Staged, slice: string, at: string, overAt: () => string): void {
  const { value, over, kept } = staged;
  const { writer } = p;
  const outside = writer.innermost;
  const rows = names(p, 'along', { count: 4, lanes: 4, unroll: p.options.unroll === true }, (row, block) => {
    const element = writer.bind(`row ${at} ${row}`, kept.name, plus(`${at} * 4`, row), block);
    // the first element of four slices is known outside of the row, its neighbours are met inside
    const scopes = { first: overAt, quadScope: { block: outside, depth: 0 } };
    const cell = stagingCell(
      p,
      outside,
      [kept, cells.walkAt(element, 1, { block, depth: 1 })],
      [over, cells.walkAt(slice, 4, { block: outside, depth: 2 }, scopes)],
    );
    return fourOf(p, value, cell, over);
  });
  const turn = (lane: string): void => {
    const four = ['0', '1', '2', '3'].map((row) => `${rows(row)}${componentOf(lane)}`);
    writer.line(`${placeIn(staged, plus(slice, lane), at)} = vec4<f32>(${four.join(', ')});`);
  };
  cells.countTo(p, 'turn', 4, turn, { braces: false });
}

/**
 * Several f32 or vec4 that a thread reads before it uses them: a name each where elements are written out, else an array filled
 * in a loop. Gives the text of one by its number or counter.
 */
function names(
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
  const name = writer.var(wanted, `: array<${typeOf('f32', lanes)}, ${count}>`);
  cells.countTo(p, `${wanted}_i`, count, (counter, block) => {
    const value = text(counter, block);
    writer.line(`${name}[${counter}] = ${value};`);
  });
  return (counter) => `${name}[${counter}]`;
}

/** Deepest chunk that divides the contracted axis. */
function chunkDepth(over: Axis, wanted: number): number {
  for (let depth = Math.min(over.size, wanted - (wanted % 4)); depth > 4; depth -= 4) {
    if (over.size % depth === 0) return depth;
  }
  return Math.min(4, over.size);
}

/** Where a contraction may stop because an operand is 0 from there on: the limit of its span, when its default is 0. */
function usefulEnd(p: Printer, { left, right, over }: Dot): string | undefined {
  const spans = [left, right].flatMap((operand) => {
    const isProduct = operand.op === 'elementwise' && operand.fn === 'mul';
    const load = isProduct ? operand.args.find(({ op }) => op === 'load') : operand;
    return load?.op === 'load' && load.otherwise === 0 ? spansOf(load.terms) : [];
  });
  const isKnown = ({ op }: Value): boolean => op === 'constant';
  const span = spans.find(({ axis, start, limit }) => axis === over && !(isKnown(start) && isKnown(limit)));
  if (!span) return undefined;
  const [start, limit] = [textOf(p, span.start), textOf(p, span.limit).text];
  return `min(${over.size}, ${start.text === '0' ? limit : `${limit} - ${wrap(start)}`})`;
}

/** What a thread reads of a staged operand at one slice of a chunk: a vec4, or a number, per quad of its elements. */
function readStaged(p: Printer, staged: Staged, first: string, counter: string, quad: string): string {
  const { kept, lanes, streamed } = staged;
  const slice = streamed ? counter : plus(first, counter);
  const index = cells.quadIndex(p, kept, quad);
  if (layoutOf(p, kept).lanes === lanes) return placeIn(staged, slice, index);
  const parts = ['0', '1', '2', '3'].map((lane) => placeIn(staged, slice, plus(times(index, 4), lane)));
  return `vec4<f32>(${parts.join(', ')})`;
}

/** accumulator += left · right for the slices `first` to `first + count` of the contraction. */
function multiply(
  p: Printer,
  { row, column, axes }: Dot,
  target: string,
  [left, right]: readonly [Staged, Staged],
  first: string,
  count: number,
): void {
  const { writer } = p;
  const [rows, columns] = [layoutOf(p, row), layoutOf(p, column)];
  const unroll = cells.writtenOut(p, rows.owned * columns.owned);
  writer.loop('slice', { to: count }, (counter) => {
    const across = names(p, 'right', { count: columns.quads, lanes: columns.lanes, unroll }, (quad) =>
      readStaged(p, right, first, counter, quad),
    );
    cells.forQuads(p, [row], (rowQuad) => {
      const down = writer.let('left', readStaged(p, left, first, counter, cells.walkOf(rowQuad, row).quad));
      cells.forLanes(p, row, rowQuad, (rowCell) => {
        const factor = rows.lanes === 4 ? `${down}${cells.componentIn(rowCell, row)}` : down;
        const add = (cell: cells.Cell): void => {
          const sum = registerOf(p, target, axes, cell);
          const number = splat('f32', columns.lanes, factor);
          writer.line(`${sum} = fma(${number}, ${across(cells.walkOf(cell, column).quad)}, ${sum});`);
        };
        cells.forQuads(p, [column], add, rowCell);
      });
    });
  });
}

/** The tile that the products are added to, holding the accumulator. */
function prepareTarget(p: Printer, dot: Dot): string {
  const { accumulator } = dot;
  const zero = !accumulator || (accumulator.op === 'fill' && accumulator.value === 0);
  const name = targetOf(p, dot, zero);
  const isInherited = accumulator && p.variables.get(accumulator) === name;
  if (isInherited || (zero && !p.analysis.inPlace.has(dot))) return name;
  fillTile(p, name, dot, (cell) => (accumulator ? textOf(p, accumulator, cell, true).text : '0.0'));
  return name;
}

/** Σ over the contracted axis, staged through workgroup memory: whole operands first, streamed ones chunk by chunk. */
export function printDot(p: Printer, dot: Dot): void {
  const { writer, memory } = p;
  const { over } = dot;
  writer.line(`// products summed over ${over.name}`);
  const depth = chunkDepth(over, p.stage);
  const operands = [planOperand(p, dot, 'left', depth), planOperand(p, dot, 'right', depth)] as const;
  const streamed = operands.filter((operand) => operand.streamed);
  for (const operand of operands) if (!operand.streamed) stageWhole(p, operand);
  const target = prepareTarget(p, dot);
  const chunk = (first: string, count: number): void => {
    let busy = 0;
    for (const operand of streamed) {
      const items = operand.pieces.along * operand.pieces.across;
      if (busy + items > p.threads.x * p.threads.y) busy = 0;
      stageChunk(p, operand, first, busy);
      busy += items;
    }
    memory.barrier();
    multiply(p, dot, target, operands, first, count);
  };
  const end = usefulEnd(p, dot);
  if (streamed.length === 0 || depth === over.size) {
    chunk('0', over.size);
    memory.reading(...operands.map(({ array }) => array));
  } else {
    const to = end === undefined ? over.size : writer.bind(`end ${dot.id}`, `${over.name}_end`, end);
    writer.loop(`${over.name}_first`, { to, by: depth }, (first) => {
      chunk(first, depth);
      memory.barrier();
    });
  }
  p.variables.set(dot, target);
}
