import type { Axis, Buffer, Span, Term, Value } from '../../kernel/ir.ts';
import { isUnit, spanTerms } from './analysis.ts';
import { type Code, joined, select } from './code.ts';
import { literal } from './elementwise.ts';
import { i32, i32x4, plus, times, v128 } from './instructions.ts';
import type { Cell, Loops, Roles } from './loops.ts';
import { bufferAddress, elementAddress, elementBytes, strideBytes } from './lowering.ts';
import { fromHalf, type VectorScope } from './vectors.ts';

/** An access to a buffer from a cell of a nest. What it computes is placed in the nest when it is asked for. */
export interface Access {
  /** `none`: the same element in all lanes; `unit`: neighbouring elements; `scattered`: each lane has an address */
  readonly lanes: 'none' | 'unit' | 'scattered';
  /** address of the element at lane 0 of the row */
  row(): Code<'i32'>;
  /** address and constant offset of a vector of neighbouring elements */
  start(): readonly [address: Code<'i32'>, offset: number];
  /** addresses of the elements in all lanes */
  addresses(): Code<'v128'>;
  /** where all spans hold, in every lane; undefined where nothing is cut */
  mask(): Code<'v128'> | undefined;
  /** whether the row is inside all spans over rows; undefined where none cuts them */
  rowInside(): Code<'i32'> | undefined;
  /** whether a lane is inside all spans over lanes */
  laneInside(lane: number): Code<'i32'> | undefined;
}

const axesOf = ({ index }: Term): readonly Axis[] => (index.kind === 'span' ? [index.axis] : index.axes);

/** @param key tells this access from others of the nest */
export function accessOf(
  nest: Loops,
  key: string,
  { buffer, terms }: { readonly buffer: Buffer; readonly terms: readonly Term[] },
  cell: Cell,
  roles: Roles,
): Access {
  const { at, laneBytes } = nest;
  const bytes = elementBytes(buffer);
  const [rowTerms, laneTerms] = [1, 2].map((level) =>
    terms.filter((term) => nest.levelOf(axesOf(term), roles) === level),
  ) as [Term[], Term[]];
  const isRun = laneTerms.length === 1 && spanTerms(laneTerms).some(isUnit);
  const spans = spanTerms(terms).flatMap(({ index }) => (nest.isWithin(index, roles) ? [] : [index]));
  const spansOver = (role: 'row' | 'lane'): Span[] =>
    spans.filter(({ axis }) => nest.roleOf(axis, roles) === role);
  const base = nest.once(0, `base ${key}`, `${buffer.name}_base`, () => elementAddress(at, buffer, terms));
  const row = (): Code<'i32'> => {
    if (rowTerms.length === 0) return base;
    return nest.once(1, `row of ${key} ${cell.row}`, `${buffer.name}_row`, () =>
      rowTerms.reduce<Code<'i32'>>((address, { index, stride }) => {
        const position =
          index.kind === 'span' ? nest.rowAt(cell) : i32x4.lane(nest.evaluate(index, cell, roles), 0);
        return plus(address, times(position, strideBytes(at, buffer, stride)));
      }, base),
    );
  };
  return {
    lanes: laneTerms.length === 0 ? 'none' : isRun ? 'unit' : 'scattered',
    row,
    start: () => [plus(row(), bytes === 4 ? laneBytes : i32.shrU(laneBytes, 1)), cell.vector * 4 * bytes],
    addresses: () =>
      laneTerms.reduce<Code<'v128'>>((addresses, { index, stride }) => {
        const positions = index.kind === 'span' ? nest.laneIndices(cell) : nest.evaluate(index, cell, roles);
        const step = nest.once(0, `step ${stride.id} ${bytes}`, 'step', () =>
          i32x4.splat(strideBytes(at, buffer, stride)),
        );
        return i32x4.add(addresses, i32x4.mul(positions, step));
      }, i32x4.splat(row())),
    mask: () =>
      joined(
        spans.map((span) => nest.spanMask(span, cell, roles)),
        v128.and,
      ),
    rowInside: () =>
      joined(
        spansOver('row').map((span) => nest.isRowInside(span, cell)),
        i32.and,
      ),
    laneInside(lane) {
      const index = i32.shrU(plus(laneBytes, cell.vector * 16 + lane * 4), 2);
      return joined(
        spansOver('lane').map((span) => i32.ltS(index, nest.lengthOf(span))),
        i32.and,
      );
    },
  };
}

/**
 * The elements of a load at a cell. Masked lanes are not read at their address but at the beginning of the buffer, and
 * give the load's default; a vector whose first lane is inside may read up to 12 bytes past the last element.
 */
export function loadElements(
  nest: Loops,
  value: Value & { readonly op: 'load' },
  cell: Cell,
  roles: Roles,
): Code<'v128'> {
  const { buffer, axes, dtype, otherwise } = value;
  const key = `${value.id} ${axes.map((axis) => nest.roleOf(axis, roles)).join('')}`;
  const access = accessOf(nest, key, value, cell, roles);
  const safe = bufferAddress(nest.at, buffer);
  const mask = access.mask();
  const guard = (elements: Code<'v128'>) =>
    mask ? v128.select(mask, elements, literal(nest.at.fn, dtype, otherwise)) : elements;
  const level = nest.levelOf(axes, roles);
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
  const load = (from: Code<'i32'>, more = 0) =>
    isHalf ? fromHalf(scope, v128.load16x4(from, more)) : v128.load(from, more);
  if (!mask) return load(address, offset);
  const conditions = [access.rowInside(), access.laneInside(0)].filter((code) => code !== undefined);
  const inside = joined(conditions, i32.and);
  const moved = plus(address, offset);
  return guard(load(inside ? select(inside, moved, safe) : moved));
}

/** An element from each of four addresses. */
function gathered(scope: VectorScope, isHalf: boolean, address: (lane: number) => Code<'i32'>): Code<'v128'> {
  if (isHalf) {
    const first = i32x4.splat(i32.load16(address(0)));
    const insert = (words: Code<'v128'>, lane: number) =>
      i32x4.replace(words, i32.load16(address(lane)), lane);
    return fromHalf(scope, [1, 2, 3].reduce(insert, first));
  }
  const insert = (elements: Code<'v128'>, lane: number) => v128.loadLane(address(lane), elements, lane);
  return [1, 2, 3].reduce(insert, v128.loadSplat(address(0)));
}
