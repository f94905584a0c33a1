import { create, globals } from 'webgpu';
import { DEFAULT_LIMITS, type WgslModule, type WgslOptions } from '../../src/backend/wgsl/index.ts';
import type { DType, TypedArray } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { Launch } from '../../src/kernel/ir.ts';
import { align } from '../../src/runtime/memoryPlan.ts';
import { describeAdapter, subgroupsOf } from '../../src/runtime/webgpu/adapter.ts';
import { allocateBuffers, type GpuMemory } from '../../src/runtime/webgpu/memory.ts';
import { GpuOwner } from '../../src/runtime/webgpu/owner.ts';
import { Pipelines } from '../../src/runtime/webgpu/pipelines.ts';
import { bindLaunches } from '../../src/runtime/webgpu/program.ts';
import { GpuQueue } from '../../src/runtime/webgpu/queue.ts';
import { arenasFor } from './arenas.ts';

/** Why no WGSL can be executed here: tests print it instead of passing silently. */
export const NO_ADAPTER = 'not run: no adapter';

/** A device of Dawn: `null` compiles and validates but executes nothing; `vulkan` runs on whatever adapter there is. */
export interface Gpu {
  readonly kind: 'null' | 'vulkan';
  readonly device: GPUDevice;
  /** of the adapter: vendor and device */
  readonly name: string;
  /** sizes of its subgroups, where it has them and numbers them */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  /** Compiles module and pipeline under the device's limits; messages of errors and warnings. */
  compile(module: WgslModule): Promise<readonly string[]>;
  /**
   * Runs one launch over buffers by name, as the device webgpu does, and reads back what it may write. f64 data travels as f32.
   * Options beside those spell the text.
   */
  run(launch: Launch, buffers: Readonly<Record<string, TypedArray>>, options?: WgslOptions): Promise<void>;
  close(): void;
}

/** A device with default limits, or undefined where there is no adapter. */
export async function openGpu(kind: Gpu['kind']): Promise<Gpu | undefined> {
  Object.assign(globalThis, globals);
  const gpu = create(kind === 'null' ? ['backend=null'] : []);
  const adapter = await gpu.requestAdapter();
  if (!adapter) return undefined;
  const features = (['shader-f16', 'subgroups'] as const).filter((name) => adapter.features.has(name));
  const device = await adapter.requestDevice({ requiredFeatures: features });
  const owner = new GpuOwner(device, [gpu, adapter, device]);
  const compiled = new Map<string, Promise<readonly string[]>>();
  const spelled = new Map<string, Pipelines>();
  const pipelinesFor = (options: WgslOptions): Pipelines => {
    const key = JSON.stringify(options);
    const shaderF16 = features.includes('shader-f16');
    const known = spelled.get(key) ?? new Pipelines(owner, { shaderF16, ...options, limits: DEFAULT_LIMITS });
    spelled.set(key, known);
    return known;
  };
  return {
    kind,
    device,
    name: describeAdapter(adapter).name,
    subgroups: subgroupsOf(gpu, adapter),
    compile: (module) => {
      const known = compiled.get(module.code) ?? messagesOf(device, module);
      compiled.set(module.code, known);
      return known;
    },
    run: (launch, buffers, { multiplesOf4, ...options } = {}) =>
      execute(owner, pipelinesFor(options), { ...launch, multiplesOf4: multiplesOf4 ?? [] }, buffers),
    close: () => owner.close(),
  };
}

async function messagesOf(device: GPUDevice, module: WgslModule): Promise<readonly string[]> {
  device.pushErrorScope('validation');
  const shader = device.createShaderModule({ code: module.code });
  const info = await shader.getCompilationInfo();
  const entries: GPUBindGroupLayoutEntry[] = [
    { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } },
    ...module.bindings.map(
      ({ binding, access }): GPUBindGroupLayoutEntry => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
      }),
    ),
  ];
  const layout = device.createBindGroupLayout({ entries });
  device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: shader, entryPoint: 'main' },
  });
  const error = await device.popErrorScope();
  const lines = module.code.split('\n');
  const messages = info.messages.map(
    ({ type, lineNum, message }) => `${type} in line ${lineNum}: ${message}\n  ${lines[lineNum - 1] ?? ''}`,
  );
  if (error && messages.length === 0) messages.push(error.message);
  return messages;
}

const dtypeOf = (data: TypedArray): DType =>
  data instanceof Int32Array ? 'i32' : data instanceof Uint32Array ? 'u32' : 'f32';

/** Buffers in memories of their own; those of a kernel with more than a device binds, where `arenasFor` says. */
async function place(owner: GpuOwner, { kernel }: Launch, buffers: Readonly<Record<string, TypedArray>>) {
  const arenas = arenasFor(kernel);
  const words = new Map<string, number>();
  const places = kernel.buffers.map(({ name }) => {
    const host = defined(buffers[name], `buffer ${name}`);
    const memory = arenas[name] ?? name;
    const offset = words.get(memory) ?? 0;
    words.set(memory, offset + align(host.length));
    return { name, host, memory, offset, length: host.length, dtype: dtypeOf(host) };
  });
  const memories = new Map<string, GpuMemory>();
  for (const [name, size] of words) memories.set(name, await allocateBuffers(owner, size, 2 ** 28));
  const located = places.map((each) => ({ ...each, memory: defined(memories.get(each.memory), 'memory') }));
  return { located, memories: [...memories.values()] };
}

async function execute(
  owner: GpuOwner,
  pipelines: Pipelines,
  launch: Launch & { readonly multiplesOf4: readonly string[] },
  buffers: Readonly<Record<string, TypedArray>>,
): Promise<void> {
  const queue = new GpuQueue(owner);
  const { located, memories } = await place(owner, launch, buffers);
  for (const { host, ...location } of located) queue.write(location, host);
  const places = Object.fromEntries(located.map((location) => [location.name, location]));
  const program = await bindLaunches([{ ...launch, buffers: places }], owner, pipelines, 65_535);
  await queue.run(program.launches);
  const access = new Map(launch.kernel.buffers.map((buffer) => [buffer.name, buffer.access]));
  await Promise.all(
    located.map(async ({ host, ...location }) => {
      if (access.get(location.name) !== 'read') host.set(await queue.read(location));
    }),
  );
  program.uniforms.destroy();
  for (const { buffers: held } of memories) for (const buffer of held) buffer.destroy();
}
