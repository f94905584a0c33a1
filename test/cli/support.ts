import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOMS = ['kitchen', 'hall', 'bathroom', 'cellar'];
const GENRES = ['jazz', 'folk', 'rock', 'soul'];

/** Sentence `i` of two intents with one slot type each, as the lines of the three files. */
function sentence(i: number): readonly [words: string, tags: string, intent: string] {
  const room = ROOMS[i % ROOMS.length] ?? '';
  const genre = GENRES[Math.floor(i / 2) % GENRES.length] ?? '';
  return i % 2 === 0
    ? [`turn on the light in the ${room}`, 'O O O O O O B-room', 'light']
    : [`play some ${genre} now`, 'O O B-genre O', 'music'];
}

/** Writes a data folder in the ATIS format. */
export function writeData(folder: string, sizes: Readonly<Record<string, number>>): void {
  for (const [part, count] of Object.entries(sizes)) {
    const lines = Array.from({ length: count }, (_, i) => sentence(i));
    mkdirSync(join(folder, part), { recursive: true });
    ['seq.in', 'seq.out', 'label'].forEach((name, column) => {
      writeFileSync(join(folder, part, name), lines.map((line) => `${line[column]}\n`).join(''));
    });
  }
}

/** A joint model small enough to learn its dozen sentences in a second. */
export const RECIPE = `
import { readFile } from 'node:fs/promises';
import { palm } from 'frond';

export const train: palm.Recipe = async ({ data = 'data', output, epochs, batchSize, seed, resume, device, signal, on }) => {
  const reader = await palm.reader.jointReader({ folder: data, readText: (path) => readFile(path), minimumCount: 1 });
  const encoder = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length, width: 8, layers: 1, heads: 2, dropout: 0.1, outerDropout: 0,
  });
  const intent = palm.trainer('intent');
  intent.buildForward(encoder, palm.head.classify({ classes: reader.intents.names }));
  const slots = palm.trainer('slots');
  slots.buildForward(encoder, palm.head.sequenceLabel({ labels: reader.tags.names }));
  const both = palm.multiHeadTrainer([intent, slots], {
    device, metrics: palm.head.exactMatch({ intent: 'intent', slots: 'slots' }),
  });
  both.buildForward();
  both.buildBackward({ optimizer: palm.adam({ rate: palm.constantRate(0.02) }), clipNorm: 1 });
  both.fitReader(reader, { epochs: epochs ?? 2, batchSize: batchSize ?? 4, seed });
  both.setSaver({ folder: output });
  if (resume) await both.resume(output, on);
  const summary = await both.train({ best: ({ exactMatch }) => Number(exactMatch), signal, on });
  if (summary.reason === 'aborted') return { trainer: both, summary };
  return { trainer: both, summary, test: await both.evaluate('test'), examples: ['play some jazz now'] };
};
`;

/** Weights, moments and history of the newest checkpoint of a run. */
export function newest(run: string): Map<string, Buffer> {
  const folder = join(run, 'checkpoints');
  const last = readdirSync(folder)
    .filter((name) => name.startsWith('step-'))
    .sort()
    .at(-1);
  if (last === undefined) throw new Error(`no checkpoint in ${folder}`);
  const names = readdirSync(join(folder, last)).filter((name) => name !== 'manifest.json');
  return new Map(names.map((name) => [name, readFileSync(join(folder, last, name))]));
}
