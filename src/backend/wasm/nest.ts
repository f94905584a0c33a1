import { defined } from '../../base/errors.ts';
import { operandsOf, spansOf } from '../../kernel/flow.ts';
import type { Axis, Span, Store, Term, Value } from '../../kernel/ir.ts';
import { isUnit, spanTerms } from './analysis.ts';
import type { Integer, Vector } from './code.ts';
import { joined, select } from './control.ts';
import { literal, splat, vectorCast, vectorElementwise } from './elementwise.ts';
import { i32, i32x4, plus, times, v128 } from './instructions.ts';
import {
  type Cell,
  type Cut,
  type Level,
  type LoopOptions,
  Loops,
  type Roles,
  renamed,
  rolesOf,
} from './loops.ts';
import { elementBytes, type Lowering } from './lowering.ts';
import { callThreefry, fromHalf, type VectorScope } from './vectors.ts';

interface NestOptions extends LoopOptions {
  /** the values that are evaluated */
  readonly of?: readonly Value[];
  /** spans that may cut the nest besides those that the values meet */
  readonly spans?: readonly Span[];
}

const cutBy = (span: Span, roles: Roles): Cut => ({
  span,
  role: defined(roles.get(span.axis), 'role of a span'),
});

/** Spans that a nest over `value` meets: its own and those of what is computed with it. */
function cutsOf({ places }: Lowering, value: Value, roles: Roles): Cut[] {
  const cuts: Cut[] = [];
  const seen = new Set<string>();
  const visit = (inner: Value, known: Roles): void => {
    const key = `${inner.id} ${inner.axes.map((axis) => known.get(axis)).join(' ')}`;
    if (seen.has(key)) return;
    seen.add(key);
    const loaded = inner.op === 'load' ? spansOf(inner.terms) : [];
    const spans = inner.op === 'inside' ? [inner.span] : loaded;
    for (const span of spans) cuts.push(cutBy(span, known));
    const own = inner.op === 'rename' ? renamed(known, inner.to, inner.from) : known;
    for (const operand of operandsOf(inner)) {
      if (operand.axes.length > 0 && !places.has(operand)) visit(operand, own);
    }
  };
  if (!places.has(value)) visit(value, roles);
  return cuts;
}

/** A loop nest into which values are evaluated, element by element. */
export class Nest extends Loops {
  constructor(at: Lowering, row: Axis | undefined, lane: Axis, options: NestOptions = {}) {
    const { of = [], spans = [] } = options;
    const roles = rolesOf(row, lane);
    const cuts = of.flatMap((value) => cutsOf(at, value, roles));
    super(at, row, lane, options, [...cuts, ...spans.map((span) => cutBy(span, roles))]);
  }

  /** The value at a cell: read where it is placed, else computed. */
  evaluate(value: Value, cell: Cell = this.cell()): Vector {
    const { analysis, places, fn } = this.at;
    if (value.op === 'constant' || value.op === 'fill') return literal(fn, value.dtype, value.value);
    if (value.op === 'inside' && this.isWithin(value.span, cell)) return literal(fn, 'bool', 1);
    // what is about to be stored needs no local of its own
    if (analysis.isPlaced(value) && !places.has(value)) return this.#compute(value, cell);
    const level = this.levelOf(value.axes, cell);
    const key = `${value.id} ${this.keyOf(value.axes, cell)}`;
    return this.once(level, key, `v${value.id}`, () => {
      if (value.axes.length === 0) return splat(value.dtype, this.at.scalar(value));
      return places.has(value) ? this.#read(value, cell) : this.#compute(value, cell);
    });
  }

