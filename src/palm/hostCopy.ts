import type { TypedArray } from '../base/dtype.ts';
import { defined } from '../base/errors.ts';
import type { ArenaName, ModelState } from '../runtime/state.ts';

/** What a run has on its device, in host memory: the weights and what the optimizer keeps beside them, after step `step`. */
export interface HostCopy {
  readonly step: number;
  /** by name; one that was never used is left out, and all zero */
  readonly arenas: ReadonlyMap<ArenaName, TypedArray>;
}

const COPIED: readonly ArenaName[] = ['parameter', 'moment1', 'moment2'];

/**
 * Asks the device for a copy as of now. It is under way when the promise settles: whatever is asked of the device
 * afterwards does not change it, so training goes on meanwhile.
 */
export async function beginCopy(
  state: ModelState,
  step: number,
): Promise<{ readonly copy: Promise<HostCopy> }> {
  const names = COPIED.filter((name) => state.has(name));
  const places = await Promise.all(names.map((name) => state.arena(name)));
  // asked for in one turn, so that nothing comes in between
  const values = Promise.all(places.map((place) => state.device.read(place)));
  const copy = values.then((all) => ({
    step,
    arenas: new Map(names.map((name, i) => [name, defined(all[i], name)])),
  }));
  return { copy };
}

/** Writes a copy to a device that has nothing yet. */
export async function restoreCopy(state: ModelState, { arenas }: HostCopy): Promise<void> {
  for (const [name, values] of arenas) await state.device.write(await state.arena(name), values);
}

/** The values of a parameter, or of what is kept beside it. */
export function valuesIn(
  { arenas }: HostCopy,
  arena: ArenaName,
  { offset, length }: { readonly offset: number; readonly length: number },
): Float32Array {
  const all = arenas.get(arena);
  return all === undefined
    ? new Float32Array(length)
    : Float32Array.from(all.subarray(offset, offset + length));
}
