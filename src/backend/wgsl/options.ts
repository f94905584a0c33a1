import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import type { Kernel } from '../../kernel/ir.ts';

const limits = {
  /** storage buffers that one launch may bind */
  storageBuffers: is.count,
  workgroupBytes: is.count,
  invocations: is.count,
};
/** What an adapter allows; the defaults are those that WebGPU guarantees everywhere. */
export type WgslLimits = is.OptionsOf<typeof limits>;

export const DEFAULT_LIMITS: WgslLimits = { storageBuffers: 8, workgroupBytes: 16_384, invocations: 256 };

export const wgslOptions = {
  // a device's limits say more
  limits: is.omittable(is.withFields('limits', limits)),
  /** the device has the feature `shader-f16`: buffers may hold f16 */
  shaderF16: is.omittable(is.flag),
  /**
   * Write each of a thread's elements out instead of looping over private arrays: real GPUs keep such elements in
   * registers; software Vulkan compiles the longer text slowly. Default false.
   */
  unroll: is.omittable(is.flag),
  /**
   * `polynomial` (default): exp, log and tanh within the bounds of the element-wise table on any device;
   * `builtin`: WGSL's own, whose guaranteed error is larger. erf and erfcx are always polynomials.
   */
  transcendentals: is.omittable(is.oneOf('polynomial', 'builtin')),
  /**
   * Parameters that are multiples of 4 in every launch of the text (`multiplesOf4` tells which). Where the innermost size of a
   * tensor is among them, its elements are loaded and stored as vec4.
   */
  multiplesOf4: is.omittable(is.names),
  /**
   * The device has the feature `subgroups`, with `subgroup_id` among its WGSL features; sizes from the adapter's info.
   * Reductions then exchange numbers inside subgroups, in an order that depends on `min` alone.
   */
  subgroups: is.omittable(is.recordOf('sizes of subgroups', { min: is.count, max: is.count })),
  /** buffer → name of the binding that it shares with others; buffers that are not mentioned have one of their own */
  arenas: is.omittable(is.objectOf(is.text, 'names of arenas by buffer')),
  /** buffers to bind `read_write` although the kernel only reads them: they lie in a GPU buffer that the launch writes */
  readWrite: is.omittable(is.names),
};
/** How a kernel is printed; the kernel itself says nothing of these. */
export type WgslOptions = is.OptionsOf<typeof wgslOptions>;

/** A kernel that needs more than the adapter has. */
export const limitError = (
  { name, variant }: Kernel,
  code: 'FROND-K201' | 'FROND-K202' | 'FROND-K203',
  what: string,
  hint: string,
): FrondError => new FrondError(code, `kernel ${name} (${variant || 'only variant'}): ${what}`, { hint });
