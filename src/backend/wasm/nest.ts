import { defined } from '../../base/errors.ts';
import { operandsOf } from '../../kernel/flow.ts';
import type { Axis, Span, Value } from '../../kernel/ir.ts';
import { loadElements } from './access.ts';
import { spanTerms } from './analysis.ts';
import type { Code } from './code.ts';
import { literal, splat, vectorCast, vectorElementwise } from './elementwise.ts';
import { i32, i32x4, plus, times, v128 } from './instructions.ts';
import { type Cell, type Cut, type LoopOptions, Loops, type Roles, renamed, rolesOf } from './loops.ts';
import { type Lowering, placeOf, scalar } from './lowering.ts';
import { callThreefry } from './vectors.ts';

const ORIGIN: Cell = { row: 0, vector: 0 };

interface NestOptions extends Omit<LoopOptions, 'cuts'> {
  /** the values that are evaluated */
  readonly of?: readonly Value[];
  /** they are computed, although they have a place */
  readonly fresh?: boolean;
  /** spans that may cut the nest besides those that the values meet */
  readonly spans?: readonly Span[];
}

/** Spans that a nest over `value` meets: its own and those of what is computed with it. */
function cutsOf({ analysis }: Lowering, value: Value, roles: Roles, fresh: boolean): Cut[] {
  const cuts: Cut[] = [];
  const seen = new Set<string>();
  const visit = (inner: Value, known: Roles): void => {
    const key = `${inner.id} ${inner.axes.map((axis) => known.get(axis)).join(' ')}`;
    if (seen.has(key)) return;
    seen.add(key);
    const loaded = inner.op === 'load' ? spanTerms(inner.terms).map(({ index }) => index) : [];
    const spans = inner.op === 'inside' ? [inner.span] : loaded;
    for (const span of spans) cuts.push({ span, role: defined(known.get(span.axis), 'role of a span') });
    const own = inner.op === 'rename' ? renamed(known, inner.to, inner.from) : known;
    for (const operand of operandsOf(inner)) {
      if (operand.axes.length > 0 && !analysis.isPlaced(operand)) visit(operand, own);
    }
  };
  if (fresh || !analysis.isPlaced(value)) visit(value, roles);
  return cuts;
}

/** A loop nest into which values are evaluated, element by element. */
export class Nest extends Loops {
  constructor(at: Lowering, row: Axis | undefined, lane: Axis, options: NestOptions = {}) {
    const { of = [], spans = [], fresh = false, ...loops } = options;
    const roles = rolesOf(row, lane);
    const own = spans.map((span): Cut => ({ span, role: defined(roles.get(span.axis), 'role of a span') }));
    super(at, row, lane, {
      ...loops,
      cuts: [...of.flatMap((value) => cutsOf(at, value, roles, fresh)), ...own],
    });
  }

  /** The value at a cell: read where it is placed, else computed. */
  override evaluate(value: Value, cell: Cell = ORIGIN, roles: Roles = this.roles): Code<'v128'> {
    const isLiteral = value.op === 'constant' || value.op === 'fill';
    if (isLiteral || (value.op === 'inside' && this.isWithin(value.span, roles))) {
      return this.compute(value, cell, roles);
    }
    const level = this.levelOf(value.axes, roles);
    const key = `${value.id} ${this.keyOf(value.axes, cell, roles)}`;
    return this.once(level, key, `v${value.id}`, () => {
      if (value.axes.length === 0) return splat(value.dtype, scalar(this.at, value));
      if (this.at.analysis.isPlaced(value)) return this.#read(value, cell, roles);
      return this.compute(value, cell, roles);
    });
  }

  /** The value at a cell from its operands, even where it has a place. */
  compute(value: Value, cell: Cell, roles: Roles = this.roles): Code<'v128'> {
    const level = this.levelOf(value.axes, roles);
    const scope = this.scopeAt(level);
    switch (value.op) {
      case 'constant':
      case 'fill':
        return literal(this.at.fn, value.dtype, value.value);
      case 'arange':
        return level === 2 ? this.laneIndices(cell) : i32x4.splat(this.rowAt(cell));
      case 'inside':
        return this.isWithin(value.span, roles)
          ? literal(this.at.fn, 'bool', 1)
          : this.spanMask(value.span, cell, roles);
      case 'elementwise': {
        const args = value.args.map((arg) => this.evaluate(arg, cell, roles));
        const dtype = value.args[value.args.length - 1]?.dtype ?? value.dtype;
        return vectorElementwise(scope, value.fn, dtype, args);
      }
      case 'cast':
        return vectorCast(this.at.fn, value.arg.dtype, value.dtype, this.evaluate(value.arg, cell, roles));
      case 'rename':
        return this.evaluate(value.arg, cell, renamed(roles, value.to, value.from));
      case 'random': {
        const { key0, key1, counter0, counter1 } = value;
        const args = [key0, key1, counter0, counter1].map((arg) => this.evaluate(arg, cell, roles));
        return callThreefry(this.at.module, value.word, args);
      }
      case 'load':
        return loadElements(this, value, cell, roles);
      default:
        return this.#read(value, cell, roles);
    }
  }

  /** A tile in scratch memory. */
  #read(value: Value, cell: Cell, roles: Roles): Code<'v128'> {
    const { offset, rowStride, axes } = placeOf(this.at, value);
    const [first, second] = value.axes.map((axis) => this.roleOf(axis, roles));
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
