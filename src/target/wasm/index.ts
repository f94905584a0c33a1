/** The WASM reading: kernels assembled as WebAssembly modules with 128-bit vectors. */
export { instantiateKernel, type WasmInstance } from './instance.ts';
export { assembleKernel, READ_AHEAD, type WasmKernel, type WasmOptions } from './module.ts';
