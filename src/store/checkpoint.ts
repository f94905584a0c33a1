import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import type { Files } from '../platform/types.ts';
import { parseStrictJson } from './json.ts';

/**
 * A checkpoint is a folder `step-000123` that is either whole or not there:
 *
 *   write everything into `step-000123.tmp`, each file flushed → manifest.json last, with sizes and SHA-256 →
 *   flush the folder → rename it → flush its parent.
 *
 * A reader trusts a folder only if its manifest names every file with the right size and hash. The latest checkpoint is
 * the highest one that is whole; there is no pointer file that could tear.
 */
export const FORMAT = 1;
const MANIFEST = 'manifest.json';

export interface CheckpointFiles {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** small facts to show without opening the files */
  readonly summary: Readonly<Record<string, string | number>>;
}

export interface LoadedCheckpoint extends CheckpointFiles {
  readonly folder: string;
  readonly step: number;
  /** newer checkpoints that were not whole, with the reason */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

export interface SaveOptions {
  /** whole checkpoints to keep, the new one included; default 2 */
  readonly keep?: number;
  /** for tests: the file system to use */
  readonly files?: Files;
}

const nameOf = (step: number): string => `step-${String(step).padStart(6, '0')}`;

function stepOf(name: string): number | undefined {
  const match = /^step-(\d{6,})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Folders of checkpoints in `folder`, newest first; whether they are whole is not known yet. */
async function candidates(folder: string, files: Files): Promise<{ name: string; step: number }[]> {
  if ((await files.kindOf(folder)) !== 'folder') return [];
  return (await files.list(folder))
    .flatMap((name) => {
      const step = stepOf(name);
      return step === undefined ? [] : [{ name, step }];
    })
    .sort((a, b) => b.step - a.step);
}

/**
 * Saves a checkpoint; when this fails or the process dies, what was there before is untouched.
 * @returns the folder of the checkpoint
 * @throws FROND-F002 naming path and reason, such as a full disk
 */
export async function saveCheckpoint(
  folder: string,
  step: number,
  content: CheckpointFiles,
  options: SaveOptions = {},
): Promise<string> {
  const files = options.files ?? platform.files;
  const target = files.join(folder, nameOf(step));
  const temporary = `${target}.tmp`;
  await files.makeFolder(folder);
  // within a run a step has one state: a whole checkpoint of it is never put at risk by writing it again
  if (await isWhole(target, files)) return target;
  try {
    await files.remove(temporary);
    await files.makeFolder(temporary);
    const listed: Record<string, { size: number; sha256: string }> = {};
    for (const [name, bytes] of content.files) {
      await files.writeDurably(files.join(temporary, name), bytes);
      listed[name] = { size: bytes.length, sha256: await platform.sha256(bytes) };
    }
    const manifest = { format: FORMAT, step, summary: content.summary, files: listed };
    const text = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
    await files.writeDurably(files.join(temporary, MANIFEST), text);
    await files.syncFolder(temporary);
    await files.remove(target);
    await files.rename(temporary, target);
    await files.syncFolder(folder);
  } catch (cause) {
    await files.remove(temporary).catch(() => undefined);
    throw cause;
  }
  await prune(folder, options.keep ?? 2, files);
  return target;
}

async function isWhole(folder: string, files: Files): Promise<boolean> {
  if ((await files.kindOf(folder)) !== 'folder') return false;
  return readCheckpoint(folder, files).then(
    () => true,
    () => false,
  );
}

async function prune(folder: string, keep: number, files: Files): Promise<void> {
  for (const { name } of (await candidates(folder, files)).slice(Math.max(1, keep))) {
    await files.remove(files.join(folder, name));
  }
}

/** Removes what interrupted saves have left. Call it while holding the folder's lock. */
export async function sweepTemporaries(
  folder: string,
  files: Files = platform.files,
): Promise<readonly string[]> {
  if ((await files.kindOf(folder)) !== 'folder') return [];
  const stale = (await files.list(folder)).filter((name) => /^step-\d{6,}\.tmp$/.test(name));
  for (const name of stale) await files.remove(files.join(folder, name));
  return stale;
}

/**
 * Reads one checkpoint folder and verifies it.
 * @throws FROND-F010 when it is not whole, with the reason; FROND-F011 when a later version of frond wrote it
 */
export async function readCheckpoint(
  folder: string,
  files: Files = platform.files,
): Promise<CheckpointFiles & { step: number }> {
  const broken = (reason: string): never => {
    throw new FrondError('FROND-F010', `checkpoint ${folder} is not whole: ${reason}`, {
      place: { file: folder },
    });
  };
  const path = files.join(folder, MANIFEST);
  if ((await files.kindOf(path)) !== 'file') return broken('it has no manifest');
  const manifest = parseStrictJson(await files.readText(path), path);
  if (!(manifest instanceof Map)) return broken('its manifest is not an object');
  const format = manifest.get('format');
  if (typeof format === 'number' && format > FORMAT) {
    throw new FrondError(
      'FROND-F011',
      `checkpoint ${folder} has format ${format}, this version reads ${FORMAT}`,
      {
        hint: 'update frond',
      },
    );
  }
  const listed = manifest.get('files');
  const step = manifest.get('step');
  if (format !== FORMAT || !(listed instanceof Map) || typeof step !== 'number')
    return broken('its manifest is malformed');
  const content = new Map<string, Uint8Array>();
  for (const [name, entry] of listed) {
    if (!/^[\w.-]+$/.test(name) || !(entry instanceof Map))
      return broken(`its manifest lists ${JSON.stringify(name)}`);
    const file = files.join(folder, name);
    if ((await files.kindOf(file)) !== 'file') return broken(`${name} is missing`);
    const bytes = await files.readBytes(file);
    if (bytes.length !== entry.get('size'))
      return broken(`${name} has ${bytes.length} bytes, not ${entry.get('size')}`);
    if ((await platform.sha256(bytes)) !== entry.get('sha256'))
      return broken(`the content of ${name} has changed`);
    content.set(name, bytes);
  }
  const summary = manifest.get('summary');
  const facts = summary instanceof Map ? [...summary] : [];
  return {
    step,
    files: content,
    summary: Object.fromEntries(
      facts.filter(
        (fact): fact is [string, string | number] =>
          typeof fact[1] === 'string' || typeof fact[1] === 'number',
      ),
    ),
  };
}

/**
 * The newest whole checkpoint in `folder`; newer ones that are damaged are passed over and named in `skipped`.
 * @throws FROND-F012 when there is none at all
 */
export async function loadLatest(folder: string, files: Files = platform.files): Promise<LoadedCheckpoint> {
  const skipped: { name: string; reason: string }[] = [];
  for (const { name, step } of await candidates(folder, files)) {
    const path = files.join(folder, name);
    try {
      return { ...(await readCheckpoint(path, files)), step, folder: path, skipped };
    } catch (cause) {
      if (!(cause instanceof FrondError) || cause.code === 'FROND-F011') throw cause;
      skipped.push({ name, reason: cause.summary });
    }
  }
  const damaged = skipped.length === 0 ? '' : ` (damaged: ${skipped.map(({ name }) => name).join(', ')})`;
  throw new FrondError('FROND-F012', `there is no whole checkpoint in ${folder}${damaged}`, {
    place: { file: folder },
    hint: 'a run saves its first checkpoint at the end of an epoch, or when it is interrupted',
  });
}
