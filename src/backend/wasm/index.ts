/** Kernels assembled as WebAssembly modules with 128-bit vectors. */
export {
  assembleKernel,
  hasRelaxedSimd,
  hasSimd,
  instantiateModule,
  READ_AHEAD,
  type RunCells,
  trapped,
  type WasmKernel,
  type WasmOptions,
} from './module.ts';
