import type { Axis, Value } from '../../kernel/ir.ts';
import {
  type Cell,
  componentIn,
  componentOf,
  countTo,
  elementIn,
  forCells,
  forGroups,
  forLanes,
  type Walk,
  writtenOut,
} from './cells.ts';
import { elementOf, registerOf, scalarText, tileText } from './expressions.ts';
import { dimensionOf, groupsOf, lanesOf, type Printer, perThread, threadsAlong, typeOf } from './printer.ts';
import { fourOf, tails, targetOf } from './tiles.ts';
import type { Block } from './writer.ts';

/*
 * accumulator += left · right, where a thread owns a block of the result: R rows × C columns in registers. Both operands stand in
 * workgroup memory as [over][kept], so that one step of the contraction reads R + C numbers for R·C multiply-adds.
 *
 * What that gives on a GPU (128 lanes of f32 and 128 bytes of workgroup memory per clock and multiprocessor, as NVIDIA's and
 * most others): a warp of 32 threads needs R·C/4 clocks for its multiply-adds. Laid out 16 × 2 threads, it reads C·16
 * different numbers of the right operand and R·2 of the left (the others are broadcasts): (16·C + 2·R) · 4 / 128 clocks, in
 * accesses of 16 bytes that never meet in a bank, since neighbouring threads read neighbouring vec4.
 *
 *   block 4 × 4:  4 clocks of arithmetic,  2.25 of memory,  8 numbers read and 16 multiply-adds per 4 + 16 instructions (2 vec4 reads)
 *   block 8 × 8: 16 clocks of arithmetic,  4.5 of memory,  4 vec4 reads beside 64 multiply-adds: 94 % of what is issued is arithmetic
 *
 * 8 × 8 keeps 64 sums, 16 operands and some 30 numbers more in registers: about 110, so that 65,536 registers hold two
 * workgroups of 256 threads (16 warps), which is enough to hide a read of workgroup memory (about 30 clocks) behind the
 * 64 independent sums of each warp. A tile of 128 × 128 with chunks of 8 or 16 then reads 1/64 number from memory per
 * multiply-add: at 60 TFLOP/s (30 T multiply-adds per second) 1.9 TB/s, most of it from the second-level cache, where 64 × 64 tiles
 * would ask for 3.8 TB/s.
 */

type Dot = Value & { readonly op: 'dot' };

/** An operand in workgroup memory, [over][kept], as vec4 along `kept` where threads own four neighbours. */
interface Staged {
  readonly array: string;
  readonly value: Value;
  readonly kept: Axis;
  /** the axis along which its elements are neighbours in memory, as far as the text tells */
  readonly unit: Axis | undefined;
  /** evaluated chunk by chunk from memory; else written whole by the threads that own its elements */
  readonly streamed: boolean;
  readonly lanes: 1 | 4;
  /** of one step, in elements of the array */
  readonly pitch: number;
}

/** Deepest chunk that divides the contracted axis. */
export function chunkDepth(over: Axis, wanted: number): number {
  for (let depth = Math.min(over.size, wanted - (wanted % 4)); depth > 4; depth -= 4) {
    if (over.size % depth === 0) return depth;
  }
  return Math.min(4, over.size);
}

