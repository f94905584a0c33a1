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

const requested = (gpu: GPU, wish: GPURequestAdapterOptions): Promise<GPUAdapter | null> =>
  gpu.requestAdapter(wish).catch(() => null);
const FASTEST = { powerPreference: 'high-performance' } as const;
const NOT_FOUND = 'WebGPU finds no adapter';

/** Asks for the fastest adapter, or says why there is none. A new one each time: an adapter makes one device. */
export async function findAdapter(given?: GPU) {
  const entry = given && { gpu: given, reason: '', hint: 'give another entry point' };
  const { reason, hint, ...opened } = entry ?? (await platform.openGpu());
  const gpu = opened.gpu as GPU | undefined;
  if (gpu === undefined) return { reason, hint };
  const adapter = await requested(gpu, FASTEST);
  return adapter === null ? { reason: NOT_FOUND, hint } : { adapter, gpu };
}

/** Every adapter that WebGPU gives away, by name: what it prefers for speed stands first. */
export async function listAdapters() {
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

/** Sizes of an adapter's subgroups, where kernels may use them: WGSL has to number them too. */
export function subgroupsOf(gpu: GPU, { features, info }: GPUAdapter) {
  const { subgroupMinSize: min, subgroupMaxSize: max } = info;
  const numbered = features.has('subgroups') && gpu.wgslLanguageFeatures.has('subgroup_id');
  return numbered && min !== undefined && max !== undefined ? { min, max } : undefined;
}

/**
 * A device with the best that its adapter has.
 * @param wanted limits to stay within, though the adapter may have more
 * @throws FROND-R020 where there is no adapter, or it gives no device
 */
export async function openAdapter(wanted: Partial<GpuLimits> = {}, given?: GPU) {
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
    /** what must stay referenced while the device is used */
    kept: [gpu, adapter, device],
  };
}
