import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { attention, attentionGradient } from './attention.ts';
import { checkAttributes } from './attributes.ts';
import { cast } from './cast.ts';
import { clampIndex } from './clampIndex.ts';
import { concat } from './concat.ts';
import { broadcast, copy, transpose } from './copies.ts';
import { crfGradient, crfLogLikelihood, crfLoss } from './crf.ts';
import { crfDecode } from './crfDecode.ts';
import { crossEntropy, crossEntropyGradient } from './crossEntropy.ts';
import { dropout } from './dropout.ts';
import { elementwiseOps } from './elementwise.ts';
import { gather, gatherGradient } from './gather.ts';
import { layerNorm, layerNormGradient } from './layerNorm.ts';
import { linear } from './linear.ts';
import { matmul } from './matmul.ts';
import { pointwise } from './pointwise.ts';
import { argmax, max, mean, size, sum } from './reductions.ts';
import { slice, sliceGradient } from './slice.ts';
import { logSoftmax, softmax, softmaxGradient } from './softmax.ts';
import { constant, input, parameter } from './sources.ts';
import { adamW, gradientNorm } from './update.ts';
import { reshape } from './views.ts';
import { where } from './where.ts';

/** Beside what the rule of its shape reads, all attributes are checked. */
const checked = (record: OpRecord): OpRecord => ({
  ...record,
  shape(inputs, attributes) {
    const types = record.shape(inputs, attributes);
    if (record.attributes) checkAttributes(record.name, record.attributes, attributes);
    return types;
  },
});

const byName = (records: readonly OpRecord[]): OpRegistry =>
  new Map(records.map((record) => [record.name, checked(record)]));

/** What fused expressions may consist of. */
const rows = byName([...elementwiseOps(), where, cast, dropout, constant]);

/** Every op of frond, by name. */
export const ops: OpRegistry = byName([
  input,
  parameter,
  ...rows.values(),
  pointwise(rows),
  matmul(rows),
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
  layerNormGradient(rows),
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
