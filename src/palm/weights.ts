import type { TypedArray } from '../base/dtype.ts';
import { defined, type ErrorCode, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { chunksOf } from '../runtime/chunks.ts';
import type { Location } from '../runtime/device.ts';
import type { ParameterLayout } from '../runtime/parameters.ts';
import type { ArenaName, ModelState } from '../runtime/state.ts';
import {
  floatsOf,
  readSafetensors,
  type StoredTensor,
  storeFloats,
  writeSafetensors,
} from '../store/safetensors.ts';
import type { ReadFile } from './record.ts';

// Weights and moments: from the device to host memory and to files, and back.

/** Numbers of parameters by their names. */
export type NamedValues = ReadonlyMap<string, TypedArray>;

/** What a run has on its device, in host memory: the weights and what the optimizer keeps beside them, after step `step`. */
export interface HostCopy {
  readonly step: number;
  /** by name; one that was never used is left out, and all zero */
  readonly arenas: ReadonlyMap<ArenaName, NamedValues>;
}

const COPIED: readonly ArenaName[] = ['parameter', 'moment1', 'moment2'];

/** Reads chunk by chunk: no parameter crosses a border of the device's chunks, and no read may. */
async function readArena({ device, layout }: ModelState, arena: Location): Promise<NamedValues> {
  const chunk = device.chunkWords ?? arena.length;
  const reads = chunksOf(arena.length, chunk).map(({ start, words }) =>
    device.read({ ...arena, offset: arena.offset + start, length: words }),
  );
  const parts = await Promise.all(reads);
  // an arena beside that of the parameters ends with the trained ones
  const values = [...layout.entries.values()].flatMap(({ name, offset, length }) => {
    if (offset + length > arena.length) return [];
    const start = offset % chunk;
    // a parameter without elements may stand behind the end
    const value = parts[Math.floor(offset / chunk)]?.subarray(start, start + length);
    return [[name, value ?? new Float32Array(length)] as const];
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
): Promise<{ readonly copy: Promise<HostCopy> }> {
  const names = COPIED.filter((name) => state.has(name));
  const places = await Promise.all(names.map(async (name) => [name, await state.arena(name)] as const));
  // asked for in one turn, so that nothing comes in between
  const reads = places.map(async ([name, arena]) => [name, await readArena(state, arena)] as const);
  return { copy: Promise.all(reads).then((arenas) => ({ step, arenas: new Map(arenas) })) };
}

/** Parameters that have a place in an arena: all in that of the parameters, elsewhere the trained ones. */
const namesIn = ({ entries }: ParameterLayout, arena: ArenaName): string[] =>
  [...entries.values()].flatMap(({ name, trained }) => (trained || arena === 'parameter' ? [name] : []));

/** Values of a model in a safetensors file, those of each arena behind a prefix; an arena that is left out is all zero. */
export function valuesFile(
  layout: ParameterLayout,
  arenas: Readonly<Record<string, NamedValues | undefined>>,
  metadata: readonly [string, string] = ['format', 'frond'],
): Uint8Array {
  const tensors = Object.entries(arenas).flatMap(([prefix, values]) =>
    namesIn(layout, prefix === '' ? 'parameter' : prefix).map((name): [string, StoredTensor] => {
      const { shape, length } = defined(layout.entries.get(name), name);
      return [`${prefix}${name}`, storeFloats(values?.get(name) ?? new Float32Array(length), shape)];
    }),
  );
  return writeSafetensors({ tensors: new Map(tensors), metadata: new Map([metadata]) });
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

/** Names in the files of moments begin with that of their arena. */
const PREFIX = /^(moment[12])\//;

/**
 * Reads the values of an arena from a safetensors file and checks that they fit; nothing is written yet.
 * @throws FROND-W010 for missing parameters, FROND-W011 for surplus tensors, FROND-W012 for another shape, FROND-W013 when nothing
 * matches at all, FROND-W004 for elements that are not f32
 */
export function matchArena(
  layout: ParameterLayout,
  { file, bytes }: ReadFile,
  arena: ArenaName = 'parameter',
  { partial = false }: LoadOptions = {},
) {
  const stored = new Map<string, StoredTensor>();
  for (const [name, tensor] of readSafetensors(bytes, file).tensors) {
    const [prefix, of] = arena === 'parameter' ? [] : (PREFIX.exec(name) ?? []);
    if (of === undefined) stored.set(name, tensor);
    else if (of === arena) stored.set(name.slice(prefix?.length), tensor);
  }
  const { entries } = layout;
  const names = namesIn(layout, arena);
  const report: LoadReport = {
    loaded: names.filter((name) => stored.has(name)),
    missing: names.filter((name) => !stored.has(name)),
    surplus: [...stored.keys()].filter((name) => !entries.has(name)),
  };
  checkReport(report, file, partial);
  const values = report.loaded.map((name) => {
    const tensor = defined(stored.get(name), `tensor ${name}`);
    checkShape(name, tensor.shape, defined(entries.get(name), name).shape, file);
    return [name, floatsOf(tensor, name, file)] as const;
  });
  return { arena, report, values: new Map(values) };
}

export async function writeValues(
  state: ModelState,
  values: NamedValues,
  arena: ArenaName = 'parameter',
): Promise<void> {
  for (const [name, floats] of values) await state.write(name, floats, arena);
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
