import { remembered } from '../../base/own.ts';
import { isOwned } from '../../kernel/checkPlacement.ts';
import { type Flow, findInPlace, flowOf, isConstant, operandsOf, type User } from '../../kernel/flow.ts';
import type { Axis, ElementwiseName, Kernel, Region, Span, Store, Term, Value } from '../../kernel/ir.ts';

/**
 * Which tiles are kept in memory and which are computed where they are used.
 *
 * A tile that is not *placed* is evaluated inside the loop nest of each consumer, element by element, so that a chain
 * of element-wise functions becomes one loop. Products, reductions and carried tiles are always placed; others where
 * computing them again would cost more than storing them.
 */
export interface Analysis {
  readonly flow: Flow;
  /** the stores that are written together with a store of a tile, itself included, in order */
  together(store: Store): readonly Store[];
  isPlaced(value: Value): boolean;
  /** yielded tiles that are written straight into the memory of the carried tile that they replace */
  readonly inPlace: ReadonlyMap<Value, Value>;
  /** what it costs to compute an element of `value`, in additions, from what is placed */
  costOf(value: Value): number;
}

const FUNCTION_COST: Readonly<Partial<Record<ElementwiseName, number>>> = {
  div: 3,
  sqrt: 3,
  rsqrt: 6,
  exp: 12,
  log: 15,
  log1p: 18,
  sin: 30,
  powr: 60,
  cos: 30,
  tanh: 25,
  erf: 30,
  erfcx: 25,
};
const RANDOM_COST = 60;
const GATHER_COST = 6;
const INTEGER_DIVISION_COST = 20;
/** From here on a tile that several consumers need is stored rather than computed again. */
const KEEP = 4;

/** A term over a span. */
export type SpanTerm = Term & { readonly index: Span };

export const spanTerms = (terms: readonly Term[]): SpanTerm[] =>
  terms.filter((term): term is SpanTerm => term.index.kind === 'span');

/** The span over an axis, where there is one. */
export const spanOver = (terms: readonly Term[], axis: Axis | undefined): Span | undefined =>
  spanTerms(terms).find(({ index }) => index.axis === axis)?.index;

/** Whether neighbouring elements along the span of a term lie next to each other in memory. */
export const isUnit = ({ stride }: Term): boolean => isConstant(stride, 1);

/** The axis along which neighbouring elements of a load lie next to each other in memory. */
export const unitAxis = ({ terms }: Value & { readonly op: 'load' }): Axis | undefined =>
  spanTerms(terms).find(isUnit)?.index.axis;

function ownCost(value: Value): number {
  if (value.op === 'cast') return 1;
  if (value.op === 'random') return RANDOM_COST;
  if (value.op === 'elementwise') {
    const isDivision = value.fn === 'div' || value.fn === 'rem';
    return isDivision && value.dtype !== 'f32' ? INTEGER_DIVISION_COST : (FUNCTION_COST[value.fn] ?? 1);
  }
  if (value.op !== 'load') return 0;
  const gathered = value.terms.some(({ index }) => index.kind === 'value' && index.axes.length > 0);
  const strided = value.axes.length === 2 && unitAxis(value) !== value.axes[1];
  return gathered || strided ? GATHER_COST : 1;
}

/** What is found out about each value once. */
function memoised<R>(find: (value: Value) => R): (value: Value) => R {
  const found = new Map<Value, R>();
  return (value) => remembered(found, value, () => find(value));
}

const tilesIn = (value: Value): Value[] => operandsOf(value).filter(({ axes }) => axes.length > 0);

/** The cost of an element, in additions, from tiles that are stored: each of those is one. */
function costFrom(isStored: (value: Value) => boolean): (value: Value) => number {
  const costOf = memoised((value): number =>
    tilesIn(value).reduce((sum, tile) => sum + (isStored(tile) ? 1 : costOf(tile)), ownCost(value)),
  );
  return costOf;
}

/** Decides from the last value to the first, so that the users of a value are decided before it. */
function findPlaced(
  { statements, values, users, orderOf }: Flow,
  joint: ReadonlyMap<User, readonly Store[]>,
): ReadonlySet<Value> {
  const placed = new Set<Value>();
  /** values, stores, loops and conditions whose loop nests evaluate a value */
  const consumers = new Map<Value, Set<User>>();
  const costOf = costFrom(isOwned);
  const depthOf = (item: User): number => statements[orderOf(item)]?.loops.length ?? 0;

  const consumersOf = (value: Value): Set<User> => {
    const found = new Set<User>();
    for (const user of users.get(value) ?? []) {
      // stores in one nest are one consumer
      if (user.kind !== 'value') found.add(joint.get(user)?.[0] ?? user);
      else if (user.axes.length === 0 || placed.has(user)) found.add(user);
      else for (const consumer of consumers.get(user) ?? []) found.add(consumer);
    }
    return found;
  };

  /** Yielded tiles, and loads of memory that the program also writes, are computed where they stand. */
  const mustStay = (value: Value): boolean =>
    (value.op === 'load' && value.buffer.access !== 'read') ||
    (users.get(value) ?? []).some((user) => user.kind === 'loop' && user.yields.includes(value));

  /** A row vector inside a tile would be computed again for every row. */
  const repeats = ({ axes: [axis, ...others] }: Value, own: readonly User[]): boolean =>
    others.length === 0 && own.some((user) => user.kind === 'value' && user.axes[1] === axis);

  const pays = (value: Value, own: ReadonlySet<User>): boolean => {
    if (costOf(value) <= KEEP) return false;
    if (own.size > 1) return true;
    const depth = depthOf(value);
    const again = [...own].some((consumer) => {
      // a factor of a dot is packed where it is made
      const isPack = consumer.kind === 'value' && consumer.op === 'dot' && consumer.accumulator !== value;
      return !isPack && depthOf(consumer) > depth;
    });
    return again || repeats(value, users.get(value) ?? []);
  };

  for (const value of values.toReversed()) {
    if (value.axes.length === 0) continue;
    const own = consumersOf(value);
    consumers.set(value, own);
    if (isOwned(value) || mustStay(value) || pays(value, own)) placed.add(value);
  }
  return placed;
}

