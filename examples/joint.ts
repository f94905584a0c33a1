// Intent and slots on one encoder, step by step as in PALM: readers, backbone, heads, trainers, forward, backward, fit, train.
//
//     npx frond train examples/joint.ts                              the bundled corpus, what `npm start` runs
//     npx frond train examples/joint.ts --data ../shared/data/atis   any folder with train, valid, test in this format

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { palm } from 'frond';

const bundled = fileURLToPath(new URL('data/home', import.meta.url));

export const train: palm.Recipe = async (context) => {
  const { data, output, epochs, batchSize, seed, resume, device, signal, on } = context;

  // 1. the reader declares what it gives: tokens, lengths, labels, tags, …
  const reader = await palm.reader.jointReader({
    folder: data ?? bundled,
    readText: (path) => readFile(path),
  });

  // 2. one backbone for both tasks
  const encoder = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length,
    width: 64,
    layers: 1,
    heads: 4,
    attentionDropout: 0,
    outerDropout: 0.2,
    wordDropout: 0.1,
  });

  // 3. a head per task; registering checks that reader, backbone and head fit: a misfit is a red line in the editor
  const classify = palm.head.classify({ classes: reader.intents.names });
  const label = palm.head.sequenceLabel({ labels: reader.tags.names });
  palm.register(reader, encoder, classify);
  palm.register(reader, encoder, label);

  // 4. a trainer per task
  const intent = palm.trainer('intent');
  intent.buildForward(encoder, classify);
  const slots = palm.trainer('slots');
  slots.buildForward(encoder, label);

  // 5. both together: every batch carries the labels of both, one encoder pass serves them
  const both = palm.multiHeadTrainer([intent, slots], {
    device,
    metrics: palm.head.exactMatch({ intent: 'intent', slots: 'slots' }),
  });
  both.buildForward();

  // 6. the schedule knows the real number of steps; decay and clipping belong to the backward part
  const rate = palm.triangular({ warmup: 0.1 }, 4e-3);
  both.buildBackward({ optimizer: palm.adam({ rate }), weightDecay: 0.01, clipNorm: 1 });

  // 7. what to learn from, where to save
  both.fitReaders(
    { intent: reader, slots: reader },
    { epochs: epochs ?? 20, batchSize: batchSize ?? 32, seed },
  );
  both.setSaver({ folder: output });
  if (resume) await both.resume(output, on);

  // 8. train, and keep the weights that did best on the validation part
  const summary = await both.train({ best: ({ exactMatch }) => Number(exactMatch), signal, on });
  if (summary.reason === 'aborted') return { trainer: both, summary };
  const test = await both.evaluate('test');
  const ours = [
    'play some jazz in the kitchen',
    'find a flight from lisbon to oslo on friday morning',
    'remind me to water the plants at seven',
  ];
  const theirs = (reader.parts.test?.examples ?? []).slice(0, 3).map(({ words }) => words.join(' '));
  const examples = data === undefined ? ours : theirs;
  return { trainer: both, summary, test, examples };
};
