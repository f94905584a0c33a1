import { type Placement, placeAxes } from '../../kernel/checkPlacement.ts';
import {
  operandsOf,
  type PlacedStatement,
  statementsOf,
  type User,
  usersOf,
  valuesOf,
} from '../../kernel/flow.ts';
import type { Buffer, Kernel, Loop, Region, Statement, Term, Value } from '../../kernel/ir.ts';

/** A place where a tile's elements are asked for: a statement that walks them, at `order` in program order. */
interface Demand {
  readonly order: number;
  readonly region: Region;
}

/** What the printer decides before it writes: which tiles get private arrays, and which of those share one. */
export interface Analysis {
  readonly steps: readonly PlacedStatement[];
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
  'erfcx',
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
function storesOf(steps: readonly PlacedStatement[]): ReadonlyMap<Buffer, readonly number[]> {
  const stores = new Map<Buffer, number[]>();
  steps.forEach(({ statement }, order) => {
    if (statement.kind === 'store')
      stores.set(statement.buffer, [...(stores.get(statement.buffer) ?? []), order]);
  });
  return stores;
}

/** Where things stand in program order. */
interface Order {
  of(item: Statement | Value): number;
  /** a place behind everything inside a loop */
  endOf(loop: Loop): number;
  regionOf(statement: Statement): Region;
}

function orderOf(kernel: Kernel, steps: readonly PlacedStatement[]): Order {
  const orders = new Map<Statement | Value, number>();
  const ends = new Map<Loop, number>();
  const regions = new Map<Statement, Region>();
  steps.forEach(({ statement, region, loops }, order) => {
    orders.set(statement.kind === 'let' ? statement.value : statement, order);
    regions.set(statement, region);
    for (const loop of loops) ends.set(loop, order + 0.5);
  });
  const of = (item: Statement | Value): number => orders.get(item) ?? 0;
  return {
    of,
    endOf: (loop) => ends.get(loop) ?? of(loop) + 0.5,
    regionOf: (statement) => regions.get(statement) ?? kernel.body,
  };
}

export function analyse(kernel: Kernel): Analysis {
  const steps = statementsOf(kernel);
  const values = valuesOf(steps);
  const placement = placeAxes(steps);
  const users = usersOf(steps);
  const live = findLive(values, users);
  const exchanged = findExchanged(values, placement);
  const order = orderOf(kernel, steps);
  const facts = { steps, placement, users, live, exchanged, order };
  const { kept, demands } = findKept(values, facts);
  const inPlace = findInPlace(steps, demands, kept, order);
  return { steps, placement, users, live, kept, exchanged, inPlace };
}

type Facts = Pick<Analysis, 'steps' | 'placement' | 'users' | 'live' | 'exchanged'> & {
  readonly order: Order;
};
type Demands = ReadonlyMap<Value, readonly Demand[]>;

/** Where the elements of `value` are asked for, given those of its users that come later. */
function demandsOf(value: Value, facts: Facts, kept: ReadonlySet<Value>, known: Demands): Demand[] {
  const { users, live, order, placement, exchanged } = facts;
  return (users.get(value) ?? []).flatMap((user): readonly Demand[] => {
    if (user.kind === 'loop') {
      const found: Demand[] = [];
      if (user.initial.includes(value)) found.push({ order: order.of(user), region: order.regionOf(user) });
      if (user.yields.includes(value)) found.push({ order: order.endOf(user), region: user.body });
      return found;
    }
    if (user.kind !== 'value') return [{ order: order.of(user), region: order.regionOf(user) }];
    if (!live.has(user)) return [];
    const operand = user.op === 'dot' && value !== user.accumulator;
    // evaluated where it is staged, from memory alone
    if (operand && placement.streamable.has(value)) return [];
    if (user.op === 'dot' || user.op === 'reduce' || kept.has(user) || exchanged.has(user)) {
      return [{ order: order.of(user), region: user.region }];
    }
    return known.get(user) ?? [];
  });
}

/**
 * Tiles that are computed where they stand: those that would be computed more than once (unless that costs next to nothing),
 * that a loop carries on, or that another place would see with other contents.
 */
function findKept(
  values: readonly Value[],
  facts: Facts,
): { readonly kept: Set<Value>; readonly demands: Demands } {
  const kept = new Set<Value>();
  const demands = new Map<Value, readonly Demand[]>();
  const weights = weigh(values);
  const stores = storesOf(facts.steps);
  for (const value of [...values].reverse()) {
    if (value.axes.length === 0 || !facts.live.has(value)) continue;
    const found = demandsOf(value, facts, kept, demands);
    demands.set(value, found);
    if (isOwned(value) || facts.exchanged.has(value) || found.length === 0) continue;
    if (value.op === 'fill' || value.op === 'arange' || value.op === 'inside') continue;
    const several = new Set(found.map(({ order }) => order)).size > 1;
    const elsewhere = found.some(({ region }) => region !== value.region);
    const again = (weights.get(value) ?? 0) > CHEAP && (several || elsewhere);
    const yielded = (facts.users.get(value) ?? []).some(
      (user) => user.kind === 'loop' && user.yields.includes(value),
    );
    if (again || yielded || isPinned(value, found, facts, stores)) kept.add(value);
  }
  return { kept, demands };
}

/** Operations per element that may be repeated rather than kept. */
const CHEAP = 2;

/** Whether a load would see something else at its use than where it stands. */
function isPinned(
  value: Value,
  found: readonly Demand[],
  { steps, order }: Facts,
  stores: ReadonlyMap<Buffer, readonly number[]>,
): boolean {
  if (value.op !== 'load' || value.buffer.access === 'read') return false;
  const from = order.of(value);
  const between = stores.get(value.buffer) ?? [];
  return found.some(
    (use) =>
      use.region !== value.region ||
      between.some((store) => store > from && store < use.order) ||
      writesElsewhere(steps[use.order]?.statement, value),
  );
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
  steps: readonly PlacedStatement[],
  demands: Demands,
  kept: ReadonlySet<Value>,
  order: Order,
): Map<Value, Value> {
  const inPlace = new Map<Value, Value>();
  for (const { statement: loop } of steps) {
    if (loop.kind !== 'loop') continue;
    loop.yields.forEach((value, i) => {
      const carried = loop.carried[i];
      if (!carried || value.axes.length === 0 || value.region !== loop.body || inPlace.has(value)) return;
      const computed = value.op === 'dot' || value.op === 'reduce' || kept.has(value);
      const later = (demands.get(carried) ?? []).some((use) => use.order > order.of(value));
      if (computed && !later) inPlace.set(value, carried);
    });
  }
  return inPlace;
}
