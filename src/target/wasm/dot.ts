import type { Axis, Span, Value } from '../../kernel/ir.ts';
import { type Code, call, get, type Statement, select, set } from './code.ts';
import { i32, plus } from './instructions.ts';
import { type Lowering, lengthOf, type Pack, type Place, placeOf, reserve } from './lowering.ts';
import { COLUMNS, microKernel, ROWS } from './microKernel.ts';
import { type Destination, naturalAxis, rowsOf, writeTile } from './write.ts';

type Dot = Value & { readonly op: 'dot' };
type Side = 'left' | 'right';

/** Panels a power of two apart would fall on the same cache sets. */
const PAD = 64;
/** Up to this size a tile serves as the right side where it lies: its columns still fit the first-level cache. */
const DIRECT_BYTES = 32 * 1024;

const freeAxis = (dot: Dot, side: Side): Axis => (side === 'left' ? dot.row : dot.column);

/** The layout that the micro-kernel wants of a factor which is still to be written. */
function packedLayout(at: Lowering, dot: Dot, side: Side): { readonly pack: Pack; readonly to: Destination } {
  const { over } = dot;
  const value = dot[side];
  const free = freeAxis(dot, side);
  const width = side === 'left' ? ROWS : COLUMNS;
  if (side === 'left' && naturalAxis(at, value, false) !== free) {
    const depthStride = over.size * 4 + (over.size % 128 === 0 ? PAD : 0);
    const offset = reserve(at, free.size * depthStride);
    return {
      pack: { offset, rowStep: depthStride, depthStep: 4, blockStep: ROWS * depthStride },
      to: { offset, depth: free, along: over, depthStride },
    };
  }
  const depthStep = width * 4;
  const blockStep = over.size * depthStep + PAD;
  const offset = reserve(at, Math.ceil(free.size / width) * blockStep);
  return {
    pack: { offset, rowStep: 4, depthStep, blockStep },
    to: {
      offset,
      depth: over,
      along: free,
      depthStride: depthStep,
      panels: { width: side === 'left' ? ROWS : COLUMNS, blockStride: blockStep },
    },
  };
}

/** A placed tile read where it lies; undefined where that would be slow or impossible. */
function directPack(at: Lowering, dot: Dot, side: Side): Pack | undefined {
  const value = dot[side];
  if (!at.analysis.isPlaced(value)) return undefined;
  const { offset, rowStride, axes } = placeOf(at, value);
  const overFirst = axes[0] === dot.over;
  if (side === 'left') {
    return overFirst
      ? { offset, rowStep: 4, depthStep: rowStride, blockStep: ROWS * 4 }
      : { offset, rowStep: rowStride, depthStep: 4, blockStep: ROWS * rowStride };
  }
  if (!overFirst || rowStride * dot.over.size > DIRECT_BYTES) return undefined;
  return { offset, rowStep: 4, depthStep: rowStride, blockStep: COLUMNS * 4 };
}

/**
 * Packs `value` for the products that it is a factor of, where it is made: once, however often a loop further in
 * multiplies with it.
 */
export function packFactors(at: Lowering, value: Value): Statement[] {
  const statements: Statement[] = [];
  const made = new Map<string, Pack>();
  for (const user of at.analysis.users.get(value) ?? []) {
    if (user.kind !== 'value' || user.op !== 'dot' || !at.analysis.isLive(user)) continue;
    for (const side of ['left', 'right'] as const) {
      if (user[side] !== value || directPack(at, user, side)) continue;
      const key = `${side} ${user.over.order}`;
      const pack = made.get(key) ?? packNow(at, user, side, statements);
      made.set(key, pack);
      at.packs.set(user, { ...at.packs.get(user), [side]: pack });
    }
  }
  return statements;
}

function packNow(at: Lowering, dot: Dot, side: Side, statements: Statement[]): Pack {
  const { pack, to } = packedLayout(at, dot, side);
  statements.push(...writeTile(at, dot[side], to, false));
  return pack;
}

/** A span beyond which every element of `value` is zero along `axis`. */
function zeroBeyond(value: Value, axis: Axis): Span | undefined {
  if (value.op === 'load' && value.otherwise === 0) {
    for (const { index } of value.terms) if (index.kind === 'span' && index.axis === axis) return index;
  }
  if (value.op === 'rename') return zeroBeyond(value.arg, axis === value.to ? value.from : axis);
  if (value.op === 'elementwise' && value.fn === 'mul') {
    const [x, y] = value.args;
    return (x && zeroBeyond(x, axis)) ?? (y && zeroBeyond(y, axis));
  }
  return undefined;
}

/** min(size, length of the span), in a local. */
function cut(at: Lowering, axis: Axis, span: Span | undefined, statements: Statement[]): Code<'i32'> {
  if (!span) return i32.const(axis.size);
  const { start, limit } = span;
  if (start.op === 'constant' && limit.op === 'constant' && start.value + axis.size <= limit.value) {
    return i32.const(axis.size);
  }
  const length = at.fn.local('i32', `${axis.name}_length`);
  statements.push(set(length, lengthOf(at, span)));
  const size = i32.const(axis.size);
  return select(i32.ltS(get(length), size), get(length), size);
}

/** The product into `place`, which may be that of the carried tile it adds to. */
export function writeDot(at: Lowering, dot: Dot, place: Place): Statement[] {
  return at.fn.scoped(() => {
    const statements: Statement[] = [];
    const factor = (side: Side): Pack =>
      directPack(at, dot, side) ?? at.packs.get(dot)?.[side] ?? packNow(at, dot, side, statements);
    const [left, right] = [factor('left'), factor('right')];
    const { accumulator, over, row, column } = dot;
    const accumulate = accumulator !== undefined && !isZero(accumulator);
    if (accumulate) statements.push(...writeAccumulator(at, accumulator, place));
    const kernel = microKernel(at.module, {
      leftRow: left.rowStep,
      leftDepth: left.depthStep,
      leftBlock: left.blockStep,
      rightDepth: right.depthStep,
      rightPanel: right.blockStep,
      outRow: place.rowStride,
      accumulate,
      fused: at.relaxed,
    });
    // Rows and columns past the end may be left out only where they then keep what was accumulated.
    const rowSpan = accumulate ? zeroBeyond(dot.left, row) : undefined;
    const columnSpan = accumulate ? zeroBeyond(dot.right, column) : undefined;
    const depthSpan = zeroBeyond(dot.left, over) ?? zeroBeyond(dot.right, over);
    const blocks = (axis: Axis, span: Span | undefined, width: number): Code<'i32'> => {
      const rounded = plus(cut(at, axis, span, statements), i32.const(width - 1));
      return rounded.operands.length === 0
        ? i32.const(Math.floor((axis.size + width - 1) / width))
        : i32.shrS(rounded, i32.const(Math.log2(width)));
    };
    const address = (offset: number): Code<'i32'> => plus(at.scratch, i32.const(offset));
    const rows = blocks(row, rowSpan, ROWS);
    const panels = blocks(column, columnSpan, COLUMNS);
    const depth = cut(at, over, depthSpan, statements);
    statements.push(
      call(kernel, [address(left.offset), address(right.offset), address(place.offset), rows, panels, depth]),
    );
    return statements;
  });
}

const isZero = (value: Value): boolean => value.op === 'fill' && value.value === 0;

function writeAccumulator(at: Lowering, accumulator: Value, place: Place): Statement[] {
  if (at.analysis.isPlaced(accumulator) && placeOf(at, accumulator).offset === place.offset) return [];
  return writeTile(at, accumulator, rowsOf(place), false);
}
