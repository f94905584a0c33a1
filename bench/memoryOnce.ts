import { readFileSync, writeFileSync } from 'node:fs';
import { palm, wasmDevice } from 'frond';

/*
 * memoryOnce save|best|resume FOLDER THREADS: trains a model of BERT-base's sizes for a step, then saves its state, trains on with a
 * saver and the best weights kept, or resumes it; prints megabytes of resident memory as JSON.
 */

const [, , what = '', folder = '', threads = '1'] = process.argv;

const MEGA = 1e6;

/** Resident memory: now, and the most since `forget`. Linux alone tells. */
const resident = (): number => process.memoryUsage.rss() / MEGA;
const peak = (): number =>
  (Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024) / MEGA;
const forget = (): void => writeFileSync('/proc/self/clear_refs', '5');

const examples = Array.from({ length: 4 }, (_, i) => ({
  words: ['fly', 'to', ['rome', 'oslo'][i % 2] ?? ''],
  tags: ['O', 'O', 'B-city'],
  intent: i % 2 === 0 ? 'south' : 'north',
}));
const reader = palm.reader.jointReaderOf({ train: examples, valid: examples }, { minimumCount: 1 });
const backbone = palm.backbone.compactEncoder({ vocabulary: 30_522, width: 768, layers: 12, heads: 12 });
const trainer = palm.trainer('intent', { device: wasmDevice({ threads: Number(threads) }) });
trainer.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
trainer.buildBackward({ optimizer: palm.adamW({ rate: 1e-5 }) });
trainer.fitReader(reader, { epochs: 3, batchSize: 4 });

/** Trains: one step, after which weights, gradients and moments are all in memory; to the end where the best weights are kept. */
async function train(options: palm.TrainOptions): Promise<void> {
  const stop = new AbortController();
  await trainer.train({
    printEvery: 1,
    snapshotEvery: 0,
    evaluate: null,
    ...options,
    signal: stop.signal,
    on: (event) => {
      if (event.type === 'step' && options.best === undefined) stop.abort();
    },
  });
}

if (what === 'resume') await trainer.resume(folder);
else await train({});
(globalThis as { gc?: () => void }).gc?.();
const before = resident();
if (what !== 'resume') forget();
const start = performance.now();
if (what === 'save') await trainer.save(folder);
if (what === 'best')
  await train({ saveTo: folder, evaluate: 'valid', best: ({ intent }) => Number(intent !== undefined) });
const seconds = (performance.now() - start) / 1000;
console.log(`@${JSON.stringify({ before, peak: peak(), seconds })}`);
process.exit(0);
