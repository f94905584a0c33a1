export * from './attention.ts';
export * from './crf.ts';
export { dropout, RANDOM_KEY } from './dropout.ts';
export * from './einsum.ts';
export * from './elementwise.ts';
export * from './graph.ts';
export { isTensor } from './handle.ts';
export * from './layer.ts';
export {
  constant,
  type Initializer,
  normal,
  ones,
  type ParameterOptions,
  truncatedNormal,
  uniform,
  xavier,
  zeros,
} from './parameter.ts';
export { rearrange } from './rearrange.ts';
export * from './reduce.ts';
export { scope } from './scope.ts';
export * from './tensor.ts';
export * from './view.ts';
