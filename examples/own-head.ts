// A head of one's own, two layers deep, and its training:   npx frond train examples/own-head.ts
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { argmax, crossEntropy, declare, div, gelu, linear, mul, palm, sum } from 'frond';

const deep = (classes: readonly string[]) =>
  palm.defineHead({
    name: 'deep',
    needs: {
      backbone: { sentence: declare('f32', ['batch', palm.anySize]) },
      labels: { labels: declare('i32', ['batch']), weights: declare('f32', ['batch']) },
    },
    build: (_, { sentence }) => ({
      x: linear(gelu(linear(sentence, 64, { name: 'inner' })), classes.length),
    }),
    loss: (_, { x, labels, weights }) => div(sum(mul(crossEntropy(x, labels), weights)), sum(weights)),
    predict: (_, { x }) => ({ best: argmax(x, -1) }),
    decode: ({ best }) => Array.from(best.data, (id) => classes[id] ?? ''),
    score: () => palm.metrics.mean({ accuracy: (label, { intent }: palm.JointExample) => label === intent }),
  });

const bundled = fileURLToPath(new URL('data/home', import.meta.url));

export const train: palm.Recipe = async ({ data = bundled, epochs = 3, device, seed }) => {
  const reader = await palm.reader.jointReader({ folder: data, readText: (path) => readFile(path) });
  const sizes = { vocabulary: reader.vocabulary.tokens.length, width: 32, layers: 1, heads: 2 };
  const trainer = palm.trainer('intent', { device });
  trainer.buildForward(palm.backbone.compactEncoder(sizes), deep(reader.intents.names));
  trainer.buildBackward({ optimizer: palm.adam({ rate: palm.triangular({ warmup: 0.1 }, 2e-3) }) });
  trainer.fitReader(reader, { epochs, seed });
  return { trainer, summary: await trainer.train(), test: await trainer.evaluate('test') };
};
