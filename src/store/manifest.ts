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

type Broken = (reason: string) => FrondError;

/**
 * Reads the bytes of a manifest.
 * @throws what `broken` makes of a reason when it is not whole; FROND-F011 when a later version of frond wrote it
 */
export async function parseManifest(bytes: Uint8Array, path: string, broken: Broken): Promise<Manifest> {
  const content = attempt(() => decodeUtf8(bytes, path), broken);
  const hash = SEAL.exec(content)?.[1];
  if (hash !== undefined && hash !== (await hashOf(sealed(content, ''))))
    throw broken('the content of its manifest has changed');
  const manifest: Readonly<Record<string, unknown>> = Object(
    attempt(() => parseStrictJson(content, path), broken),
  );
  const { format, step, files, summary } = manifest;
  if (typeof format === 'number' && format > FORMAT) {
    throw new FrondError('FROND-F011', `${path} has format ${format}, this version reads ${FORMAT}`, {
      place: { file: path },
      hint: 'update frond',
    });
  }
  const known = hash !== undefined && format === FORMAT;
  if (!known || !is.integer.holds(step) || step < 0 || !is.object.holds(files))
    throw broken('its manifest is malformed');
  const facts = Object.entries(Object(summary)).filter(
    (fact): fact is [string, string | number] => typeof fact[1] === 'string' || typeof fact[1] === 'number',
  );
  return { step, files: listedFiles(files, broken), summary: Object.fromEntries(facts) };
}

function attempt<T>(work: () => T, broken: Broken): T {
  try {
    return work();
  } catch (cause) {
    throw cause instanceof FrondError ? broken(cause.summary) : cause;
  }
}

const listedFiles = (files: object, broken: Broken): ReadonlyMap<string, ListedFile> =>
  new Map(
    Object.entries(files).map(([name, entry]) => {
      // names stay inside the folder
      if (!isFileName(name) || !fileKind.holds(entry))
        throw broken(`its manifest lists ${JSON.stringify(name)}`);
      return [name, { size: entry.size, sha256: entry.sha256 }];
    }),
  );

/** What a checkpoint calls its files: no separators, no hidden files, not the manifest. */
export const isFileName = (name: string): boolean =>
  /^[A-Za-z0-9_][\w.-]*$/.test(name) && name !== 'manifest.json';
