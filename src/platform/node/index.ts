import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { attempting, decodeUtf8, piecesOf } from '../shared.ts';
import type { Files, Kind, Pieces, Platform } from '../types.ts';
import { codeOf, fileFailure, NO_FILE } from './failure.ts';
import { openGpu } from './gpu.ts';
import { spawnWorker, threadsRefused } from './worker.ts';

/** An error with a code, as those of the system have. */
const failed = (code: string, what: string): Error => Object.assign(new Error(what), { code });

async function opened<T>(path: string, flags: string, work: (file: fs.FileHandle) => Promise<T>): Promise<T> {
  const file = await fs.open(path, flags);
  return work(file).finally(() => file.close());
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform !== 'win32') await opened(path, 'r', (folder) => folder.sync());
}

/** Makes missing folders from the top down, and their entries durable: else a crash could take all that is inside with them. */
async function makeFolder(path: string): Promise<void> {
  // the recursive form of mkdir never returns where a parent takes no entries, such as /proc
  const missing: string[] = [];
  let top = resolve(path);
  while ((await kindOf(top)) === 'none') {
    missing.unshift(top);
    top = dirname(top);
  }
  if ((await kindOf(top)) !== 'folder') throw failed('ENOTDIR', `${top} is a file`);
  for (const folder of missing) {
    await fs.mkdir(folder).catch((cause: unknown) => {
      // another process may have made it meanwhile
      if (codeOf(cause) !== 'EEXIST') throw cause;
    });
    await syncFolder(dirname(folder));
  }
}

async function kindOf(path: string): Promise<Kind> {
  try {
    const found = await fs.stat(path);
    if (found.isDirectory()) return 'folder';
    return found.isFile() ? 'file' : 'other';
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return 'none';
    throw cause;
  }
}

/** A pipe that nobody writes to, or a device, would never end. */
async function requireFile(path: string): Promise<void> {
  if ((await kindOf(path)) === 'other') throw failed(NO_FILE, `${path} is no file`);
}

async function readRange(path: string, begin: number, end: number): Promise<Uint8Array> {
  await requireFile(path);
  return opened(path, 'r', async (file) => {
    const bytes = new Uint8Array(end - begin);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, begin + done);
      if (bytesRead === 0) throw failed('EIO', 'the file ends before');
      done += bytesRead;
    }
    return bytes;
  });
}

async function writeDurably(path: string, content: Uint8Array | Pieces): Promise<void> {
  await opened(path, 'w', async (file) => {
    for await (const bytes of piecesOf(content)) {
      // one call may write less than it was given
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done);
        if (bytesWritten === 0) throw failed('EIO', 'nothing could be written');
        done += bytesWritten;
      }
    }
    await file.sync();
  });
}

const attempt = attempting(fileFailure);

export const files: Files = {
  join: (...parts) => join(...parts),
  nameOf: (path) => basename(path),
  readBytes: attempt('read', async (path) => {
    await requireFile(path);
    const bytes = await fs.readFile(path);
    // a small file may lie in memory that Node shares among many; a large one is not copied
    const own = bytes.length === bytes.buffer.byteLength;
    return own ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
  }),
  statOf: attempt('read', async (path) => {
    await requireFile(path);
    const { size, mtimeMs: modified } = await fs.stat(path);
    return { size, modified };
  }),
  readRange: attempt('read', readRange),
  readText: async (path) => decodeUtf8(await files.readBytes(path), path),
  list: attempt('list', async (folder) => (await fs.readdir(folder)).sort()),
  kindOf: attempt('look at', kindOf),
  realPath: attempt('look at', (path) => fs.realpath(path)),
  makeFolder: attempt('make folder', makeFolder),
  writeDurably: attempt('write', writeDurably),
  syncFolder: attempt('sync', syncFolder),
  rename: attempt('rename', (from, to: string) => fs.rename(from, to)),
  remove: attempt('remove', (path) => fs.rm(path, { recursive: true, force: true })),
  createExclusively: attempt('create', async (path, text: string) => {
    try {
      await opened(path, 'wx', (file) => file.writeFile(text));
      return true;
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') return false;
      throw cause;
    }
  }),
};

export const platform: Platform = {
  files,
  sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
  startHash: () => {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
  },
  processId: process.pid,
  isAlive(processId) {
    try {
      process.kill(processId, 0);
      return true;
    } catch (cause) {
      return codeOf(cause) === 'EPERM';
    }
  },
  claim: async () => () => undefined,
  processor: cpus()[0]?.model.trim() ?? process.arch,
  cores: availableParallelism(),
  threadsRefused,
  spawnWorker,
  openGpu,
};
