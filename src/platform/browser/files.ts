import { FrondError } from '../../base/errors.ts';
import { attempting, decodeUtf8 } from '../shared.ts';
import type { Files, Kind } from '../types.ts';

/** The part of the File System API that is used here; written out so that the library needs no DOM types. */
interface FileHandle {
  getFile(): Promise<{ arrayBuffer(): Promise<ArrayBuffer> }>;
  createWritable(): Promise<{ write(data: Uint8Array): Promise<void>; close(): Promise<void> }>;
}
interface FolderHandle {
  getFileHandle(name: string, options?: { create: boolean }): Promise<FileHandle>;
  getDirectoryHandle(name: string, options?: { create: boolean }): Promise<FolderHandle>;
  removeEntry(name: string, options?: { recursive: boolean }): Promise<void>;
  keys(): AsyncIterable<string>;
}
interface Page {
  readonly navigator?: { readonly storage?: { getDirectory?(): Promise<FolderHandle> } };
}

/** Paths live in the page's private file system (OPFS). */
async function root(): Promise<FolderHandle> {
  const folder = await (globalThis as unknown as Page).navigator?.storage?.getDirectory?.();
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

function failureOf(what: string, path: string, cause: unknown): FrondError {
  const name = cause instanceof Error ? cause.name : String(cause);
  const isFull = name === 'QuotaExceededError';
  const code = isFull ? 'FROND-F001' : name === 'NotFoundError' ? 'FROND-F041' : 'FROND-F002';
  return new FrondError(code, `cannot ${what} ${path}: ${name}`, {
    place: { file: path },
    hint: isFull ? 'the storage that the browser grants this page is full' : undefined,
    cause,
  });
}

async function readBytes(path: string): Promise<Uint8Array> {
  const { folder, name } = await entryAt(path);
  const file = await (await folder.getFileHandle(name)).getFile();
  return new Uint8Array(await file.arrayBuffer());
}

/** The write becomes visible as a whole when the stream is closed. */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const { folder, name } = await entryAt(path);
  const handle = await folder.getFileHandle(name, { create: true });
  const stream = await handle.createWritable();
  await stream.write(bytes);
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

/** There is no rename of folders: copies, then removes. A page is alone with its files, so nobody sees the middle. */
async function rename(from: string, to: string): Promise<void> {
  if ((await kindOf(from)) === 'folder') {
    await folderAt(partsOf(to), true);
    for (const name of await namesIn(await folderAt(partsOf(from))))
      await rename(`${from}/${name}`, `${to}/${name}`);
  } else await writeDurably(to, await readBytes(from));
  await remove(from);
}

async function remove(path: string): Promise<void> {
  if ((await kindOf(path)) === 'none') return;
  const { folder, name } = await entryAt(path);
  await folder.removeEntry(name, { recursive: true });
}

const pathOf = (...parts: readonly string[]): string => partsOf(parts.join('/')).join('/');

const attempt = attempting(failureOf);

export const files: Files = {
  join: pathOf,
  nameOf: (path) => partsOf(path).at(-1) ?? '',
  readBytes: (path) => attempt('read', path, () => readBytes(path)),
  readText: async (path) => decodeUtf8(await files.readBytes(path), path),
  list: (folder) => attempt('list', folder, async () => namesIn(await folderAt(partsOf(folder)))),
  kindOf,
  realPath: async (path) => pathOf(path),
  makeFolder: (path) => attempt('make folder', path, async () => void (await folderAt(partsOf(path), true))),
  writeDurably: (path, bytes) => attempt('write', path, () => writeDurably(path, bytes)),
  syncFolder: async () => undefined,
  rename: (from, to) => attempt('rename', from, () => rename(from, to)),
  remove: (path) => attempt('remove', path, () => remove(path)),
  createExclusively: (path, text) =>
    attempt('create', path, async () => {
      if ((await kindOf(path)) !== 'none') return false;
      await writeDurably(path, new TextEncoder().encode(text));
      return true;
    }),
};
