import { type Placement, placeAxes } from '../../kernel/checkPlacement.ts';
import { operandsOf, type Step, stepsOf, type User, usersOf, valuesOf } from '../../kernel/checkWalk.ts';
import type { Axis, Buffer, Kernel, Loop, Region, Statement, Term, Value } from '../../kernel/ir.ts';

/** A place where a tile's elements are asked for: a statement that walks them, at `order` in program order. */
interface Demand {
  readonly order: number;
  readonly region: Region;
}

/** What the printer decides before it writes: which tiles get private arrays, and which of those share one. */
export interface Analysis {
  readonly steps: readonly Step[];
  readonly placement: Placement;
  readonly users: ReadonlyMap<Value, readonly User[]>;
  /** values whose result reaches memory or control flow */
  readonly live: ReadonlySet<Value>;
  /** tiles computed where they stand and kept in private memory; the others are computed where they are used */
  readonly kept: ReadonlySet<Value>;
  /** renames that move elements between threads */
  readonly exchanged: ReadonlySet<Value>;
  /** yielded tiles that may be written straight into the carried one */
  readonly inPlace: ReadonlyMap<Value, Value>;
}

/** Operations with a private array of their own. */
const isOwned = (value: Value): boolean =>
  value.op === 'dot' || value.op === 'reduce' || value.op === 'carried' || value.op === 'result';

const TRANSCENDENTAL: ReadonlySet<string> = new Set([
  'exp',
  'log',
  'tanh',
  'erf',
  'sqrt',
  'rsqrt',
  'div',
  'rem',
]);

/** Rough operations per element when computed again; kept tiles and arithmetic on indices cost nothing. */
function weigh(values: readonly Value[]): ReadonlyMap<Value, number> {
  const weights = new Map<Value, number>();
  for (const value of values) {
    const inner = operandsOf(value).reduce((sum, operand) => sum + (weights.get(operand) ?? 0), 0);
    const expensive = (value.op === 'elementwise' && TRANSCENDENTAL.has(value.fn)) || value.op === 'random';
    const weight =
      value.axes.length === 0 || isOwned(value)
        ? 0
        : value.op === 'load' || expensive
          ? 100
          : value.op === 'elementwise'
            ? inner + 1
            : inner;
    weights.set(value, weight);
  }
  return weights;
}

function findLive(values: readonly Value[], users: Analysis['users']): Set<Value> {
  const live = new Set<Value>();
  for (const value of [...values].reverse()) {
    const wanted = (users.get(value) ?? []).some((user) => user.kind !== 'value' || live.has(user));
    if (wanted || value.op === 'carried') live.add(value);
  }
  return live;
}

/** Renames of one axis whose two names live on different thread dimensions. */
function findExchanged(values: readonly Value[], { dimensionOf, streamable, spread }: Placement): Set<Value> {
  return new Set(
    values.filter(
      (value) =>
        value.op === 'rename' &&
        spread.has(value) &&
        !streamable.has(value) &&
        dimensionOf.get(value.from) !== dimensionOf.get(value.to),
    ),
  );
}

/** Stores by buffer, to see whether one stands between a load and its use. */
function storesOf(steps: readonly Step[]): ReadonlyMap<Buffer, readonly number[]> {
  const stores = new Map<Buffer, number[]>();
  steps.forEach(({ statement }, order) => {
    if (statement.kind === 'store')
      stores.set(statement.buffer, [...(stores.get(statement.buffer) ?? []), order]);
  });
  return stores;
}

