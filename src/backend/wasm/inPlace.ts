import { findInPlace, valuesReadBy } from '../../kernel/flow.ts';
import type { Value } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';

/**
 * Which yielded tiles may be written straight into the memory of the carried tile that they replace.
 *
 * That is safe where nobody reads the old tile afterwards in the same iteration, and the yielded tile itself reads it
 * only element by element, at the position that it then writes.
 */
export function inPlaceOf(analysis: Analysis): ReadonlyMap<Value, Value> {
  const lastRead = findLastReads(analysis);
  return findInPlace(
    analysis.flow,
    (carried) => lastRead.get(carried) ?? -1,
    (value, carried) => isComputed(value) && readsElementwise(value, carried, analysis),
  );
}

const isComputed = ({ op }: Value): boolean => op !== 'carried' && op !== 'result' && op !== 'rename';

function readsElementwise(value: Value, carried: Value, analysis: Analysis): boolean {
  if (value.op === 'reduce') return !analysis.readsOf(value).has(carried);
  if (value.op !== 'dot') return !readsRenamed(value, carried, analysis);
  // other operands that read the carried tile were packed before; the accumulator is read where it is written
  if (value.left === carried || value.right === carried) return false;
  const { accumulator } = value;
  return !accumulator || analysis.isPlaced(accumulator) || !readsRenamed(accumulator, carried, analysis);
}

/** Whether `value` reads the carried tile through a rename, so perhaps at other positions. */
function readsRenamed(value: Value, carried: Value, analysis: Analysis, seen = new Set<Value>()): boolean {
  if (seen.has(value) || !analysis.readsOf(value).has(carried)) return false;
  seen.add(value);
  if (value.op === 'rename') return true;
  const operands: readonly Value[] =
    value.op === 'elementwise' ? value.args : value.op === 'cast' ? [value.arg] : [];
  if (operands.length === 0) return true;
  return operands.some(
    (operand) =>
      !analysis.isPlaced(operand) &&
      operand.axes.length > 0 &&
      readsRenamed(operand, carried, analysis, seen),
  );
}

/** The place in program order where the memory of each placed tile is read last. */
function findLastReads({ flow, isPlaced, readsOf, together }: Analysis): ReadonlyMap<Value, number> {
  const { statements, users, live, orderOf, endOf } = flow;
  const last = new Map<Value, number>();
  const read = (tiles: Iterable<Value>, at: number): void => {
    for (const tile of tiles) last.set(tile, Math.max(at, last.get(tile) ?? -1));
  };
  const evaluate = (value: Value, at: number): void => {
    if (value.axes.length > 0) read(isPlaced(value) ? [value] : readsOf(value), at);
  };
  const feedsDot = (value: Value): boolean =>
    users
      .get(value)
      ?.some((user) => user.kind === 'value' && user.op === 'dot' && user.accumulator !== value) ?? false;
  statements.forEach(({ statement }, at) => {
    if (statement.kind === 'store') {
      // written where the last store of its group stands
      const written = Math.max(...together(statement).map(orderOf));
      for (const value of valuesReadBy(statement)) evaluate(value, written);
    } else if (statement.kind === 'loop') {
      for (const value of statement.initial) evaluate(value, at);
      for (const value of statement.yields) evaluate(value, endOf(statement));
    } else if (statement.kind === 'let' && live.has(statement.value)) {
      const { value } = statement;
      if (value.op === 'dot') {
        read([value.left, value.right].filter(isPlaced), at);
        if (value.accumulator) evaluate(value.accumulator, at);
      } else if (value.axes.length === 0 || isPlaced(value) || feedsDot(value)) read(readsOf(value), at);
    }
  });
  return last;
}
