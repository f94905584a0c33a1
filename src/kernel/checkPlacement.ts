import { describe, operandsOf, type PlacedStatement, type User, usersOf, valuesOf } from './flow.ts';
import type { Axis, Value } from './ir.ts';

/**
 * Where the elements of tiles live when a program is spread over a two-dimensional workgroup.
 *
 * The first axis of a tile of two axes runs over the threads' y, the second over their x; a tile of one axis follows
 * where its axis was put, and is repeated along the other dimension. So an axis belongs to one dimension only.
 * Operands of `dot` that are computed from memory alone are not spread: they are evaluated where they are staged.
 */
export type ThreadDimension = 'x' | 'y';

export interface Conflict {
  readonly axis: Axis;
  /** a tile that has the axis first, and one that has it second */
  readonly first: Value;
  readonly second: Value;
}

export interface Placement {
  readonly dimensionOf: ReadonlyMap<Axis, ThreadDimension>;
  /** values that can be evaluated at any element by any thread: no other thread's registers are needed */
  readonly streamable: ReadonlySet<Value>;
  /** values of one or two axes whose elements are spread over threads */
  readonly spread: ReadonlySet<Value>;
  readonly conflicts: readonly Conflict[];
}

/** Loads of buffers that the program itself writes stay where they stand in program order. */
const isStable = (value: Value): boolean => value.op !== 'load' || value.buffer.access === 'read';

/** Values whose elements each thread computes for itself and keeps. */
export const isOwned = ({ op }: Value): boolean =>
  op === 'dot' || op === 'reduce' || op === 'carried' || op === 'result';

function findStreamable(values: readonly Value[]): Set<Value> {
  const streamable = new Set<Value>();
  for (const value of values) {
    const fromStreamable = operandsOf(value).every((operand) => streamable.has(operand));
    if (value.axes.length === 0 || (!isOwned(value) && fromStreamable && isStable(value)))
      streamable.add(value);
  }
  return streamable;
}

/** Whether `user` needs the elements of `value` in the threads that own them. */
function spreads(value: Value, user: User, streamable: Set<Value>, spread: Set<Value>): boolean {
  if (user.kind !== 'value') return user.kind !== 'when';
  if (user.op === 'reduce') return true;
  // a renamed operand is staged straight from the elements of its argument
  if (user.op === 'dot')
    return value === user.accumulator || (!streamable.has(value) && value.op !== 'rename');
  return user.op === 'rename' ? !streamable.has(user) : spread.has(user);
}

/** Puts every axis on a thread dimension; where tiles disagree, says which two. */
export function placeAxes(statements: readonly PlacedStatement[]): Placement {
  const values = valuesOf(statements);
  const streamable = findStreamable(values);
  const users = usersOf(statements);
  const spread = new Set<Value>();
  for (const value of values.toReversed()) {
    const isWanted = users.get(value)?.some((user) => spreads(value, user, streamable, spread));
    if (value.axes.length > 0 && (isOwned(value) || isWanted)) spread.add(value);
  }
  const dimensionOf = new Map<Axis, ThreadDimension>();
  const reasons = new Map<Axis, Value>();
  const conflicts = new Map<Axis, Conflict>();
  for (const value of values) {
    if (value.axes.length !== 2 || !spread.has(value)) continue;
    for (const [position, axis] of value.axes.entries()) {
      const dimension = position === 0 ? 'y' : 'x';
      const earlier = reasons.get(axis);
      if (earlier === undefined) {
        dimensionOf.set(axis, dimension);
        reasons.set(axis, value);
      } else if (dimensionOf.get(axis) !== dimension && !conflicts.has(axis)) {
        const [first, second] = dimension === 'x' ? [earlier, value] : [value, earlier];
        conflicts.set(axis, { axis, first, second });
      }
    }
  }
  for (const value of values) {
    for (const axis of value.axes) if (!dimensionOf.has(axis)) dimensionOf.set(axis, 'x');
  }
  return { dimensionOf, streamable, spread, conflicts: [...conflicts.values()] };
}

export const describeConflict = ({ axis, first, second }: Conflict): string =>
  `axis ${axis.name} is the first axis of a tile (${describe(first)}) and the second of another (${describe(second)})`;
