import { FrondError } from '../base/errors.ts';

/*
 * Memory beyond what one buffer of a GPU holds is several buffers, chunks of equal length, and a tensor lies in one of them. Lengths
 * and offsets are counted in words; a device without chunks leaves their length out.
 */

/** Where `words` can begin, from `start` on, without crossing into the next chunk. */
export function fitInChunk(start: number, words: number, chunk: number | undefined): number {
  if (chunk === undefined || words === 0) return start;
  const next = Math.ceil((start + 1) / chunk) * chunk;
  return start + words <= next ? start : next;
}

/** Where tensors of these lengths begin that lie one behind the other, and the words that they take. */
export function sideBySide(lengths: readonly number[], chunk: number | undefined) {
  let words = 0;
  const offsets = lengths.map((length) => {
    const offset = fitInChunk(words, length, chunk);
    words = offset + length;
    return offset;
  });
  return { offsets, words };
}
export type Offsets = ReturnType<typeof sideBySide>;

export const tooLarge = (what: string, bytes: number, limit: number): FrondError =>
  new FrondError(
    'FROND-R025',
    `${what} takes ${bytes} bytes; one buffer of this GPU holds ${limit} (maxBufferSize, maxStorageBufferBindingSize)`,
    { hint: 'make it smaller, or use the device wasm' },
  );

/** @throws FROND-R025 for a tensor that no chunk holds */
export function requireFits(what: string, words: number, chunk: number | undefined): void {
  if (chunk !== undefined && words > chunk) throw tooLarge(what, 4 * words, 4 * chunk);
}

/** The chunks of memory of `words`, each from word `start` on. */
export function chunksOf(words: number, chunk: number | undefined): { start: number; words: number }[] {
  if (chunk === undefined || words <= chunk) return [{ start: 0, words }];
  return Array.from({ length: Math.ceil(words / chunk) }, (_, i) => ({
    start: i * chunk,
    words: Math.min(chunk, words - i * chunk),
  }));
}
