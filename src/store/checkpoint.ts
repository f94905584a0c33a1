import { platform } from '#platform';
import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { decodeUtf8, piecesOf } from '../platform/shared.ts';
import type { Files, Pieces } from '../platform/types.ts';
import { type StoredFile, storedFile } from './file.ts';
import { parseStrictJson } from './json.ts';

const FORMAT = 1;

/**
 * A checkpoint is a folder `step-000123` that is either whole or not there:
 *
 *   write everything into `step-000123.tmp`, each file flushed → manifest.json last, with sizes and SHA-256 →
 *   flush the folder → rename it → flush its parent.
 *
 * A reader trusts a folder only if its manifest is sealed and names every file with the right size and hash. The latest
 * checkpoint is the highest one that is whole; there is no pointer file that could tear. Nothing is ever written over: another
 * state of a step that is there already goes to `step-000123.1`.
 */
const MANIFEST = 'manifest.json';

const folderKind = { ...is.name, what: 'the path of a folder' };
const contentKind = is.kind<Uint8Array | Pieces>(
  'bytes',
  (value) => is.bytes.holds(value) || Symbol.asyncIterator in Object(value),
);
const filesKind = is.kind<ReadonlyMap<string, Uint8Array | Pieces>>(
  'a Map of bytes by name',
  (value) => value instanceof Map && [...value.values()].every(contentKind.holds),
);
const anyNumber = is.kind<number>('a number', (value) => typeof value === 'number');
const checkpointFiles = {
  /** by name: bytes, or pieces of them, of which no more than one is held at a time */
  files: filesKind,
  /** small facts to show without opening the files */
  summary: is.objectOf(is.either(anyNumber, is.text), 'an object of numbers and texts'),
};
export type CheckpointFiles = is.OptionsOf<typeof checkpointFiles>;

/** A checkpoint that was found whole: every file has the hash that its manifest lists. */
interface Whole extends Pick<CheckpointFiles, 'summary'> {
  readonly step: number;
  /** by name; they are read when they are asked for their bytes */
  readonly files: ReadonlyMap<string, StoredFile>;
}

