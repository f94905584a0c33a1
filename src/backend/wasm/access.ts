import type { Axis, Buffer, Span, Term, Value } from '../../kernel/ir.ts';
import { type Code, select } from './code.ts';
import { literal } from './elementwise.ts';
import { i32, i32x4, plus, times, v128 } from './instructions.ts';
import type { Cell, Loops, Roles } from './loops.ts';
import { bufferAddress, elementAddress, elementBytes, strideBytes } from './lowering.ts';
import type { VectorScope } from './vectors.ts';
import { fromHalf } from './vectors.ts';

/** An access to a buffer from inside a nest: how its address depends on rows and lanes. */
export interface Access {
  readonly buffer: Buffer;
  /** tells this access from others of the nest */
  readonly key: string;
  /** address of the element at row 0, lane 0: scalars and the starts of spans */
  readonly base: Code<'i32'>;
  readonly rowTerms: readonly Term[];
  readonly laneTerms: readonly Term[];
  /** spans that may cut an axis here */
  readonly spans: readonly Span[];
  /**
   * `none`: the same element in all lanes; `unit`: neighbouring elements; `scattered`: each lane has an address
   */
  readonly lanes: 'none' | 'unit' | 'scattered';
}

export const axesOf = ({ index }: Term): readonly Axis[] =>
  index.kind === 'span' ? [index.axis] : index.axes;

export const spansOfTerms = (terms: readonly Term[]): Span[] =>
  terms.flatMap(({ index }) => (index.kind === 'span' ? [index] : []));

export function describeAccess(
  nest: Loops,
  buffer: Buffer,
  terms: readonly Term[],
  key: string,
  roles: Roles,
): Access {
  const hasRole = (term: Term, role: 'row' | 'lane') =>
    axesOf(term).some((axis) => nest.roleOf(axis, roles) === role);
  const laneTerms = terms.filter((term) => hasRole(term, 'lane'));
  const rowTerms = terms.filter((term) => !hasRole(term, 'lane') && hasRole(term, 'row'));
  const [only] = laneTerms;
  const isUnit =
    laneTerms.length === 1 &&
    only?.index.kind === 'span' &&
    only.stride.op === 'constant' &&
    only.stride.value === 1;
  const base = nest.once(0, `base ${key}`, 'i32', `${buffer.name}_base`, () =>
    elementAddress(nest.at, buffer, terms),
  );
  return {
    buffer,
    key,
    base,
    rowTerms,
    laneTerms,
    spans: spansOfTerms(terms).filter((span) => !nest.isWithin(span, roles)),
    lanes: laneTerms.length === 0 ? 'none' : isUnit ? 'unit' : 'scattered',
  };
}

/** Address of the element at lane 0 of a row. */
export function rowAddress(nest: Loops, access: Access, cell: Cell, roles: Roles): Code<'i32'> {
  const { base, rowTerms, buffer, key } = access;
  if (rowTerms.length === 0) return base;
  return nest.once(1, `row of ${key} ${cell.row}`, 'i32', `${buffer.name}_row`, () =>
    rowTerms.reduce<Code<'i32'>>((address, { index, stride }) => {
      const position =
        index.kind === 'span' ? nest.rowAt(cell) : i32x4.lane(nest.evaluate(index, cell, roles), 0);
      return plus(address, times(position, strideBytes(nest.at, buffer, stride)));
    }, base),
  );
}

/** Addresses of the elements in all lanes. */
export function laneAddresses(nest: Loops, access: Access, cell: Cell, roles: Roles): Code<'v128'> {
  return access.laneTerms.reduce<Code<'v128'>>(
    (addresses, { index, stride }) => {
      const positions = index.kind === 'span' ? nest.laneIndices(cell) : nest.evaluate(index, cell, roles);
      const bytes = elementBytes(access.buffer);
      const step = nest.once(0, `step ${stride.id} ${bytes}`, 'v128', 'step', () =>
        i32x4.splat(strideBytes(nest.at, access.buffer, stride)),
      );
      return i32x4.add(addresses, i32x4.mul(positions, step));
    },
    i32x4.splat(rowAddress(nest, access, cell, roles)),
  );
}

/** Where all spans of the access hold, in every lane; undefined where nothing is cut. */
export function accessMask(
  nest: Loops,
  { spans }: Access,
  cell: Cell,
  roles: Roles,
): Code<'v128'> | undefined {
  const [first, ...rest] = spans.map((span) => nest.spanMask(span, cell, roles));
  return first && rest.reduce(v128.and, first);
}

