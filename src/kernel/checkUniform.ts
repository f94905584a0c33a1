import { operandsOf, type PlacedStatement, valuesOf } from './flow.ts';
import type { Loop, Value } from './ir.ts';

/**
 * The scalars that every thread of a workgroup provably agrees on, as WGSL's uniformity analysis sees it:
 * constants, parameters, program indices, loads of `read` buffers at uniform places, loop counters, reductions over
 * all axes (broadcast by the backend), and what is computed or carried from these alone.
 * A scalar loaded from memory that the program writes is not among them.
 */
export function findUniform(statements: readonly PlacedStatement[]): ReadonlySet<Value> {
  const values = valuesOf(statements);
  const loops = statements.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
  const loopOf = new Map<Value, Loop>(loops.flatMap((loop) => loop.carried.map((value) => [value, loop])));
  // Start from "every scalar is uniform" and strike out until nothing changes: carried values are cyclic.
  const uniform = new Set(values.filter((value) => value.axes.length === 0));
  const holds = (value: Value): boolean => {
    if (value.op === 'reduce') return true;
    if (value.op === 'load' && value.buffer.access !== 'read') return false;
    if (value.op === 'carried' || value.op === 'result') {
      const loop = value.op === 'result' ? value.loop : loopOf.get(value);
      const sources = [loop?.initial[value.index], loop?.yields[value.index]];
      return sources.every((source) => source !== undefined && uniform.has(source));
    }
    return operandsOf(value).every((operand) => uniform.has(operand));
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const value of [...uniform]) {
      if (holds(value)) continue;
      uniform.delete(value);
      changed = true;
    }
  }
  return uniform;
}
