import { attentionSamples } from './attention.ts';
import { concatSamples } from './concat.ts';
import { copySamples } from './copies.ts';
import { crfSamples } from './crf.ts';
import { crossEntropySamples } from './crossEntropy.ts';
import { dropoutSamples } from './dropout.ts';
import { elementwiseSamples } from './elementwise.ts';
import { gatherSamples } from './gather.ts';
import { layerNormSamples } from './layerNorm.ts';
import { matmulSamples } from './matmul.ts';
import { reductionSamples } from './reductions.ts';
import type { InvalidSample, Sample } from './sample.ts';
import { sliceSamples } from './slice.ts';
import { softmaxSamples } from './softmax.ts';
import { viewSamples } from './views.ts';

const all = [
  elementwiseSamples,
  matmulSamples,
  reductionSamples,
  viewSamples,
  copySamples,
  sliceSamples,
  concatSamples,
  gatherSamples,
  softmaxSamples,
  layerNormSamples,
  dropoutSamples,
  crossEntropySamples,
  attentionSamples,
  crfSamples,
];

/** Samples of every op, for tests and docs. */
export const validSamples: readonly Sample[] = all.flatMap(({ valid }) => valid);
export const invalidSamples: readonly InvalidSample[] = all.flatMap(({ invalid }) => invalid);
