import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { create } from 'webgpu';
import { DEFAULT_LIMITS } from '../../src/backend/wgsl/index.ts';
import { palm } from '../../src/index.ts';
import { registryWith } from '../../src/palm/step.ts';
import { compile } from '../../src/runtime/compile.ts';
import { webgpuDevice } from '../../src/runtime/webgpu/webgpuDevice.ts';

const data = fileURLToPath(new URL('../../examples/data/home', import.meta.url));

/** The training step of examples/joint.ts. */
async function jointStep() {
  const readText = (path: string) => readFile(path);
  const reader = await palm.reader.jointReader({ folder: data, readText });
  const dropouts = { attentionDropout: 0, outerDropout: 0.2, wordDropout: 0.1 };
  const vocabulary = reader.vocabulary.tokens.length;
  const encoder = palm.backbone.compactEncoder({ vocabulary, width: 64, layers: 1, heads: 4, ...dropouts });
  const intent = palm.trainer('intent');
  intent.buildForward(encoder, palm.head.classify({ classes: reader.intents.names }));
  const slots = palm.trainer('slots');
  slots.buildForward(encoder, palm.head.sequenceLabel({ labels: reader.tags.names }));
  const both = palm.multiHeadTrainer([intent, slots]);
  both.buildForward();
  const optimizer = palm.adam({ rate: palm.triangular({ warmup: 0.1 }, 4e-3) });
  const step = both.buildBackward({ optimizer, weightDecay: 0.01, clipNorm: 1 });
  return { step, registry: registryWith(optimizer) };
}

/** What WebGPU guarantees on every adapter. */
const guaranteed = {
  ...DEFAULT_LIMITS,
  bufferBytes: 2 ** 28,
  bindingBytes: 2 ** 27,
  groups: 65_535,
};

it('the joint training step needs few texts, and Dawn takes them all under guaranteed limits', async () => {
  const { step, registry } = await jointStep();
  const progress: [number, number][] = [];
  // the null backend checks every text as a driver would, and compiles nothing
  const device = await webgpuDevice({
    gpu: create(['backend=null']),
    limits: guaranteed,
    onProgress: (done, total) => progress.push([done, total]),
  });
  const { executable } = await compile(step, { device, registry });
  const launches = executable.program.nodes.flatMap((each) => each.launches).length;
  console.log(`joint training step: ${launches} launches of ${device.texts()} WGSL texts`);
  expect(device.texts()).toBeLessThanOrEqual(62);
  expect(progress.map(([done]) => done)).toEqual(Array.from(progress, (_, i) => i + 1));
  expect(progress.at(-1)).toEqual([device.texts(), device.texts()]);
  await compile(step, { device, registry });
  expect(progress.length).toBe(device.texts());
  await device.close();
});
