import { remembered } from '../../base/own.ts';
import { isWhole } from '../../kernel/flow.ts';
import type { Axis, Span, Value } from '../../kernel/ir.ts';
import { spanOver } from './analysis.ts';
import type { Integer, Statement } from './code.ts';
import { block, joined, select, set, when, whileBelow } from './control.ts';
import { constantOf, f32x4, i32, memory, plus, v128 } from './instructions.ts';
import { endAt } from './loops.ts';
import { bytesOf, type Lowering, type Pack, type Place } from './lowering.ts';
import { COLUMNS, multiply, ROWS } from './microKernel.ts';
import { type StreamedSide, streamedSide, streamProduct, wantsRows } from './stream.ts';
import { type Destination, isZero, naturalAxis, rowsOf, writeTile } from './write.ts';

type Dot = Value & { readonly op: 'dot' };
type Side = 'left' | 'right';

/** Panels a power of two apart would fall on the same cache sets. */
const PAD = 64;
/** Up to this size a tile serves as the right side where it lies: its columns still fit the first-level cache. */
const DIRECT_BYTES = 32 * 1024;

/** Packs a factor as the micro-kernel wants it. */
function packNow(at: Lowering, dot: Dot, side: Side, statements: Statement[]): Pack {
  const { over } = dot;
  const [free, width] = side === 'left' ? ([dot.row, ROWS] as const) : ([dot.column, COLUMNS] as const);
  const endOf = (axis: Axis, unit: number) => endAt(zeroBeyond(dot[side], axis), unit);
  const write = (to: Destination) => statements.push(...writeTile(at, dot[side], to));
  if (side === 'left' && inRows(at, dot)) {
    const depthStride = over.size * 4 + (over.size % 128 === 0 ? PAD : 0);
    const offset = at.reserve(free.size * depthStride);
    const ends = { depth: endOf(free, width), along: endOf(over, 4) };
    write({ offset, depth: free, along: over, depthStride, ends });
    return { offset, rowStep: depthStride, depthStep: 4, blockStep: ROWS * depthStride };
  }
  const depthStride = width * 4;
  const blockStride = over.size * depthStride + PAD;
  const offset = at.reserve(Math.ceil(free.size / width) * blockStride);
  const ends = { depth: endOf(over, 1), along: endOf(free, width) };
  write({ offset, depth: over, along: free, depthStride, panels: { width, blockStride }, ends });
  return { offset, rowStep: 4, depthStep: depthStride, blockStep: blockStride };
}

/** Whether the left side is packed in rows along the contracted axis, and not in blocks of four rows. */
function inRows(at: Lowering, dot: Dot): boolean {
  const streamed = streamedSide(at, dot);
  return (streamed && wantsRows(streamed)) || naturalAxis(at, dot.left) !== dot.row;
}

/** The right side where it is read from the buffer that it lies in. */
function streamOf(at: Lowering, dot: Dot): StreamedSide | undefined {
  const streamed = streamedSide(at, dot);
  const lies = at.analysis.isPlaced(dot.left) && dot.left.axes[0] === dot.over;
  return streamed && wantsRows(streamed) && lies ? undefined : streamed;
}

/** A placed tile read where it lies; undefined where that would be slow or impossible. */
function directPack(at: Lowering, dot: Dot, side: Side): Pack | undefined {
  const value = dot[side];
  if (!at.analysis.isPlaced(value)) return undefined;
  const { offset, rowStride, axes } = at.placeOf(value);
  const width = side === 'left' ? ROWS : COLUMNS;
  if (axes[0] !== dot.over) {
    if (side === 'right') return undefined;
    return { offset, rowStep: rowStride, depthStep: 4, blockStep: width * rowStride };
  }
  if (side === 'right' && rowStride * dot.over.size > DIRECT_BYTES) return undefined;
  return { offset, rowStep: 4, depthStep: rowStride, blockStep: width * 4 };
}

/**
 * Packs `value` for the products that it is a factor of, where it is made: once, however often a loop further in
 * multiplies with it.
 */
export function packFactors(at: Lowering, value: Value): Statement[] {
  const statements: Statement[] = [];
  const made = new Map<string, Pack>();
  for (const user of at.analysis.flow.users.get(value) ?? []) {
    if (user.kind !== 'value' || user.op !== 'dot') continue;
    for (const side of ['left', 'right'] as const) {
      if (user[side] !== value || directPack(at, user, side)) continue;
      if (side === 'right' && streamOf(at, user)) continue;
      const key = `${side} ${user.over.order} ${side === 'left' && inRows(at, user)}`;
      const pack = remembered(made, key, () => packNow(at, user, side, statements));
      at.packs.set(user, { ...at.packs.get(user), [side]: pack });
    }
  }
  return statements;
}

