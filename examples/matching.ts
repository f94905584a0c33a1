// Question matching: do two questions ask the same? Pairs of texts, classified as a whole.
// With seed 1 it has 92.2 % of the held-out pairs right.
//
//     npx frond train examples/matching.ts                    the bundled questions
//     npx frond train examples/matching.ts --data FOLDER      train.tsv, valid.tsv, test.tsv: text_a, text_b, label
//
// Ask it with a tab between the questions: npx frond predict outputs/matching $'how is curry made ?\tcan i freeze curry ?'

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { palm } from 'frond';

const bundled = fileURLToPath(new URL('data/matching', import.meta.url));

export const train: palm.Recipe = async (context) => {
  const { data = bundled, output, epochs = 10, batchSize = 16, seed, resume, device, signal, on } = context;
  const file = (part: string): string => join(data, `${part}.tsv`);

  // 1. both texts of a pair are cut into pieces, and read as [CLS] first [SEP] second [SEP]
  const texts = await palm.reader.textsOf(file('train'));
  const vocabulary = palm.tokenizer.buildWordPieces(texts, { size: 2000 });
  const tokenizer = palm.tokenizer.wordPiece({ vocabulary });
  const sources = { train: file('train'), valid: file('valid'), test: file('test') };
  const reader = await palm.reader.match(sources, { tokenizer, maximumLength: 64 });

  // 2. the encoder reads both texts together; the head compares nothing, it only tells the classes apart
  const sizes = { vocabulary: vocabulary.tokens.length, width: 64, layers: 2, heads: 4, maximumLength: 64 };
  const encoder = palm.backbone.compactEncoder({ ...sizes, outerDropout: 0.2 });
  const trainer = palm.trainer('same', { device });
  trainer.buildForward(encoder, palm.head.match({ classes: reader.classes }));

  // 3. train, and keep the weights that did best on the validation part
  const rate = palm.linearDecay({ warmup: 0.1 }, 2e-3);
  trainer.buildBackward({ optimizer: palm.adamW({ rate }), weightDecay: 0.01, clipNorm: 1 });
  trainer.fitReader(reader, { epochs, batchSize, seed });
  trainer.setSaver({ folder: output });
  if (resume) await trainer.resume(output, on);
  const summary = await trainer.train({ best: 'same.accuracy', signal, on });
  if (summary.reason === 'aborted') return { trainer, summary };
  const examples = [
    'how do i cook curry ?\thow is curry made ?',
    'how do i cook curry ?\tcan i freeze curry ?',
  ];
  return { trainer, summary, test: await trainer.evaluate('test'), examples };
};
