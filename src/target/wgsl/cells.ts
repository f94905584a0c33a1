import { defined } from '../../base/errors.ts';
import type { Axis } from '../../kernel/ir.ts';
import { dimensionOf, type Printer, perThread, threadsAlong } from './printer.ts';
import type { Block } from './writer.ts';

/** One element of a tile, as the text being written addresses it. */
export interface Cell {
  /** index of the element along `axis` within its tile */
  element(axis: Axis): string;
  /** tells this element from others along the axis, without writing anything */
  key(axis: Axis): string;
  /** the outermost open block in which the indices along `axes` are known */
  blockOf(axes: readonly Axis[]): Block;
  /** index into a thread's private array of a tile over `axes`; undefined while staging, where no element is private */
  readonly register: ((axes: readonly Axis[]) => string) | undefined;
  /** the walks that this cell stands in, for walks inside it */
  readonly walks: ReadonlyMap<Axis, Walk>;
}

/** How a thread goes along its elements of one axis. */
export interface Walk {
  /** which of the thread's elements along the axis: a counter or a number */
  readonly counter: string;
  readonly block: Block;
  readonly depth: number;
}

/** The same cell for a tile whose axis `to` is called `from`. */
export function renamedCell(cell: Cell, from: Axis, to: Axis): Cell {
  const back = (axis: Axis): Axis => (axis === from ? to : axis);
  const { register } = cell;
  return {
    element: (axis) => cell.element(back(axis)),
    key: (axis) => cell.key(back(axis)),
    blockOf: (axes) => cell.blockOf(axes.map(back)),
    register: register && ((axes) => register(axes.map(back))),
    walks: cell.walks,
  };
}

function cellOf(p: Printer, walks: ReadonlyMap<Axis, Walk>, outside: Block): Cell {
  const walkOf = (axis: Axis): Walk => defined(walks.get(axis), `element along axis ${axis.name}`);
  return {
    key: (axis) => `${dimensionOf(p, axis)} ${walkOf(axis).counter}`,
    element: (axis) => {
      const { counter, block } = walkOf(axis);
      const thread = dimensionOf(p, axis) === 'y' ? 'ty' : 'tx';
      const threads = threadsAlong(p, axis);
      if (counter === '0') return threads === 1 ? '0' : thread;
      if (threads === 1) return counter;
      return p.writer.bind(
        `element ${axis.order} ${counter}`,
        axis.name,
        `${thread} + ${counter} * ${threads}`,
        block,
      );
    },
    blockOf: (axes) =>
      axes.map(walkOf).reduce<Walk>((inner, walk) => (walk.depth > inner.depth ? walk : inner), {
        counter: '0',
        block: outside,
        depth: -1,
      }).block,
    register: (axes) => {
      const parts = axes.map((axis, i) => {
        const { counter } = walkOf(axis);
        const stride = axes.slice(i + 1).reduce((size, other) => size * perThread(p, other), 1);
        return counter === '0' ? '' : stride === 1 ? counter : `${counter} * ${stride}`;
      });
      return parts.filter((part) => part !== '').join(' + ') || '0';
    },
    walks,
  };
}

/**
 * Writes `body` for every element along `axes` that a thread owns, the first axis outermost. Inside another walk, `around`
 * is its cell.
 */
export function forCells(p: Printer, axes: readonly Axis[], body: (cell: Cell) => void, around?: Cell): void {
  const { writer } = p;
  const outside = writer.innermost;
  const walks = new Map<Axis, Walk>(around?.walks);
  const base = walks.size;
  const open = (depth: number): void => {
    const axis = axes[depth];
    if (!axis) {
      body(cellOf(p, new Map(walks), outside));
      return;
    }
    const count = perThread(p, axis);
    const enter = (counter: string, block: Block): void => {
      walks.set(axis, { counter, block, depth: base + depth });
      open(depth + 1);
    };
    if (count === 1) enter('0', writer.innermost);
    else if (p.options.unroll) {
      for (let i = 0; i < count; i++) writer.block('', (block) => enter(`${i}`, block));
    } else {
      const counter = writer.declare(`${axis.name}_i`);
      writer.block(`for (var ${counter} = 0; ${counter} < ${count}; ${counter}++)`, (block) =>
        enter(counter, block),
      );
      writer.innermost.names.delete(counter);
    }
  };
  open(0);
}