  /** The value at a cell from its operands. */
  #compute(value: Value, cell: Cell): Vector {
    const level = this.levelOf(value.axes, cell);
    switch (value.op) {
      case 'arange':
        return level === 2 ? this.laneIndices(cell) : i32x4.splat(this.rowAt(cell));
      case 'inside':
        return this.spanMask(value.span, cell);
      case 'elementwise':
        return vectorElementwise(this.scopeAt(level), value, this.#operands(value, cell));
      case 'cast':
        return vectorCast(this.at.fn, value.arg.dtype, value.dtype, this.evaluate(value.arg, cell));
      case 'rename':
        return this.evaluate(value.arg, { ...cell, roles: renamed(cell.roles, value.to, value.from) });
      case 'random':
        return callThreefry(this.at.module, value.word, this.#operands(value, cell));
      case 'load':
        return loadElements(this, value, cell);
      default:
        return this.#read(value, cell);
    }
  }

  #operands(value: Value, cell: Cell): Vector[] {
    return operandsOf(value).map((operand) => this.evaluate(operand, cell));
  }

  /** A tile in scratch memory. */
  #read(value: Value, cell: Cell): Vector {
    const { offset, rowStride, axes } = this.at.placeOf(value);
    const [first, second] = value.axes.map((axis) => this.roleOf(axis, cell));
    const { scratch } = this.at;
    if (axes.length === 1) {
      if (first === 'lane') return v128.load(plus(scratch, this.laneBytes), offset + cell.vector * 16);
      return v128.loadSplat(plus(scratch, times(this.rowIndex, 4)), offset + cell.row * 4);
    }
    if (second === 'lane') {
      const row = this.rowAddress(rowStride);
      return v128.load(plus(row, this.laneBytes), offset + cell.row * rowStride + cell.vector * 16);
    }
    // The tile lies across: its rows are the lanes.
    const start = this.once(2, `across ${rowStride}`, 'across', () => {
      const lane = times(i32.shrU(this.laneBytes, 2), rowStride);
      return plus(plus(scratch, lane), times(this.rowIndex, 4));
    });
    const from = offset + cell.vector * 4 * rowStride + cell.row * 4;
    let result = v128.loadSplat(start, from);
    for (let i = 1; i < 4; i++) result = v128.loadLane(start, result, i, from + i * rowStride);
    return result;
  }
}

const axesOf = ({ index }: Term): readonly Axis[] => (index.kind === 'span' ? [index.axis] : index.axes);

/**
 * An access to a buffer from a cell of a nest. What it computes is placed in the nest when it is asked for.
 *
 * @param key tells this access from others of the nest
 */
export function accessOf(
  nest: Nest,
  key: string,
  { buffer, terms }: Pick<Store, 'buffer' | 'terms'>,
  cell: Cell,
) {
  const { at, laneBytes } = nest;
  const bytes = elementBytes(buffer);
  const termsAt = (level: Level) => terms.filter((term) => nest.levelOf(axesOf(term), cell) === level);
  const [rowTerms, laneTerms] = [termsAt(1), termsAt(2)];
  const isRun = laneTerms.length === 1 && spanTerms(laneTerms).some(isUnit);
  // the same element in all lanes; neighbouring elements; an address for each lane
  const lanes: 'none' | 'unit' | 'scattered' = laneTerms.length === 0 ? 'none' : isRun ? 'unit' : 'scattered';
  const spans = spansOf(terms).filter((span) => !nest.isWithin(span, cell));
  const spansOver = (role: 'row' | 'lane'): Span[] =>
    spans.filter(({ axis }) => nest.roleOf(axis, cell) === role);
  const base = nest.once(0, `base ${key}`, `${buffer.name}_base`, () => at.elementAddress(buffer, terms));
  /** address of the element at lane 0 of the row */
  const row = (): Integer => {
    if (rowTerms.length === 0) return base;
    return nest.once(1, `row of ${key} ${cell.row}`, `${buffer.name}_row`, () =>
      rowTerms.reduce((address, { index, stride }) => {
        const position = index.kind === 'span' ? nest.rowAt(cell) : i32x4.lane(nest.evaluate(index, cell), 0);
        return plus(address, times(position, at.strideBytes(buffer, stride)));
      }, base),
    );
  };
  return {
    lanes,
    row,
    /** address and constant offset of a vector of neighbouring elements */
    start: () =>
      [plus(row(), bytes === 4 ? laneBytes : i32.shrU(laneBytes, 1)), cell.vector * 4 * bytes] as const,
    /** addresses of the elements in all lanes */
    addresses: () =>
      laneTerms.reduce((addresses, { index, stride }) => {
        const positions = index.kind === 'span' ? nest.laneIndices(cell) : nest.evaluate(index, cell);
        const step = nest.once(0, `step ${stride.id} ${bytes}`, 'step', () =>
          i32x4.splat(at.strideBytes(buffer, stride)),
        );
        return i32x4.add(addresses, i32x4.mul(positions, step));
      }, i32x4.splat(row())),
    /** where all spans hold, in every lane; undefined where nothing is cut */
    mask: () => joined(v128.and, spans, (span) => nest.spanMask(span, cell)),
    /** whether the row is inside all spans over rows; undefined where none cuts them */
    rowInside: () => joined(i32.and, spansOver('row'), (span) => nest.isRowInside(span, cell)),
    /** whether a lane is inside all spans over lanes */
    laneInside(lane: number) {
      const index = i32.shrU(plus(laneBytes, cell.vector * 16 + lane * 4), 2);
      return joined(i32.and, spansOver('lane'), (span) => i32.ltS(index, nest.lengthOf(span)));
    },
  };
}

