export {
  DEFAULT_LIMITS,
  dispatchSize,
  uniformData,
  type WgslBinding,
  type WgslLimits,
  type WgslModule,
  type WgslOptions,
  type WgslUniform,
} from './interface.ts';
export { printWgsl } from './module.ts';
