export {
  dispatchSize,
  uniformData,
  type WgslBinding,
  type WgslModule,
  type WgslUniform,
} from './bindings.ts';
export { printWgsl } from './module.ts';
export { DEFAULT_LIMITS, type WgslLimits, type WgslOptions } from './options.ts';
