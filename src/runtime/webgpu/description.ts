// Apart from whatever names types of WebGPU: users of the library need not have those.

/** What an adapter allows, of that which kernels and memory depend on, and what WebGPU calls it. */
export const LIMITS = {
  /** storage buffers that one launch may bind */
  storageBuffers: 'maxStorageBuffersPerShaderStage',
  workgroupBytes: 'maxComputeWorkgroupStorageSize',
  invocations: 'maxComputeInvocationsPerWorkgroup',
  bufferBytes: 'maxBufferSize',
  /** bytes of one buffer that a kernel can see */
  bindingBytes: 'maxStorageBufferBindingSize',
  /** workgroups along one dimension of a dispatch */
  groups: 'maxComputeWorkgroupsPerDimension',
} as const;

export type GpuLimits = { readonly [N in keyof typeof LIMITS]: number };

export interface AdapterDescription {
  /** vendor, architecture and device, as the driver calls them */
  readonly name: string;
  /** no hardware: the processor does the work, far slower than `wasm` */
  readonly software: boolean;
  readonly limits: GpuLimits;
  readonly features: readonly string[];
}
