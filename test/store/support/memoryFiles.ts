import { FrondError } from '../../../src/base/errors.ts';
import { decodeUtf8 } from '../../../src/platform/shared.ts';
import type { Files } from '../../../src/platform/types.ts';
import { joined } from './bytes.ts';

/** What a disk holds: names of folders, bytes of files. */
type Entry =
  | { readonly kind: 'folder'; readonly names: Map<string, Entry> }
  | { readonly kind: 'file'; bytes: Uint8Array };
type Folder = Extract<Entry, { kind: 'folder' }>;

/**
 * One change on its way to the disk, with what makes it durable: bytes of a file with the file's own flush, names of a folder
 * with the folder's. `apply` does it to a disk; entries keep their identity from disk to disk by number.
 */
interface Change {
  readonly of: number;
  readonly apply: (disk: Disk) => void;
}
type Record =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'flush'; readonly of: number };

class Disk {
  readonly entries = new Map<number, Entry>();
  constructor() {
    this.entries.set(0, { kind: 'folder', names: new Map() });
  }
  folder(id: number): Folder {
    const entry = this.entries.get(id);
    if (entry?.kind === 'folder') return entry;
    const made: Folder = { kind: 'folder', names: new Map() };
    this.entries.set(id, made);
    return made;
  }
  file(id: number): Extract<Entry, { kind: 'file' }> {
    const entry = this.entries.get(id);
    if (entry?.kind === 'file') return entry;
    const made = { kind: 'file' as const, bytes: new Uint8Array(0) };
    this.entries.set(id, made);
    return made;
  }
}

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '');
const gone = (path: string): FrondError => new FrondError('FROND-F041', `there is no ${path}`);

/**
 * A file system in memory that remembers every change in order, and when it was flushed, so that a loss of power can be played at
 * any moment: what was flushed is there, of the rest any part may be.
 */
export class MemoryFiles {
  readonly log: Record[] = [];
  readonly #disk = new Disk();
  readonly #ids = new Map<Entry, number>();
  #next = 1;

  #do(of: number, apply: (disk: Disk) => void): void {
    apply(this.#disk);
    this.log.push({ kind: 'change', change: { of, apply } });
  }

  #flush(of: number): void {
    this.log.push({ kind: 'flush', of });
  }

  #idOf(entry: Entry): number {
    return this.#ids.get(entry) ?? 0;
  }

  #find(path: string): Entry | undefined {
    return parts(path).reduce<Entry | undefined>(
      (entry, part) => (entry?.kind === 'folder' ? entry.names.get(part) : undefined),
      this.#disk.folder(0),
    );
  }

  #parent(path: string): { readonly id: number; readonly name: string } {
    const above = this.#find(parts(path).slice(0, -1).join('/'));
    if (above?.kind !== 'folder') throw gone(path);
    return { id: this.#idOf(above), name: parts(path).at(-1) ?? '' };
  }

  #make(path: string, kind: 'folder' | 'file'): number {
    const { id: parent, name } = this.#parent(path);
    const id = this.#next++;
    this.#do(parent, (disk) => {
      disk.folder(parent).names.set(name, kind === 'folder' ? disk.folder(id) : disk.file(id));
    });
    const made = this.#find(path);
    if (made !== undefined) this.#ids.set(made, id);
    return id;
  }

  /** As the platform does it: a new folder's name is flushed at once. */
  #makeFolder(path: string): void {
    parts(path).forEach((_, i, all) => {
      const part = all.slice(0, i + 1).join('/');
      if (this.#find(part) !== undefined) return;
      this.#make(part, 'folder');
      this.#flush(this.#parent(part).id);
    });
  }

  /** In pieces, as a system may; flushed at the end. */
  #write(path: string, bytes: Uint8Array): void {
    const id = this.#make(path, 'file');
    const piece = Math.ceil(bytes.length / 3) || 1;
    for (let at = 0; at < bytes.length; at += piece) {
      const more = bytes.slice(at, at + piece);
      this.#do(id, (disk) => {
        const file = disk.file(id);
        const grown = new Uint8Array(Math.max(file.bytes.length, at + more.length));
        grown.set(file.bytes);
        grown.set(more, at);
        file.bytes = grown;
      });
    }
    this.#flush(id);
  }

  #rename(from: string, to: string): void {
    const source = this.#parent(from);
    const target = this.#parent(to);
    const entry = this.#find(from);
    if (entry === undefined) throw gone(from);
    const id = this.#idOf(entry);
    this.#do(target.id, (disk) => {
      disk.folder(source.id).names.delete(source.name);
      disk
        .folder(target.id)
        .names.set(target.name, entry.kind === 'folder' ? disk.folder(id) : disk.file(id));
    });
  }

  /** A folder's files go one by one, then the folder. */
  #remove(path: string): void {
    const entry = this.#find(path);
    if (entry === undefined) return;
    if (entry.kind === 'folder') for (const name of [...entry.names.keys()]) this.#remove(`${path}/${name}`);
    const { id, name } = this.#parent(path);
    this.#do(id, (disk) => void disk.folder(id).names.delete(name));
  }

  readonly files: Files = {
    join: (...all) => all.flatMap(parts).join('/'),
    nameOf: (path) => parts(path).at(-1) ?? '',
    readBytes: async (path) => {
      const entry = this.#find(path);
      if (entry?.kind !== 'file') throw gone(path);
      return entry.bytes.slice();
    },
    statOf: async (path) => ({ size: (await this.files.readBytes(path)).length, modified: 0 }),
    readRange: async (path, begin, end) => (await this.files.readBytes(path)).slice(begin, end),
    readText: async (path) => decodeUtf8(await this.files.readBytes(path), path),
    list: async (path) => {
      const entry = this.#find(path);
      if (entry?.kind !== 'folder') throw gone(path);
      return [...entry.names.keys()].sort();
    },
    kindOf: async (path) => this.#find(path)?.kind ?? 'none',
    realPath: async (path) => parts(path).join('/'),
    makeFolder: async (path) => this.#makeFolder(path),
    writeDurably: async (path, content) =>
      this.#write(path, await joined(content instanceof Uint8Array ? [content] : content)),
    syncFolder: async (path) =>
      this.#flush(this.#idOf(this.#find(path) ?? { kind: 'folder', names: new Map() })),
    rename: async (from, to) => this.#rename(from, to),
    remove: async (path) => this.#remove(path),
    createExclusively: async (path, text) => {
      if (this.#find(path) !== undefined) return false;
      this.#write(path, new TextEncoder().encode(text));
      return true;
    },
  };

  /**
   * What is left when the power fails after `length` records: all that was flushed, and of the other changes those that `kept`
   * lets through, by their number among the unflushed ones.
   */
  afterPowerLoss(length: number, kept: (index: number) => boolean): MemoryFiles {
    const log = this.log.slice(0, length);
    const left = new MemoryFiles();
    let unflushed = 0;
    log.forEach((record, i) => {
      if (record.kind !== 'change') return;
      const { of, apply } = record.change;
      const durable = log.slice(i).some((later) => later.kind === 'flush' && later.of === of);
      if (durable || kept(unflushed++)) apply(left.#disk);
    });
    return left;
  }

  /** Changes among the first `length` records that a loss of power could take. */
  unflushed(length: number): number {
    const log = this.log.slice(0, length);
    return log.filter(
      (record, i) =>
        record.kind === 'change' &&
        !log.slice(i).some((later) => later.kind === 'flush' && later.of === record.change.of),
    ).length;
  }
}
