import type { Axis, Value } from '../../kernel/ir.ts';
import {
  type Cell,
  componentIn,
  componentOf,
  countTo,
  elementIn,
  forCells,
  type Walk,
  writtenOut,
} from './cells.ts';
import { tileText } from './expressions.ts';
import { dimensionOf, lanesOf, type Printer, threadsAlong, typeOf } from './printer.ts';
import { fourOf, tails } from './tiles.ts';
import type { Block } from './writer.ts';

/** Operands of products on their way into workgroup memory. */

export type Dot = Value & { readonly op: 'dot' };

/** An operand in workgroup memory, [over][kept], as vec4 along `kept` where threads own four neighbours. */
export interface Staged {
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

export function planOperand(
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

export const place = ({ array, pitch }: Staged, step: string, element: string): string => {
  const row = step === '0' ? '' : /^\w+$/.test(step) ? `${step} * ${pitch}` : `(${step}) * ${pitch}`;
  return `${array}[${[row, element].filter((part) => part !== '' && part !== '0').join(' + ') || '0'}]`;
};

/** Every thread writes its elements of an operand; a rename changes only the place that they are written to. */
export function stageWhole(p: Printer, staged: Staged, over: Axis): void {
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
export function vectorIndex(p: Printer, axis: Axis, group: string): string {
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
export const itemsOf = ({ kept, unit, lanes }: Staged, over: Axis, depth: number): number =>
  (kept.size / lanes) * (lanes === 4 && unit === over ? depth / 4 : depth);

/** All threads share out the elements of one chunk of an operand, along memory where that is known. */
export function stageChunk(
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
export function names(
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
