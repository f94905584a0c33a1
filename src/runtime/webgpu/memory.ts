import { tooLarge } from '../chunks.ts';
import type { Location, Memory } from '../device.ts';
import { alignBytes, RANGE_ALIGNMENT, USAGE } from './flags.ts';
import type { GpuOwner } from './owner.ts';

/** Memory in one or, beyond what a buffer holds, several buffers of `chunkBytes` each. */
export interface GpuMemory extends Memory {
  readonly buffers: readonly GPUBuffer[];
  readonly chunkBytes: number;
}

/** A stretch of one buffer, in bytes. */
export interface GpuRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

const WORD = 4;

/** Bytes of a tensor's elements: f16 takes two each, everything else four. */
export const bytesOf = ({ dtype, length }: Location): number => length * (dtype === 'f16' ? 2 : WORD);

/** Zeroed, as WebGPU gives it. @throws FROND-R001 where the GPU has not that much */
export async function allocateBuffers(
  owner: GpuOwner,
  words: number,
  chunkBytes: number,
): Promise<GpuMemory> {
  const total = alignBytes(Math.max(1, words) * WORD, RANGE_ALIGNMENT);
  const usage = USAGE.storage | USAGE.copySource | USAGE.copyTarget;
  const sizes: number[] = [];
  for (let at = 0; at < total; at += chunkBytes) sizes.push(Math.min(chunkBytes, total - at));
  const buffers: GPUBuffer[] = [];
  try {
    await owner.scoped(`${total} bytes of memory`, () => {
      for (const size of sizes) buffers.push(owner.device.createBuffer({ size, usage }));
    });
  } catch (cause) {
    for (const buffer of buffers) buffer.destroy();
    throw cause;
  }
  return { words, buffers, chunkBytes };
}

/**
 * Where a tensor lies.
 * @throws FROND-R025 for one that is larger than a buffer
 */
export function rangeOf(location: Location, what: string): GpuRange {
  const { buffers, chunkBytes } = location.memory as GpuMemory;
  const bytes = bytesOf(location);
  const start = location.offset * WORD;
  const chunk = Math.floor(start / chunkBytes);
  const offset = start - chunk * chunkBytes;
  const buffer = buffers[chunk];
  if (buffer === undefined || offset + bytes > alignBytes(buffer.size, RANGE_ALIGNMENT)) {
    throw tooLarge(what, bytes, chunkBytes);
  }
  return { buffer, offset, bytes };
}
