import { platform } from '#platform';
import { FrondError } from '../../base/errors.ts';
import { type AdapterDescription, type GpuLimits, LIMITS } from './description.ts';

/** Features that are asked for where the adapter has them. */
const WANTED = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** A limit for each of frond's names. */
const limitsBy = (limit: (name: keyof GpuLimits) => number): GpuLimits =>
  Object.fromEntries(Object.keys(LIMITS).map((name) => [name, limit(name as keyof GpuLimits)])) as GpuLimits;

/** A workgroup may have all its threads along one dimension: their limits go with that of the invocations. */
const SIDES = ['maxComputeWorkgroupSizeX', 'maxComputeWorkgroupSizeY'] as const;

/** Renderers that are programs. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp/i;

export function describeAdapter(adapter: GPUAdapter): AdapterDescription {
  const { info } = adapter;
  const parts = [info.vendor, info.architecture, info.device, info.description];
  const name = [...new Set(parts.filter(Boolean))].join(' ') || 'unnamed adapter';
  const limits = limitsBy((name) => adapter.limits[LIMITS[name]]);
  const sides = SIDES.map((side) => adapter.limits[side]);
  return {
    name,
    software: info.isFallbackAdapter === true || SOFTWARE.test(name),
    limits: { ...limits, invocations: Math.min(limits.invocations, ...sides) },
    features: [...adapter.features].sort(),
  };
}

/** Why there is no adapter, and what to do about it. */
interface NoAdapter {
  readonly reason: string;
  readonly hint: string;
}
/** An adapter, or why there is none. */
export type AdapterSearch =
  | { readonly adapter: GPUAdapter; readonly gpu: GPU }
  | (NoAdapter & { readonly adapter: undefined });

const requested = (gpu: GPU, wish: GPURequestAdapterOptions): Promise<GPUAdapter | null> =>
  gpu.requestAdapter(wish).catch(() => null);
const FASTEST = { powerPreference: 'high-performance' } as const;
const NOT_FOUND = 'WebGPU finds no adapter';

/** Asks for the fastest adapter. A new one each time: an adapter makes one device. */
export async function findAdapter(given?: GPU): Promise<AdapterSearch> {
  const opened = given === undefined ? await platform.openGpu() : undefined;
  const { reason, hint } = opened ?? { reason: '', hint: 'give another entry point' };
  const gpu = given ?? (opened?.gpu as GPU | undefined);
  if (gpu === undefined) return { adapter: undefined, reason, hint };
  const adapter = await requested(gpu, FASTEST);
  return adapter === null ? { adapter: undefined, reason: NOT_FOUND, hint } : { adapter, gpu };
}

/** Every adapter that WebGPU gives away, by name: what it prefers for speed stands first. */
export async function listAdapters(): Promise<
  NoAdapter & { readonly adapters: readonly AdapterDescription[] }
> {
  const { gpu, reason, hint } = await platform.openGpu();
  if (gpu === undefined) return { adapters: [], reason, hint };
  const found = new Map<string, AdapterDescription>();
  for (const wish of [FASTEST, { powerPreference: 'low-power' }, { forceFallbackAdapter: true }] as const) {
    const adapter = await requested(gpu as GPU, wish);
    if (adapter === null) continue;
    const description = describeAdapter(adapter);
    if (!found.has(description.name)) found.set(description.name, description);
  }
  return { adapters: [...found.values()], reason: NOT_FOUND, hint };
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
  const limits = limitsBy((name) =>
    Math.min(description.limits[name], wanted[name] ?? Number.POSITIVE_INFINITY),
  );
  // what WebGPU guarantees everywhere need not, and less cannot, be asked for
  const required = Object.fromEntries(
    [...Object.values(LIMITS), ...SIDES].map((name) => [name, adapter.limits[name]]),
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
    device,
    description: { ...description, limits, features },
    subgroups: subgroupsOf(gpu, adapter),
    kept: [gpu, adapter, device],
  };
}
