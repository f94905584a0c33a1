import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { mapValues } from '../base/own.ts';
import { fingerprint } from '../base/random.ts';
import type { Attribute, Graph, Node } from '../ir/graph.ts';
import { decodeUtf8 } from '../platform/shared.ts';
import type { LoadedCheckpoint } from '../store/checkpoint.ts';
import type { StoredFile } from '../store/file.ts';

// The files of a checkpoint that are JSON: plain data under a seal.

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const encodeJson = (value: unknown): Uint8Array => encode(`${JSON.stringify(value, null, 1)}\n`);

/**
 * SHA-256 of a record without its `seal`, and without the fingerprints of `names`, which are compared one by one with what
 * they are of.
 */
export function sealOf(record: object): Promise<string> {
  const { seal: _, names: __, ...rest } = record as { readonly seal?: unknown; readonly names?: unknown };
  return platform.sha256(encode(JSON.stringify(rest)));
}

export const sealedFile = async (record: object): Promise<Uint8Array> =>
  encodeJson({ ...record, seal: await sealOf(record) });

/** What is read of a checkpoint. */
export type FilesOf = Pick<LoadedCheckpoint, 'folder' | 'files'>;

export const pathOf = ({ folder }: FilesOf, name: string): string => platform.files.join(folder, name);

/** @throws FROND-F013 when the checkpoint was not saved by a training run */
export function fileOf(checkpoint: FilesOf, name: string): StoredFile {
  const file = checkpoint.files.get(name);
  if (file !== undefined) return file;
  throw new FrondError('FROND-F013', `checkpoint ${checkpoint.folder} has no ${name}`, {
    place: { file: checkpoint.folder },
    hint: 'it was not saved by a training run; load its weights with loadCheckpoint instead',
  });
}

/** A file of a whole checkpoint that does not say what it should: another program wrote it. */
export const malformed = (file: string, why?: string, cause?: unknown): FrondError =>
  new FrondError('FROND-F013', `${file} is not what a training run saves${why ? `: ${why}` : ''}`, {
    place: { file },
    hint: 'it was not saved by a training run of this version',
    cause,
  });

/** What a file says, as an object with the fields of `form`. @throws FROND-F013 where it is anything else */
export async function readRecord<K extends is.Kinds>(
  checkpoint: LoadedCheckpoint,
  name: string,
  form: K,
): Promise<is.OptionsOf<K>> {
  const { path: file, read } = fileOf(checkpoint, name);
  const bytes = await read();
  let given: unknown;
  try {
    given = JSON.parse(decodeUtf8(bytes, file));
  } catch (cause) {
    throw malformed(file, undefined, cause);
  }
  if (!is.object.holds(given)) throw malformed(file);
  for (const [field, kind] of Object.entries<is.Kind>(form)) {
    if (!is.fits(kind, given[field as keyof typeof given]))
      throw malformed(file, `its ${field} is not ${kind.what}`);
  }
  return given as is.OptionsOf<K>;
}

/**
 * Makes sure that a record is what was saved; those of earlier versions have no seal. A legal model with another constant would
 * answer, and wrongly.
 * @throws FROND-F013
 */
export async function checkSeal(checkpoint: LoadedCheckpoint, name: string): Promise<void> {
  const record = await readRecord(checkpoint, name, { seal: is.optional(is.text) });
  if (record.seal === undefined || record.seal === (await sealOf(record))) return;
  throw malformed(pathOf(checkpoint, name), 'its content has changed since it was saved');
}

/** Numbers that JSON has no word for. */
const WORDS = new Map(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((n) => [String(n), n]),
);

/** Changes every number, or list of numbers, that a constant holds. */
function mapNumbers(node: Node, change: (value: unknown) => Attribute): Node {
  const value = node?.attributes?.value;
  if (node?.op !== 'constant' || value === undefined) return node;
  const changed = Array.isArray(value) ? value.map(change) : change(value);
  return { ...node, attributes: { ...node.attributes, value: changed } };
}

/** The graph as plain data for JSON, without the source lines of its author. */
export const graphRecord = (graph: Graph): Graph => ({
  ...graph,
  nodes: mapValues(graph.nodes, ({ source: _, ...node }) =>
    mapNumbers(node, (value) => (Number.isFinite(value) ? (value as number) : String(value))),
  ),
});

/** The graph of which `graphRecord` was made; what stood in a file is given on as it is, to be checked. */
export const graphFrom = (record: Graph): Graph => {
  if (typeof record.nodes !== 'object' || record.nodes === null) return record;
  const number = (value: unknown): Attribute => WORDS.get(String(value)) ?? (value as Attribute);
  return { ...record, nodes: mapValues(record.nodes, (node) => mapNumbers(node, number)) };
};

export const graphFingerprint = (graph: Graph): string => fingerprint(JSON.stringify(graphRecord(graph)));
