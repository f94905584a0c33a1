import { dependenciesOf, type PlacedStatement, termValues, valuesOf } from './flow.ts';
import type { Kernel, Loop, Store, Value } from './ir.ts';
import type { Fault } from './rules.ts';

const isZero = (value: Value): boolean => value.op === 'constant' && value.value === 0;

/** Where an address does not move along an axis, elements collide. */
function strideFaults({ buffer, terms, value }: Store): Fault[] {
  const moving = terms
    .filter(({ stride }) => !isZero(stride))
    .flatMap(({ index }) => (index.kind === 'span' ? [index.axis] : index.axes));
  return value.axes
    .filter((axis) => !moving.includes(axis))
    .map(({ name }) => ({
      code: 'FROND-K108',
      message: `store to ${buffer.name}: the address does not move along ${name}, elements collide`,
      hint: `reduce over ${name} first, or give it an index with a stride`,
    }));
}

/** Whether the address of `store` (or the condition around it) depends on a value for which `test` holds. */
function reaches(
  placed: PlacedStatement,
  store: Store,
  loops: readonly Loop[],
  test: (value: Value) => boolean,
): boolean {
  const seen = new Set<Value>();
  for (const value of termValues(store.terms)) dependenciesOf(value, loops, seen);
  for (const { condition } of placed.conditions) dependenciesOf(condition, loops, seen);
  return [...seen].some(test);
}

/**
 * One writer per element: an address that is the same in two programs, or in two rounds of a loop, is written twice.
 * A condition around the store counts as telling them apart. What index tiles hold is known at run time only; the
 * simulator watches that.
 */
export function collisionFaults(
  placed: PlacedStatement,
  store: Store,
  statements: readonly PlacedStatement[],
): Fault[] {
  const { buffer } = store;
  const faults = strideFaults(store);
  const loops = statements.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
  const dimensions = new Set(
    valuesOf(statements).flatMap((value) => (value.op === 'program' ? [value.dimension] : [])),
  );
  for (const dimension of dimensions) {
    const moves = reaches(
      placed,
      store,
      loops,
      (value) => value.op === 'program' && value.dimension === dimension,
    );
    if (!moves) {
      faults.push({
        code: 'FROND-K108',
        message: `store to ${buffer.name}: every program along grid dimension ${dimension} writes the same elements`,
        hint: `let the address depend on program(${dimension}), or store under a condition on it`,
      });
    }
  }
  if (buffer.access === 'write') {
    for (const loop of placed.loops) {
      const counts = (value: Value): boolean =>
        value === loop.induction || loop.carried.includes(value) || loop.yields.includes(value);
      if (!reaches(placed, store, loops, counts)) {
        faults.push({
          code: 'FROND-K108',
          message: `store to ${buffer.name}: every round of the loop writes the same elements`,
          hint: 'carry the value through the loop and store it afterwards, or declare the buffer as scratch',
        });
      }
    }
  }
  return faults;
}

/** Loads of `update` buffers come before their stores: afterwards an element holds what the program wrote. */
export function updateFaults(
  kernel: Kernel,
  statements: readonly PlacedStatement[],
): { readonly value: Value; readonly fault: Fault }[] {
  const found: { readonly value: Value; readonly fault: Fault }[] = [];
  for (const buffer of kernel.buffers) {
    if (buffer.access !== 'update') continue;
    const first = statements.findIndex(
      ({ statement }) => statement.kind === 'store' && statement.buffer === buffer,
    );
    if (first < 0) continue;
    // in a loop, a load behind the store in the same round is the one that reads what was just written
    for (const { statement } of statements.slice(first + 1)) {
      if (statement.kind !== 'let' || statement.value.op !== 'load' || statement.value.buffer !== buffer)
        continue;
      found.push({
        value: statement.value,
        fault: {
          code: 'FROND-K112',
          message: `load of the update buffer ${buffer.name} after a store to it`,
          hint: 'load before storing, or declare the buffer as scratch',
        },
      });
    }
  }
  return found;
}
