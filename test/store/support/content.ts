import type { CheckpointFiles } from '../../../src/store/checkpoint.ts';

/** What a checkpoint of `step` holds in these tests: two files that follow from the step, and a few facts. */
export function contentOf(step: number, size = 300): CheckpointFiles {
  const weights = new Uint8Array(size);
  for (let i = 0; i < size; i++) weights[i] = (i * 31 + step * 7 + (i >> 8)) & 255;
  return {
    files: new Map([
      ['weights.bin', weights],
      ['progress.json', new TextEncoder().encode(`{"step":${step}}`)],
    ]),
    summary: { name: 'test', step },
  };
}
