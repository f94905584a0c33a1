import { defined } from '../../base/errors.ts';
import type { Axis } from '../../kernel/ir.ts';
import { layoutOf, type Printer, registersOf } from './printer.ts';
import { type Block, componentOf, plus, times } from './text.ts';

/** An open block, and how many walks are open around and in it. */
interface Scope {
  readonly block: Block;
  readonly depth: number;
}

/** Where a cell stands along one axis: an element, or while a quad is looked at whole, its first. */
export interface Walk {
  /** index within the tile of the quad's first element; may write a `let` */
  readonly first: () => string;
  /** which of the thread's quads, and which element of it: a counter or a number */
  readonly quad: string;
  readonly lane: string;
  /** elements of a quad: 4, or 1 where elements are alone */
  readonly lanes: 1 | 4;
  /** tells this quad from others along the axis */
  readonly key: string;
  /** the outermost scope in which the quad is known, and the one in which the element is */
  readonly quadScope: Scope;
  readonly scope: Scope;
}

/** One element of a tile, as the text being written addresses it. */
export interface Cell {
  readonly walks: ReadonlyMap<Axis, Walk>;
  readonly outside: Block;
  /** threads have elements here in private registers; not so while staging */
  readonly owned: boolean;
  /** elements that a thread visits by the walks that this cell stands in */
  readonly count: number;
}

/** The cell in which no axis has been opened yet. */
export const everything = ({ writer }: Printer): Cell => ({
  walks: new Map(),
  outside: writer.innermost,
  owned: true,
  count: 1,
});

/** A walk that stands at an element, or at the first of four. */
export const walkAt = (
  key: string,
  lanes: 1 | 4,
  scope: Scope,
  { first = () => key, quad = '0', quadScope = scope }: Partial<Walk> = {},
): Walk => ({ first, quad, lane: '0', lanes, key, quadScope, scope });

/**
 * More elements than a thread can keep in registers are walked in loops even where elements are written out: an 8 × 8 block
 * of sums is the most that pays.
 */
const MOST_WRITTEN_OUT = 64;
export const writtenOut = ({ options }: Printer, count: number): boolean =>
  options.unroll === true && count <= MOST_WRITTEN_OUT;

export const walkOf = (cell: Cell, axis: Axis): Walk =>
  defined(cell.walks.get(axis), `element along axis ${axis.name}`);

const withWalk = (cell: Cell, axis: Axis, walk: Walk): Cell => ({
  ...cell,
  walks: new Map(cell.walks).set(axis, walk),
});

/** Index of the element along `axis` within its tile. */
export function elementIn(p: Printer, cell: Cell, axis: Axis): string {
  const { first, lane, key, scope } = walkOf(cell, axis);
  const start = first();
  const index = plus(start, lane);
  if (lane === '0' || start === '0') return index;
  return p.writer.bind(`element ${key} ${lane}`, axis.name, index, scope.block);
}

/** Tells the element of a tile over `axes` from others. */
export const keyIn = (cell: Cell, axes: readonly Axis[]): string =>
  axes.map((axis) => `${walkOf(cell, axis).key} ${walkOf(cell, axis).lane}`).join();

const innermost = (cell: Cell, axes: readonly Axis[]): Walk | undefined =>
  axes
    .map((axis) => walkOf(cell, axis))
    .sort((a, b) => a.scope.depth - b.scope.depth)
    .at(-1);

/** The outermost open block in which the indices along `axes` are known. */
export const blockIn = (cell: Cell, axes: readonly Axis[]): Block =>
  innermost(cell, axes)?.scope.block ?? cell.outside;

/** Whether `axis` is walked inside all other `axes`, four elements at a time. */
export const inLanes = (cell: Cell, axis: Axis, axes: readonly Axis[]): boolean => {
  const walk = walkOf(cell, axis);
  return walk.lanes === 4 && innermost(cell, axes) === walk;
};

/** The cell at the first element of the quad that it stands in. */
export function quadCell(cell: Cell, axis: Axis): Cell {
  const walk = walkOf(cell, axis);
  return withWalk(cell, axis, { ...walk, lane: '0', scope: walk.quadScope });
}

/** Which quad of an axis one of a thread's is. */
export function quadIndex(p: Printer, axis: Axis, quad: string): string {
  const { thread, threads } = layoutOf(p, axis);
  return plus(thread, times(quad, threads));
}

export const quadOf = (p: Printer, cell: Cell, axis: Axis): string =>
  quadIndex(p, axis, walkOf(cell, axis).quad);

/** The component of a vec4 that stands for the cell's element along `axis`. */
export const componentIn = (cell: Cell, axis: Axis): string => componentOf(walkOf(cell, axis).lane);

