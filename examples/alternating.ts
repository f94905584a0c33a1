// Intent and slots on one encoder, in turns: every step is of one task, in an order that is planned to the step.
//
//     npx frond train examples/alternating.ts
//
// Each task has its own data: intents are known of all sentences here, tags of the first third only.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { palm } from 'frond';

const bundled = fileURLToPath(new URL('data/home', import.meta.url));

export const train: palm.Recipe = async ({ data, output, epochs, seed, resume, device, signal, on }) => {
  // 1. a reader for each task, over the same words
  const reader = await palm.reader.jointReader({
    folder: data ?? bundled,
    readText: (path) => readFile(path),
  });
  const all = reader.parts.train?.examples ?? [];
  const third = palm.partOf(all.slice(0, Math.ceil(all.length / 3)), reader.length);
  const tagged = { ...reader, parts: { ...reader.parts, train: third } };

  // 2. one encoder, and a trainer for each task: slots learn in three steps for two of the intents, in smaller batches
  const encoder = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length,
    width: 64,
    layers: 1,
    heads: 4,
    outerDropout: 0.2,
  });
  const intent = palm.trainer('intent');
  intent.buildForward(encoder, palm.head.classify({ classes: reader.intents.names }));
  const slots = palm.trainer('slots', { mixRatio: 1.5, batchSize: 16 });
  slots.buildForward(encoder, palm.head.sequenceLabel({ labels: reader.tags.names }));

  // 3. both in turns: the schedule covers the steps of all tasks
  const both = palm.multiHeadTrainer([intent, slots], { policy: 'alternate', device });
  both.buildForward();
  const rate = palm.linearDecay({ warmup: 0.1 }, 4e-3);
  both.buildBackward({ optimizer: palm.adam({ rate }), weightDecay: 0.01, clipNorm: 1 });
  both.fitReaders({ intent: reader, slots: tagged }, { epochs: epochs ?? 8, reference: 'intent', seed });
  both.setSaver({ folder: output });
  if (resume) await both.resume(output, on);

  // 4. the weights that did best at one task are kept; five epochs without a better score end it early. The report shows whether the
  // tasks pull at the encoder in the same direction
  const summary = await both.train({ best: 'slots.f1', patience: 5, watchGradients: 50, signal, on });
  if (summary.reason === 'aborted') return { trainer: both, summary };
  const test = await both.evaluate('test');
  const examples = ['play some jazz in the kitchen', 'remind me to water the plants at seven'];
  return { trainer: both, summary, test, examples };
};
