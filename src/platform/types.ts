/** What a path leads to; `other`: a pipe, a device, a socket. */
export type Kind = 'file' | 'folder' | 'other' | 'none';

/** Bytes in pieces, in order. */
export type Pieces = AsyncIterable<Uint8Array>;

/** What frond needs from where it runs. Node and the browser each have a twin; package conditions choose. */
export interface Files {
  join(...parts: readonly string[]): string;
  /** last part of a path */
  nameOf(path: string): string;
  readBytes(path: string): Promise<Uint8Array>;
  /** Bytes of a file, and when it was changed: milliseconds since 1970. */
  statOf(path: string): Promise<{ readonly size: number; readonly modified: number }>;
  /** Bytes begin … end − 1 of a file, in memory of their own. @throws FROND-F002 where the file ends before */
  readRange(path: string, begin: number, end: number): Promise<Uint8Array>;
  /** Strict UTF-8. @throws FROND-F004 at the first byte that is not */
  readText(path: string): Promise<string>;
  /** Names in a folder, sorted. */
  list(folder: string): Promise<readonly string[]>;
  /** @throws FROND-F002 where the system does not say */
  kindOf(path: string): Promise<Kind>;
  /** The path without symbolic links; it must exist. */
  realPath(path: string): Promise<string>;
  /** With all folders above it. */
  makeFolder(path: string): Promise<void>;
  /** Writes every byte and waits until the disk has them; of pieces no more than one is held. */
  writeDurably(path: string, content: Uint8Array | Pieces): Promise<void>;
  /** Makes the entries of a folder durable; a no-op where the system has no such call. */
  syncFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A file, or a folder with all that is in it; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  /** Makes the file only if it does not exist; says whether it did. */
  createExclusively(path: string, text: string): Promise<boolean>;
}

/** The entry point of WebGPU (`GPU`), or why there is none; `hint`: what to do where it finds no adapter either. */
export interface GpuEntry {
  readonly gpu: unknown;
  readonly reason: string;
  readonly hint: string;
}

/** A thread of its own, with a memory that others may share. */
export interface PlatformWorker {
  post(message: unknown): void;
  /** The process stays alive for its answer. */
  hold(): void;
  /** The process may end without it, which ends the thread too. */
  release(): void;
  terminate(): void;
}

/** What a thread tells its owner. */
export interface WorkerEvents {
  message(data: unknown): void;
  /** it ended, or could not be started; nothing comes after that */
  ended(reason: string): void;
}

/** SHA-256 of bytes that come in pieces. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** of all so far, in lower-case hexadecimal; nothing can be added afterwards */
  digest(): string;
}

export interface Platform {
  readonly files: Files;
  /** lower-case hexadecimal */
  sha256(bytes: Uint8Array): Promise<string>;
  startHash(): Hash;
  /** id of this process, and whether another one still runs; a page is always process 0 and alone */
  readonly processId: number;
  isAlive(processId: number): boolean;
  /**
   * Takes a name for this page among all tabs of its origin; a no-op where processes are told apart by their ids.
   * @returns the release; undefined while another one has it
   */
  claim(name: string): Promise<(() => void) | undefined>;
  /** the processor, or the browser, as it calls itself: what timings hold for */
  readonly processor: string;
  /** usable processor cores */
  readonly cores: number;
  /** Why threads cannot share memory here; undefined where they can. */
  threadsRefused(): string | undefined;
  /**
   * Starts a thread that runs `source`: the text of a function of a port, an object with `post(message)` and
   * `listen(handler)`. The process may end without it until it is held.
   */
  spawnWorker(source: string, name: string, events: WorkerEvents): PlatformWorker;
  openGpu(): Promise<GpuEntry>;
}
