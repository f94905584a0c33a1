// node --max-old-space-size=200 --import ./bench/load.mjs bench/dataOnce.ts FILE CACHE: reads a table as training does, up to the first
// step; prints seconds and megabytes. The heap cannot grow beyond what the option says.
import { interpreterDevice, palm } from '../src/index.ts';

const [, , train = '', cache = ''] = process.argv;
const began = performance.now();
let heap = 0;
const look = (): void => {
  heap = Math.max(heap, process.memoryUsage().heapUsed);
};
const timer = setInterval(look, 20);
const words = Array.from({ length: 5000 }, (_, i) => `w${i.toString(36)}`);
const vocabulary = palm.parseVocabulary(`[PAD]\n[UNK]\n[CLS]\n[SEP]\n${words.join('\n')}\n`);
const tokenizer = palm.tokenizer.word({ vocabulary });
const reader = await palm.reader.classify({ train }, { tokenizer, cache, maximumLength: 64 });
const ready = performance.now();
const backbone = palm.backbone.compactEncoder({
  vocabulary: vocabulary.tokens.length,
  width: 8,
  layers: 1,
  heads: 1,
});
const trainer = palm.trainer('task', { device: interpreterDevice() });
trainer.buildForward(backbone, palm.head.classify({ classes: reader.classes }));
trainer.buildBackward({ optimizer: palm.adam({ rate: 0.001 }) });
trainer.fitReader(reader, { epochs: 1, batchSize: 32, seed: 1 });
const stop = new AbortController();
let first = 0;
await trainer.train({
  signal: stop.signal,
  printEvery: 1,
  on(event) {
    if (event.type !== 'step') return;
    first ||= performance.now();
    stop.abort();
  },
});
look();
clearInterval(timer);
const seconds = (end: number): number => Math.round((end - began) / 10) / 100;
console.log(
  `@${JSON.stringify({
    rows: reader.parts.train?.size,
    pass: seconds(ready),
    firstStep: seconds(first),
    heap: Math.round(heap / 2 ** 20),
    resident: Math.round(process.resourceUsage().maxRSS / 1024),
  })}`,
);
