import type { Loop, Term, Value } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';

/**
 * Which yielded tiles may be written straight into the memory of the carried tile that they replace.
 *
 * That is safe where nobody reads the old tile afterwards in the same iteration, and the yielded tile itself reads it
 * only element by element, at the position that it then writes.
 */
export function findInPlace(analysis: Analysis): ReadonlyMap<Value, Value> {
  const lastRead = findLastReads(analysis);
  const position = new Map<Value, number>();
  analysis.steps.forEach(({ statement }, i) => {
    if (statement.kind === 'let') position.set(statement.value, i);
  });
  const found = new Map<Value, Value>();
  for (const { statement } of analysis.steps) {
    if (statement.kind !== 'loop') continue;
    statement.yields.forEach((value, i) => {
      const carried = statement.carried[i];
      if (!carried || !isCandidate(value, statement)) return;
      const read = lastRead.get(carried) ?? -1;
      if (read <= (position.get(value) ?? -1) && readsElementwise(value, carried, analysis)) {
        found.set(value, carried);
      }
    });
  }
  return found;
}

const isCandidate = (value: Value, loop: Loop): boolean =>
  value.axes.length > 0 &&
  value.region === loop.body &&
  value.op !== 'carried' &&
  value.op !== 'result' &&
  value.op !== 'rename' &&
  loop.yields.filter((other) => other === value).length === 1;

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
function findLastReads(analysis: Analysis): ReadonlyMap<Value, number> {
  const { steps, users } = analysis;
  const last = new Map<Value, number>();
  const read = (tiles: Iterable<Value>, at: number): void => {
    for (const tile of tiles) last.set(tile, Math.max(at, last.get(tile) ?? -1));
  };
  const evaluate = (value: Value, at: number): void => {
    if (value.axes.length === 0) return;
    read(analysis.isPlaced(value) ? [value] : analysis.readsOf(value), at);
  };
  const places = new Map<unknown, number>(steps.map(({ statement }, at) => [statement, at]));
  steps.forEach(({ statement }, at) => {
    if (statement.kind === 'store') {
      // written where the last store of its group stands
      const written = Math.max(...analysis.together(statement).map((store) => places.get(store) ?? at));
      evaluate(statement.value, written);
      for (const tile of indexTiles(statement.terms)) evaluate(tile, written);
    } else if (statement.kind === 'loop') {
      for (const value of statement.initial) evaluate(value, at);
      const end = steps.findLastIndex(({ loops }) => loops.includes(statement)) + 0.5;
      for (const value of statement.yields) evaluate(value, end);
    } else if (statement.kind === 'let' && analysis.isLive(statement.value)) {
      const { value } = statement;
      if (value.op === 'dot') {
        for (const operand of [value.left, value.right]) if (analysis.isPlaced(operand)) read([operand], at);
        if (value.accumulator) evaluate(value.accumulator, at);
      } else if (value.axes.length === 0 || analysis.isPlaced(value) || feedsDot(value, users.get(value))) {
        read(analysis.readsOf(value), at);
      }
    }
  });
  return last;
}

const feedsDot = (value: Value, users: readonly { readonly kind: string }[] | undefined): boolean =>
  (users ?? []).some((user) => {
    const dot = user as Value;
    return user.kind === 'value' && dot.op === 'dot' && dot.accumulator !== value;
  });

const indexTiles = (terms: readonly Term[]): Value[] =>
  terms.flatMap(({ index }) => (index.kind === 'value' ? [index] : []));
