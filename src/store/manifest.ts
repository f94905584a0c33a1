import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import { decodeUtf8 } from '../platform/shared.ts';
import { type Json, parseStrictJson } from './json.ts';

export const FORMAT = 1;

/** A file of a checkpoint as its manifest lists it. */
export interface ListedFile {
  readonly size: number;
  readonly sha256: string;
}

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

type Broken = (reason: string) => FrondError;

/**
 * Reads the bytes of a manifest.
 * @throws what `broken` makes of a reason when it is not whole; FROND-F011 when a later version of frond wrote it
 */
export async function parseManifest(bytes: Uint8Array, path: string, broken: Broken): Promise<Manifest> {
  const text = attempt(() => decodeUtf8(bytes, path), broken);
  const hash = SEAL.exec(text)?.[1];
  if (hash !== undefined && hash !== (await hashOf(sealed(text, ''))))
    throw broken('the content of its manifest has changed');
  const manifest = attempt(() => parseStrictJson(text, path), broken);
  const format = manifest instanceof Map ? manifest.get('format') : undefined;
  if (typeof format === 'number' && format > FORMAT) {
    throw new FrondError('FROND-F011', `${path} has format ${format}, this version reads ${FORMAT}`, {
      place: { file: path },
      hint: 'update frond',
    });
  }
  if (hash === undefined || format !== FORMAT || !(manifest instanceof Map))
    throw broken('its manifest is malformed');
  const step = manifest.get('step');
  const files = listedFiles(manifest.get('files'), broken);
  if (typeof step !== 'number' || !Number.isSafeInteger(step) || step < 0)
    throw broken('its manifest is malformed');
  return { step, files, summary: summaryOf(manifest.get('summary')) };
}

function attempt<T>(work: () => T, broken: Broken): T {
  try {
    return work();
  } catch (cause) {
    throw cause instanceof FrondError ? broken(cause.summary) : cause;
  }
}

function listedFiles(listed: Json | undefined, broken: Broken): ReadonlyMap<string, ListedFile> {
  if (!(listed instanceof Map)) throw broken('its manifest is malformed');
  return new Map(
    [...listed].map(([name, entry]) => {
      const [size, sha256] = entry instanceof Map ? [entry.get('size'), entry.get('sha256')] : [];
      // names stay inside the folder
      if (!isFileName(name) || typeof size !== 'number' || typeof sha256 !== 'string')
        throw broken(`its manifest lists ${JSON.stringify(name)}`);
      return [name, { size, sha256 }];
    }),
  );
}

/** What a checkpoint calls its files: no separators, no hidden files, not the manifest. */
export const isFileName = (name: string): boolean =>
  /^[A-Za-z0-9_][\w.-]*$/.test(name) && name !== 'manifest.json';

function summaryOf(summary: Json | undefined): Summary {
  const facts = summary instanceof Map ? [...summary] : [];
  return Object.fromEntries(
    facts.filter(
      (fact): fact is [string, string | number] => typeof fact[1] === 'string' || typeof fact[1] === 'number',
    ),
  );
}
