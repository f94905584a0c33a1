import { defined } from '../base/errors.ts';
import { grouped } from '../base/own.ts';
import type { Axis, Kernel, Loop, Region, Span, Statement, Store, Term, Value, ValueOf, When } from './ir.ts';

/** The spans of an address, or those over one axis. */
export const spansOf = (terms: readonly Term[], axis?: Axis): Span[] =>
  terms.flatMap(({ index }) => (index.kind === 'span' && (!axis || index.axis === axis) ? [index] : []));

export const isConstant = (value: Value, number: number): boolean =>
  value.op === 'constant' && value.value === number;
/** Whether every element of a span's axis is inside it, as far as the text tells. */
export const isWhole = ({ axis, start, limit }: Span): boolean =>
  isConstant(start, 0) && limit.op === 'constant' && limit.value >= axis.size;

/** The values that an address is computed from. */
export const termValues = (terms: readonly Term[]): Value[] =>
  terms.flatMap(({ index, stride }) =>
    index.kind === 'span' ? [index.start, index.limit, stride] : [index, stride],
  );

/** What is said of a value by its op. */
export type ByOp<R> = { readonly [Op in Value['op']]: (value: ValueOf<Op>) => R };

/** What `table` says of `value`, where it says anything. */
export function byOp<R>(table: ByOp<R>, value: Value): R;
export function byOp<R>(table: Partial<ByOp<R>>, value: Value): R | undefined;
export function byOp<R>(table: Partial<ByOp<R>>, value: Value): R | undefined {
  return (table[value.op] as ((value: Value) => R) | undefined)?.(value);
}

const OPERANDS: Partial<ByOp<readonly Value[]>> = {
  inside: ({ span }) => [span.start, span.limit],
  elementwise: ({ args }) => args,
  cast: ({ arg }) => [arg],
  load: ({ terms }) => termValues(terms),
  reduce: ({ arg }) => [arg],
  dot: ({ left, right, accumulator }) => (accumulator ? [left, right, accumulator] : [left, right]),
  rename: ({ arg }) => [arg],
  random: ({ key0, key1, counter0, counter1 }) => [key0, key1, counter0, counter1],
};

/** The values that a value or store is computed from; loop results depend on their loop instead. */
export const operandsOf = (of: Value | Store): readonly Value[] =>
  of.kind === 'store' ? [of.value, ...termValues(of.terms)] : (byOp(OPERANDS, of) ?? []);

/** A statement with the loops and conditions around it, outermost first. */
export interface PlacedStatement {
  readonly statement: Statement;
  readonly region: Region;
  readonly loops: readonly Loop[];
  readonly conditions: readonly When[];
}

/** Every statement of a kernel in program order; a loop or `when` comes before what is inside it. */
export function statementsOf(kernel: Kernel): PlacedStatement[] {
  const statements: PlacedStatement[] = [];
  const walk = (region: Region, loops: readonly Loop[], conditions: readonly When[]): void => {
    for (const statement of region.statements) {
      statements.push({ statement, region, loops, conditions });
      if (statement.kind === 'loop') walk(statement.body, [...loops, statement], conditions);
      if (statement.kind === 'when') walk(statement.body, loops, [...conditions, statement]);
    }
  };
  walk(kernel.body, [], []);
  return statements;
}

/** The values of a kernel in program order. */
export const valuesOf = (statements: readonly PlacedStatement[]): Value[] =>
  statements.flatMap(({ statement }) => (statement.kind === 'let' ? [statement.value] : []));

export const loopsOf = (statements: readonly PlacedStatement[]): Loop[] =>
  statements.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));

/** The values that a statement reads; those of its body, where it has one, are read by the statements inside. */
export function valuesReadBy(statement: Statement): readonly Value[] {
  switch (statement.kind) {
    case 'let':
      return operandsOf(statement.value);
    case 'store':
      return operandsOf(statement);
    case 'loop': {
      const { from, to, step, initial, yields } = statement;
      return [from, to, step, ...initial, ...yields];
    }
    case 'when':
      return [statement.condition];
  }
}

/** Who uses a value: another value, a store, a loop (initial, yielded, bounds) or a condition. */
export type User = Value | Store | Loop | When;

const userOf = (statement: Statement): User => (statement.kind === 'let' ? statement.value : statement);

