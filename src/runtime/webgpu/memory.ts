import { chunksOf, tooLarge } from '../chunks.ts';
import type { Location, Memory } from '../device.ts';
import type { GpuOwner } from './owner.ts';

/** Bits of the WebGPU interface, as its specification numbers them: outside of a browser no global object names them. */
export const USAGE = {
  mapRead: 0x1,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;
const MAP_READ = 0x1;

/** Offset at which a storage or uniform range may begin on every adapter, in bytes. */
export const RANGE_ALIGNMENT = 256;

export const alignBytes = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** Memory in one or, beyond what a buffer holds, several buffers of `chunkBytes` each. */
export interface GpuMemory extends Memory {
  readonly buffers: readonly GPUBuffer[];
  readonly chunkBytes: number;
}

/** A part of one buffer, in bytes. */
export interface GpuRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

const WORD = 4;

/** Zeroed, as WebGPU gives it. @throws FROND-R001 where the GPU has not that much */
export async function allocateBuffers(
  owner: GpuOwner,
  words: number,
  chunkBytes: number,
): Promise<GpuMemory> {
  const total = alignBytes(Math.max(1, words) * WORD, RANGE_ALIGNMENT);
  const usage = USAGE.storage | USAGE.copySource | USAGE.copyTarget;
  const buffers: GPUBuffer[] = [];
  try {
    await owner.scoped(`${total} bytes of memory`, () => {
      for (const chunk of chunksOf(total / WORD, chunkBytes / WORD))
        buffers.push(owner.device.createBuffer({ size: chunk.words * WORD, usage }));
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
export function rangeOf({ memory, offset: words, length, dtype }: Location, what: string): GpuRange {
  const { buffers, chunkBytes } = memory as GpuMemory;
  const bytes = length * (dtype === 'f16' ? 2 : WORD);
  const offset = (words * WORD) % chunkBytes;
  const buffer = buffers[Math.floor((words * WORD) / chunkBytes)];
  if (buffer === undefined || offset + bytes > alignBytes(buffer.size, RANGE_ALIGNMENT)) {
    throw tooLarge(what, bytes, chunkBytes);
  }
  return { buffer, offset, bytes };
}

/** Gives to `use` the `size` bytes that `encode` copies into a staging buffer. `what` is named where it fails. */
export async function readBack<T>(
  owner: GpuOwner,
  what: string,
  size: number,
  encode: (encoder: GPUCommandEncoder, staging: GPUBuffer) => void,
  use: (bytes: ArrayBuffer) => T,
): Promise<T> {
  const { device } = owner;
  const staging = await owner.scoped(what, () => {
    const buffer = device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget });
    const encoder = device.createCommandEncoder();
    encode(encoder, buffer);
    device.queue.submit([encoder.finish()]);
    return buffer;
  });
  try {
    await owner.guard(what, staging.mapAsync(MAP_READ));
    // numbers of a lost or failing device are none
    owner.check();
    return use(staging.getMappedRange());
  } finally {
    staging.destroy();
  }
}
