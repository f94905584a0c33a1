import { FrondError } from '../../base/errors.ts';
import { attempting, decodeUtf8, failureIn, type KnownFailures, piecesOf } from '../shared.ts';
import type { Files, Kind, Pieces } from '../types.ts';
import { type FolderHandle, page } from './page.ts';

/** Paths live in the page's private file system (OPFS). */
async function root(): Promise<FolderHandle> {
  const folder = await page.navigator?.storage?.getDirectory?.();
  if (folder === undefined) {
    throw new FrondError('FROND-F003', 'this page has no private file system', {
      hint: 'serve it from https or localhost in a current browser',
    });
  }
  return folder;
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

async function folderAt(parts: readonly string[], create = false): Promise<FolderHandle> {
  let folder = await root();
  for (const part of parts) folder = await folder.getDirectoryHandle(part, { create });
  return folder;
}

/** The folder that an entry is in, and its name there. */
async function entryAt(path: string): Promise<{ readonly folder: FolderHandle; readonly name: string }> {
  const parts = partsOf(path);
  return { folder: await folderAt(parts.slice(0, -1)), name: parts.at(-1) ?? '' };
}

const KNOWN: KnownFailures = {
  QuotaExceededError: { code: 'FROND-F001', hint: 'the storage that the browser grants this page is full' },
  NotFoundError: { code: 'FROND-F041' },
};

const attempt = attempting((what, path, cause) =>
  failureIn(KNOWN, cause instanceof Error ? cause.name : String(cause), what, path, cause),
);

async function fileAt(path: string) {
  const { folder, name } = await entryAt(path);
  return (await folder.getFileHandle(name)).getFile();
}

async function readRange(path: string, begin: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await (await fileAt(path)).slice(begin, end).arrayBuffer());
  if (bytes.length < end - begin) throw failureIn(KNOWN, 'the file ends before', 'read', path, undefined);
  return bytes;
}

/** The write becomes visible as a whole when the stream is closed. */
async function writeDurably(path: string, content: Uint8Array | Pieces): Promise<void> {
  const { folder, name } = await entryAt(path);
  const handle = await folder.getFileHandle(name, { create: true });
  const stream = await handle.createWritable();
  try {
    for await (const piece of piecesOf(content)) await stream.write(piece);
  } catch (cause) {
    await stream.abort().catch(() => undefined);
    throw cause;
  }
  await stream.close();
}

async function namesIn(folder: FolderHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names.sort();
}

async function kindOf(path: string): Promise<Kind> {
  if (partsOf(path).length === 0) return 'folder';
  try {
    const { folder, name } = await entryAt(path);
    return await folder.getFileHandle(name).then(
      () => 'file' as const,
      () => folder.getDirectoryHandle(name).then(() => 'folder' as const),
    );
  } catch {
    return 'none';
  }
}

/** Bytes that are copied at once. */
const PIECE = 2 ** 22;

async function* piecesAt(path: string): Pieces {
  const { size } = await fileAt(path);
  for (let at = 0; at < size; at += PIECE) yield readRange(path, at, Math.min(size, at + PIECE));
}

/** There is no rename of folders: moves their files where the browser can, or copies and removes them. A page is alone with its files, so nobody sees the middle. */
async function rename(from: string, to: string): Promise<void> {
  if ((await kindOf(from)) === 'folder') {
    await folderAt(partsOf(to), true);
    for (const name of await namesIn(await folderAt(partsOf(from))))
      await rename(`${from}/${name}`, `${to}/${name}`);
  } else {
    const [source, target] = [await entryAt(from), await entryAt(to)];
    const file = await source.folder.getFileHandle(source.name);
    if (file.move !== undefined) return file.move(target.folder, target.name);
    await writeDurably(to, piecesAt(from));
  }
  await remove(from);
}

async function remove(path: string): Promise<void> {
  if ((await kindOf(path)) === 'none') return;
  const { folder, name } = await entryAt(path);
  await folder.removeEntry(name, { recursive: true });
}

const pathOf = (...parts: readonly string[]): string => partsOf(parts.join('/')).join('/');

export const files: Files = {
  join: pathOf,
  nameOf: (path) => partsOf(path).at(-1) ?? '',
  readBytes: attempt('read', async (path) => new Uint8Array(await (await fileAt(path)).arrayBuffer())),
  statOf: attempt('read', async (path) => {
    const { size, lastModified: modified } = await fileAt(path);
    return { size, modified };
  }),
  readRange: attempt('read', readRange),
  readText: async (path) => decodeUtf8(await files.readBytes(path), path),
  list: attempt('list', async (folder) => namesIn(await folderAt(partsOf(folder)))),
  kindOf,
  realPath: async (path) => pathOf(path),
  makeFolder: attempt('make folder', async (path) => void (await folderAt(partsOf(path), true))),
  writeDurably: attempt('write', writeDurably),
  syncFolder: async () => undefined,
  rename: attempt('rename', rename),
  remove: attempt('remove', remove),
  createExclusively: attempt('create', async (path, text: string) => {
    if ((await kindOf(path)) !== 'none') return false;
    await writeDurably(path, new TextEncoder().encode(text));
    return true;
  }),
};
