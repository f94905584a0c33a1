import {
  operandsOf,
  type PlacedStatement,
  statementsOf,
  type User,
  usersOf,
  valuesOf,
} from '../../kernel/flow.ts';
import type { Axis, ElementwiseName, Kernel, Store, Value } from '../../kernel/ir.ts';
import { storeGroups } from './storeGroups.ts';

/**
 * Which tiles are kept in memory and which are computed where they are used.
 *
 * A tile that is not *placed* is evaluated inside the loop nest of each consumer, element by element, so that a chain
 * of element-wise functions becomes one loop. Products, reductions and carried tiles are always placed; others where
 * computing them again would cost more than storing them.
 */
export interface Analysis {
  readonly steps: readonly PlacedStatement[];
  readonly users: ReadonlyMap<Value, readonly User[]>;
  /** the stores that are written together with a store of a tile, itself included, in order */
  together(store: Store): readonly Store[];
  isLive(value: Value): boolean;
  isPlaced(value: Value): boolean;
  /** placed tiles whose memory an evaluation of `value` reads */
  readsOf(value: Value): ReadonlySet<Value>;
  /** what it costs to compute an element of `value`, in additions, from what is placed */
  costOf(value: Value): number;
}

const FUNCTION_COST: Readonly<Partial<Record<ElementwiseName, number>>> = {
  div: 3,
  sqrt: 3,
  rsqrt: 6,
  exp: 12,
  log: 15,
  tanh: 25,
  erf: 30,
  erfcx: 25,
};
const RANDOM_COST = 60;
const GATHER_COST = 6;
const INTEGER_DIVISION_COST = 20;
/** From here on a tile that several consumers need is stored rather than computed again. */
const KEEP = 4;

/** Loads and functions that are evaluated per element; the rest is always placed. */
const isFusible = (value: Value): boolean =>
  value.op !== 'reduce' && value.op !== 'dot' && value.op !== 'carried' && value.op !== 'result';

/** The axis along which neighbouring elements of a load lie next to each other in memory. */
export function unitAxis(value: Value & { readonly op: 'load' }): Axis | undefined {
  const unit = value.terms.find(
    ({ index, stride }) => index.kind === 'span' && stride.op === 'constant' && stride.value === 1,
  );
  return unit?.index.kind === 'span' ? unit.index.axis : undefined;
}

function ownCost(value: Value): number {
  switch (value.op) {
    case 'elementwise': {
      const integer = value.args[0]?.dtype === 'i32' || value.args[0]?.dtype === 'u32';
      if (integer && (value.fn === 'div' || value.fn === 'rem')) return INTEGER_DIVISION_COST;
      return FUNCTION_COST[value.fn] ?? 1;
    }
    case 'random':
      return RANDOM_COST;
    case 'load': {
      const last = value.axes[value.axes.length - 1];
      const gathered = value.terms.some(({ index }) => index.kind === 'value' && index.axes.length > 0);
      const strided = value.axes.length > 0 && unitAxis(value) !== last && value.axes.length === 2;
      return gathered || strided ? GATHER_COST : 1;
    }
    case 'cast':
      return 1;
    default:
      return 0;
  }
}

function findLive(steps: readonly PlacedStatement[]): Set<Value> {
  const live = new Set<Value>();
  const mark = (value: Value): void => {
    if (live.has(value)) return;
    live.add(value);
    for (const operand of operandsOf(value)) mark(operand);
  };
  for (const { statement } of steps) {
    if (statement.kind === 'store') {
      mark(statement.value);
      for (const { index, stride } of statement.terms) {
        for (const part of index.kind === 'span' ? [index.start, index.limit, stride] : [index, stride]) {
          mark(part);
        }
      }
    } else if (statement.kind === 'loop') {
      const { from, to, step, initial, yields } = statement;
      for (const value of [from, to, step, ...initial, ...yields]) mark(value);
    } else if (statement.kind === 'when') mark(statement.condition);
  }
  return live;
}

/** Number of loops around each value and statement. */
const depths = (steps: readonly PlacedStatement[]): Map<User, number> =>
  new Map(
    steps.map(({ statement, loops }) => [
      statement.kind === 'let' ? statement.value : statement,
      loops.length,
    ]),
  );

/** Decides placement from the last value to the first, so that the users of a value are decided before it. */
class Placement {
  readonly placed = new Set<Value>();
  readonly #costs = new Map<Value, number>();
  /** values, stores, loops and conditions whose loop nests evaluate a value */
  readonly #consumers = new Map<Value, Set<User>>();
  readonly #users: ReadonlyMap<Value, readonly User[]>;
  readonly #depths: ReadonlyMap<User, number>;
  readonly #yielded: ReadonlySet<Value>;
  readonly #groups: ReadonlyMap<User, readonly Store[]>;

