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
import { randomSamples } from './random.ts';
import { reductionSamples } from './reductions.ts';
import type { InvalidSample, OpSamples, Sample } from './sample.ts';
import { sliceSamples } from './slice.ts';
import { softmaxSamples } from './softmax.ts';
import { viewSamples } from './views.ts';
import { sourceSamples, updateSamples } from './whole.ts';
import { windowsSamples } from './windows.ts';

const all: readonly OpSamples[] = [
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
  randomSamples,
  crossEntropySamples,
  attentionSamples,
  crfSamples,
  windowsSamples,
  updateSamples,
  sourceSamples,
];

/** Of one file each: what a test takes that need not try every op. */
export const families: readonly OpSamples[] = all;

/** Samples of every op, for tests and docs. */
export const validSamples: readonly Sample[] = all.flatMap(({ valid }) => valid);
export const invalidSamples: readonly InvalidSample[] = all.flatMap(({ invalid }) => invalid);

const joined = <T>(
  part: (samples: OpSamples) => Readonly<Record<string, T>> | undefined,
): ReadonlyMap<string, T> => new Map(all.flatMap((samples) => Object.entries(part(samples) ?? {})));

/** By op: its meaning, what judges it where it has no samples, where f32 ends for it. */
export const references = joined(({ references: own }) => own);
export const elsewhere = joined(({ elsewhere: own }) => own);
export const reaches = joined(({ reach }) => reach);
export const parts: ReadonlySet<string> = new Set(all.flatMap((samples) => samples.parts ?? []));
