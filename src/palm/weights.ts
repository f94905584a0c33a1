import type { TypedArray } from '../base/dtype.ts';
import { defined, type ErrorCode, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Pieces } from '../platform/types.ts';
import { chunksOf } from '../runtime/chunks.ts';
import type { Location } from '../runtime/device.ts';
import type { ParameterLayout } from '../runtime/parameters.ts';
import type { ArenaName, ModelState } from '../runtime/state.ts';
import { PIECE } from '../store/file.ts';
import { requireFloats, streamSafetensors, type TensorPieces } from '../store/safetensors.ts';

// Weights and moments: between the device, host memory and files.

/** Weights, or what the optimizer keeps beside them, by the names of their parameters; read when they are asked for. */
export type Tensors = ReadonlyMap<string, TensorPieces>;

/** Numbers of parameters by their names, in host memory. */
export type NamedValues = ReadonlyMap<string, TypedArray>;

/** What a run has on its device, in host memory: the weights and what the optimizer keeps beside them, after step `step`. */
export interface HostCopy {
  readonly step: number;
  /** by name; one that was never used is left out, and all zero */
  readonly arenas: ReadonlyMap<ArenaName, NamedValues>;
}

/** What an optimizer may keep beside the weights, for each trained parameter. */
export const MOMENT_ARENAS: readonly ArenaName[] = ['moment1', 'moment2'];
/** All that a run goes on from. */
const ARENAS: readonly ArenaName[] = ['parameter', ...MOMENT_ARENAS, 'average'];

/** Parameters that have a place in an arena: all in that of the parameters, elsewhere the trained ones. */
const entriesIn = ({ entries }: ParameterLayout, arena: ArenaName) =>
  [...entries.values()].filter(({ trained }) => trained || arena === 'parameter');

/** Reads chunk by chunk: no parameter crosses a border of the device's chunks, and no read may. */
async function readArena(
  { device, layout }: ModelState,
  name: ArenaName,
  arena: Location,
): Promise<NamedValues> {
  const chunk = device.chunkWords ?? arena.length;
  const reads = chunksOf(arena.length, chunk).map(({ start, words }) =>
    device.read({ ...arena, offset: arena.offset + start, length: words }),
  );
  const parts = await Promise.all(reads);
  const values = entriesIn(layout, name).map(({ name, offset, length }) => {
    const start = offset % chunk;
    // a parameter without elements may stand behind the end
    const value = parts[Math.floor(offset / chunk)]?.subarray(start, start + length);
    return [name, value ?? new Float32Array(length)] as const;
  });
  return new Map(values);
}

/**
 * Asks the device for a copy as of now. It is under way when the promise settles: whatever is asked of the device
 * afterwards does not change it, so training goes on meanwhile.
 */
export async function beginCopy(
  state: ModelState,
  step: number,
  arenas = ARENAS,
): Promise<{ readonly copy: Promise<HostCopy> }> {
  const names = arenas.filter((name) => state.has(name));
  const places = await Promise.all(names.map(async (name) => [name, await state.arena(name)] as const));
  // asked for in one turn, so that nothing comes in between
  const reads = places.map(async ([name, arena]) => [name, await readArena(state, name, arena)] as const);
  return { copy: Promise.all(reads).then((arenas) => ({ step, arenas: new Map(arenas) })) };
}

/** Elements that are read from a device at once. */
const WINDOW = PIECE / Float32Array.BYTES_PER_ELEMENT;

/** Where a run can go on: `restore` gives a state what it had after step `step`. */
export interface Point {
  readonly step: number;
  readonly restore: (state: ModelState) => Promise<void>;
}

export const pointOf = ({ step, arenas }: HostCopy): Point => ({
  step,
  restore: async (state) => {
    for (const [arena, values] of arenas)
      for (const [name, floats] of values) await state.write(name, floats, arena);
  },
});

