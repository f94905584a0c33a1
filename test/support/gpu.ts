import { create, globals } from 'webgpu';
import type { TypedArray } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { Launch } from '../../src/kernel/ir.ts';
import {
  arenasFor,
  dispatchSize,
  printWgsl,
  uniformData,
  type WgslModule,
  type WgslOptions,
} from '../../src/target/wgsl/index.ts';

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
  /** Runs one launch over buffers by name and reads back what it may write. f64 data travels as f32. */
  run(launch: Launch, buffers: Readonly<Record<string, TypedArray>>, options?: WgslOptions): Promise<void>;
  close(): void;
}

interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly messages: readonly string[];
}

// Collected GPU and adapter objects take their devices with them: they stay referenced here.
const held: unknown[] = [];

/** A device with default limits, or undefined where there is no adapter. */
export async function openGpu(kind: Gpu['kind']): Promise<Gpu | undefined> {
  Object.assign(globalThis, globals);
  const gpu = create(kind === 'null' ? ['backend=null'] : []);
  const adapter = await gpu.requestAdapter();
  if (!adapter) return undefined;
  const features = (['shader-f16', 'subgroups'] as const).filter((name) => adapter.features.has(name));
  const device = await adapter.requestDevice({ requiredFeatures: features });
  held.push(gpu, adapter, device);
  const pipelines = new Map<string, Promise<Pipeline>>();
  const pipelineOf = (module: WgslModule): Promise<Pipeline> => {
    const known = pipelines.get(module.code);
    if (known) return known;
    const made = makePipeline(device, module);
    pipelines.set(module.code, made);
    return made;
  };
  const { vendor, device: chip, description } = adapter.info;
  return {
    kind,
    device,
    name: [vendor, chip, description].filter(Boolean).join(' '),
    subgroups: subgroupsOf(gpu, adapter),
    compile: async (module) => (await pipelineOf(module)).messages,
    run: async (launch, buffers, options) => {
      const module = printWgsl(launch.kernel, { arenas: arenasFor(launch.kernel), ...options });
      const pipeline = await pipelineOf(module);
      if (pipeline.messages.length > 0) throw new Error(`${pipeline.messages.join('\n')}\n${module.code}`);
      await execute(device, pipeline, module, launch, buffers);
    },
    close: () => {
      device.destroy();
      held.splice(
        0,
        held.length,
        ...held.filter((item) => item !== gpu && item !== adapter && item !== device),
      );
    },
  };
}

function subgroupsOf(gpu: GPU, { features, info }: GPUAdapter): Gpu['subgroups'] {
  const { subgroupMinSize: min, subgroupMaxSize: max } = info;
  const numbered = features.has('subgroups') && gpu.wgslLanguageFeatures.has('subgroup_id');
  return numbered && min !== undefined && max !== undefined ? { min, max } : undefined;
}

async function makePipeline(device: GPUDevice, module: WgslModule): Promise<Pipeline> {
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
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: shader, entryPoint: 'main' },
  });
  const error = await device.popErrorScope();
  const lines = module.code.split('\n');
  const messages = info.messages.map(
    ({ type, lineNum, message }) => `${type} in line ${lineNum}: ${message}\n  ${lines[lineNum - 1] ?? ''}`,
  );
  if (error && messages.length === 0) messages.push(error.message);
  return { pipeline, layout, messages };
}

/** The bytes that a buffer travels as: f64 becomes f32; at least four, since an empty buffer cannot be bound. */
function packed(
  data: TypedArray,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  if (data.length === 0) return new Uint32Array(1);
  if (data instanceof Int32Array) return Int32Array.from(data);
  return data instanceof Uint32Array ? Uint32Array.from(data) : Float32Array.from(data);
}

interface Bound {
  readonly binding: number;
  readonly access: 'read' | 'read_write';
  readonly onDevice: GPUBuffer;
  /** the host's buffers in it and where they begin, in bytes */
  readonly ranges: readonly { readonly host: TypedArray; readonly offset: number }[];
}

/** One GPU buffer per binding; the buffers of an arena stand in it one after the other. */
function bind(
  device: GPUDevice,
  module: WgslModule,
  buffers: Readonly<Record<string, TypedArray>>,
): { readonly bound: readonly Bound[]; readonly bases: Readonly<Record<string, number>> } {
  const bases: Record<string, number> = {};
  const bound = module.bindings.map(({ buffers: names, binding, access }): Bound => {
    let size = 0;
    const parts = names.map((name) => {
      const host = defined(buffers[name], `buffer ${name}`);
      const data = packed(host);
      const offset = size;
      bases[name] = offset / 4;
      size = Math.ceil((offset + data.byteLength) / 256) * 256;
      return { host, data, offset };
    });
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    // a vec4 at least, and whole ones
    const onDevice = device.createBuffer({ size: Math.max(16, Math.ceil(size / 16) * 16), usage });
    for (const { data, offset } of parts) device.queue.writeBuffer(onDevice, offset, data);
    return { binding, access, onDevice, ranges: parts };
  });
  return { bound, bases };
}

async function execute(
  device: GPUDevice,
  { pipeline, layout }: Pipeline,
  module: WgslModule,
  launch: Launch,
  buffers: Readonly<Record<string, TypedArray>>,
): Promise<void> {
  if (launch.grid.includes(0)) return;
  const { bound, bases } = bind(device, module, buffers);
  const uniform = uniformData(module, launch, bases);
  const uniformBuffer = device.createBuffer({
    size: Math.max(16, uniform.byteLength),
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(uniformBuffer, 0, uniform);
  const group = device.createBindGroup({
    layout,
    entries: [
      { binding: 0, resource: { buffer: uniformBuffer } },
      ...bound.map(({ binding, onDevice }) => ({ binding, resource: { buffer: onDevice } })),
    ],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...dispatchSize(launch.grid));
  pass.end();
  const reads = bound
    .filter(({ access }) => access === 'read_write')
    .map(({ ranges, onDevice }) => {
      const staging = device.createBuffer({
        size: onDevice.size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      encoder.copyBufferToBuffer(onDevice, 0, staging, 0, onDevice.size);
      return { ranges, staging };
    });
  device.queue.submit([encoder.finish()]);
  for (const { ranges, staging } of reads) {
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange();
    for (const { host, offset } of ranges) {
      if (host instanceof Int32Array) host.set(new Int32Array(bytes, offset, host.length));
      else if (host instanceof Uint32Array) host.set(new Uint32Array(bytes, offset, host.length));
      else host.set(new Float32Array(bytes, offset, host.length));
    }
    staging.unmap();
    staging.destroy();
  }
  uniformBuffer.destroy();
  for (const { onDevice } of bound) onDevice.destroy();
}
