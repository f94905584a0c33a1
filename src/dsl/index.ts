export { type AttentionOptions, attention } from './attention.ts';
export { type ChainScores, crf } from './crf.ts';
export { dropout, RANDOM_KEY } from './dropout.ts';
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
export { argmax, logSoftmax, max, mean, softmax, sum } from './reduce.ts';
export { scope } from './scope.ts';
export {
  bool,
  type Dim,
  type DType,
  f16,
  f32,
  i32,
  isTensor,
  type Shape,
  type Tensor,
  u32,
} from './tensor.ts';
export { assertShape, broadcastTo, concat, reshape, slice, split, transpose } from './view.ts';
