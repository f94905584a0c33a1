import type { Axis } from '../../kernel/ir.ts';
import { componentIn, forCells, forGroups, forLanes, type Walk, writtenOut } from './cells.ts';
import { elementOf, registerOf, scalarText, tileText } from './expressions.ts';
import { groupsOf, lanesOf, type Printer, perThread } from './printer.ts';
import {
  type Dot,
  itemsOf,
  names,
  place,
  planOperand,
  type Staged,
  stageChunk,
  stageWhole,
  vectorIndex,
} from './staging.ts';
import { targetOf } from './tiles.ts';

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
export function chunkDepth(over: Axis, wanted: number): number {
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
      const [start, limit] = [scalarText(p, index.start), scalarText(p, index.limit)];
      const length =
        start.text === '0' ? limit.text : `${limit.text} - ${start.atomic ? start.text : `(${start.text})`}`;
      return `min(${over.size}, ${length})`;
    }
  }
  return undefined;
}

/** What a thread reads of a staged operand at one step of the contraction: a vec4, or a number, per group of its elements. */
function readStaged(p: Printer, staged: Staged, step: string, group: string): string {
  const { kept, lanes } = staged;
  const wide = lanesOf(p, kept) === 4;
  const index = vectorIndex(p, kept, group);
  if (wide === (lanes === 4)) return place(staged, step, index);
  const start = /^\w+$/.test(index) ? `${index} * 4` : `(${index}) * 4`;
  const parts = [0, 1, 2, 3].map((i) => place(staged, step, i === 0 ? start : `${start} + ${i}`));
  return `vec4<f32>(${parts.join(', ')})`;
}

/** accumulator += left · right for `count` steps of the contraction. */
function multiply(
  p: Printer,
  dot: Dot,
  target: string,
  left: Staged,
  right: Staged,
  first: string,
  count: string,
): void {
  const { writer } = p;
  const { row, column, axes } = dot;
  const counter = writer.declare('step');
  const step = (staged: Staged): string =>
    staged.streamed || first === '0' ? counter : `${first} + ${counter}`;
  const [rowLanes, columnLanes] = [lanesOf(p, row), lanesOf(p, column)];
  const unroll = writtenOut(p, perThread(p, row) * perThread(p, column));
  writer.block(`for (var ${counter} = 0; ${counter} < ${count}; ${counter}++)`, () => {
    const across = names(p, 'right', { count: groupsOf(p, column), lanes: columnLanes, unroll }, (group) =>
      readStaged(p, right, step(right), group),
    );
    forGroups(p, [row], (rowGroup) => {
      const down = writer.declare('left');
      writer.line(
        `let ${down} = ${readStaged(p, left, step(left), (rowGroup.walks.get(row) as Walk).group)};`,
      );
      forLanes(p, row, rowGroup, (rowCell) => {
        const factor = rowLanes === 4 ? `${down}${componentIn(rowCell, row)}` : down;
        forGroups(
          p,
          [column],
          (cell) => {
            const sum = registerOf(p, target, axes, cell);
            const number = columnLanes === 4 ? `vec4<f32>(${factor})` : factor;
            writer.line(
              `${sum} = fma(${number}, ${across((cell.walks.get(column) as Walk).group)}, ${sum});`,
            );
          },
          rowCell,
        );
      });
    });
  });
  writer.innermost.names.delete(counter);
}

/** The tile that the products are added to, holding the accumulator. */
function prepareTarget(p: Printer, dot: Dot): string {
  const { accumulator } = dot;
  const zero = !accumulator || (accumulator.op === 'fill' && accumulator.value === 0);
  const { name, fresh } = targetOf(p, dot, zero);
  const inherited = accumulator && p.variables.get(accumulator) === name;
  if (inherited || (fresh && zero)) return name;
  forCells(p, dot.axes, (cell) => {
    const text = accumulator ? tileText(p, accumulator, cell, true).text : '0.0';
    p.writer.line(`${elementOf(p, name, dot.axes, cell)} = ${text};`);
  });
  return name;
}

/** Σ over the contracted axis, staged through workgroup memory: whole operands first, streamed ones chunk by chunk. */
export function printDot(p: Printer, dot: Dot): void {
  const { writer, memory } = p;
  const { over } = dot;
  const depth = chunkDepth(over, p.stage);
  const threads = p.threads.x * p.threads.y;
  const left = planOperand(p, dot.left, 'left_tile', dot, depth);
  const right = planOperand(p, dot.right, 'right_tile', dot, depth);
  const operands = [left, right];
  const streamed = operands.filter((operand) => operand.streamed);
  for (const operand of operands) if (!operand.streamed) stageWhole(p, operand, over);
  const target = prepareTarget(p, dot);
  const chunk = (first: string, count: string): void => {
    let busy = 0;
    for (const operand of streamed) {
      const items = itemsOf(operand, over, depth);
      if (busy + items > threads) busy = 0;
      stageChunk(p, operand, over, first, depth, busy);
      busy = items < threads ? busy + items : 0;
    }
    memory.barrier();
    multiply(p, dot, target, left, right, first, count);
  };
  const end = usefulEnd(p, dot);
  if (streamed.length === 0 || depth === over.size) {
    chunk('0', `${over.size}`);
    memory.reading(left.array, right.array);
  } else {
    const first = writer.declare(`${over.name}_first`);
    const stop = end === undefined ? `${over.size}` : writer.bind(`end ${dot.id}`, `${over.name}_end`, end);
    writer.block(`for (var ${first} = 0; ${first} < ${stop}; ${first} += ${depth})`, () => {
      chunk(first, `${depth}`);
      memory.barrier();
    });
    writer.innermost.names.delete(first);
  }
  p.variables.set(dot, target);
}