export function analyse(kernel: Kernel): Analysis {
  const steps = stepsOf(kernel);
  const values = valuesOf(steps);
  const placement = placeAxes(steps);
  const { streamable } = placement;
  const users = usersOf(steps);
  const live = findLive(values, users);
  const exchanged = findExchanged(values, placement);
  const weights = weigh(values);
  const stores = storesOf(steps);
  const orders = new Map<unknown, number>();
  steps.forEach(({ statement }, order) => {
    orders.set(statement.kind === 'let' ? statement.value : statement, order);
  });
  /** order of the last statement inside a loop */
  const endOf = (loop: Loop): number =>
    steps.reduce((last, { loops }, order) => (loops.includes(loop) ? order : last), orders.get(loop) ?? 0);
  const orderOf = (item: unknown): number => orders.get(item) ?? 0;
  const regionOf = new Map<unknown, Region>(steps.map(({ statement, region }) => [statement, region]));

  const kept = new Set<Value>();
  const demands = new Map<Value, Demand[]>();
  const demandsOf = (value: Value): Demand[] => {
    const found: Demand[] = [];
    for (const user of users.get(value) ?? []) {
      if (user.kind === 'value' && !live.has(user)) continue;
      if (user.kind === 'loop') {
        if (user.initial.includes(value)) {
          found.push({ order: orderOf(user), region: regionOf.get(user) ?? kernel.body });
        }
        if (user.yields.includes(value)) found.push({ order: endOf(user) + 0.5, region: user.body });
      } else if (user.kind !== 'value') {
        found.push({ order: orderOf(user), region: regionOf.get(user) ?? kernel.body });
      } else if (user.op === 'dot' && value !== user.accumulator && streamable.has(value)) {
        // evaluated where it is staged, from memory alone
      } else if (user.op === 'dot' || user.op === 'reduce' || kept.has(user) || exchanged.has(user)) {
        found.push({ order: orderOf(user), region: user.region });
      } else {
        found.push(...(demands.get(user) ?? []));
      }
    }
    return found;
  };
  const isYield = (value: Value): boolean =>
    (users.get(value) ?? []).some((user) => user.kind === 'loop' && user.yields.includes(value));
  /** Whether a load would see another value at its use than where it stands. */
  const isPinned = (value: Value, found: readonly Demand[]): boolean => {
    if (value.op !== 'load' || value.buffer.access === 'read') return false;
    const between = stores.get(value.buffer) ?? [];
    return found.some(
      ({ order, region }) =>
        region !== value.region ||
        between.some((store) => store > orderOf(value) && store < order) ||
        writesElsewhere(steps[order]?.statement, value),
    );
  };
  for (const value of [...values].reverse()) {
    if (value.axes.length === 0 || !live.has(value)) continue;
    const found = demandsOf(value);
    demands.set(value, found);
    if (isOwned(value) || exchanged.has(value)) continue;
    if (value.op === 'fill' || value.op === 'arange' || value.op === 'inside') continue;
    const distinct = new Set(found.map(({ order }) => order)).size;
    const elsewhere = found.some(({ region }) => region !== value.region);
    const expensive = (weights.get(value) ?? 0) > 2;
    const again = expensive && (distinct > 1 || elsewhere);
    if (found.length > 0 && (again || isYield(value) || isPinned(value, found))) kept.add(value);
  }
  const inPlace = findInPlace(steps, demands, kept, orderOf);
  return { steps, placement, users, live, kept, exchanged, inPlace };
}

/**
 * Whether a store that uses a load of its own buffer may hit elements that other threads have yet to load: unless both
 * address a tile of two axes in the same way, all loads come first.
 */
function writesElsewhere(statement: Statement | undefined, load: Value & { readonly op: 'load' }): boolean {
  if (statement?.kind !== 'store' || statement.buffer !== load.buffer) return false;
  const key = ({ index, stride }: Term): string => {
    const amount = stride.op === 'constant' ? `${stride.value}` : `%${stride.id}`;
    if (index.kind !== 'span') return index.axes.length > 0 ? 'elsewhere' : `%${index.id} ${amount}`;
    const start = index.start.op === 'constant' ? `${index.start.value}` : `%${index.start.id}`;
    return `${index.axis.order} ${start} ${amount}`;
  };
  const keys = (terms: readonly Term[]): string => terms.map(key).sort().join();
  const [ours, theirs] = [keys(load.terms), keys(statement.terms)];
  return load.axes.length < 2 || ours !== theirs || ours.includes('elsewhere');
}

/** A yielded tile replaces the carried one as it is computed where nothing reads the old one later. */
function findInPlace(
  steps: readonly Step[],
  demands: ReadonlyMap<Value, readonly Demand[]>,
  kept: ReadonlySet<Value>,
  orderOf: (item: unknown) => number,
): Map<Value, Value> {
  const inPlace = new Map<Value, Value>();
  for (const { statement: loop } of steps) {
    if (loop.kind !== 'loop') continue;
    loop.yields.forEach((value, i) => {
      const carried = loop.carried[i];
      if (!carried || value.axes.length === 0 || value.region !== loop.body || inPlace.has(value)) return;
      const computed = value.op === 'dot' || value.op === 'reduce' || kept.has(value);
      const later = (demands.get(carried) ?? []).some(({ order }) => order > orderOf(value));
      if (computed && !later) inPlace.set(value, carried);
    });
  }
  return inPlace;
}

/** Elements of `axis` that one thread owns, when the workgroup has `threads` along its dimension. */
export const elementsPerThread = (axis: Axis, threads: number): number => Math.ceil(axis.size / threads);