function unitAxis(value: Value): Axis | undefined {
  if (value.op === 'load') {
    for (const { index, stride } of value.terms) {
      const unit = stride.op === 'constant' && stride.value === 1;
      if (unit && index.kind === 'span') return index.axis;
    }
    return undefined;
  }
  const args = value.op === 'elementwise' ? value.args : value.op === 'cast' ? [value.arg] : [];
  return args
    .filter(({ axes }) => axes.length > 0)
    .map(unitAxis)
    .find((axis) => axis !== undefined);
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

/** What a renamed operand is written from: the tile that threads own, and its name for an axis of the operand. */
function sourceOf(
  p: Printer,
  value: Value,
): { readonly source: Value; readonly named: (axis: Axis) => Axis } {
  let source = value;
  let named = (axis: Axis): Axis => axis;
  while (source.op === 'rename' && !p.variables.has(source)) {
    const { from, to, arg } = source;
    const outer = named;
    named = (axis) => (outer(axis) === to ? from : outer(axis));
    source = arg;
  }
  return { source, named };
}

/** Whether the threads that write a whole operand own four neighbours of it each, at the places where they are read. */
function ownsFour(p: Printer, value: Value, kept: Axis): boolean {
  const { source, named } = sourceOf(p, value);
  const own = named(kept);
  return source.axes.includes(own) && lanesOf(p, own) === 4;
}

function planOperand(
  p: Printer,
  value: Value,
  side: 'left_tile' | 'right_tile',
  dot: Dot,
  depth: number,
): Staged {
  const kept = side === 'left_tile' ? dot.row : dot.column;
  const streamed = p.analysis.placement.streamable.has(value);
  const lanes = lanesOf(p, kept) === 4 && (streamed || ownsFour(p, value, kept)) ? 4 : 1;
  const unit = unitAxis(value);
  const width = kept.size / lanes;
  // An odd pitch where threads write along the contraction, so that they hit different banks.
  const along = !streamed || unit === dot.over;
  const pitch = along && width % 2 === 0 ? width + 1 : width;
  const array = p.memory.claim(side, 'f32', lanes, (streamed ? depth : dot.over.size) * pitch);
  return { array, value, kept, unit, streamed, lanes, pitch };
}

const place = ({ array, pitch }: Staged, step: string, element: string): string => {
  const row = step === '0' ? '' : /^\w+$/.test(step) ? `${step} * ${pitch}` : `(${step}) * ${pitch}`;
  return `${array}[${[row, element].filter((part) => part !== '' && part !== '0').join(' + ') || '0'}]`;
};

/** Every thread writes its elements of an operand; a rename changes only the place that they are written to. */
function stageWhole(p: Printer, staged: Staged, over: Axis): void {
  const { value, kept, lanes } = staged;
  const { source, named } = sourceOf(p, value);
  forCells(p, source.axes, (cell) => {
    const text = tileText(p, source, cell, true).text;
    const step = elementIn(p, cell, named(over));
    let target: string;
    if (lanes === 4) {
      const walk = cell.walks.get(named(kept)) as Walk;
      const component = componentIn(cell, named(kept));
      target = `${place(staged, step, vectorIndex(p, named(kept), walk.group))}${component}`;
    } else target = place(staged, step, elementIn(p, cell, named(kept)));
    const guards = tails(p, source.axes, cell);
    const line = `${target} = ${text};`;
    p.writer.line(
      guards.length === 0 ? line : `if (${guards.map((guard) => `(${guard})`).join(' & ')}) { ${line} }`,
    );
  });
}

/** Which vec4 of an axis a thread's group is. */
function vectorIndex(p: Printer, axis: Axis, group: string): string {
  const thread = dimensionOf(p, axis) === 'y' ? 'ty' : 'tx';
  const threads = threadsAlong(p, axis);
  if (threads === 1) return group;
  return group === '0'
    ? thread
    : `${thread} + ${/^\d+$/.test(group) ? Number(group) * threads : `${group} * ${threads}`}`;
}

/** Runs `body` for the `count` pieces of a chunk that fall to this thread; the first `busy` threads have other work. */
function forItems(p: Printer, count: number, busy: number, body: (item: string) => void): void {
  const { writer } = p;
  const threads = p.threads.x * p.threads.y;
  if (busy > 0) {
    writer.block(
      count + busy === threads ? `if (lane >= ${busy})` : `if ((lane >= ${busy}) & (lane < ${busy + count}))`,
      () => body(`(lane - ${busy})`),
    );
  } else if (count === threads) body('lane');
  else if (count < threads) writer.block(`if (lane < ${count})`, () => body('lane'));
  else if (count % threads === 0 && writtenOut(p, (8 * count) / threads)) {
    for (let i = 0; i < count / threads; i++) {
      writer.block('', () => body(i === 0 ? 'lane' : `(lane + ${i * threads})`));
    }
  } else {
    const item = writer.declare('item');
    writer.block(`for (var ${item} = lane; ${item} < ${count}; ${item} += ${threads})`, () => body(item));
    writer.innermost.names.delete(item);
  }
}

/** A walk that stands at a given element, or at the first of four. */
const walkAt = (name: string, lanes: 1 | 4, block: Block, depth: number, first = () => name): Walk => ({
  ...{ first, group: '0', lane: '0', lanes, key: name },
  ...{ groupBlock: block, block, groupDepth: depth, depth },
});

/** In how many pieces a chunk is staged: numbers, vec4, or where it is turned, blocks of 4 × 4. */
const itemsOf = ({ kept, unit, lanes }: Staged, over: Axis, depth: number): number =>
  (kept.size / lanes) * (lanes === 4 && unit === over ? depth / 4 : depth);

/** All threads share out the elements of one chunk of an operand, along memory where that is known. */
function stageChunk(
  p: Printer,
  staged: Staged,
  over: Axis,
  first: string,
  depth: number,
  busy: number,
): void {
  const { kept, unit, lanes } = staged;
  const { writer } = p;
  const width = kept.size / lanes;
  const turned = unit === over;
  const steps = itemsOf(staged, over, depth) / width;
  forItems(p, width * steps, busy, (item) => {
    const [inner, outer] = turned ? [steps, width] : [width, steps];
    const [remainder, quotient] = [`${item} % ${inner}`, outer === 1 ? '0' : `${item} / ${inner}`];
    const step = writer.declare(`${over.name}_step`);
    const at = writer.declare(lanes === 4 ? `${kept.name}_vector` : kept.name);
    writer.line(
      `let ${step} = ${turned ? remainder : quotient}${steps < depth ? ' * 4' : ''};`.replace(
        /= (.*?) \* 4;/,
        '= ($1) * 4;',
      ),
    );
    writer.line(`let ${at} = ${turned ? quotient : remainder};`);
    if (lanes === 4 && turned) stageTurned(p, staged, over, first, step, at);
    else stageStraight(p, staged, over, first, step, at);
  });
}

/** The element of the contraction that step `step` of a chunk stands for. */
const overAt = (p: Printer, over: Axis, first: string, step: string, block: Block) => (): string =>
  first === '0'
    ? step
    : p.writer.bind(`element ${over.order} ${step}`, over.name, `${first} + ${step}`, block);

/** One step of a row or column, or of four that are neighbours. */
function stageStraight(
  p: Printer,
  staged: Staged,
  over: Axis,
  first: string,
  step: string,
  at: string,
): void {
  const { value, kept, lanes } = staged;
  const block = p.writer.innermost;
  const start = (): string =>
    lanes === 1 ? at : p.writer.bind(`first ${at}`, kept.name, `${at} * 4`, block);
  const cell: Cell = {
    walks: new Map([
      [over, walkAt(step, 1, block, 0, overAt(p, over, first, step, block))],
      [kept, walkAt(at, lanes, block, 1, start)],
    ]),
    outside: block,
    owned: false,
    count: 1,
  };
  const text = lanes === 4 ? fourOf(p, value, cell, kept) : tileText(p, value, cell, true).text;
  p.writer.line(`${place(staged, step, at)} = ${text};`);
}

/** Four steps of four rows or columns whose steps are neighbours in memory: read along it, written across. */
function stageTurned(p: Printer, staged: Staged, over: Axis, first: string, step: string, at: string): void {
  const { value, kept } = staged;
  const { writer } = p;
  const block = writer.innermost;
  const rows = names(p, 'along', { count: 4, lanes: 4, unroll: p.options.unroll === true }, (row, inner) => {
    const element = writer.bind(
      `row ${at} ${row}`,
      kept.name,
      row === '0' ? `${at} * 4` : `${at} * 4 + ${row}`,
      inner,
    );
    const cell: Cell = {
      walks: new Map([
        [kept, walkAt(element, 1, inner, 1)],
        // its first element is known outside of the row, its neighbours are met inside
        [over, { ...walkAt(step, 4, block, 2, overAt(p, over, first, step, block)), groupDepth: 0 }],
      ]),
      outside: block,
      owned: false,
      count: 1,
    };
    return fourOf(p, value, cell, over);
  });
  countTo(
    p,
    'turn',
    4,
    (lane) => {
      const four = ['0', '1', '2', '3'].map((row) => `${rows(row)}${componentOf(lane)}`);
      const to = lane === '0' ? step : `${step} + ${lane}`;
      writer.line(`${place(staged, to, at)} = vec4<f32>(${four.join(', ')});`);
    },
    { braces: false },
  );
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
    const known = Array.from({ length: count }, (_, i) => {
      const value = text(`${i}`, writer.innermost);
      const name = writer.declare(wanted);
      writer.line(`let ${name} = ${value};`);
      return name;
    });
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