/** Whether the row of a cell is inside all spans over rows; undefined where none cuts them. */
export function rowCondition(
  nest: Loops,
  { spans }: Access,
  cell: Cell,
  roles: Roles,
): Code<'i32'> | undefined {
  const [first, ...rest] = spans
    .filter(({ axis }) => nest.roleOf(axis, roles) === 'row')
    .map((span) => nest.isRowInside(span, cell));
  return first && rest.reduce(i32.and, first);
}

/** Whether lane `lane` of a cell is inside all spans over lanes. */
export function laneCondition(
  nest: Loops,
  { spans }: Access,
  { vector }: Cell,
  lane: number,
  roles: Roles,
): Code<'i32'> | undefined {
  const index = plus(nest.laneBytes, vector * 16 + lane * 4);
  const [first, ...rest] = spans
    .filter(({ axis }) => nest.roleOf(axis, roles) === 'lane')
    .map((span) => i32.ltS(i32.shrU(index, 2), nest.lengthOf(span)));
  return first && rest.reduce(i32.and, first);
}

const both = (x: Code<'i32'> | undefined, y: Code<'i32'> | undefined): Code<'i32'> | undefined =>
  x && y ? i32.and(x, y) : (x ?? y);

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
  const { buffer, terms } = value;
  const key = `${value.id} ${value.axes.map((axis) => nest.roleOf(axis, roles)).join('')}`;
  const access = describeAccess(nest, buffer, terms, key, roles);
  const otherwise = literal(nest.at.fn, value.dtype, value.otherwise);
  const safe = bufferAddress(nest.at, buffer);
  const mask = accessMask(nest, access, cell, roles);
  const guard = (elements: Code<'v128'>) => (mask ? v128.select(mask, elements, otherwise) : elements);
  const level = nest.levelOf(value.axes, roles);
  const isHalf = buffer.dtype === 'f16';
  const scope: VectorScope = {
    fn: nest.at.fn,
    keep: (code, name) => nest.keep(level, 'v128', name, code),
  };
  if (access.lanes === 'scattered') {
    const all = laneAddresses(nest, access, cell, roles);
    const addresses = nest.once(
      level,
      `addresses ${key} ${cell.row} ${cell.vector}`,
      'v128',
      'addresses',
      () => (mask ? v128.select(mask, all, i32x4.splat(safe)) : all),
    );
    return guard(gathered(value, scope, (lane) => i32x4.lane(addresses, lane)));
  }
  const row = rowAddress(nest, access, cell, roles);
  const rowInside = rowCondition(nest, access, cell, roles);
  if (access.lanes === 'none') {
    const one = rowInside ? select(rowInside, row, safe) : row;
    if (!isHalf) return guard(v128.loadSplat(one));
    return guard(fromHalf(scope, i32x4.splat(i32.load16(one))));
  }
  const [address, offset] = laneAddress(nest, access, row, cell);
  const load = (from: Code<'i32'>, more = 0) =>
    isHalf ? fromHalf(scope, v128.load16x4(from, more)) : v128.load(from, more);
  if (!mask) return load(address, offset);
  const inside = both(rowInside, laneCondition(nest, access, cell, 0, roles));
  const moved = plus(address, offset);
  return guard(load(inside ? select(inside, moved, safe) : moved));
}

/** Address and constant offset of a vector of neighbouring elements. */
export function laneAddress(
  nest: Loops,
  { buffer }: Access,
  row: Code<'i32'>,
  { vector }: Cell,
): readonly [address: Code<'i32'>, offset: number] {
  const bytes = elementBytes(buffer);
  const lanes = nest.laneBytes;
  return [plus(row, bytes === 4 ? lanes : i32.shrU(lanes, 1)), vector * 4 * bytes];
}

/** An element from each of four addresses. */
function gathered(
  { buffer }: { readonly buffer: Buffer },
  scope: VectorScope,
  address: (lane: number) => Code<'i32'>,
): Code<'v128'> {
  if (buffer.dtype === 'f16') {
    const first = i32x4.splat(i32.load16(address(0)));
    const insert = (words: Code<'v128'>, lane: number) =>
      i32x4.replace(words, i32.load16(address(lane)), lane);
    return fromHalf(scope, [1, 2, 3].reduce(insert, first));
  }
  const insert = (elements: Code<'v128'>, lane: number) => v128.loadLane(address(lane), elements, lane);
  return [1, 2, 3].reduce(insert, v128.loadSplat(address(0)));
}
