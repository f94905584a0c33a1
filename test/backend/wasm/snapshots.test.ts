import { expect, it } from 'vitest';
import { assembleKernel } from '../../../src/backend/wasm/index.ts';
import { defined } from '../../../src/base/errors.ts';
import { ODD, samplesAt } from '../wgsl/samples.ts';

/** What a refactoring must not move unawares. `npx vitest run test/backend/wasm/snapshots.test.ts -u` writes them anew. */
const kernels = [
  ['matmul with epilogue', 'matmul'],
  ['softmax of long rows', 'softmax'],
  ['attention of width 8', 'attention'],
  ['layer norm gradient', 'layerNormGradient'],
  ['CRF forward at 130 labels', 'crfForward'],
] as const;

it.each(kernels)('the WebAssembly of %s is as it was', async (name, file) => {
  const sample = samplesAt(ODD).find((candidate) => candidate.name === name);
  const [plan] = defined(sample, `sample ${name}`).plans;
  const { text } = assembleKernel(defined(plan, 'launch').kernel);
  await expect(text()).toMatchFileSnapshot(`./snapshots/${file}.wasm.txt`);
});