export interface LoadedCheckpoint extends Whole {
  readonly folder: string;
  /** newer checkpoints that were not whole, with the reason */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

const saveOptions = {
  /** whole checkpoints to keep, the new one included; default 2 */
  keep: is.optional(is.natural),
  /** for tests: the file system to use */
  files: is.optional(is.typed<Files>(is.object)),
};
export type SaveOptions = is.OptionsOf<typeof saveOptions>;

const nameOf = (step: number, revision: number): string =>
  `step-${String(step).padStart(6, '0')}${revision === 0 ? '' : `.${revision}`}`;

function numbersIn(name: string): { readonly step: number; readonly revision: number } | undefined {
  const match = /^step-(\d{6,15})(?:\.([1-9]\d{0,8}))?$/.exec(name);
  return match === null ? undefined : { step: Number(match[1]), revision: Number(match[2] ?? 0) };
}

const namesIn = async (folder: string, files: Files): Promise<readonly string[]> =>
  (await files.kindOf(folder)) === 'folder' ? files.list(folder) : [];

/** Folders of checkpoints in `folder`, newest first; whether they are whole is not known yet. */
async function candidates(folder: string, files: Files) {
  const found = (await namesIn(folder, files)).flatMap((name) => {
    const numbers = numbersIn(name);
    return numbers === undefined ? [] : [{ ...numbers, name, path: files.join(folder, name) }];
  });
  return found.sort((a, b) => b.step - a.step || b.revision - a.revision);
}

/** Whether a save into `folder` ever came to its end; one that did not leaves the folder empty. */
export const hasCheckpoint = async (folder: string, files: Files = platform.files): Promise<boolean> =>
  (await candidates(folder, files)).length > 0;

/**
 * Saves a checkpoint; when this fails or the process dies, what was there before is untouched.
 * @returns the folder of the checkpoint
 * @throws FROND-F001 when the disk is full, FROND-F002 naming path and reason of another failure, FROND-F021 when the folder has
 * whole checkpoints of later steps, which are another run's
 */
export async function saveCheckpoint(
  folder: string,
  step: number,
  content: CheckpointFiles,
  options: SaveOptions = {},
): Promise<string> {
  const kinds = { folder: folderKind, step: is.natural, content: checkpointFiles, options: saveOptions };
  checkArguments('saveCheckpoint', kinds, [folder, step, content, options]);
  const { files = platform.files, keep = 2 } = options;
  await files.makeFolder(folder);
  await checkNewest(folder, step, files);
  for (const name of content.files.keys()) requireFileName(name);
  const newest = (await candidates(folder, files)).find((other) => other.step === step);
  const target = files.join(folder, nameOf(step, newest === undefined ? 0 : newest.revision + 1));
  const temporary = `${target}.tmp`;
  try {
    await files.remove(temporary);
    await files.makeFolder(temporary);
    const listed = new Map<string, ListedFile>();
    for (const [file, bytes] of content.files)
      listed.set(file, await writeHashed(files.join(temporary, file), bytes, files));
    if (newest !== undefined && holdsSame(await wholeOrReason(newest.path, files), listed)) {
      await files.remove(temporary);
      await files.syncFolder(folder);
      return newest.path;
    }
    const manifest = await printManifest({ step, summary: content.summary, files: listed });
    await files.writeDurably(files.join(temporary, MANIFEST), manifest);
    await files.syncFolder(temporary);
    await files.rename(temporary, target);
    await files.syncFolder(folder);
  } catch (cause) {
    await files.remove(temporary).catch(() => undefined);
    throw cause;
  }
  await prune(folder, target, keep, files);
  return target;
}

/** Writes a file, and takes size and hash of what goes by. */
async function writeHashed(path: string, content: Uint8Array | Pieces, files: Files): Promise<ListedFile> {
  const hash = platform.startHash();
  let size = 0;
  async function* passing(): Pieces {
    for await (const piece of piecesOf(content)) {
      checkArguments('saveCheckpoint', { piece: is.bytes }, [piece]);
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
  }
  await files.writeDurably(path, passing());
  return { size, sha256: hash.digest() };
}

/** True where a whole checkpoint holds just these files. */
const holdsSame = (found: Whole | string, listed: ReadonlyMap<string, ListedFile>): boolean =>
  typeof found !== 'string' &&
  found.files.size === listed.size &&
  [...listed].every(([name, { sha256 }]) => found.files.get(name)?.sha256 === sha256);

/** The checkpoint, or why it is not whole. @throws FROND-F011 for one from the future */
const wholeOrReason = (folder: string, files: Files): Promise<Whole | string> =>
  readCheckpoint(folder, files).catch((cause: unknown) => {
    if (cause instanceof FrondError && cause.code !== 'FROND-F011') return cause.summary;
    throw cause;
  });

/**
 * Makes sure that a run at `step` may save to `folder`: a later whole checkpoint would be taken for its newest.
 * @throws FROND-F021 where there is one
 */
export async function checkNewest(
  folder: string,
  step: number,
  files: Files = platform.files,
): Promise<void> {
  for (const other of await candidates(folder, files)) {
    if (other.step <= step) return;
    if (typeof (await wholeOrReason(other.path, files)) === 'string') continue;
    throw new FrondError(
      'FROND-F021',
      `${folder} has a checkpoint of step ${other.step}, this run is at step ${step}`,
      { place: { file: other.path }, hint: 'resume the run that is there, or save to another folder' },
    );
  }
}

/** Removes older checkpoints beyond the `keep` newest whole ones, and damaged ones that are older than `saved`. */
async function prune(folder: string, saved: string, keep: number, files: Files): Promise<void> {
  const all = await candidates(folder, files);
  let whole = 1;
  for (const { path } of all.slice(all.findIndex(({ path }) => path === saved) + 1)) {
    if (whole < keep && (await isWorthKeeping(path, files))) whole++;
    else await files.remove(path);
  }
}

/** Whole by its sizes, as each save would have to read gigabytes for more; or not to be judged: unreadable for now, or of a later format. */
const isWorthKeeping = (folder: string, files: Files): Promise<boolean> =>
  readWhole(folder, files, { hashing: false }).then(
    () => true,
    (cause: unknown) => !(cause instanceof FrondError && isDamage(cause)),
  );

/** Removes what interrupted saves have left. Call it while holding the folder's lock. */
export async function sweepTemporaries(
  folder: string,
  files: Files = platform.files,
): Promise<readonly string[]> {
  const stale = (await namesIn(folder, files)).filter(
    (name) => name.endsWith('.tmp') && numbersIn(name.slice(0, -4)) !== undefined,
  );
  for (const name of stale) await files.remove(files.join(folder, name));
  return stale;
}

/** An error of what stands in a folder, not of reading it. */
const isDamage = ({ code }: FrondError): boolean => code === 'FROND-F010' || code === 'FROND-W002';

/**
 * Reads one checkpoint folder and verifies it.
 * @throws FROND-F010 when it is not whole, with the reason; FROND-F011 when a later version of frond wrote it
 */
export async function readCheckpoint(folder: string, files: Files = platform.files): Promise<Whole> {
  checkArguments('readCheckpoint', { folder: folderKind }, [folder]);
  try {
    return await readWhole(folder, files);
  } catch (cause) {
    if (!(cause instanceof FrondError) || !isDamage(cause)) throw cause;
    throw new FrondError('FROND-F010', `checkpoint ${folder} is not whole: ${cause.summary}`, {
      place: { file: folder },
      hint: 'load the run instead, which takes its newest whole checkpoint',
    });
  }
}

async function readWhole(folder: string, files: Files, { hashing = true } = {}): Promise<Whole> {
  const manifest = await (await fileIn(folder, MANIFEST, files)).read();
  const { step, summary, files: listed } = await parseManifest(manifest, files.join(folder, MANIFEST));
  if ((numbersIn(files.nameOf(folder))?.step ?? step) !== step)
    throw damage(`its manifest is that of step ${step}`);
  const content = new Map<string, StoredFile>();
  for (const [name, { size, sha256 }] of listed) {
    const file = await fileIn(folder, name, files);
    if (file.size !== size) throw damage(`${name} has ${file.size} bytes, not ${size}`);
    const hash = platform.startHash();
    for await (const piece of hashing ? file : []) hash.update(piece);
    if (hashing && hash.digest() !== sha256) throw damage(`the content of ${name} has changed`);
    content.set(name, { ...file, sha256 });
  }
  return { step, files: content, summary };
}

/** A file in the folder itself: reading a pipe would wait for ever, and a link may lead outside the checkpoint. */
async function fileIn(folder: string, name: string, files: Files) {
  const path = files.join(folder, name);
  const kind = await files.kindOf(path);
  if (kind === 'none') throw damage(`${name} is missing`);
  if (kind !== 'file') throw damage(`${name} is no regular file`);
  if ((await files.realPath(path)) !== files.join(await files.realPath(folder), name))
    throw damage(`${name} is a link that leads elsewhere`);
  return storedFile(path, files);
}

/**
 * The newest whole checkpoint in `folder`; newer ones that are damaged are passed over and named in `skipped`.
 * @throws FROND-F012 when there is none at all
 */
export async function loadLatest(folder: string, files: Files = platform.files): Promise<LoadedCheckpoint> {
  checkArguments('loadLatest', { folder: folderKind }, [folder]);
  const skipped: { name: string; reason: string }[] = [];
  for (const { name, path } of await candidates(folder, files)) {
    const found = await wholeOrReason(path, files);
    if (typeof found !== 'string') return { ...found, folder: path, skipped };
    skipped.push({ name, reason: found });
  }
  const damaged = skipped.length === 0 ? '' : ` (damaged: ${skipped.map(({ name }) => name).join(', ')})`;
  throw new FrondError('FROND-F012', `there is no whole checkpoint in ${folder}${damaged}`, {
    place: { file: folder },
    hint:
      skipped.length === 0
        ? 'a run saves its first checkpoint at the end of an epoch, or when it is interrupted; before that, start again'
        : 'none can be used: start a new run in another folder',
  });
}

// the manifest

const fileKind = is.withFields('a file', { size: is.finite, sha256: is.text });
/** A file of a checkpoint as its manifest lists it. */
type ListedFile = is.TypeOf<typeof fileKind>;

/** What it says of a checkpoint, with its files as they are listed. */
interface Manifest extends Omit<Whole, 'files'> {
  readonly files: ReadonlyMap<string, ListedFile>;
}

/**
 * The text ends with the SHA-256 of itself, taken with that hash left empty: no byte of a manifest can change unnoticed. Later
 * formats keep this ending, so that this version can tell a later checkpoint from a damaged one.
 */
const SEAL = /"seal": "([0-9a-f]*)"\n}\n$/;
const sealed = (text: string, hash: string): string => text.replace(SEAL, `"seal": "${hash}"\n}\n`);
const hashOf = (text: string): Promise<string> => platform.sha256(new TextEncoder().encode(text));

async function printManifest({ step, summary, files }: Manifest): Promise<Uint8Array> {
  const listed = Object.fromEntries(files);
  const open = `${JSON.stringify({ format: FORMAT, step, summary, files: listed, seal: '' }, null, 2)}\n`;
  return new TextEncoder().encode(sealed(open, await hashOf(open)));
}

/** What makes a folder no checkpoint: `readCheckpoint` says of which. */
const damage = (reason: string): FrondError => new FrondError('FROND-F010', reason);

/**
 * Reads the bytes of a manifest.
 * @throws FROND-F010 or W002 when it is not whole; FROND-F011 when a later version of frond wrote it
 */
async function parseManifest(bytes: Uint8Array, path: string): Promise<Manifest> {
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

function requireFileName(name: string): void {
  if (isFileName(name)) return;
  throw new FrondError('FROND-F015', `${JSON.stringify(name)} is not a name for a file of a checkpoint`, {
    hint: 'use letters, digits, dots, dashes and underscores',
  });
}

/** What a checkpoint calls its files: no separators, no hidden files, not the manifest. */
const isFileName = (name: string): boolean => /^[A-Za-z0-9_][\w.-]*$/.test(name) && name !== MANIFEST;
