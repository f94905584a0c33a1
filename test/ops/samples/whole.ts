import type { OpSamples } from './sample.ts';

const none = { valid: [], invalid: [], references: {} };

export const updateSamples: OpSamples = {
  ...none,
  elsewhere: { accumulate: 'test/ops/update.test.ts', adamW: 'test/ops/update.test.ts' },
};

/** Ops that graphs are made with, not computed by a kernel of their own. */
export const sourceSamples: OpSamples = {
  ...none,
  elsewhere: {
    input: 'every test',
    parameter: 'every test',
    constant: 'test/passes/folding.test.ts',
    size: 'test/runtime/feeds.test.ts',
    pointwise: 'test/ops/fused.test.ts',
  },
};
