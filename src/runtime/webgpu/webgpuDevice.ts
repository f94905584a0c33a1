import { checkOptions } from '../../base/arguments.ts';
import * as is from '../../base/kinds.ts';
import type { BoundProgram, Command, Device } from '../device.ts';
import { withLifetime } from '../lifetime.ts';
import { openAdapter } from './adapter.ts';
import type { AdapterDescription, GpuLimits } from './description.ts';
import { allocateBuffers, type GpuMemory } from './memory.ts';
import { GpuOwner } from './owner.ts';
import { Pipelines } from './pipelines.ts';
import { bindLaunches } from './program.ts';
import { GpuQueue } from './queue.ts';

export const webgpuOptions = {
  /** entry point of WebGPU, such as `navigator.gpu`; default: what the page has, or the package `webgpu` */
  gpu: is.omittable(
    is.having<{ requestAdapter(): Promise<unknown> }>(
      'an entry point of WebGPU, such as navigator.gpu',
      'requestAdapter',
    ),
  ),
  /** limits to stay within, where the adapter has more */
  limits: is.optional(is.typed<Partial<GpuLimits>>(is.object)),
  /** kernels compiled so far, while a program is made ready */
  onProgress: is.optional(is.typed<(done: number, total: number) => void>(is.callable)),
  /** the GPU device itself, as soon as it is open: for tests that destroy it */
  onDevice: is.optional(is.typed<(device: { destroy(): void }) => void>(is.callable)),
};
export type WebgpuOptions = is.OptionsOf<typeof webgpuOptions>;

/** Kernels count elements in 31 bits. */
const MOST_BYTES = 2 ** 32;

/** Arenas end their chunks where their tables, with one word per block of 256, have an offset that can be bound. */
const CHUNK_UNIT = 4 * 256 * 64;

/** A device on a GPU, with what is known of its adapter. */
export interface WebgpuDevice extends Device {
  readonly adapter: AdapterDescription;
  /** distinct WGSL texts compiled so far */
  readonly texts: () => number;
}

/**
 * Opens a GPU through WebGPU, in Node (package `webgpu`) or in a browser.
 * @throws FROND-R020 where there is no WebGPU or no adapter, with what to install
 */
export async function webgpuDevice(options: WebgpuOptions = {}): Promise<WebgpuDevice> {
  checkOptions('webgpuDevice', options, webgpuOptions);
  const { device, description, subgroups, kept } = await openAdapter(
    options.limits,
    options.gpu as GPU | undefined,
  );
  options.onDevice?.(device);
  const { limits, features, software } = description;
  const owner = new GpuOwner(device, kept);
  const queue = new GpuQueue(owner);
  const pipelines = new Pipelines(owner, {
    limits,
    shaderF16: features.includes('shader-f16'),
    unroll: !software,
    subgroups,
  });
  const largest = Math.min(limits.bufferBytes, limits.bindingBytes, MOST_BYTES);
  const chunkBytes = Math.floor(largest / CHUNK_UNIT) * CHUNK_UNIT;

  return withLifetime({
    name: 'webgpu',
    precision: 'f32',
    adapter: description,
    chunkWords: chunkBytes / 4,
    texts: () => pipelines.texts,
    allocate: (words) => allocateBuffers(owner, words, chunkBytes),
    free(memory) {
      queue.flush();
      for (const buffer of (memory as GpuMemory).buffers) buffer.destroy();
    },
    write: async (location, data) => queue.write(location, data),
    read: (location) => queue.read(location),
    prepare: (launches, onProgress = options.onProgress) => pipelines.prepare(launches, onProgress),
    async bind(commands: readonly Command[]): Promise<BoundProgram> {
      const { launches, uniforms } = await bindLaunches(commands, owner, pipelines, limits.groups);
      const hasClock = features.includes('timestamp-query');
      return {
        run: () => queue.run(launches),
        profile: async () => (hasClock ? queue.profile(launches) : undefined),
        free: () => uniforms.destroy(),
      };
    },
    reopen: () => webgpuDevice(options),
    close: async () => owner.close(),
  });
}
