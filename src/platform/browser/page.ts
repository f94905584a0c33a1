// What a page has that is used here, written out so that the library needs no DOM types. A page may lack any of it.

interface PageBlob {
  readonly size: number;
  slice(begin: number, end: number): PageBlob;
  arrayBuffer(): Promise<ArrayBuffer>;
}

interface FileHandle {
  getFile(): Promise<PageBlob & { readonly lastModified: number }>;
  createWritable(): Promise<{
    write(data: Uint8Array): Promise<void>;
    close(): Promise<void>;
    abort(): Promise<void>;
  }>;
  move?(to: FolderHandle, name: string): Promise<void>;
}
export interface FolderHandle {
  getFileHandle(name: string, options?: { create: boolean }): Promise<FileHandle>;
  getDirectoryHandle(name: string, options?: { create: boolean }): Promise<FolderHandle>;
  removeEntry(name: string, options?: { recursive: boolean }): Promise<void>;
  keys(): AsyncIterable<string>;
}

interface PageWorker {
  postMessage(message: unknown): void;
  terminate(): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onmessageerror: (() => void) | null;
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null;
}

interface Locks {
  request(
    name: string,
    options: { readonly ifAvailable: true },
    work: (lock: object | null) => Promise<void>,
  ): Promise<void>;
}

interface Page {
  readonly crossOriginIsolated?: boolean;
  readonly Worker?: new (url: string, options: { readonly name: string }) => PageWorker;
  readonly navigator?: {
    readonly hardwareConcurrency?: number;
    readonly userAgent?: string;
    readonly gpu?: unknown;
    readonly locks?: Locks;
    readonly storage?: { getDirectory?(): Promise<FolderHandle> };
  };
}

export const page = globalThis as unknown as Page;
