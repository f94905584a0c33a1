import type { OpRecord } from '../ir/record.ts';
import * as attention from './attention.ts';
import * as copies from './copies.ts';
import * as crf from './crf.ts';
import * as crossEntropy from './crossEntropy.ts';
import { elementwise, registryOf } from './elementwiseOps.ts';
import { fused } from './expression.ts';
import * as gather from './gather.ts';
import * as layerNorm from './layerNorm.ts';
import * as matmul from './matmul.ts';
import * as reductions from './reductions.ts';
import * as reshape from './reshape.ts';
import * as slice from './slice.ts';
import * as softmax from './softmax.ts';
import * as sources from './sources.ts';
import { accumulate, adamW } from './update.ts';

/** All that these files export are ops. */
const files = [
  sources,
  matmul,
  reductions,
  reshape,
  copies,
  slice,
  gather,
  softmax,
  layerNorm,
  attention,
  crossEntropy,
  crf,
];

/** Every op of frond, by name. */
export const ops = registryOf([
  ...elementwise.values(),
  fused(elementwise),
  ...files.flatMap((file) => Object.values<OpRecord>(file)),
  accumulate,
  adamW,
]);