/** The same cell for a tile whose axis `to` is called `from`. */
export function renamedCell(cell: Cell, from: Axis, to: Axis): Cell {
  const walk = cell.walks.get(to);
  return walk ? withWalk(cell, from, walk) : cell;
}

/** Which of a thread's registers of a tile over `axes` holds the cell; the last axis runs through their components. */
export function registerIn(p: Printer, cell: Cell, axes: readonly Axis[]): string {
  const indices = axes.flatMap((axis, i) => {
    const { quad, lane } = walkOf(cell, axis);
    const behind = axes.slice(i + 1);
    if (behind.length === 0) return [quad];
    const stride = registersOf(p, behind).count;
    return [times(quad, layoutOf(p, axis).lanes * stride), times(lane, stride)];
  });
  return plus(...indices);
}

/** Runs `body` with a counter from 0 to `count`: in a loop, or once per number where elements are written out. */
export function countTo(
  p: Printer,
  name: string,
  count: number,
  body: (counter: string, block: Block) => void,
  { braces = true, unroll = p.options.unroll === true } = {},
): void {
  const { writer } = p;
  if (count === 1) body('0', writer.innermost);
  else if (unroll) {
    for (let i = 0; i < count; i++) {
      if (braces) writer.block('', (block) => body(`${i}`, block));
      else body(`${i}`, writer.innermost);
    }
  } else {
    writer.loop(name, { to: count }, body);
  }
}

const nextDepth = ({ walks }: Cell): number =>
  1 + Math.max(-1, ...[...walks.values()].map(({ scope }) => scope.depth));

/** Opens the quads of `axis` that a thread owns; `body` stands at the first element of each. */
function openQuads(p: Printer, axis: Axis, around: Cell, body: (cell: Cell) => void): void {
  const { dimension, thread, threads, lanes, quads } = layoutOf(p, axis);
  const depth = nextDepth(around);
  const enter = (quad: string, block: Block): void => {
    const first = (): string => {
      const index = threads === 1 ? quad : quad === '0' ? thread : `${thread} + ${quad} * ${threads}`;
      if (lanes === 1 ? !index.includes(' ') : index === '0') return index;
      const text = lanes === 1 ? index : times(index, 4);
      return p.writer.bind(`first ${axis.order} ${quad}`, axis.name, text, block);
    };
    const key = `${dimension} ${axis.size} ${quad}`;
    body(withWalk(around, axis, walkAt(key, lanes, { block, depth }, { first, quad })));
  };
  countTo(p, `${axis.name}_${lanes === 4 ? 'quad' : 'i'}`, quads, enter, {
    unroll: writtenOut(p, around.count),
  });
}

/** Opens the elements of the quad that `cell` stands in along `axis`. */
export function forLanes(p: Printer, axis: Axis, cell: Cell, body: (cell: Cell) => void): void {
  const walk = walkOf(cell, axis);
  const depth = nextDepth(cell);
  const enter = (lane: string, block: Block): void =>
    body(withWalk(cell, axis, { ...walk, lane, scope: { block, depth } }));
  if (walk.lanes === 1) body(cell);
  else countTo(p, `${axis.name}_lane`, 4, enter, { braces: false });
}

/**
 * Writes `body` for every quad along the last of `axes` that a thread owns, and every element along the others, the first axis
 * outermost. Inside another walk, `around` is its cell; of an axis that it has opened only the quad where it stands is walked.
 */
export function forQuads(
  p: Printer,
  axes: readonly Axis[],
  body: (cell: Cell) => void,
  around = everything(p),
): void {
  const open = ([axis, ...inner]: readonly Axis[], cell: Cell): void => {
    const enter = (quad: Cell): void =>
      axis && inner.length > 0 ? forLanes(p, axis, quad, (element) => open(inner, element)) : body(quad);
    if (!axis || cell.walks.has(axis)) enter(cell);
    else openQuads(p, axis, cell, enter);
  };
  const fresh = axes.filter((axis) => !around.walks.has(axis));
  const count = fresh.reduce((product, axis) => product * layoutOf(p, axis).owned, around.count);
  open(axes, { ...around, count });
}

/** Writes `body` for every element along `axes` that a thread owns, as `forQuads` does. */
export function forCells(p: Printer, axes: readonly Axis[], body: (cell: Cell) => void, around?: Cell): void {
  const last = axes.at(-1);
  forQuads(p, axes, (cell) => (last ? forLanes(p, last, cell, body) : body(cell)), around);
}

/** Conditions under which a cell is an element of the tile: threads do not always divide its extents. */
export const tails = (p: Printer, axes: readonly Axis[], cell: Cell): string[] =>
  axes
    .filter((axis) => axis.size !== layoutOf(p, axis).owned * layoutOf(p, axis).threads)
    .map((axis) => `${elementIn(p, cell, axis)} < ${axis.size}`);
