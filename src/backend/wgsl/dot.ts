import type { Axis } from '../../kernel/ir.ts';
import type { Dot } from './analysis.ts';
import { type Cell, componentIn, forLanes, forQuads, walkOf, writtenOut } from './cells.ts';
import { registerOf, textOf } from './expressions.ts';
import { layoutOf, type Printer } from './printer.ts';
import {
  itemsOf,
  names,
  placeIn,
  planOperand,
  quadIndex,
  type Staged,
  stageChunk,
  stageWhole,
} from './staging.ts';
import { plus, times, wrap } from './text.ts';
import { fillTile, targetOf } from './tiles.ts';

/*
 * accumulator += left · right, where a thread owns a block of the result: R rows × C columns in registers. Both operands stand in
 * workgroup memory as [over][kept], so that one step of the contraction reads R + C numbers for R·C multiply-adds.
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
 * hold two workgroups of 256 threads. A chunk of 16 steps keeps all lanes busy for 8 · 16 · 16 = 2,048 clocks, longer
 * than its reads from memory take (about 700), so that each workgroup computes while the other waits: hence no double buffer.
 * A tile of 128 × 128 reads 1/64 number from memory per multiply-add: at 60 TFLOP/s (30 T multiply-adds per second) 1.9 TB/s, most
 * of it from the second-level cache, where 64 × 64 tiles would ask for 3.8 TB/s.
 */

/** Deepest chunk that divides the contracted axis. */
function chunkDepth(over: Axis, wanted: number): number {
  for (let depth = Math.min(over.size, wanted - (wanted % 4)); depth > 4; depth -= 4) {
    if (over.size % depth === 0) return depth;
  }
  return Math.min(4, over.size);
}

/** Where a contraction may stop because an operand is 0 from there on: the limit of its span, when its default is 0. */
function usefulEnd(p: Printer, { left, right, over }: Dot): string | undefined {
  for (const operand of [left, right]) {
    const load =
      operand.op === 'elementwise' && operand.fn === 'mul'
        ? operand.args.find(({ op }) => op === 'load')
        : operand;
    if (load?.op !== 'load' || load.otherwise !== 0) continue;
    for (const { index } of load.terms) {
      if (index.kind !== 'span' || index.axis !== over) continue;
      if (index.limit.op === 'constant' && index.start.op === 'constant') continue;
      const [start, limit] = [textOf(p, index.start), textOf(p, index.limit).text];
      return `min(${over.size}, ${start.text === '0' ? limit : `${limit} - ${wrap(start)}`})`;
    }
  }
  return undefined;
}

/** What a thread reads of a staged operand at one step of the contraction: a vec4, or a number, per quad of its elements. */
function readStaged(p: Printer, staged: Staged, step: string, quad: string): string {
  const { kept, lanes } = staged;
  const index = quadIndex(p, kept, quad);
  if (layoutOf(p, kept).lanes === lanes) return placeIn(staged, step, index);
  const parts = ['0', '1', '2', '3'].map((lane) => placeIn(staged, step, plus(times(index, 4), lane)));
  return `vec4<f32>(${parts.join(', ')})`;
}

/** Steps `first` to `first + count` of the contraction, for both operands. */
interface Chunk {
  readonly left: Staged;
  readonly right: Staged;
  readonly first: string;
  readonly count: number;
}

/** accumulator += left · right for the steps of a chunk. */
function multiply(p: Printer, { row, column, axes }: Dot, target: string, chunk: Chunk): void {
  const { writer } = p;
  const { left, right, first, count } = chunk;
  const [rows, columns] = [layoutOf(p, row), layoutOf(p, column)];
  const unroll = writtenOut(p, rows.owned * columns.owned);
  const read = (staged: Staged, counter: string, quad: string): string =>
    readStaged(p, staged, staged.streamed ? counter : plus(first, counter), quad);
  const head = (counter: string): string => `var ${counter} = 0; ${counter} < ${count}; ${counter}++`;
  writer.loop('step', head, (counter) => {
    const across = names(p, 'right', { count: columns.quads, lanes: columns.lanes, unroll }, (quad) =>
      read(right, counter, quad),
    );
    forQuads(p, [row], (rowQuad) => {
      const down = writer.let('left', read(left, counter, walkOf(rowQuad, row).quad));
      forLanes(p, row, rowQuad, (rowCell) => {
        const factor = rows.lanes === 4 ? `${down}${componentIn(rowCell, row)}` : down;
        const add = (cell: Cell): void => {
          const sum = registerOf(p, target, axes, cell);
          const number = columns.lanes === 4 ? `vec4<f32>(${factor})` : factor;
          writer.line(`${sum} = fma(${number}, ${across(walkOf(cell, column).quad)}, ${sum});`);
        };
        forQuads(p, [column], add, rowCell);
      });
    });
  });
}

/** The tile that the products are added to, holding the accumulator. */
function prepareTarget(p: Printer, dot: Dot): string {
  const { accumulator } = dot;
  const zero = !accumulator || (accumulator.op === 'fill' && accumulator.value === 0);
  const { name, fresh } = targetOf(p, dot, zero);
  const inherited = accumulator && p.variables.get(accumulator) === name;
  if (inherited || (fresh && zero)) return name;
  fillTile(p, name, dot, (cell) => (accumulator ? textOf(p, accumulator, cell, true).text : '0.0'));
  return name;
}

/** Σ over the contracted axis, staged through workgroup memory: whole operands first, streamed ones chunk by chunk. */
export function printDot(p: Printer, dot: Dot): void {
  const { writer, memory } = p;
  const { over } = dot;
  const depth = chunkDepth(over, p.stage);
  const threads = p.threads.x * p.threads.y;
  const left = planOperand(p, dot, 'left', depth);
  const right = planOperand(p, dot, 'right', depth);
  const streamed = [left, right].filter((operand) => operand.streamed);
  for (const operand of [left, right]) if (!operand.streamed) stageWhole(p, operand);
  const target = prepareTarget(p, dot);
  const chunk = (first: string, count: number): void => {
    let busy = 0;
    for (const operand of streamed) {
      const items = itemsOf(operand, depth);
      if (busy + items > threads) busy = 0;
      stageChunk(p, operand, first, depth, busy);
      busy = items < threads ? busy + items : 0;
    }
    memory.barrier();
    multiply(p, dot, target, { left, right, first, count });
  };
  const end = usefulEnd(p, dot);
  if (streamed.length === 0 || depth === over.size) {
    chunk('0', over.size);
    memory.reading(left.array, right.array);
  } else {
    const stop = end === undefined ? over.size : writer.bind(`end ${dot.id}`, `${over.name}_end`, end);
    const head = (first: string): string => `var ${first} = 0; ${first} < ${stop}; ${first} += ${depth}`;
    writer.loop(`${over.name}_first`, head, (first) => {
      chunk(first, depth);
      memory.barrier();
    });
  }
  p.variables.set(dot, target);
}
