import { defined } from '../../base/errors.ts';
import type { Axis } from '../../kernel/ir.ts';
import { dimensionOf, groupsOf, lanesOf, type Printer, perThread, threadsAlong } from './printer.ts';
import type { Block } from './writer.ts';

/** Where a cell stands along one axis: an element, or while a group is looked at whole, its first. */
export interface Walk {
  /** index within the tile of the group's first element; may write a `let` */
  readonly first: () => string;
  /** which of the thread's groups, and which element of the group: a counter or a number */
  readonly group: string;
  readonly lane: string;
  /** elements of a group: 4, or 1 where elements are alone */
  readonly lanes: 1 | 4;
  /** tells this group from others along the axis */
  readonly key: string;
  /** the outermost open block in which the group is known, and the one in which the element is */
  readonly groupBlock: Block;
  readonly block: Block;
  readonly groupDepth: number;
  readonly depth: number;
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

/**
 * More elements than a thread can keep in registers are walked in loops even where elements are written out: an 8 × 8 block
 * of sums is the most that pays.
 */
const MOST_WRITTEN_OUT = 64;
export const writtenOut = ({ options }: Printer, count: number): boolean =>
  options.unroll === true && count <= MOST_WRITTEN_OUT;

const walkOf = (cell: Cell, axis: Axis): Walk =>
  defined(cell.walks.get(axis), `element along axis ${axis.name}`);

/** `text + number`, where either may be a number. */
const plus = (text: string, number: string): string =>
  number === '0' ? text : text === '0' ? number : `${text} + ${number}`;

/** Index of the element along `axis` within its tile. */
export function elementIn(p: Printer, cell: Cell, axis: Axis): string {
  const { first, lane, key, block } = walkOf(cell, axis);
  const start = first();
  if (lane === '0' || start === '0') return plus(start, lane);
  return p.writer.bind(`element ${key} ${lane}`, axis.name, `${start} + ${lane}`, block);
}

export const keyIn = (cell: Cell, axis: Axis): string => {
  const { key, lane } = walkOf(cell, axis);
  return `${key} ${lane}`;
};

/** The outermost open block in which the indices along `axes` are known. */
export const blockIn = (cell: Cell, axes: readonly Axis[]): Block =>
  innermost(cell, axes)?.block ?? cell.outside;

const innermost = (cell: Cell, axes: readonly Axis[]): Walk | undefined =>
  axes
    .map((axis) => walkOf(cell, axis))
    .reduce<Walk | undefined>((inner, walk) => (inner && inner.depth > walk.depth ? inner : walk), undefined);

/** Whether `axis` is walked inside all other `axes`, four elements at a time. */
export const inLanes = (cell: Cell, axis: Axis, axes: readonly Axis[]): boolean => {
  const walk = walkOf(cell, axis);
  return walk.lanes === 4 && innermost(cell, axes) === walk;
};

/** The cell at the first element of the group that it stands in. */
export function groupCell(cell: Cell, axis: Axis): Cell {
  const walk = walkOf(cell, axis);
  const walks = new Map(cell.walks).set(axis, {
    ...walk,
    lane: '0',
    block: walk.groupBlock,
    depth: walk.groupDepth,
  });
  return { ...cell, walks };
}

/** `.x` or `[counter]`: the component of a vec4 that stands for the cell's element along `axis`. */
export const componentIn = (cell: Cell, axis: Axis): string => componentOf(walkOf(cell, axis).lane);
export const componentOf = (lane: string): string =>
  /^\d$/.test(lane) ? `.${'xyzw'[Number(lane)]}` : `[${lane}]`;

/** The same cell for a tile whose axis `to` is called `from`. */
export function renamedCell(cell: Cell, from: Axis, to: Axis): Cell {
  const walk = cell.walks.get(to);
  return walk ? { ...cell, walks: new Map(cell.walks).set(from, walk) } : cell;
}

/** Which of a thread's vectors of a tile over `axes` holds the cell; the last axis runs through their components. */
export function registerIn(p: Printer, cell: Cell, axes: readonly Axis[]): string {
  const parts: string[] = [];
  axes.forEach((axis, i) => {
    const { group, lane } = walkOf(cell, axis);
    const behind = axes.slice(i + 1);
    const last = behind.at(-1);
    const stride =
      behind.reduce((size, other) => size * perThread(p, other), 1) / (last ? lanesOf(p, last) : 1);
    const add = (counter: string, step: number): void => {
      if (counter !== '0')
        parts.push(
          step === 1 ? counter : /^\d+$/.test(counter) ? `${Number(counter) * step}` : `${counter} * ${step}`,
        );
    };
    if (behind.length === 0) add(group, 1);
    else {
      add(group, lanesOf(p, axis) * stride);
      add(lane, stride);
    }
  });
  if (parts.every((part) => /^\d+$/.test(part)))
    return `${parts.reduce((sum, part) => sum + Number(part), 0)}`;
  return parts.join(' + ');
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
    const counter = writer.declare(name);
    writer.block(`for (var ${counter} = 0; ${counter} < ${count}; ${counter}++)`, (block) =>
      body(counter, block),
    );
    writer.innermost.names.delete(counter);
  }
}