export function analyse(kernel: Kernel): Analysis {
  const flow = flowOf(kernel);
  const joint = jointStores(flow);
  const placed = findPlaced(flow, joint);
  const isPlaced = (value: Value): boolean => placed.has(value);
  const together = (store: Store): readonly Store[] => joint.get(store) ?? [store];
  const facts = { flow, isPlaced, together, costOf: costFrom(isPlaced) };
  return { ...facts, inPlace: inPlaceOf(facts) };
}

/**
 * Stores of the same elements that follow each other. They are written in one nest, in place of the last of them, so that what
 * several results have in common is computed once per element and needs no memory.
 */
function jointStores({ statements }: Flow): ReadonlyMap<Store, readonly Store[]> {
  const joint = new Map<Store, Store[]>();
  let [open, within]: [Store[], Region | undefined] = [[], undefined];
  for (const { statement, region } of statements) {
    if (statement.kind === 'let') {
      const { value } = statement;
      // what the program itself writes has to be read where it stands
      if (value.op === 'load' && value.buffer.access !== 'read') open = [];
    } else if (statement.kind !== 'store' || statement.value.axes.length === 0) {
      open = [];
    } else {
      const [first] = open;
      const apart = open.every(({ buffer }) => buffer !== statement.buffer);
      if (!first || within !== region || !apart || !coversTheSame(first, statement)) open = [];
      open.push(statement);
      within = region;
      joint.set(statement, open);
    }
  }
  return joint;
}

function coversTheSame(first: Store, second: Store): boolean {
  const [axes, others] = [first.value.axes, second.value.axes];
  return (
    axes.length === others.length &&
    axes.every((axis, i) => {
      const [one, other] = [spanOver(first.terms, axis), spanOver(second.terms, axis)];
      return axis === others[i] && one?.start === other?.start && one?.limit === other?.limit;
    })
  );
}

/**
 * A yielded tile may take the place of the carried one where the old tile is not read afterwards in the same iteration, and
 * the yielded tile itself reads it only element by element, at the position that it then writes.
 */
function inPlaceOf({ flow, isPlaced, together }: Omit<Analysis, 'inPlace'>): ReadonlyMap<Value, Value> {
  const { users, live, orderOf, endOf } = flow;

  const readBy = (user: User, value: Value): number => {
    // written where the last of its joint stores stands
    if (user.kind === 'store') return Math.max(...together(user).map(orderOf));
    if (user.kind === 'loop' && user.yields.includes(value)) return endOf(user);
    if (user.kind !== 'value') return orderOf(user);
    if (!live.has(user)) return -1;
    // a factor that has no place is packed where it is made
    if (user.op === 'dot' && user.accumulator !== value && !isPlaced(value)) return orderOf(value);
    return user.axes.length === 0 || isPlaced(user) ? orderOf(user) : lastRead(user);
  };
  /** The place in program order where the elements of a tile are asked for last. */
  const lastRead = memoised((value): number =>
    Math.max(-1, ...(users.get(value) ?? []).map((user) => readBy(user, value))),
  );

  /** Placed tiles whose memory an evaluation of `value` reads. */
  const readsOf = memoised(
    (value): ReadonlySet<Value> =>
      new Set(tilesIn(value).flatMap((tile) => (isPlaced(tile) ? [tile] : [...readsOf(tile)]))),
  );
  const suits = (value: Value, carried: Value): boolean => {
    const readsInPlace = memoised((inner): boolean => {
      if (!readsOf(inner).has(carried)) return true;
      if (inner.op !== 'elementwise' && inner.op !== 'cast') return false;
      return tilesIn(inner).every((tile) => isPlaced(tile) || readsInPlace(tile));
    });
    if (value.op === 'carried' || value.op === 'result' || value.op === 'rename') return false;
    if (value.op !== 'dot') return readsInPlace(value);
    // other operands that read the carried tile were packed before; the accumulator is read where it is written
    if (value.left === carried || value.right === carried) return false;
    const { accumulator } = value;
    return !accumulator || isPlaced(accumulator) || readsInPlace(accumulator);
  };
  return findInPlace(flow, lastRead, suits);
}
