import { platform } from '#platform';
import { defined, type ErrorCode, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { fingerprint } from '../base/random.ts';
import type { Attribute, Graph, Node } from '../ir/graph.ts';
import { decodeUtf8 } from '../platform/shared.ts';
import type { ParameterLayout } from '../runtime/parameters.ts';
import type { ArenaName, ModelState } from '../runtime/state.ts';
import type { LoadedCheckpoint } from '../store/checkpoint.ts';
import {
  floatsOf,
  readSafetensors,
  type StoredTensor,
  storeFloats,
  writeSafetensors,
} from '../store/safetensors.ts';
import { type HostCopy, type NamedValues, valuesOf } from './hostCopy.ts';

const encoder = new TextEncoder();
export const encodeJson = (value: unknown): Uint8Array =>
  encoder.encode(`${JSON.stringify(value, null, 1)}\n`);

/** @throws FROND-F013 for malformed JSON */
export function decodeJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes, file));
  } catch (cause) {
    throw malformed(file, undefined, cause);
  }
}

/**
 * SHA-256 of a record without its `seal`, and without the fingerprints of `names`, which are compared one by one with what
 * they are of.
 */
export function sealOf(record: object): Promise<string> {
  const { seal: _, names: __, ...rest } = record as { readonly seal?: unknown; readonly names?: unknown };
  return platform.sha256(encoder.encode(JSON.stringify(rest)));
}

/** @throws FROND-F013 when the checkpoint was not saved by a training run */
export function fileOf(checkpoint: LoadedCheckpoint, name: string): Uint8Array {
  const bytes = checkpoint.files.get(name);
  if (bytes !== undefined) return bytes;
  throw new FrondError('FROND-F013', `checkpoint ${checkpoint.folder} has no ${name}`, {
    place: { file: checkpoint.folder },
    hint: 'it was not saved by a training run; load its weights with loadCheckpoint instead',
  });
}

/** Whether a record with a seal is not what was sealed; those of earlier versions have none. */
export async function isChanged(record: unknown): Promise<boolean> {
  const { seal } = Object(record) as { readonly seal?: unknown };
  return seal !== undefined && seal !== (await sealOf(Object(record)));
}

/** @throws FROND-F013 for anything but an object with these fields */
export function checkForm<K extends is.Kinds>(
  given: unknown,
  kinds: K,
  file: string,
): asserts given is is.OptionsOf<K> {
  if (!is.object.holds(given)) throw malformed(file);
  for (const [name, field] of Object.entries<is.Kind>(kinds)) {
    if (!is.fits(field, given[name as keyof typeof given]))
      throw malformed(file, `its ${name} is not ${field.what}`);
  }
}

/** A file of a whole checkpoint that does not say what it should: another program wrote it. */
export const malformed = (file: string, why?: string, cause?: unknown): FrondError =>
  new FrondError('FROND-F013', `${file} is not what a training run saves${why ? `: ${why}` : ''}`, {
    place: { file },
    hint: 'it was not saved by a training run of this version',
    cause,
  });

/** Values of a model in a safetensors file, those of each arena behind a prefix. */
function valuesFile(
  { entries }: ParameterLayout,
  arenas: Readonly<Record<string, NamedValues>>,
  metadata: readonly [string, string],
): Uint8Array {
  const tensors = Object.entries(arenas).flatMap(([prefix, values]) =>
    [...values].map(([name, floats]): [string, StoredTensor] => [
      `${prefix}${name}`,
      storeFloats(floats, defined(entries.get(name), name).shape),
    ]),
  );
  return writeSafetensors({ tensors: new Map(tensors), metadata: new Map([metadata]) });
}

const FORMAT = ['format', 'frond'] as const;

export const weightsFile = (layout: ParameterLayout, copy: HostCopy): Uint8Array =>
  valuesFile(layout, { '': valuesOf(layout, copy, 'parameter') }, FORMAT);

export const momentsFile = (layout: ParameterLayout, copy: HostCopy): Uint8Array =>
  valuesFile(
    layout,
    { 'moment1/': valuesOf(layout, copy, 'moment1'), 'moment2/': valuesOf(layout, copy, 'moment2') },
    FORMAT,
  );

export const bestFile = (layout: ParameterLayout, { step, weights }: Best): Uint8Array =>
  valuesFile(layout, { '': weights }, ['step', String(step)]);

/** Weights that did best so far. */
export interface Best {
  readonly score: number;
  readonly step: number;
  readonly weights: NamedValues;
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

/** Where the values of a file belong in a model: nothing is written yet. */
export interface Match {
  readonly arena: ArenaName;
  readonly report: LoadReport;
  readonly values: NamedValues;
}

/** Names in the files of moments begin with that of their arena. */
const PREFIX = /^(moment[12])\//;

/**
 * Reads the values of an arena from a safetensors file and checks that they fit.
 * @throws FROND-W010 for missing parameters, FROND-W011 for surplus tensors, FROND-W012 for another shape, FROND-W013 when nothing
 * matches at all, FROND-W004 for elements that are not f32
 */
export function matchArena(
  { entries }: ParameterLayout,
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
  const names = [...entries.keys()];
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
  if (loaded.length === 0) {
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

/** Numbers that JSON has no word for. */
const WORDS = new Map(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((n) => [String(n), n]),
);

/** Every number, or list of numbers, in the constants of a graph. */
function mapConstants(graph: Graph, change: (value: unknown) => Attribute): Graph {
  const nodes = Object.entries(graph.nodes).map(([id, node]) => {
    if (node?.op !== 'constant' || node.attributes?.value === undefined) return [id, node] as const;
    const { value } = node.attributes;
    const changed = Array.isArray(value) ? value.map(change) : change(value);
    return [id, { ...node, attributes: { ...node.attributes, value: changed } }] as const;
  });
  return { ...graph, nodes: Object.fromEntries(nodes) };
}

/** The graph as plain data for JSON, without the source lines of its author. */
export function graphRecord(graph: Graph): Graph {
  const nodes = Object.entries(graph.nodes).map(([id, node]) => {
    const { source: _, ...rest } = node;
    return [id, rest satisfies Node] as const;
  });
  const plain = { ...graph, nodes: Object.fromEntries(nodes) };
  return mapConstants(plain, (value) => (Number.isFinite(value) ? (value as number) : String(value)));
}

/** The graph of which `graphRecord` was made; what stood in a file is given on as it is, to be checked. */
export const graphFrom = (record: Graph): Graph =>
  typeof record.nodes === 'object' && record.nodes !== null
    ? mapConstants(record, (value) => WORDS.get(String(value)) ?? (value as Attribute))
    : record;

export const graphFingerprint = (graph: Graph): string => fingerprint(JSON.stringify(graphRecord(graph)));
