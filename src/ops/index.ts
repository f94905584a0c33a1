import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { attention, attentionGradient } from './attention.ts';
import { broadcast, concat, copy, transpose } from './copies.ts';
import { crfDecode, crfGradient, crfLogLikelihood, crfLoss } from './crf.ts';
import { crossEntropy, crossEntropyGradient } from './crossEntropy.ts';
import { elementwiseOps } from './elementwiseOps.ts';
import { fused } from './expression.ts';
import { clampIndex, gather, gatherGradient } from './gather.ts';
import { layerNorm, layerNormGradient } from './layerNorm.ts';
import { linear, matmul } from './matmul.ts';
import { argmax, max, mean, size, sum } from './reductions.ts';
import { reshape } from './reshape.ts';
import { slice, sliceGradient } from './slice.ts';
import { logSoftmax, softmax, softmaxGradient } from './softmax.ts';
import { constant, input, parameter } from './sources.ts';
import { adamW, gradientNorm } from './update.ts';

const byName = (records: readonly OpRecord[]): OpRegistry =>
  new Map(records.map((record) => [record.name, record]));

/** What fused expressions may consist of. */
const elementwise = byName([...elementwiseOps(), constant]);

/** Every op of frond, by name. */
export const ops: OpRegistry = byName([
  input,
  parameter,
  ...elementwise.values(),
  fused(elementwise),
  matmul(elementwise),
  linear,
  sum,
  mean,
  max,
  argmax,
  size,
  reshape,
  transpose,
  broadcast,
  copy,
  concat,
  slice,
  sliceGradient,
  gather,
  gatherGradient,
  clampIndex,
  softmax,
  softmaxGradient,
  logSoftmax,
  layerNorm,
  layerNormGradient(elementwise),
  attention,
  attentionGradient,
  crossEntropy,
  crossEntropyGradient,
  crfLogLikelihood,
  crfLoss,
  crfGradient,
  crfDecode,
  gradientNorm,
  adamW,
]);
