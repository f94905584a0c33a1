/** Bits of the WebGPU interface, as its specification numbers them: outside of a browser no global object names them. */
export const USAGE = {
  mapRead: 0x1,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;

export const MAP_READ = 0x1;
export const COMPUTE_STAGE = 0x4;

/** Offset at which a storage or uniform range may begin on every adapter, in bytes. */
export const RANGE_ALIGNMENT = 256;

export const alignBytes = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;
