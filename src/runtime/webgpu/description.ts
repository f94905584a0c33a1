import type { WgslLimits } from '../../backend/wgsl/index.ts';

// Apart from whatever names types of WebGPU: users of the library need not have those.

/** What an adapter allows, of that which kernels and memory depend on. */
export interface GpuLimits extends WgslLimits {
  readonly bufferBytes: number;
  /** bytes of one buffer that a kernel can see */
  readonly bindingBytes: number;
  /** workgroups along one dimension of a dispatch */
  readonly groups: number;
}

export interface AdapterDescription {
  /** vendor, architecture and device, as the driver calls them */
  readonly name: string;
  /** no hardware: the processor does the work, far slower than `wasm` */
  readonly software: boolean;
  readonly limits: GpuLimits;
  readonly features: readonly string[];
}