const bytesOf = (values: TypedArray): Uint8Array => {
  // an interpreter of precision f64 has other numbers
  const { buffer, byteOffset, byteLength } =
    values instanceof Float32Array ? values : new Float32Array(values);
  return new Uint8Array(buffer, byteOffset, byteLength);
};

/**
 * An arena of a device as tensors. Their pieces are read when they are asked for, 4 MiB of the arena at a time; no step may run
 * from the first to the last of them. One that was never used is all zero.
 */
export function tensorsOn(state: ModelState, name: ArenaName): Tensors {
  let window = { start: 0, values: new Float32Array(0) as TypedArray };
  const from = async (offset: number): Promise<TypedArray> => {
    const { start, values } = window;
    if (offset >= start && offset < start + values.length) return values.subarray(offset - start);
    const arena = await state.arena(name);
    const { chunkWords: chunk = arena.length } = state.device;
    const length = Math.min(WINDOW, arena.length - offset, chunk - (offset % chunk));
    window = { start: offset, values: await state.device.read({ ...arena, offset, length }) };
    return window.values;
  };
  const zeros = new Float32Array(state.has(name) ? 0 : WINDOW);
  async function* pieces(offset: number, length: number): Pieces {
    for (let at = 0; at < length; ) {
      const values = (state.has(name) ? await from(offset + at) : zeros).subarray(0, length - at);
      at += values.length;
      yield bytesOf(values);
    }
  }
  const tensors = entriesIn(state.layout, name).map(({ name, shape, offset, length }) => {
    return [name, { dtype: 'F32', shape, pieces: () => pieces(offset, length) }] as const;
  });
  return new Map(tensors);
}

/** The weights that a model predicts with: their moving average, where one is kept. */
export const weightsOn = (state: ModelState): Tensors =>
  new Map([...tensorsOn(state, 'parameter'), ...(state.has('average') ? tensorsOn(state, 'average') : [])]);

/** Numbers in host memory as tensors. */
export const tensorsIn = ({ entries }: ParameterLayout, values: NamedValues): Tensors =>
  new Map(
    [...values].map(([name, numbers]) => {
      const { shape } = defined(entries.get(name), name);
      async function* pieces(): Pieces {
        yield bytesOf(numbers);
      }
      return [name, { dtype: 'F32', shape, pieces }] as const;
    }),
  );

/** A safetensors file with the tensors of arenas, moments behind a prefix. */
export function tensorsFile(
  arenas: Readonly<Record<ArenaName, Tensors>>,
  metadata: readonly [string, string] = ['format', 'frond'],
): Pieces {
  const tensors = Object.entries(arenas).flatMap(([arena, held]) =>
    [...held].map(([name, tensor]) => [`${prefixOf(arena)}${name}`, tensor] as const),
  );
  return streamSafetensors({ tensors: new Map(tensors), metadata: new Map([metadata]) });
}

/** What loading weights found: nothing is ever left out silently. */
export interface LoadReport {
  readonly loaded: readonly string[];
  /** parameters of the model that the file lacks: they keep their values */
  readonly missing: readonly string[];
  /** tensors of the file that the model has no place for */
  readonly surplus: readonly string[];
}

export const loadOptions = {
  /** accept a file that lacks parameters or has others; never one whose shapes differ. Default: false */
  partial: is.optional(is.flag),
};
export type LoadOptions = is.OptionsOf<typeof loadOptions>;

const counted = (names: readonly string[], noun: string): string =>
  `${names.length} ${noun}${names.length === 1 ? '' : 's'}`;

const some = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;

/** Names of moments in a file begin with that of their arena. */
const prefixOf = (arena: ArenaName): string => (MOMENT_ARENAS.includes(arena) ? `${arena}/` : '');

/**
 * Finds the tensors of an arena in a safetensors file and checks that they fit; none is read yet.
 * @throws FROND-W010 for missing parameters, FROND-W011 for surplus tensors, FROND-W012 for another shape, FROND-W013 when nothing
 * matches at all, FROND-W004 for elements that are not f32
 */
