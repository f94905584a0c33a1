import { FrondError } from '../base/errors.ts';
import type { Attribute, Graph, Node } from '../ir/graph.ts';
import type { ArenaName, ModelState } from '../runtime/state.ts';
import {
  floatsOf,
  readSafetensors,
  type StoredTensor,
  storeFloats,
  writeSafetensors,
} from '../store/safetensors.ts';
import { fingerprint } from './fingerprint.ts';

const encoder = new TextEncoder();
export const encodeJson = (value: unknown): Uint8Array =>
  encoder.encode(`${JSON.stringify(value, null, 1)}\n`);
export const decodeJson = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

/** Where the weights of all parameters go in a file: their names, in order. */
async function gather(
  state: ModelState,
  arena: ArenaName,
  prefix: string,
): Promise<Map<string, StoredTensor>> {
  const tensors = new Map<string, StoredTensor>();
  for (const { name, shape } of state.layout.entries.values()) {
    tensors.set(`${prefix}${name}`, storeFloats(await state.read(name, arena), shape));
  }
  return tensors;
}

const FORMAT = new Map([['format', 'frond']]);

export async function weightsFile(state: ModelState): Promise<Uint8Array> {
  return writeSafetensors({ tensors: await gather(state, 'parameter', ''), metadata: FORMAT });
}

export async function momentsFile(state: ModelState): Promise<Uint8Array> {
  const tensors = new Map([
    ...(await gather(state, 'moment1', 'moment1/')),
    ...(await gather(state, 'moment2', 'moment2/')),
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

const some = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;

/**
 * Fills an arena from a safetensors file. All is checked before the first weight changes.
 * @throws FROND-W010 for missing parameters, FROND-W011 for surplus tensors, FROND-W012 for another shape, FROND-W013 when nothing
 * matches at all
 */
export async function loadArena(
  state: ModelState,
  bytes: Uint8Array,
  file: string,
  arena: ArenaName = 'parameter',
  options: LoadOptions = {},
): Promise<LoadReport> {
  const prefix = arena === 'parameter' ? '' : `${arena}/`;
  const stored = new Map(
    [...readSafetensors(bytes, file).tensors].flatMap(([name, tensor]) =>
      prefix === '' || name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  );
  const names = [...state.layout.entries.keys()];
  const report: LoadReport = {
    loaded: names.filter((name) => stored.has(name)),
    missing: names.filter((name) => !stored.has(name)),
    surplus: [...stored.keys()].filter((name) => !state.layout.entries.has(name)),
  };
  checkReport(report, file, options.partial ?? false);
  const values = report.loaded.map((name) => {
    const tensor = stored.get(name) as StoredTensor;
    const { shape } = state.entry(name);
    if (tensor.shape.join() !== shape.join()) {
      throw new FrondError(
        'FROND-W012',
        `${name} is [${tensor.shape.join(', ')}] in ${file}, the model has [${shape.join(', ')}]`,
        {
          place: { file },
          node: name,
          hint: 'the file belongs to a model of other sizes',
        },
      );
    }
    return [name, floatsOf(tensor, name)] as const;
  });
  for (const [name, floats] of values) await state.write(name, floats, arena);
  return report;
}

function checkReport({ loaded, missing, surplus }: LoadReport, file: string, partial: boolean): void {
  const place = { file };
  if (loaded.length === 0) {
    throw new FrondError('FROND-W013', `${file} holds none of the model's parameters`, {
      place,
      hint: `it holds ${some(surplus)}; the model wants ${some(missing)}`,
    });
  }
  if (partial) return;
  const hint = 'load it with { partial: true } if that is meant';
  if (missing.length > 0) {
    throw new FrondError('FROND-W010', `${file} lacks ${missing.length} parameters: ${some(missing)}`, {
      place,
      hint,
    });
  }
  if (surplus.length > 0) {
    throw new FrondError(
      'FROND-W011',
      `${file} holds ${surplus.length} tensors that the model has no place for: ${some(surplus)}`,
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

/** What must be equal for a run to go on where another one stopped. */
export type Configuration = Readonly<Record<string, Attribute>>;

/** @throws FROND-F030 naming every setting that differs */
export function checkConfiguration(saved: Configuration, current: Configuration, folder: string): void {
  const names = [...new Set([...Object.keys(saved), ...Object.keys(current)])];
  const differing = names.filter((name) => JSON.stringify(saved[name]) !== JSON.stringify(current[name]));
  if (differing.length === 0) return;
  const shown = differing.map(
    (name) => `${name} was ${JSON.stringify(saved[name])}, is ${JSON.stringify(current[name])}`,
  );
  throw new FrondError('FROND-F030', `the run in ${folder} cannot be resumed: ${shown.join('; ')}`, {
    place: { file: folder },
    hint: 'resume with the settings and the data that it began with, or start a new run in another folder',
  });
}
