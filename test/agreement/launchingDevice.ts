import { isFloating, type TypedArray } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { Device, Location, Memory } from '../../src/runtime/device.ts';
import { openGpu } from '../support/gpu.ts';

interface HostMemory extends Memory {
  readonly bytes: ArrayBuffer;
}

function view({ memory, offset, length, dtype }: Location): TypedArray {
  const { bytes } = memory as HostMemory;
  if (isFloating(dtype)) return new Float32Array(bytes, 4 * offset, length);
  return dtype === 'i32'
    ? new Int32Array(bytes, 4 * offset, length)
    : new Uint32Array(bytes, 4 * offset, length);
}

/** Memory on the host, launches one by one on a GPU: slow, and nothing but the emitted text. Undefined without an adapter. */
export async function launchingDevice(): Promise<Device | undefined> {
  const gpu = await openGpu('vulkan');
  if (gpu === undefined) return undefined;
  return {
    name: 'webgpu',
    precision: 'f32',
    async allocate(words) {
      const memory: HostMemory = { words, bytes: new ArrayBuffer(4 * words) };
      return memory;
    },
    free() {},
    async write(location, data) {
      view(location).set(data);
    },
    async read(location) {
      return view(location).slice();
    },
    async prepare() {},
    bind: (commands) => ({
      async run() {
        for (const { kernel, grid, scalars, buffers } of commands) {
          const views = kernel.buffers.map(({ name }) => [name, view(defined(buffers[name], name))] as const);
          await gpu.run({ kernel, grid, scalars }, Object.fromEntries(views));
        }
      },
    }),
    async close() {
      gpu.close();
    },
  };
}
