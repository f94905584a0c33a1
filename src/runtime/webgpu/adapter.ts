import { platform } from '#platform';
import { FrondError } from '../../base/errors.ts';
import type { AdapterDescription, GpuLimits } from './description.ts';

/** Features that are asked for where the adapter has them. */
const WANTED = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** Limit of frond → limit of WebGPU. */
const LIMITS = {
  storageBuffers: 'maxStorageBuffersPerShaderStage',
  workgroupBytes: 'maxComputeWorkgroupStorageSize',
  invocations: 'maxComputeInvocationsPerWorkgroup',
  bufferBytes: 'maxBufferSize',
  bindingBytes: 'maxStorageBufferBindingSize',
  groups: 'maxComputeWorkgroupsPerDimension',
} as const satisfies Record<keyof GpuLimits, keyof GPUSupportedLimits>;

const NAMES = Object.keys(LIMITS) as (keyof GpuLimits)[];

/** A workgroup may have all its threads along one dimension: their limits go with that of the invocations. */
const SIDES = ['maxComputeWorkgroupSizeX', 'maxComputeWorkgroupSizeY'] as const;

/** Renderers that are programs. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp/i;

export function describeAdapter(adapter: GPUAdapter): AdapterDescription {
  const { info } = adapter;
  const parts = [info.vendor, info.architecture, info.device, info.description];
  const name = [...new Set(parts.filter(Boolean))].join(' ') || 'unnamed adapter';
  const limits = Object.fromEntries(
    NAMES.map((name) => [name, adapter.limits[LIMITS[name]]]),
  ) as unknown as GpuLimits;
  const sides = SIDES.map((side) => adapter.limits[side]);
  return {
    name,
    software: info.isFallbackAdapter === true || SOFTWARE.test(name),
    limits: { ...limits, invocations: Math.min(limits.invocations, ...sides) },
    features: [...adapter.features].sort(),
  };
}

/** An adapter, or why there is none and what to do about it. */
export type AdapterSearch =
  | { readonly adapter: GPUAdapter; readonly gpu: GPU }
  | { readonly adapter: undefined; readonly reason: string; readonly hint: string };

/** Asks for the fastest adapter. A new one each time: an adapter makes one device. */
export async function findAdapter(given?: GPU): Promise<AdapterSearch> {
  const hinted = { reason: '', hint: 'give another entry point' };
  const { gpu, reason, hint } = given === undefined ? await platform.openGpu() : { gpu: given, ...hinted };
  if (gpu === undefined) return { adapter: undefined, reason, hint };
  const entry = gpu as GPU;
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (adapter !== null) return { adapter, gpu: entry };
  return { adapter: undefined, reason: 'WebGPU finds no adapter', hint };
}

/** Every adapter that WebGPU gives away, by name: what it prefers for speed stands first. */
export async function listAdapters(): Promise<{
  readonly adapters: readonly AdapterDescription[];
  /** why there is none, and what to do about it */
  readonly reason: string;
  readonly hint: string;
}> {
  const { gpu, reason, hint } = await platform.openGpu();
  if (gpu === undefined) return { adapters: [], reason, hint };
  const wishes = [
    { powerPreference: 'high-performance' },
    { powerPreference: 'low-power' },
    { forceFallbackAdapter: true },
  ] as const;
  const found = new Map<string, AdapterDescription>();
  for (const wish of wishes) {
    const adapter = await (gpu as GPU).requestAdapter(wish).catch(() => null);
    if (adapter === null) continue;
    const description = describeAdapter(adapter);
    if (!found.has(description.name)) found.set(description.name, description);
  }
  return { adapters: [...found.values()], reason: 'WebGPU finds no adapter', hint };
}

/** A device with the best that its adapter has; everything that must stay referenced while it is used. */
export interface OpenedGpu {
  readonly device: GPUDevice;
  readonly description: AdapterDescription;
  /** sizes of its subgroups, where kernels may use them: WGSL has to number them too */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  readonly kept: readonly unknown[];
}

export function subgroupsOf(gpu: GPU, { features, info }: GPUAdapter): OpenedGpu['subgroups'] {
  const { subgroupMinSize: min, subgroupMaxSize: max } = info;
  const numbered = features.has('subgroups') && gpu.wgslLanguageFeatures.has('subgroup_id');
  return numbered && min !== undefined && max !== undefined ? { min, max } : undefined;
}

/** The adapter's limits, none beyond `wanted`. */
function limitsWithin(adapter: GpuLimits, wanted: Partial<GpuLimits>): GpuLimits {
  const pairs = NAMES.map((name) => [name, Math.min(adapter[name], wanted[name] ?? adapter[name])] as const);
  return Object.fromEntries(pairs) as unknown as GpuLimits;
}

/**
 * @param wanted limits to stay within, though the adapter may have more
 * @throws FROND-R020 where there is no adapter, or it gives no device
 */
export async function openAdapter(wanted: Partial<GpuLimits> = {}, given?: GPU): Promise<OpenedGpu> {
  const search = await findAdapter(given);
  if (search.adapter === undefined) {
    throw new FrondError('FROND-R020', `the device webgpu cannot be opened: ${search.reason}`, {
      hint: search.hint,
    });
  }
  const { adapter, gpu } = search;
  const description = describeAdapter(adapter);
  const features = WANTED.filter((name) => adapter.features.has(name));
  const limits = limitsWithin(description.limits, wanted);
  // what WebGPU guarantees everywhere need not, and less cannot, be asked for
  const required = Object.fromEntries(
    [...NAMES.map((name) => LIMITS[name]), ...SIDES].map((name) => [name, adapter.limits[name]]),
  );
  const device = await adapter
    .requestDevice({ requiredFeatures: features, requiredLimits: required })
    .catch((cause: unknown) => {
      throw new FrondError('FROND-R020', `the adapter ${description.name} gives no device`, {
        hint: 'close other programs that use the GPU, and try again',
        cause,
      });
    });
  return {
    ...{ device, description: { ...description, limits, features } },
    ...{ subgroups: subgroupsOf(gpu, adapter), kept: [gpu, adapter, device] },
  };
}
