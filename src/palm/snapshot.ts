import { defined, FrondError } from '../base/errors.ts';
import type { Graph, Node } from '../ir/graph.ts';
import { decodeUtf8 } from '../platform/text.ts';
import type { ParameterLayout } from '../runtime/parameters.ts';
import type { ArenaName, ModelState } from '../runtime/state.ts';
import {
  floatsOf,
  readSafetensors,
  type StoredTensor,
  storeFloats,
  writeSafetensors,
} from '../store/safetensors.ts';
import { fingerprint } from './fingerprint.ts';
import { type HostCopy, valuesIn } from './hostCopy.ts';

const encoder = new TextEncoder();
export const encodeJson = (value: unknown): Uint8Array =>
  encoder.encode(`${JSON.stringify(value, null, 1)}\n`);

/** @throws FROND-F013 for what is no JSON */
export function decodeJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes, file));
  } catch (cause) {
    throw malformed(file, cause);
  }
}

/** A file of a whole checkpoint that does not say what it should: another program wrote it. */
export const malformed = (file: string, cause?: unknown): FrondError =>
  new FrondError('FROND-F013', `${file} is not what a training run saves`, {
    place: { file },
    hint: 'it was not saved by a training run of this version',
    cause,
  });

/** The values of all parameters in an arena, by name, in order. */
function tensorsOf(
  { entries }: ParameterLayout,
  copy: HostCopy,
  arena: ArenaName,
  prefix: string,
): [string, StoredTensor][] {
  return [...entries.values()].map((entry) => [
    `${prefix}${entry.name}`,
    storeFloats(valuesIn(copy, arena, entry), entry.shape),
  ]);
}

const FORMAT = new Map([['format', 'frond']]);

export function weightsFile(layout: ParameterLayout, copy: HostCopy): Uint8Array {
  return writeSafetensors({ tensors: new Map(tensorsOf(layout, copy, 'parameter', '')), metadata: FORMAT });
}

export function momentsFile(layout: ParameterLayout, copy: HostCopy): Uint8Array {
  const tensors = new Map([
    ...tensorsOf(layout, copy, 'moment1', 'moment1/'),
    ...tensorsOf(layout, copy, 'moment2', 'moment2/'),
  ]);
  return writeSafetensors({ tensors, metadata: FORMAT });
}

/** What loading weights found: nothing is ever left out silently. */
export interface LoadReport {
  readonly loaded: readonly string[];
  /** parameters of the model that the file lacks: they keep their values */
  readonly missing: readonly string[];
  /** tensors of the file that the model has no place for */
  readonly surplus: readonly string[];
}

export interface LoadOptions {
  /** accept a file that lacks parameters or has others; never one whose shapes differ. Default: false */
  readonly partial?: boolean;
}

const counted = (names: readonly string[], noun: string): string =>
  `${names.length} ${noun}${names.length === 1 ? '' : 's'}`;

const some = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;

/** Where the values of a file belong in a model: nothing is written yet. */
export interface Match {
  readonly arena: ArenaName;
  readonly report: LoadReport;
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** Names in the files of moments begin with that of their arena. */
const PREFIX = /^(moment[12])\//;

/**
 * Reads the values of an arena from a safetensors file and checks that they fit.
 * @throws FROND-W010 for missing parameters, FROND-W011 for surplus tensors, FROND-W012 for another shape, FROND-W013 when nothing
 * matches at all, FROND-W004 for elements that are not f32
 */
export function matchArena(
  state: ModelState,
  bytes: Uint8Array,
  file: string,
  arena: ArenaName = 'parameter',
  { partial = false }: LoadOptions = {},
): Match {
  const stored = new Map<string, StoredTensor>();
  for (const [name, tensor] of readSafetensors(bytes, file).tensors) {
    const [prefix, of] = arena === 'parameter' ? [] : (PREFIX.exec(name) ?? []);
    if (of === undefined) stored.set(name, tensor);
    else if (of === arena) stored.set(name.slice(prefix?.length), tensor);
  }
  const names = [...state.layout.entries.keys()];
  const report: LoadReport = {
    loaded: names.filter((name) => stored.has(name)),
    missing: names.filter((name) => !stored.has(name)),
    surplus: [...stored.keys()].filter((name) => !state.layout.entries.has(name)),
  };
  checkReport(report, file, partial);
  const values = report.loaded.map((name) => {
    const tensor = defined(stored.get(name), `tensor ${name}`);
    checkShape(name, tensor.shape, state.entry(name).shape, file);
    return [name, floatsOf(tensor, name, file)] as const;
  });
  return { arena, report, values: new Map(values) };
}

/** Writes what `matchArena` found. */
export async function writeArena(state: ModelState, { arena, values }: Match): Promise<void> {
  for (const [name, floats] of values) await state.write(name, floats, arena);
}

/** Fills an arena from a safetensors file. All is checked before the first value changes: see `matchArena`. */
export async function loadArena(
  state: ModelState,
  bytes: Uint8Array,
  file: string,
  arena: ArenaName = 'parameter',
  options: LoadOptions = {},
): Promise<LoadReport> {
  const match = matchArena(state, bytes, file, arena, options);
  await writeArena(state, match);
  return match.report;
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
  const place = { file };
  if (loaded.length === 0) {
    throw new FrondError('FROND-W013', `${file} holds none of the model's parameters`, {
      place,
      hint: `it holds ${some(surplus) || 'no tensors'}; the model wants ${some(missing)}`,
    });
  }
  if (partial) return;
  const hint = 'load it with { partial: true } if that is meant';
  if (missing.length > 0) {
    throw new FrondError('FROND-W010', `${file} lacks ${counted(missing, 'parameter')}: ${some(missing)}`, {
      place,
      hint,
    });
  }
  if (surplus.length > 0) {
    throw new FrondError(
      'FROND-W011',
      `${file} holds ${counted(surplus, 'tensor')} that the model has no place for: ${some(surplus)}`,
      {
        place,
        hint,
      },
    );
  }
}

/** The graph as plain data, without the source lines of its author. */
export function graphRecord(graph: Graph): Graph {
  const nodes = Object.entries(graph.nodes).map(([id, node]) => {
    const { source: _, ...rest } = node;
    return [id, rest satisfies Node] as const;
  });
  return { ...graph, nodes: Object.fromEntries(nodes) };
}

export const graphFingerprint = (graph: Graph): string => fingerprint(JSON.stringify(graphRecord(graph)));
