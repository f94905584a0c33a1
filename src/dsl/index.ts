export { type AttentionOptions, attention } from './attention.ts';
export { type ChainScores, crf } from './crf.ts';
export { dropout, RANDOM_KEY } from './dropout.ts';
export { bool, f16, f32, i32, u32 } from './dtype.ts';
export { einsum } from './einsum.ts';
export * from './elementwise.ts';
export {
  type Declaration,
  type Declarations,
  declare,
  type GraphContext,
  type GraphOptions,
  graph,
  type Outputs,
  type TypedGraph,
} from './graph.ts';
export {
  constant,
  type Initializer,
  normal,
  ones,
  truncatedNormal,
  uniform,
  xavier,
  zeros,
} from './initializer.ts';
export {
  type EmbeddingOptions,
  embedding,
  gather,
  type LayerNormOptions,
  type LinearOptions,
  layerNorm,
  linear,
  logSoftmax,
  matmul,
  softmax,
} from './layer.ts';
export { crossEntropy } from './loss.ts';
export type { ParameterOptions } from './parameter.ts';
export { rearrange } from './rearrange.ts';
export { argmax, max, mean, sum } from './reduce.ts';
export { scope } from './scope.ts';
export { type Dim, type DType, isTensor, type Shape, type Tensor } from './tensor.ts';
export { assertShape, broadcastTo, concat, reshape, slice, split, transpose } from './view.ts';
