import type { TypedArray } from '../base/dtype.ts';
import { defined } from '../base/errors.ts';
import { chunksOf } from '../runtime/chunks.ts';
import type { Location } from '../runtime/device.ts';
import type { ParameterLayout } from '../runtime/parameters.ts';
import type { ArenaName, ModelState } from '../runtime/state.ts';

/** What a run has on its device, in host memory: the weights and what the optimizer keeps beside them, after step `step`. */
export interface HostCopy {
  readonly step: number;
  /** by name; one that was never used is left out, and all zero */
  readonly arenas: ReadonlyMap<ArenaName, TypedArray>;
}

/** Numbers of parameters by their names. */
export type NamedValues = ReadonlyMap<string, Float32Array>;

const COPIED: readonly ArenaName[] = ['parameter', 'moment1', 'moment2'];

/** An arena in parts that do not cross a border of the device's chunks. */
async function partsOf(state: ModelState, name: ArenaName): Promise<Location[]> {
  const arena = await state.arena(name);
  return chunksOf(arena.length, state.device.chunkWords).map(({ start, words }) => ({
    ...arena,
    offset: arena.offset + start,
    length: words,
  }));
}

/** Puts parts together, in their own type: a device of precision f64 gives f64. */
function joined(parts: readonly TypedArray[]): TypedArray {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const length = parts.reduce((total, part) => total + part.length, 0);
  const all = first instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Asks the device for a copy as of now. It is under way when the promise settles: whatever is asked of the device
 * afterwards does not change it, so training goes on meanwhile.
 */
export async function beginCopy(
  state: ModelState,
  step: number,
): Promise<{ readonly copy: Promise<HostCopy> }> {
  const names = COPIED.filter((name) => state.has(name));
  const places = await Promise.all(names.map((name) => partsOf(state, name)));
  // asked for in one turn, so that nothing comes in between
  const read = (place: Location) => state.device.read(place);
  const values = Promise.all(places.map(async (list) => joined(await Promise.all(list.map(read)))));
  const copy = values.then((all) => ({
    step,
    arenas: new Map(names.map((name, i) => [name, defined(all[i], name)])),
  }));
  return { copy };
}

/** Writes a copy to a device that has nothing yet. */
export async function restoreCopy(state: ModelState, { arenas }: HostCopy): Promise<void> {
  for (const [arena, values] of arenas) {
    for (const { name, offset, length } of state.layout.entries.values())
      await state.write(name, values.subarray(offset, offset + length), arena);
  }
}

/** The values of all parameters, or of what is kept beside them, by name, in order. */
export const valuesOf = ({ entries }: ParameterLayout, { arenas }: HostCopy, arena: ArenaName): NamedValues =>
  new Map(
    [...entries].map(([name, { offset, length }]) => {
      const values = arenas.get(arena)?.subarray(offset, offset + length);
      return [name, values === undefined ? new Float32Array(length) : Float32Array.from(values)];
    }),
  );