/**
 * The elements of a load at a cell. Masked lanes are not read at their address but at the beginning of the buffer, and
 * give the load's default; a vector whose first lane is inside may read up to 12 bytes past the last element.
 */
function loadElements(nest: Nest, value: Value & { readonly op: 'load' }, cell: Cell): Vector {
  const { buffer, axes, dtype, otherwise } = value;
  const key = `${value.id} ${axes.map((axis) => nest.roleOf(axis, cell)).join('')}`;
  const access = accessOf(nest, key, value, cell);
  const safe = nest.at.bufferAddress(buffer);
  const mask = access.mask();
  const guard = (elements: Vector) =>
    mask ? v128.select(mask, elements, literal(nest.at.fn, dtype, otherwise)) : elements;
  const level = nest.levelOf(axes, cell);
  const scope = nest.scopeAt(level);
  const isHalf = buffer.dtype === 'f16';
  if (access.lanes === 'scattered') {
    const all = access.addresses();
    const addresses = nest.once(level, `addresses ${key} ${cell.row} ${cell.vector}`, 'addresses', () =>
      mask ? v128.select(mask, all, i32x4.splat(safe)) : all,
    );
    return guard(gathered(scope, isHalf, (lane) => i32x4.lane(addresses, lane)));
  }
  if (access.lanes === 'none') {
    const row = access.row();
    const inside = access.rowInside();
    const one = inside ? select(inside, row, safe) : row;
    return guard(isHalf ? fromHalf(scope, i32x4.splat(i32.load16(one))) : v128.loadSplat(one));
  }
  const [address, offset] = access.start();
  const load = (from: Integer, more = 0) =>
    isHalf ? fromHalf(scope, v128.load16x4(from, more)) : v128.load(from, more);
  if (!mask) return load(address, offset);
  const conditions = [access.rowInside(), access.laneInside(0)].filter((code) => code !== undefined);
  const inside = joined(i32.and, conditions, (code) => code);
  const moved = plus(address, offset);
  return guard(load(inside ? select(inside, moved, safe) : moved));
}

/** An element from each of four addresses. */
function gathered(scope: VectorScope, isHalf: boolean, address: (lane: number) => Integer): Vector {
  if (isHalf) {
    const first = i32x4.splat(i32.load16(address(0)));
    const insert = (words: Vector, lane: number) => i32x4.replace(words, i32.load16(address(lane)), lane);
    return fromHalf(scope, [1, 2, 3].reduce(insert, first));
  }
  const insert = (elements: Vector, lane: number) => v128.loadLane(address(lane), elements, lane);
  return [1, 2, 3].reduce(insert, v128.loadSplat(address(0)));
}
