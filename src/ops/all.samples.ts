import { attentionSamples } from './attention.samples.ts';
import { concatSamples } from './concat.samples.ts';
import { copySamples } from './copies.samples.ts';
import { crfSamples } from './crf.samples.ts';
import { crossEntropySamples } from './crossEntropy.samples.ts';
import { dropoutSamples } from './dropout.samples.ts';
import { elementwiseSamples } from './elementwise.samples.ts';
import { gatherSamples } from './gather.samples.ts';
import { layerNormSamples } from './layerNorm.samples.ts';
import { matmulSamples } from './matmul.samples.ts';
import { reductionSamples } from './reductions.samples.ts';
import type { InvalidSample, Sample } from './sample.ts';
import { sliceSamples } from './slice.samples.ts';
import { softmaxSamples } from './softmax.samples.ts';
import { viewSamples } from './views.samples.ts';

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
