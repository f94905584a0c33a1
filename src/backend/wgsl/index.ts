export { dispatchSize, uniformData } from './bindings.ts';
export { printWgsl } from './module.ts';
export {
  DEFAULT_LIMITS,
  type WgslBinding,
  type WgslLimits,
  type WgslModule,
  type WgslOptions,
  type WgslUniform,
} from './options.ts';