/** The users of each value, in program order. */
export const usersOf = (statements: readonly PlacedStatement[]): ReadonlyMap<Value, readonly User[]> =>
  grouped(
    statements.flatMap(({ statement }) =>
      valuesReadBy(statement).map((value) => [value, userOf(statement)] as const),
    ),
  );

/** What every backend asks about a kernel before it writes code. */
export interface Flow {
  readonly statements: readonly PlacedStatement[];
  /** values whose result reaches memory or control flow, and all that loops carry; the others concern no backend */
  readonly live: ReadonlySet<Value>;
  /** the live values in program order */
  readonly values: readonly Value[];
  /** the live users of each live value, in program order */
  readonly users: ReadonlyMap<Value, readonly User[]>;
  /** the place in program order of a value, store, loop or condition */
  orderOf(item: User): number;
  /** a place behind everything inside a loop */
  endOf(loop: Loop): number;
  /** the region in which a value, store, loop or condition stands */
  regionOf(item: User): Region;
}

export function flowOf(kernel: Kernel): Flow {
  const statements = statementsOf(kernel);
  const values = valuesOf(statements);
  const allUsers = usersOf(statements);
  const users = new Map<Value, readonly User[]>();
  for (const value of values.toReversed()) {
    const found = (allUsers.get(value) ?? []).filter((user) => user.kind !== 'value' || users.has(user));
    if (found.length > 0 || value.op === 'carried') users.set(value, found);
  }
  const orders = new Map(statements.map(({ statement }, order) => [userOf(statement), order]));
  const orderOf = (item: User): number => defined(orders.get(item), 'statement of the kernel');
  return {
    statements,
    live: new Set(users.keys()),
    values: values.filter((value) => users.has(value)),
    users,
    orderOf,
    endOf: (loop) =>
      0.5 +
      Math.max(
        orderOf(loop),
        statements.findLastIndex(({ loops }) => loops.includes(loop)),
      ),
    regionOf: (item) => defined(statements[orderOf(item)], 'statement of the kernel').region,
  };
}

/**
 * Yielded tiles, each with the carried tile that it may replace as it is computed, in the same memory: the loop's body computes it
 * anew in each round, yields it once, and reads the carried tile at `lastRead` at the latest, which is no later than the tile itself
 * is computed. `suits` is the backend's own condition.
 */
export function findInPlace(
  flow: Flow,
  lastRead: (carried: Value) => number,
  suits: (value: Value, carried: Value) => boolean,
): ReadonlyMap<Value, Value> {
  const found = new Map<Value, Value>();
  for (const { statement: loop } of flow.statements) {
    if (loop.kind !== 'loop') continue;
    loop.yields.forEach((value, i) => {
      const carried = loop.carried[i];
      const isOnce = loop.yields.filter((other) => other === value).length === 1;
      if (!carried || !isOnce || value.axes.length === 0 || value.region !== loop.body) return;
      if (lastRead(carried) <= flow.orderOf(value) && suits(value, carried)) found.set(value, carried);
    });
  }
  return found;
}

/** `reduce sum (kernels/softmax.ts:14)`: how findings and generated comments name a value. */
export function describe(value: Value): string {
  const called = (what: string): string => `${what} %${value.id}`;
  if (value.op === 'elementwise') return called(value.fn);
  if (value.op === 'load') return called(`load of ${value.buffer.name}`);
  if (value.op === 'reduce') return called(`reduce ${value.combine}`);
  return called(value.op === 'parameter' ? `parameter ${value.name}` : value.op);
}

/**
 * Everything that `value` depends on, itself included: through operands, and for carried values and loop results
 * through the loop's bounds, initial values and yields. Stops where `seen` already holds a value.
 */
export function dependenciesOf(value: Value, loops: readonly Loop[], seen = new Set<Value>()): Set<Value> {
  if (seen.has(value)) return seen;
  seen.add(value);
  for (const operand of operandsOf(value)) dependenciesOf(operand, loops, seen);
  const loop =
    value.op === 'result'
      ? value.loop
      : loops.find(({ carried, induction }) => induction === value || carried.includes(value));
  if (loop) {
    const index = value.op === 'result' || value.op === 'carried' ? value.index : undefined;
    const next = index === undefined ? [] : [loop.initial[index], loop.yields[index]];
    for (const operand of [loop.from, loop.to, loop.step, ...next]) {
      if (operand) dependenciesOf(operand, loops, seen);
    }
  }
  return seen;
}