export function matchArena(
  layout: ParameterLayout,
  { file, tensors }: { readonly file: string; readonly tensors: Tensors },
  arena: ArenaName = 'parameter',
  { partial = false }: LoadOptions = {},
) {
  const stored = new Map<string, TensorPieces>();
  for (const [name, tensor] of tensors) {
    const of = MOMENT_ARENAS.includes(arena)
      ? MOMENT_ARENAS.find((one) => name.startsWith(prefixOf(one)))
      : undefined;
    if (of === undefined) stored.set(name, tensor);
    else if (of === arena) stored.set(name.slice(prefixOf(of).length), tensor);
  }
  const { entries } = layout;
  const names = entriesIn(layout, arena).map(({ name }) => name);
  const report: LoadReport = {
    loaded: names.filter((name) => stored.has(name)),
    missing: names.filter((name) => !stored.has(name)),
    surplus: [...stored.keys()].filter((name) => !entries.has(name)),
  };
  checkReport(report, file, partial);
  const matched = report.loaded.map((name) => {
    const tensor = defined(stored.get(name), `tensor ${name}`);
    checkShape(name, tensor.shape, defined(entries.get(name), name).shape, file);
    requireFloats(tensor, name, file);
    return [name, tensor] as const;
  });
  return { arena, report, tensors: new Map(matched) as Tensors };
}

/** Pieces of F32, each of whole elements, as numbers. */
async function* floatsOf(pieces: Pieces): AsyncIterable<Float32Array> {
  for await (const { buffer, byteOffset, byteLength } of pieces)
    yield new Float32Array(buffer as ArrayBuffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
}

/** Fills parameters, or what belongs to them, piece by piece. */
export async function writeTensors(
  state: ModelState,
  tensors: Tensors,
  arena: ArenaName = 'parameter',
): Promise<void> {
  for (const [name, { pieces }] of tensors) await state.fill(name, floatsOf(pieces()), arena);
}

/** Gives a state other weights. Its moving average, where it keeps one, begins anew at them. */
export async function setWeights(state: ModelState, tensors: Tensors): Promise<void> {
  await writeTensors(state, tensors);
  if (state.has('average')) await beginAverage(state, tensors);
}

/** The moving average begins at the weights. */
export function beginAverage(state: ModelState, weights = tensorsOn(state, 'parameter')): Promise<void> {
  const trained = entriesIn(state.layout, 'average').flatMap(({ name }) => {
    const tensor = weights.get(name);
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  return writeTensors(state, new Map(trained), 'average');
}

function checkShape(name: string, stored: readonly number[], wanted: readonly number[], file: string): void {
  if (stored.join() === wanted.join()) return;
  throw new FrondError(
    'FROND-W012',
    `${name} is [${stored.join(', ')}] in ${file}, the model has [${wanted.join(', ')}]`,
    { place: { file }, node: name, hint: 'the file belongs to a model of other sizes' },
  );
}

function checkReport({ loaded, missing, surplus }: LoadReport, file: string, partial: boolean): void {
  const refuse = (code: ErrorCode, what: string, hint: string): never => {
    throw new FrondError(code, `${file} ${what}`, { place: { file }, hint });
  };
  if (loaded.length === 0 && missing.length > 0) {
    const hint = `it holds ${some(surplus) || 'no tensors'}; the model wants ${some(missing)}`;
    refuse('FROND-W013', "holds none of the model's parameters", hint);
  }
  if (partial) return;
  const hint = 'load it with { partial: true } if that is meant';
  if (missing.length > 0) {
    refuse('FROND-W010', `lacks ${counted(missing, 'parameter')}: ${some(missing)}`, hint);
  }
  if (surplus.length > 0) {
    const tensors = counted(surplus, 'tensor');
    refuse('FROND-W011', `holds ${tensors} that the model has no place for: ${some(surplus)}`, hint);
  }
}
