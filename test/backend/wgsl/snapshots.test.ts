import { describe, expect, it } from 'vitest';
import { printWgsl, type WgslOptions } from '../../../src/backend/wgsl/index.ts';
import { defined } from '../../../src/base/errors.ts';
import { arenasFor } from '../../support/arenas.ts';
import { FOURS, samplesAt, wideAttention } from './samples.ts';

/*
 * Texts that a refactor must not move unawares. Read what has changed before writing them anew:
 * `npx vitest run test/backend/wgsl/snapshots.test.ts -u`
 */

const subgroups = { min: 32, max: 32 };
const texts: readonly (readonly [file: string, sample: string, kernel: string, options: WgslOptions])[] = [
  ['matmul', 'matmul with epilogue', 'matmul', {}],
  ['matmul-written-out', 'matmul with epilogue', 'matmul', { unroll: true }],
  ['softmax', 'softmax of long rows', 'softmax', {}],
  ['softmax-subgroups', 'softmax of long rows', 'softmax', { subgroups, unroll: true }],
  ['attention', 'attention of width 32', 'attention', {}],
  ['layer-norm-gradient', 'layer norm gradient', 'layerNormGradient', {}],
  ['crf-forward', 'CRF forward at 130 labels', 'crfForward', {}],
];

describe('the WGSL of', () => {
  const samples = [...samplesAt(FOURS), ...wideAttention];
  it.each(texts)('%s is as it was', async (file, sample, name, options) => {
    const plans = defined(samples.find((one) => one.name === sample)?.plans, sample);
    const { kernel } = defined(
      plans.find((plan) => plan.kernel.name === name),
      name,
    );
    const multiplesOf4 = kernel.parameters.map((parameter) => parameter.name);
    const { code } = printWgsl(kernel, { arenas: arenasFor(kernel), multiplesOf4, ...options });
    await expect(code).toMatchFileSnapshot(`snapshots/${file}.wgsl`);
  });
});
