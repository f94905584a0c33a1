import type { Axis, Value } from '../../kernel/ir.ts';
import { type Cell, forCells } from './cells.ts';
import { elementOf, scalarText, tileText } from './expressions.ts';
import { type Printer, perThread } from './printer.ts';
import { tails, targetOf } from './tiles.ts';

type Dot = Value & { readonly op: 'dot' };

/** An operand in workgroup memory: where the element of `kept` at a step of the contraction stands. */
interface Staged {
  readonly array: string;
  readonly value: Value;
  readonly kept: Axis;
  /** evaluated chunk by chunk from memory; else written whole by the threads that own its elements */
  readonly streamed: boolean;
  readonly pitch: number;
  at(step: string, element: string): string;
}

/** Deepest chunk that divides the contracted axis. */
export function chunkDepth(over: Axis, wanted: number): number {
  for (let depth = Math.min(over.size, wanted - (wanted % 4)); depth > 4; depth -= 4) {
    if (over.size % depth === 0) return depth;
  }
  return Math.min(4, over.size);
}

/** The axis along which neighbouring elements of `value` are neighbours in memory, as far as the text tells. */
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

function planOperand(
  p: Printer,
  value: Value,
  side: 'left_tile' | 'right_tile',
  dot: Dot,
  depth: number,
): Staged {
  const kept = side === 'left_tile' ? dot.row : dot.column;
  const streamed = p.analysis.placement.streamable.has(value);
  // one element of padding where threads write down a column of the array, so that they hit different banks
  const pitch =
    streamed && (side === 'left_tile' || unitAxis(value) === dot.over) ? kept.size + 1 : kept.size;
  if (streamed || side === 'right_tile') {
    const rows = streamed ? depth : dot.over.size;
    const array = p.memory.claim(side, 'f32', rows * pitch);
    return {
      array,
      value,
      kept,
      streamed,
      pitch,
      at: (step, element) => `${array}[${step} * ${pitch} + ${element}]`,
    };
  }
  const width = dot.over.size;
  const array = p.memory.claim(side, 'f32', kept.size * width);
  return {
    array,
    value,
    kept,
    streamed,
    pitch,
    at: (step, element) => `${array}[${element} * ${width} + ${step}]`,
  };
}

/** Every thread writes its elements of an operand; a rename changes only the place that they are written to. */
function stageWhole(p: Printer, { value, kept, at }: Staged, over: Axis): void {
  let source = value;
  let names = (axis: Axis): Axis => axis;
  while (source.op === 'rename' && !p.variables.has(source)) {
    const { from, to, arg } = source;
    const outer = names;
    names = (axis) => {
      const named = outer(axis);
      return named === to ? from : named;
    };
    source = arg;
  }
  forCells(p, source.axes, (cell) => {
    const text = tileText(p, source, cell, true).text;
    const line = `${at(cell.element(names(over)), cell.element(names(kept)))} = ${text};`;
    const guards = tails(p, source.axes, cell);
    p.writer.line(
      guards.length === 0 ? line : `if (${guards.map((guard) => `(${guard})`).join(' & ')}) { ${line} }`,
    );
  });
}

/** All threads share out the elements of one chunk of an operand, along memory where that is known. */
function stageChunk(p: Printer, { value, kept, at }: Staged, over: Axis, first: string, depth: number): void {
  const { writer } = p;
  const threads = p.threads.x * p.threads.y;
  const item = writer.declare('item');
  writer.block(`for (var ${item} = lane; ${item} < ${kept.size * depth}; ${item} += ${threads})`, (block) => {
    const downOver = unitAxis(value) !== kept;
    const [element, step] = [writer.declare(kept.name), writer.declare(`${over.name}_step`)];
    const inner = downOver ? depth : kept.size;
    const [quotient, remainder] = [`${item} / ${inner}`, `${item} % ${inner}`];
    writer.line(`let ${step} = ${downOver ? remainder : quotient};`);
    writer.line(`let ${element} = ${downOver ? quotient : remainder};`);
    const cell: Cell = {
      key: (axis) => (axis === kept ? element : step),
      element: (axis) => {
        if (axis === kept) return element;
        return first === '0'
          ? step
          : writer.bind(`element ${axis.order} ${step}`, over.name, `${first} + ${step}`, block);
      },
      blockOf: () => block,
      register: undefined,
      walks: new Map(),
    };
    const text = tileText(p, value, cell, true).text;
    writer.line(`${at(step, element)} = ${text};`);
  });
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
    staged.streamed || first === '0' ? counter : `(${first} + ${counter})`;
  writer.block(`for (var ${counter} = 0; ${counter} < ${count}; ${counter}++)`, () => {
    const columns = perThread(p, column);
    const values = writer.declare('right');
    if (columns > 1) writer.line(`var ${values}: array<f32, ${columns}>;`);
    forCells(p, [column], (cell) => {
      const place = columns > 1 ? elementOf(p, values, [column], cell) : `let ${values}`;
      writer.line(`${place} = ${right.at(step(right), cell.element(column))};`);
    });
    forCells(p, [row], (rowCell) => {
      const value = writer.declare('left');
      writer.line(`let ${value} = ${left.at(step(left), rowCell.element(row))};`);
      forCells(
        p,
        [column],
        (cell) => {
          const sum = elementOf(p, target, axes, cell);
          writer.line(`${sum} = fma(${value}, ${elementOf(p, values, [column], cell)}, ${sum});`);
        },
        rowCell,
      );
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
  const depth = chunkDepth(over, p.kernel.schedule.stage ?? 16);
  const left = planOperand(p, dot.left, 'left_tile', dot, depth);
  const right = planOperand(p, dot.right, 'right_tile', dot, depth);
  const operands = [left, right];
  const streamed = operands.filter((operand) => operand.streamed);
  for (const operand of operands) if (!operand.streamed) stageWhole(p, operand, over);
  const target = prepareTarget(p, dot);
  const chunk = (first: string, count: string): void => {
    for (const operand of streamed) stageChunk(p, operand, over, first, depth);
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