  constructor(
    steps: readonly PlacedStatement[],
    live: ReadonlySet<Value>,
    users: ReadonlyMap<Value, readonly User[]>,
    depthOf: ReadonlyMap<User, number>,
    groups: ReadonlyMap<User, readonly Store[]>,
  ) {
    this.#groups = groups;
    this.#users = users;
    this.#depths = depthOf;
    this.#yielded = new Set(
      steps.flatMap(({ statement }) => (statement.kind === 'loop' ? statement.yields : [])),
    );
    for (const value of valuesOf(steps)) this.#costs.set(value, this.#fullCost(value));
    for (const value of valuesOf(steps).reverse()) {
      if (value.axes.length > 0 && live.has(value)) this.#decide(value, live);
    }
  }

  /** Cost if nothing below were placed but what always is. */
  #fullCost(value: Value): number {
    if (!isFusible(value) || value.axes.length === 0) return 1;
    return operandsOf(value).reduce(
      (sum, operand) => sum + (operand.axes.length > 0 ? (this.#costs.get(operand) ?? 0) : 0),
      ownCost(value),
    );
  }

  #decide(value: Value, live: ReadonlySet<Value>): void {
    const consumers = this.#consumersOf(value, live);
    this.#consumers.set(value, consumers);
    if (!isFusible(value) || this.#yielded.has(value) || this.#mustStay(value)) this.placed.add(value);
    else if (this.#pays(value, consumers, live)) this.placed.add(value);
  }

  #consumersOf(value: Value, live: ReadonlySet<Value>): Set<User> {
    const consumers = new Set<User>();
    for (const user of this.#users.get(value) ?? []) {
      // stores in one nest are one consumer
      if (user.kind !== 'value') consumers.add(this.#groups.get(user)?.[0] ?? user);
      else if (!live.has(user)) continue;
      else if (user.axes.length === 0 || this.placed.has(user)) consumers.add(user);
      else for (const consumer of this.#consumers.get(user) ?? []) consumers.add(consumer);
    }
    return consumers;
  }

  /** A load of memory that the program also writes happens where it stands. */
  #mustStay(value: Value): boolean {
    return value.op === 'load' && value.buffer.access !== 'read';
  }

  #pays(value: Value, consumers: ReadonlySet<User>, live: ReadonlySet<Value>): boolean {
    const cost = this.#costs.get(value) ?? 0;
    if (cost <= KEEP) return false;
    if (consumers.size > 1) return true;
    const own = this.#depths.get(value) ?? 0;
    for (const consumer of consumers) {
      const isPack = consumer.kind === 'value' && consumer.op === 'dot' && consumer.accumulator !== value;
      // a factor of a dot is packed where it is made
      if (!isPack && (this.#depths.get(consumer) ?? 0) > own) return true;
    }
    return this.#repeats(value, live);
  }

  /** A row vector inside a tile would be computed again for every row. */
  #repeats(value: Value, live: ReadonlySet<Value>): boolean {
    if (value.axes.length !== 1) return false;
    return (this.#users.get(value) ?? []).some(
      (user) =>
        user.kind === 'value' && live.has(user) && user.axes.length === 2 && user.axes[1] === value.axes[0],
    );
  }
}

export function analyse(kernel: Kernel): Analysis {
  const steps = statementsOf(kernel);
  const live = findLive(steps);
  const groups = storeGroups(steps);
  const users = usersOf(steps);
  const placement = new Placement(steps, live, users, depths(steps), groups);
  const reads = new Map<Value, ReadonlySet<Value>>();
  const readsOf = (value: Value): ReadonlySet<Value> => {
    const known = reads.get(value);
    if (known) return known;
    const found = new Set<Value>();
    for (const operand of operandsOf(value)) {
      if (operand.axes.length === 0) continue;
      if (placement.placed.has(operand)) found.add(operand);
      else for (const read of readsOf(operand)) found.add(read);
    }
    reads.set(value, found);
    return found;
  };
  const costs = new Map<Value, number>();
  const costOf = (value: Value): number => {
    const known = costs.get(value);
    if (known !== undefined) return known;
    const cost = operandsOf(value).reduce((sum, operand) => {
      if (operand.axes.length === 0) return sum;
      return sum + (placement.placed.has(operand) ? 1 : costOf(operand));
    }, ownCost(value));
    costs.set(value, cost);
    return cost;
  };
  return {
    steps,
    users,
    together: (store) => groups.get(store) ?? [store],
    isLive: (value) => live.has(value),
    isPlaced: (value) => placement.placed.has(value),
    readsOf,
    costOf,
  };
}
