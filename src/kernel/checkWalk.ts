import type { Kernel, Loop, Region, Statement, Store, Term, Value, When } from './ir.ts';

/** The values that an address is computed from. */
export const termValues = (terms: readonly Term[]): Value[] =>
  terms.flatMap(({ index, stride }) =>
    index.kind === 'span' ? [index.start, index.limit, stride] : [index, stride],
  );

/** The values that `value` is computed from; loop results depend on their loop instead. */
export function operandsOf(value: Value): readonly Value[] {
  switch (value.op) {
    case 'inside':
      return [value.span.start, value.span.limit];
    case 'elementwise':
      return value.args;
    case 'cast':
    case 'reduce':
    case 'rename':
      return [value.arg];
    case 'load':
      return termValues(value.terms);
    case 'dot':
      return value.accumulator ? [value.left, value.right, value.accumulator] : [value.left, value.right];
    case 'random':
      return [value.key0, value.key1, value.counter0, value.counter1];
    default:
      return [];
  }
}

/** A statement with the loops and conditions around it, outermost first. */
export interface PlacedStatement {
  readonly statement: Statement;
  readonly region: Region;
  readonly loops: readonly Loop[];
  readonly conditions: readonly When[];
}

/** Every statement of a kernel in program order; a loop or `when` comes before what is inside it. */
export function statementsOf(kernel: Kernel): PlacedStatement[] {
  const steps: PlacedStatement[] = [];
  const walk = (region: Region, loops: readonly Loop[], conditions: readonly When[]): void => {
    for (const statement of region.statements) {
      steps.push({ statement, region, loops, conditions });
      if (statement.kind === 'loop') walk(statement.body, [...loops, statement], conditions);
      if (statement.kind === 'when') walk(statement.body, loops, [...conditions, statement]);
    }
  };
  walk(kernel.body, [], []);
  return steps;
}

/** The values of a kernel in program order. */
export const valuesOf = (steps: readonly PlacedStatement[]): Value[] =>
  steps.flatMap(({ statement }) => (statement.kind === 'let' ? [statement.value] : []));

/** Who uses a value: another value, a store, a loop (initial, yielded, bounds) or a condition. */
export type User = Value | Store | Loop | When;

/** The users of each value, in program order. */
export function usersOf(steps: readonly PlacedStatement[]): ReadonlyMap<Value, readonly User[]> {
  const users = new Map<Value, User[]>();
  const add = (value: Value, user: User): void => {
    const known = users.get(value);
    if (known) known.push(user);
    else users.set(value, [user]);
  };
  for (const { statement } of steps) {
    if (statement.kind === 'let') {
      for (const operand of operandsOf(statement.value)) add(operand, statement.value);
    } else if (statement.kind === 'store') {
      add(statement.value, statement);
      for (const operand of termValues(statement.terms)) add(operand, statement);
    } else if (statement.kind === 'loop') {
      const { from, to, step, initial, yields } = statement;
      for (const operand of [from, to, step, ...initial, ...yields]) add(operand, statement);
    } else {
      add(statement.condition, statement);
    }
  }
  return users;
}

/** `reduce sum (kernels/softmax.ts:14)`: how findings and generated comments name a value. */
export function describe(value: Value): string {
  const what =
    value.op === 'elementwise'
      ? value.fn
      : value.op === 'load'
        ? `load of ${value.buffer.name}`
        : value.op === 'reduce'
          ? `reduce ${value.combine}`
          : value.op === 'parameter'
            ? `parameter ${value.name}`
            : value.op;
  return `${what} %${value.id}`;
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
