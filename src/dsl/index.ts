export * from './attention.ts';
export * from './convolution.ts';
export * from './crf.ts';
export { defineOp, type OwnOp } from './defineOp.ts';
export { dropout, RANDOM_KEY } from './dropout.ts';
export * from './einsum.ts';
export * from './elementwise.ts';
export * from './graph.ts';
export { isTensor, type ScopeOptions, scope } from './handle.ts';
export * from './initializers.ts';
export {
  crossEntropy,
  type EmbeddingOptions,
  embedding,
  gather,
  type LayerNormOptions,
  type LinearOptions,
  layerNorm,
  linear,
  matmul,
} from './layer.ts';
export type { ParameterOptions } from './parameter.ts';
export { positions } from './position.ts';
export { bernoulliLike, normalLike, uniformLike } from './random.ts';
export { rearrange } from './rearrange.ts';
export * from './reduce.ts';
export * from './tensor.ts';
export * from './view.ts';
