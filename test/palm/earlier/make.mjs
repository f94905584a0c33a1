// Makes a checkpoint for the test beside it with a built version of frond, and what that version answers:
//     node make.mjs FOLDER_OF_THE_VERSION joint|alternate NAME
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const [, , root, policy, name] = process.argv;
const { palm, interpreterDevice } = await import(pathToFileURL(join(root, 'dist/src/index.js')));

const examples = Array.from({ length: 22 }, (_, i) => {
  const city = ['rome', 'oslo', 'lima'][i % 3];
  const room = ['kitchen', 'attic', 'hall', 'cellar'][i % 4];
  const kinds = [
    { words: ['fly', 'to', city], tags: ['O', 'O', 'B-city'], intent: 'travel' },
    { words: ['light', 'in', 'the', room], tags: ['O', 'O', 'O', 'B-room'], intent: 'light' },
    { words: ['from', city, 'please', 'fly'], tags: ['O', 'B-city', 'O', 'O'], intent: 'travel' },
  ];
  return kinds[i % 3];
});
const parts = { train: examples, valid: examples.slice(0, 6) };
const reader = palm.reader.jointReaderOf(parts, { minimumCount: 1 });
const backbone = palm.backbone.compactEncoder({
  vocabulary: reader.vocabulary.tokens.length,
  width: 8,
  layers: 1,
  heads: 2,
  inner: 8,
});
const intent = palm.trainer('intent');
intent.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
const slots = palm.trainer('slots');
slots.buildForward(backbone, palm.head.sequenceLabel({ labels: reader.tags.names }));
const device = interpreterDevice();
const both = palm.multiHeadTrainer([intent, slots], policy === 'alternate' ? { policy, device } : { device });
both.buildForward();
both.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.02) }), clipNorm: 1 });
const fit = { epochs: 5, batchSize: 4, seed: 5 };
if (policy === 'alternate') {
  const other = { ...reader, parts: { ...parts, train: examples.slice(4, 17) } };
  both.fitReaders({ intent: reader, slots: other }, fit);
} else both.fitReader(reader, fit);
const run = mkdtempSync(join(tmpdir(), 'frond-'));
await both.train({ saveTo: run, best: ({ slots }) => -Math.abs(slots.tokenAccuracy - 0.9) });
const texts = ['fly to rome', 'light in the attic', 'from lima please fly', 'Unheard words'];
const answers = await both.predict(texts);
await both.close();

const inside = join(run, 'checkpoints');
const newest = readdirSync(inside).sort().at(-1);
const names = readdirSync(join(inside, newest));
const files = names.map((file) => [file, readFileSync(join(inside, newest, file)).toString('latin1')]);
const kept = { name: newest, files: Object.fromEntries(files), texts, answers };
writeFileSync(new URL(`${name}.json.gz`, import.meta.url), gzipSync(JSON.stringify(kept), { level: 9 }));