const withWalk = (cell: Cell, axis: Axis, walk: Walk): Cell => ({
  ...cell,
  walks: new Map(cell.walks).set(axis, walk),
});

const nextDepth = ({ walks }: Cell): number =>
  1 + [...walks.values()].reduce((deepest, { depth }) => Math.max(deepest, depth), -1);

/** Opens the groups of `axis` that a thread owns; `body` stands at the first element of each. */
function openGroups(p: Printer, axis: Axis, around: Cell, body: (cell: Cell) => void): void {
  const { writer } = p;
  const [threads, lanes] = [threadsAlong(p, axis), lanesOf(p, axis)];
  const thread = dimensionOf(p, axis) === 'y' ? 'ty' : 'tx';
  const unroll = writtenOut(p, around.count);
  const counter = lanes === 4 ? `${axis.name}_group` : `${axis.name}_i`;
  const enter = (group: string, block: Block): void => {
    const first = (): string => {
      const index = threads === 1 ? group : group === '0' ? thread : `${thread} + ${group} * ${threads}`;
      if (index === thread && lanes === 1) return thread;
      if (!index.includes(' ') && (lanes === 1 || index === '0')) return index;
      const text = lanes === 1 ? index : index.includes(' ') ? `(${index}) * 4` : `${index} * 4`;
      return writer.bind(`first ${axis.order} ${group}`, axis.name, text, block);
    };
    const depth = nextDepth(around);
    const key = `${dimensionOf(p, axis)} ${axis.size} ${group}`;
    body(
      withWalk(around, axis, {
        first,
        group,
        lane: '0',
        lanes,
        key,
        groupBlock: block,
        block,
        groupDepth: depth,
        depth,
      }),
    );
  };
  countTo(p, counter, groupsOf(p, axis), enter, { unroll });
}

/** Opens the elements of the group that `cell` stands in along `axis`. */
export function forLanes(p: Printer, axis: Axis, cell: Cell, body: (cell: Cell) => void): void {
  const walk = walkOf(cell, axis);
  if (walk.lanes === 1) {
    body(cell);
    return;
  }
  countTo(
    p,
    `${axis.name}_lane`,
    4,
    (lane, block) => body(withWalk(cell, axis, { ...walk, lane, block, depth: nextDepth(cell) })),
    { braces: false },
  );
}

/** The cell in which no axis has been opened yet. */
export const everything = (p: Printer): Cell => ({
  ...{ walks: new Map(), outside: p.writer.innermost, owned: true, count: 1 },
});

/** Writes `body` for every group along the last of `axes` that a thread owns, and every element along the others. */
export function forGroups(
  p: Printer,
  axes: readonly Axis[],
  body: (cell: Cell) => void,
  around?: Cell,
): void {
  const start: Cell = around ?? everything(p);
  const count = axes.reduce((product, axis) => product * perThread(p, axis), start.count);
  const open = (i: number, cell: Cell): void => {
    const axis = axes[i];
    if (!axis) {
      body(cell);
      return;
    }
    openGroups(p, axis, cell, (group) => {
      if (i === axes.length - 1) body(group);
      else forLanes(p, axis, group, (element) => open(i + 1, element));
    });
  };
  open(0, { ...start, count });
}

/**
 * Writes `body` for every element along `axes` that a thread owns, the first axis outermost. Inside another walk, `around`
 * is its cell.
 */
export function forCells(p: Printer, axes: readonly Axis[], body: (cell: Cell) => void, around?: Cell): void {
  const last = axes.at(-1);
  forGroups(p, axes, (cell) => (last ? forLanes(p, last, cell, body) : body(cell)), around);
}