/** A span beyond which every element of `value` is zero along `axis`. */
function zeroBeyond(value: Value, axis: Axis): Span | undefined {
  if (value.op === 'load' && value.otherwise === 0) return spanOver(value.terms, axis);
  if (value.op === 'rename') return zeroBeyond(value.arg, axis === value.to ? value.from : axis);
  if (value.op === 'elementwise' && value.fn === 'mul') {
    const [x, y] = value.args;
    return (x && zeroBeyond(x, axis)) ?? (y && zeroBeyond(y, axis));
  }
  return undefined;
}

/** How far along `axis` the elements of `values` are not all zero, in a local: at most its size. */
function extent(at: Lowering, axis: Axis, values: readonly Value[], statements: Statement[]): Integer {
  const spans = new Set(values.map((value) => zeroBeyond(value, axis)));
  const cutting = [...spans].flatMap((span) => (span && !isWhole(span) ? [span] : []));
  if (cutting.length === 0) return i32.const(axis.size);
  const least = at.fn.local('i32', `${axis.name}_length`);
  statements.push(set(least, axis.size));
  for (const span of cutting) {
    const length = at.lengthOf(span);
    statements.push(set(least, select(i32.ltS(length, least), length, least)));
  }
  return least;
}

/**
 * The product that alone reads a carried tile of zeros and takes its place: the first iteration may store it, and the tile needs no
 * zeros before.
 */
export function sumFromZero(at: Lowering, carried: Value, initial: Value): Dot | undefined {
  const [user, ...others] = at.analysis.flow.users.get(carried) ?? [];
  if (user?.kind !== 'value' || user.op !== 'dot' || others.length > 0 || !isZero(initial)) return undefined;
  return at.analysis.inPlace.get(user) === carried && !streamOf(at, user) ? user : undefined;
}

/** The product into `place`, which may be that of the carried tile it adds to. */
export function writeDot(at: Lowering, dot: Dot, place: Place): Statement[] {
  return at.fn.scoped(() => {
    const statements: Statement[] = [];
    const factor = (side: Side): Pack =>
      directPack(at, dot, side) ?? at.packs.get(dot)?.[side] ?? packNow(at, dot, side, statements);
    const { accumulator, over, row, column } = dot;
    const accumulate = accumulator !== undefined && !isZero(accumulator);
    const first = at.firsts.get(dot);
    const streamed = streamOf(at, dot);
    const left = factor('left');
    const right = streamed ? undefined : factor('right');
    const rows = extent(at, row, [dot.left], statements);
    const columns = extent(at, column, [dot.right], statements);
    const depth = extent(at, over, [dot.left, dot.right], statements);
    if (accumulate && !first) statements.push(...writeAccumulator(at, accumulator, place));
    // what is left out keeps what was accumulated, or 0
    else if (!streamed) statements.push(...clearUnless(at, place, first, [rows, row], [columns, column]));
    if (streamed) {
      // of a long sum, the sum of a tile by itself
      const to = accumulate ? { ...place, offset: at.reserve(bytesOf(place)) } : place;
      statements.push(clear(at, to), streamProduct(at, streamed, left, to, [rows, columns, depth]));
      if (accumulate) statements.push(addTo(at, place, to));
    } else if (right) {
      const blocks = [blocksOf(rows, ROWS), blocksOf(columns, COLUMNS)] as const;
      const adds = first ? i32.eqz(first) : i32.const(accumulate ? 1 : 0);
      statements.push(multiply(at, { left, right, out: place, adds }, [...blocks, depth]));
    }
    return statements;
  });
}

/** ceil(count / width) for a power of two. */
function blocksOf(count: Integer, width: number): Integer {
  const known = constantOf(count);
  if (known !== undefined) return i32.const(Math.ceil(known / width));
  return i32.shrS(plus(count, width - 1), Math.log2(width));
}

/** Clears a place that a product does not fill, where `first` holds. */
function clearUnless(
  at: Lowering,
  place: Place,
  first: Integer | undefined,
  ...filled: readonly (readonly [count: Integer, axis: Axis])[]
): Statement[] {
  const cuts = filled.filter(([count]) => constantOf(count) === undefined);
  const isCut = joined(i32.or, cuts, ([count, { size }]) => i32.ltS(count, size));
  return isCut ? [when(first ? i32.and(first, isCut) : isCut, [clear(at, place)])] : [];
}

const clear = (at: Lowering, place: Place): Statement => memory.fill(at.scratchAt(place), 0, bytesOf(place));

/** place += from, tiles of the same shape */
function addTo({ fn, scratch }: Lowering, place: Place, from: Place): Statement {
  const [at, end] = fn.several('i32', 'at', 'end');
  const sum = f32x4.add(v128.load(at, place.offset), v128.load(at, from.offset));
  return block([
    set(at, scratch),
    set(end, plus(scratch, bytesOf(place))),
    whileBelow(at, 16, end, [v128.store(at, sum, place.offset)]),
  ]);
}

function writeAccumulator(at: Lowering, accumulator: Value, place: Place): Statement[] {
  if (at.analysis.isPlaced(accumulator) && at.placeOf(accumulator).offset === place.offset) return [];
  return writeTile(at, accumulator, rowsOf(place));
}
