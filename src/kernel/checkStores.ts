import { elementTypeOf, type Fault, unionAxes } from './checkTypes.ts';
import { dependenciesOf, type PlacedStatement, termValues } from './flow.ts';
import type { Kernel, Loop, Store, Value } from './ir.ts';

const isZero = (value: Value): boolean => value.op === 'constant' && value.value === 0;

/** Type and shape of a store: the indices run over exactly the axes of the value. */
function shapeFaults({ buffer, terms, value }: Store): Fault[] {
  const faults: Fault[] = [];
  if (buffer.access === 'read') {
    faults.push({ code: 'FROND-K107', message: `store to the read-only buffer ${buffer.name}` });
  }
  if (value.dtype !== elementTypeOf(buffer)) {
    faults.push({
      code: 'FROND-K106',
      message: `store to ${buffer.name}: the value is ${value.dtype}, the buffer ${buffer.dtype}`,
    });
  }
  const moving = terms.filter(({ stride }) => !isZero(stride));
  const covered = unionAxes(moving.map(({ index }) => (index.kind === 'span' ? [index.axis] : index.axes)));
  const bare = value.axes.find((axis) => !covered.includes(axis));
  if (bare) {
    faults.push({
      code: 'FROND-K108',
      message: `store to ${buffer.name}: the address does not move along ${bare.name}, elements collide`,
      hint: `reduce over ${bare.name} first, or give it an index with a stride`,
    });
  }
  const stray = covered.find((axis) => !value.axes.includes(axis));
  if (stray) {
    faults.push({
      code: 'FROND-K108',
      message: `store to ${buffer.name}: the address moves along ${stray.name}, which the value does not have`,
    });
  }
  return faults;
}

/** Whether the address of `store` (or the condition around it) depends on a value for which `test` holds. */
function reaches(
  step: PlacedStatement,
  store: Store,
  loops: readonly Loop[],
  test: (value: Value) => boolean,
): boolean {
  const seen = new Set<Value>();
  for (const value of termValues(store.terms)) dependenciesOf(value, loops, seen);
  for (const { condition } of step.conditions) dependenciesOf(condition, loops, seen);
  return [...seen].some(test);
}

/**
 * One writer per element: an address that is the same in two programs, or in two rounds of a loop, is written twice.
 * A condition around the store counts as telling them apart. What index tiles hold is known at run time only; the
 * simulator watches that.
 */
function collisionFaults(
  step: PlacedStatement,
  store: Store,
  loops: readonly Loop[],
  dimensions: readonly number[],
): Fault[] {
  const { buffer } = store;
  const faults: Fault[] = [];
  for (const dimension of dimensions) {
    const moves = reaches(
      step,
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
    for (const loop of step.loops) {
      const counts = (value: Value): boolean =>
        value === loop.induction || loop.carried.includes(value) || loop.yields.includes(value);
      if (!reaches(step, store, loops, counts)) {
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

/** Rules on one store, given the whole kernel. */
export function storeFaults(step: PlacedStatement, store: Store, steps: readonly PlacedStatement[]): Fault[] {
  const loops = steps.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
  const dimensions = new Set<number>();
  for (const { statement } of steps) {
    if (statement.kind === 'let' && statement.value.op === 'program')
      dimensions.add(statement.value.dimension);
  }
  return [...shapeFaults(store), ...collisionFaults(step, store, loops, [...dimensions])];
}

/** Loads of `update` buffers come before their stores: afterwards an element holds what the program wrote. */
export function updateFaults(
  kernel: Kernel,
  steps: readonly PlacedStatement[],
): { readonly value: Value; readonly fault: Fault }[] {
  const found: { readonly value: Value; readonly fault: Fault }[] = [];
  for (const buffer of kernel.buffers) {
    if (buffer.access !== 'update') continue;
    const first = steps.findIndex(
      ({ statement }) => statement.kind === 'store' && statement.buffer === buffer,
    );
    if (first < 0) continue;
    // in a loop, a load behind the store in the same round is the one that reads what was just written
    for (const { statement } of steps.slice(first + 1)) {
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
