import { defined } from '../../base/errors.ts';
import type { BoundProgram, Command, Device, LaunchShape } from '../device.ts';
import { type AdapterDescription, type GpuLimits, openAdapter } from './adapter.ts';
import { planBindings } from './bindings.ts';
import { allocateBuffers, type GpuMemory } from './memory.ts';
import { GpuOwner } from './owner.ts';
import { Pipelines } from './pipelines.ts';
import { bindLaunches } from './program.ts';
import { Transfer } from './transfer.ts';

export interface WebgpuOptions {
  /** entry point of WebGPU, such as `navigator.gpu`; default: what the page has, or the package `webgpu` */
  readonly gpu?: { requestAdapter(): Promise<unknown> } | undefined;
  /** limits to stay within, where the adapter has more */
  readonly limits?: Partial<GpuLimits>;
  /** kernels compiled so far, while a program is made ready */
  readonly onProgress?: (done: number, total: number) => void;
  /** the GPU device itself, as soon as it is open: for tests that destroy it */
  readonly onDevice?: (device: { destroy(): void }) => void;
}

/** A device on a GPU, with what is known of its adapter. */
export interface WebgpuDevice extends Device {
  readonly adapter: AdapterDescription;
  /** distinct WGSL texts compiled so far */
  readonly texts: () => number;
}

/** Submissions that may be under way: the host prepares the next while the GPU works on these. */
const IN_FLIGHT = 2;

/** Encodes a whole command list into one command buffer. */
function encode(device: GPUDevice, launches: Awaited<ReturnType<typeof bindLaunches>>['launches']): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  let last: GPUComputePipeline | undefined;
  for (const { pipeline, group, size } of launches) {
    if (pipeline !== last) pass.setPipeline(pipeline);
    last = pipeline;
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...size);
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
}

/**
 * Opens a GPU through WebGPU, in Node (package `webgpu`) or in a browser.
 * @throws FROND-R020 where there is no WebGPU or no adapter, with what to install
 */
export async function webgpuDevice(options: WebgpuOptions = {}): Promise<WebgpuDevice> {
  const { device, description, kept } = await openAdapter(options.limits, options.gpu as GPU | undefined);
  options.onDevice?.(device);
  const { limits, features, software } = description;
  const owner = new GpuOwner(device, kept);
  const transfer = new Transfer(owner);
  const pipelines = new Pipelines(owner, {
    limits,
    shaderF16: features.includes('shader-f16'),
    unroll: !software,
  });
  const chunkBytes = Math.floor(Math.min(limits.bufferBytes, limits.bindingBytes) / 65_536) * 65_536;
  const inFlight: Promise<unknown>[] = [];

  const run = async (launches: Awaited<ReturnType<typeof bindLaunches>>['launches']): Promise<void> => {
    transfer.flush();
    await owner.scoped('a step', () => encode(device, launches));
    inFlight.push(device.queue.onSubmittedWorkDone().catch(() => undefined));
    const oldest = inFlight.length > IN_FLIGHT ? inFlight.shift() : undefined;
    if (oldest !== undefined) await owner.guard('a step', oldest);
  };

  return {
    name: 'webgpu',
    precision: 'f32',
    adapter: description,
    chunkWords: chunkBytes / 4,
    texts: () => pipelines.texts,
    allocate: (words) => allocateBuffers(owner, words, chunkBytes),
    free(memory) {
      transfer.flush();
      for (const buffer of (memory as GpuMemory).buffers) buffer.destroy();
    },
    async write(location, data) {
      transfer.write(location, data);
    },
    read: (location) => transfer.read(location),
    async prepare(launches: Iterable<LaunchShape>, onProgress = options.onProgress) {
      const modules = [...launches].map(({ kernel, places }) =>
        pipelines.moduleOf(
          kernel,
          planBindings(kernel, (name) => defined(places[name], `place of ${name}`), limits.storageBuffers),
        ),
      );
      const fresh = new Map(
        modules.filter((module) => !pipelines.has(module)).map((module) => [module.code, module]),
      );
      let done = 0;
      await Promise.all(
        [...fresh.values()].map(async (module) => {
          await pipelines.pipelineOf(module);
          onProgress?.(++done, fresh.size);
        }),
      );
    },
    async bind(commands: readonly Command[]): Promise<BoundProgram> {
      const { launches } = await bindLaunches(commands, owner, pipelines, limits.storageBuffers);
      return { run: () => run(launches) };
    },
    reopen: () => webgpuDevice(options),
    async close() {
      owner.close();
    },
  };
}
