import { FrondError } from '../../base/errors.ts';
import { decodeUtf8 } from '../text.ts';
import type { Files, Platform } from '../types.ts';
import { claim } from './locks.ts';
import { spawnWorker, threadsRefused } from './worker.ts';

/** The part of the File System API that is used here; written out so that the library needs no DOM types. */
interface FileHandle {
  getFile(): Promise<{ arrayBuffer(): Promise<ArrayBuffer>; readonly size: number }>;
  createWritable(options?: { keepExistingData: boolean }): Promise<{
    write(data: { type: 'write'; position: number; data: Uint8Array }): Promise<void>;
    close(): Promise<void>;
  }>;
}
interface FolderHandle {
  getFileHandle(name: string, options?: { create: boolean }): Promise<FileHandle>;
  getDirectoryHandle(name: string, options?: { create: boolean }): Promise<FolderHandle>;
  removeEntry(name: string, options?: { recursive: boolean }): Promise<void>;
  keys(): AsyncIterable<string>;
}
interface Storage {
  readonly storage?: { getDirectory?(): Promise<FolderHandle> };
  readonly hardwareConcurrency?: number;
  readonly userAgent?: string;
  readonly gpu?: unknown;
}

const navigatorOf = (): Storage =>
  (globalThis as unknown as { readonly navigator?: Storage }).navigator ?? {};

/** Paths live in the page's private file system (OPFS). */
async function root(): Promise<FolderHandle> {
  const folder = await navigatorOf().storage?.getDirectory?.();
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

async function attempt<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FrondError) throw cause;
    const name = cause instanceof Error ? cause.name : String(cause);
    if (name === 'QuotaExceededError') {
      throw new FrondError('FROND-F001', `cannot ${what} ${path}: ${name}`, {
        place: { file: path },
        hint: 'the storage that the browser grants this page is full',
        cause,
      });
    }
    const code = name === 'NotFoundError' ? 'FROND-F041' : 'FROND-F002';
    throw new FrondError(code, `cannot ${what} ${path}: ${name}`, { place: { file: path }, cause });
  }
}

async function read(path: string): Promise<Uint8Array> {
  const parts = partsOf(path);
  const folder = await folderAt(parts.slice(0, -1));
  const file = await (await folder.getFileHandle(parts.at(-1) ?? '')).getFile();
  return new Uint8Array(await file.arrayBuffer());
}

/** The write becomes visible as a whole when the stream is closed. */
async function write(path: string, bytes: Uint8Array, position = 0): Promise<void> {
  const parts = partsOf(path);
  const folder = await folderAt(parts.slice(0, -1));
  const handle = await folder.getFileHandle(parts.at(-1) ?? '', { create: true });
  const stream = await handle.createWritable({ keepExistingData: position > 0 });
  await stream.write({ type: 'write', position, data: bytes });
  await stream.close();
}

async function namesIn(folder: FolderHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names.sort();
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'none'> {
  const parts = partsOf(path);
  if (parts.length === 0) return 'folder';
  try {
    const folder = await folderAt(parts.slice(0, -1));
    const name = parts.at(-1) ?? '';
    return await folder.getFileHandle(name).then(
      () => 'file' as const,
      () => folder.getDirectoryHandle(name).then(() => 'folder' as const),
    );
  } catch {
    return 'none';
  }
}

/** There is no rename of folders: copies, then removes. A page is alone with its files, so nobody sees the middle. */
async function move(from: string, to: string): Promise<void> {
  if ((await kindOf(from)) === 'folder') {
    await folderAt(partsOf(to), true);
    for (const name of await namesIn(await folderAt(partsOf(from))))
      await move(`${from}/${name}`, `${to}/${name}`);
  } else await write(to, await read(from));
  await remove(from);
}

async function remove(path: string): Promise<void> {
  if ((await kindOf(path)) === 'none') return;
  const parts = partsOf(path);
  const folder = await folderAt(parts.slice(0, -1));
  await folder.removeEntry(parts.at(-1) ?? '', { recursive: true });
}

export const files: Files = {
  join: (...parts) => partsOf(parts.join('/')).join('/'),
  nameOf: (path) => partsOf(path).at(-1) ?? '',
  readBytes: (path) => attempt('read', path, () => read(path)),
  readText: async (path) => decodeUtf8(await files.readBytes(path), path),
  list: (folder) => attempt('list', folder, async () => namesIn(await folderAt(partsOf(folder)))),
  kindOf,
  realPath: async (path) => partsOf(path).join('/'),
  makeFolder: (path) => attempt('make folder', path, async () => void (await folderAt(partsOf(path), true))),
  writeDurably: (path, bytes) => attempt('write', path, () => write(path, bytes)),
  append: (path, text) =>
    attempt('write', path, async () => {
      const size = (await kindOf(path)) === 'file' ? (await read(path)).length : 0;
      await write(path, new TextEncoder().encode(text), size);
    }),
  syncFolder: async () => undefined,
  rename: (from, to) => attempt('rename', from, () => move(from, to)),
  remove: (path) => attempt('remove', path, () => remove(path)),
  createExclusively: (path, text) =>
    attempt('create', path, async () => {
      if ((await kindOf(path)) !== 'none') return false;
      await write(path, new TextEncoder().encode(text));
      return true;
    }),
};

const hexadecimal = (bytes: ArrayBuffer): string =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export const platform: Platform = {
  name: 'browser',
  files,
  now: () => performance.now(),
  sha256: async (bytes) => hexadecimal(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))),
  processId: 0,
  isAlive: () => false,
  claim,
  processor: navigatorOf().userAgent ?? 'browser',
  cores: navigatorOf().hardwareConcurrency ?? 1,
  threadsRefused,
  spawnWorker,
  openGpu: async () => ({
    gpu: navigatorOf().gpu,
    reason: 'this page has no WebGPU',
    hint: 'use a current browser with WebGPU switched on, and serve the page from https or localhost',
  }),
};
