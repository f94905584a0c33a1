import type { Files, Pieces } from '../platform/types.ts';

/** Bytes that are read, or hashed, at once: 4 MiB, whole elements of every type. */
export const PIECE = 2 ** 22;

/** Bytes that lie somewhere and can be read in parts. */
export interface ByteSource {
  /** bytes in all */
  readonly size: number;
  /** Bytes begin … end − 1, in memory of their own; default: all. */
  read(begin?: number, end?: number): Promise<Uint8Array>;
}

/** Bytes begin … end − 1 of a source in pieces of 4 MiB. */
export async function* rangeOf(source: ByteSource, begin = 0, end = source.size): Pieces {
  for (let at = begin; at < end; at += PIECE) yield source.read(at, Math.min(end, at + PIECE));
}

/** A file that is read when it is asked for its bytes: as a whole, in part, or piece by piece (`for await`). */
export interface StoredFile extends ByteSource, Pieces {
  readonly path: string;
  /** lower-case hexadecimal */
  readonly sha256: string;
}

export async function storedFile(path: string, files: Files): Promise<Omit<StoredFile, 'sha256'>> {
  const { size } = await files.statOf(path);
  const read = (begin = 0, end = size): Promise<Uint8Array> => files.readRange(path, begin, end);
  return { path, size, read, [Symbol.asyncIterator]: () => rangeOf({ size, read })[Symbol.asyncIterator]() };
}
