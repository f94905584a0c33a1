import type { Pieces } from '../../../src/platform/types.ts';
import type { CheckpointFiles, LoadedCheckpoint } from '../../../src/store/checkpoint.ts';

/** Bytes of the files of a checkpoint, by name. */
export async function bytesIn({ files }: Pick<LoadedCheckpoint, 'files'>): Promise<Map<string, Uint8Array>> {
  const entries = [...files].map(async ([name, file]) => [name, await file.read()] as const);
  return new Map(await Promise.all(entries));
}

/** All pieces behind each other. */
export async function joined(content: Iterable<Uint8Array> | Pieces): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

/** What is to be saved, as bytes. */
export const given = ({ files }: CheckpointFiles, name: string): Uint8Array => {
  const bytes = files.get(name);
  if (bytes instanceof Uint8Array) return bytes;
  throw new Error(`${name} is not given as bytes`);
};

/** Bytes as pieces of at most `most` bytes. */
export async function* cut(bytes: Uint8Array, most: number): Pieces {
  for (let begin = 0; begin < bytes.length; begin += most) yield bytes.subarray(begin, begin + most);
}
