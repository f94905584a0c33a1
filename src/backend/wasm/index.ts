/** The WASM reading: kernels assembled as WebAssembly modules with 128-bit vectors. */
export { hasRelaxedSimd, hasSimd } from './features.ts';
export {
  instantiateKernel,
  instantiateModule,
  type RunCells,
  trapped,
  type WasmInstance,
  type WasmLaunch,
} from './instance.ts';
export { assembleKernel, READ_AHEAD, type WasmKernel, type WasmOptions } from './module.ts';
