import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { decodeUtf8 } from '../platform/shared.ts';
import { parseStrictJson } from './json.ts';

export const FORMAT = 1;

const fileKind = is.withFields('a file', { size: is.finite, sha256: is.text });
/** A file of a checkpoint as its manifest lists it. */
export type ListedFile = is.TypeOf<typeof fileKind>;

export type Summary = Readonly<Record<string, string | number>>;

export interface Manifest {
  readonly step: number;
  readonly summary: Summary;
  readonly files: ReadonlyMap<string, ListedFile>;
}

/**
 * The text ends with the SHA-256 of itself, taken with that hash left empty: no byte of a manifest can change unnoticed. Later
 * formats keep this ending, so that this version can tell a later checkpoint from a damaged one.
 */
const SEAL = /"seal": "([0-9a-f]*)"\n}\n$/;
const sealed = (text: string, hash: string): string => text.replace(SEAL, `"seal": "${hash}"\n}\n`);
const hashOf = (text: string): Promise<string> => platform.sha256(new TextEncoder().encode(text));

export async function printManifest({ step, summary, files }: Manifest): Promise<Uint8Array> {
  const listed = Object.fromEntries(files);
  const open = `${JSON.stringify({ format: FORMAT, step, summary, files: listed, seal: '' }, null, 2)}\n`;
  return new TextEncoder().encode(sealed(open, await hashOf(open)));
}

/** What makes a folder no checkpoint: `readCheckpoint` says of which. */
export const damage = (reason: string): FrondError => new FrondError('FROND-F010', reason);

/**
 * Reads the bytes of a manifest.
 * @throws FROND-F010 or W002 when it is not whole; FROND-F011 when a later version of frond wrote it
 */
export async function parseManifest(bytes: Uint8Array, path: string): Promise<Manifest> {
  const content = textOf(bytes, path);
  const hash = SEAL.exec(content)?.[1];
  if (hash !== undefined && hash !== (await hashOf(sealed(content, ''))))
    throw damage('the content of its manifest has changed');
  const manifest: Readonly<Record<string, unknown>> = Object(parseStrictJson(content, path));
  const { format, step, files, summary } = manifest;
  if (typeof format === 'number' && format > FORMAT) {
    throw new FrondError('FROND-F011', `${path} has format ${format}, this version reads ${FORMAT}`, {
      place: { file: path },
      hint: 'update frond',
    });
  }
  const known = hash !== undefined && format === FORMAT;
  if (!known || !is.integer.holds(step) || step < 0 || !is.object.holds(files))
    throw damage('its manifest is malformed');
  const facts = Object.entries(Object(summary)).filter(
    (fact): fact is [string, string | number] => typeof fact[1] === 'string' || typeof fact[1] === 'number',
  );
  return { step, files: new Map(Object.entries(files).map(listedFile)), summary: Object.fromEntries(facts) };
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return decodeUtf8(bytes, path);
  } catch {
    throw damage(`${path} is not UTF-8 text`);
  }
}

function listedFile([name, entry]: [string, unknown]): [string, ListedFile] {
  // names stay inside the folder
  if (!isFileName(name) || !fileKind.holds(entry)) throw damage(`its manifest lists ${JSON.stringify(name)}`);
  return [name, entry];
}

/** What a checkpoint calls its files: no separators, no hidden files, not the manifest. */
export const isFileName = (name: string): boolean =>
  /^[A-Za-z0-9_][\w.-]*$/.test(name) && name !== 'manifest.json';
