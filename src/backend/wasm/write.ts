import { operandsOf } from '../../kernel/flow.ts';
import type { Axis, Value } from '../../kernel/ir.ts';
import { unitAxis } from './analysis.ts';
import type { Integer, Statement, Vector } from './code.ts';
import { set } from './control.ts';
import { i32, memory, plus, times, v128 } from './instructions.ts';
import type { End } from './loops.ts';
import type { Lowering, Place } from './lowering.ts';
import { Nest } from './nest.ts';
import { transposed } from './vectors.ts';

/**
 * Where the elements of a tile go. Rows: element (depth, along) at depth · depthStride + 4 · along. Panels: `along` is
 * cut into blocks of `width` elements, `blockStride` bytes apart, each [depth][width].
 */
export interface Destination {
  readonly offset: number;
  readonly depth: Axis | undefined;
  readonly along: Axis;
  readonly depthStride: number;
  readonly panels?: { readonly width: 4 | 8; readonly blockStride: number } | undefined;
  /** beyond these, nothing has to be written */
  readonly ends?: { readonly depth: End | undefined; readonly along: End | undefined } | undefined;
}

export function rowsOf({ offset, axes, rowStride }: Place): Destination {
  const [first, second] = axes as readonly [Axis, Axis | undefined];
  return { offset, depth: second && first, along: second ?? first, depthStride: rowStride };
}

/** The axis along which what `value` is read from lies in memory, if it has two. */
export function naturalAxis({ places }: Lowering, value: Value): Axis | undefined {
  const seen = new Set<Value>();
  const visit = (inner: Value): Axis | undefined => {
    // what was seen before gave nothing, or there would be an answer already
    if (inner.axes.length !== 2 || seen.has(inner)) return undefined;
    seen.add(inner);
    if (places.has(inner)) return inner.axes[1];
    if (inner.op === 'load') return unitAxis(inner);
    if (inner.op === 'rename') {
      const axis = visit(inner.arg);
      return axis === inner.from ? inner.to : axis;
    }
    for (const operand of operandsOf(inner)) {
      const axis = visit(operand);
      if (axis) return axis;
    }
    return undefined;
  };
  return visit(value);
}

/** Heavier elements are computed one vector at a time: their own instructions keep the machine busy. */
const LIGHT = 8;

export function vectorsAtOnce(at: Lowering, value: Value, lane: Axis): 1 | 2 | 4 {
  const cost = at.places.has(value) ? 1 : at.analysis.costOf(value);
  if (cost > LIGHT) return 1;
  if (lane.size % 16 === 0) return 4;
  return lane.size % 8 === 0 ? 2 : 1;
}

export const isZero = (value: Value): boolean => value.op === 'fill' && value.value === 0;

/** Evaluates `value` into scratch memory. */
export function writeTile(at: Lowering, value: Value, to: Destination): Statement[] {
  const { depth, along, depthStride, panels, offset } = to;
  if (isZero(value) && !panels) {
    const bytes = depth ? depth.size * depthStride : along.size * 4;
    return [memory.fill(plus(at.scratch, offset), 0, bytes)];
  }
  const author = depth && naturalAxis(at, value) === depth ? turned : direct;
  return [...clearTail(at, to), ...at.fn.scoped(() => author(at, value, to))];
}

/** Columns that a last panel has and the tile lacks are zero, so that they do no harm in a product. */
function clearTail(at: Lowering, { along, panels, offset }: Destination): Statement[] {
  if (!panels || along.size % panels.width === 0) return [];
  const last = offset + Math.floor(along.size / panels.width) * panels.blockStride;
  return [memory.fill(plus(at.scratch, last), 0, panels.blockStride)];
}

function direct(at: Lowering, value: Value, to: Destination): Statement[] {
  const { depth, along, depthStride, panels, offset, ends } = to;
  const nest = new Nest(at, depth, along, { of: [value], rows: ends?.depth, lanes: ends?.along });
  // the vectors of an iteration stay within a panel
  const inPanel = panels?.width === 8 && along.size % 8 === 0 ? 2 : 1;
  const wide = panels ? inPanel : vectorsAtOnce(at, value, along);
  const row = depth ? nest.rowAddress(depthStride) : at.scratch;
  const address = at.fn.local('i32', 'to');
  nest.each(wide, (cell, vectors) => {
    const lanes = panels ? panelOffset(nest, panels, vectors) : nest.laneBytes;
    if (cell.vector === 0) nest.push(2, set(address, plus(row, lanes)));
    nest.push(2, v128.store(address, nest.evaluate(value, cell), offset + cell.vector * 16));
  });
  return nest.close();
}

/** Distance of the panel and the place in it that belong to the lanes of an iteration. */
function panelOffset(
  nest: Nest,
  { width, blockStride }: NonNullable<Destination['panels']>,
  vectors: number,
): Integer {
  const lanes = nest.laneBytes;
  const block = i32.shrU(lanes, width === 8 ? 5 : 4);
  const start = times(block, blockStride);
  return width === 8 && vectors === 1 ? plus(start, i32.and(lanes, 16)) : start;
}

/** Blocks of 4 × 4: read along `depth`, where memory runs, turned, and stored along `along`. */
function turned(at: Lowering, value: Value, to: Destination): Statement[] {
  const { along, depth = along, depthStride, panels, offset, ends } = to;
  const options = { of: [value], rows: ends?.along, lanes: ends?.depth, step: 4 };
  const nest = new Nest(at, along, depth, options);
  const index = nest.rowIndex;
  const place = panels
    ? plus(
        times(i32.shrU(index, panels.width === 8 ? 3 : 2), panels.blockStride),
        panels.width === 8 ? times(i32.and(index, 4), 4) : 0,
      )
    : times(index, 4);
  const column = nest.once(1, 'column', 'column', () => plus(at.scratch, place));
  const address = at.fn.local('i32', 'to');
  nest.each(1, () => {
    const line = (row: number): Vector => nest.keep(2, `line${row}`, nest.evaluate(value, nest.cell(0, row)));
    const lines = [line(0), line(1), line(2), line(3)] as const;
    const down = times(i32.shrU(nest.laneBytes, 2), depthStride);
    nest.push(2, set(address, plus(column, down)));
    transposed(lines, nest.scopeAt(2)).forEach((code, i) => {
      nest.push(2, v128.store(address, code, offset + i * depthStride));
    });
  });
  return nest.close();
}
