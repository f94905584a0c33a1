import { interpreterDevice, palm } from '../../../src/index.ts';
import { tinyBackbone } from './tiny.ts';

// A corpus of capitals, accents in both Unicode forms, and wide spaces, read by each kind of tokenizer. As a script with a folder, it
// says in a process of its own what a run saved there answers.

const CITIES = ['Málaga', 'Zürich', 'Ålesund', 'Besançon'];
const NAMES = ['Zoë', 'André', 'Søren'];
const SPACES = [' ', '\u00a0', '\u3000', ' \u2003'];

const example = (i: number): palm.JointExample => {
  const [city = '', name = ''] = [CITIES[i % 4], NAMES[i % 3]];
  const words = i % 2 === 0 ? ['Fly', name, 'To', city] : ['Wake', 'Up', name, 'Please'];
  const tags = i % 2 === 0 ? ['O', 'B-name', 'O', 'B-city'] : ['O', 'O', 'B-name', 'O'];
  // what one keyboard gives in one character, another gives in two
  const typed = words.map((word) => word.normalize(i % 3 === 0 ? 'NFD' : 'NFC'));
  return { words: typed, tags, intent: i % 2 === 0 ? 'Travel' : 'Alarm' };
};
const examples = Array.from({ length: 24 }, (_, i) => example(i));
export const tested = examples.slice(5, 17);
export const texts = tested.map(({ words }, i) => words.join(SPACES[i % 4]));

const plain = examples.map(({ words }) => words.join(' '));
type Spelt = Pick<palm.tokenizer.WordOptions, 'lowercase' | 'unicode' | 'stripAccents'>;
const spelling: Spelt = { lowercase: true, unicode: 'NFC', stripAccents: true };
const characters = [...new Set(plain.join('').normalize('NFD').toLowerCase())].filter((one) =>
  /\p{L}/u.test(one),
);
const special = ['[CLS]', '[SEP]'];
const tokenizers = {
  none: () => undefined,
  character: (spelt: Spelt) =>
    palm.tokenizer.character({
      vocabulary: palm.buildVocabulary([characters], { minimumCount: 1, special }),
      ...spelt,
    }),
  wordPiece: (spelt: Spelt) =>
    palm.tokenizer.wordPiece({
      vocabulary: palm.tokenizer.buildWordPieces(plain, { size: 60, minimumCount: 1 }),
      ...spelt,
    }),
};
export type Kind = keyof typeof tokenizers;
export const kinds = Object.keys(tokenizers) as Kind[];

/** The reader of the corpus, as any of them. */
export function readerIn(kind: Kind, change: Partial<Spelt> = {}) {
  const parts = { train: examples, test: tested };
  const tokenizer = tokenizers[kind]({ ...spelling, ...change });
  const words = { minimumCount: 1, unicode: 'NFKC', stripAccents: true } as const;
  return palm.reader.jointReaderOf(parts, tokenizer === undefined ? words : { tokenizer }) as palm.Reader &
    ReturnType<typeof palm.reader.jointReaderOf>;
}

export function trainerOf(kind: Kind, change?: Partial<Spelt>) {
  const reader = readerIn(kind, change);
  const backbone = tinyBackbone(reader, { dropout: 0, width: 12 });
  const [intent, slots] = [palm.trainer('intent'), palm.trainer('slots')];
  intent.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
  const labels = reader.tags.names;
  if (kind === 'none') slots.buildForward(backbone, palm.head.sequenceLabel({ labels }));
  else slots.buildForward(backbone, palm.head.sequenceLabel({ labels, pieces: true }));
  const device = interpreterDevice();
  const both = palm.multiHeadTrainer([intent, slots], { device });
  both.buildForward();
  both.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.02) }) });
  both.fitReader(reader, { epochs: 3, batchSize: 4, seed: 3 });
  return both;
}

/** What evaluation says too, of what was predicted for texts. */
export function scoresOf({ intent = [], slots = [] }: palm.Predictions) {
  const [found, tagged] = [intent as palm.head.Classified[], slots as palm.head.Tagged[]];
  return {
    intent: palm.metrics.classScores(
      tested.map((one) => one.intent),
      found.map(({ label }) => label),
    ),
    slots: palm.metrics.entityScores(
      tested.map(({ tags }) => tags),
      tagged.map(({ tags }) => tags),
    ),
  };
}

/** Accuracies of a saved run: by evaluating it after resuming, and by asking a predictor for the texts. */
export async function loaded(kind: Kind, run: string) {
  const trainer = trainerOf(kind);
  await trainer.resume(run);
  const evaluated = await trainer.evaluate('test');
  await trainer.close();
  const predictor = await palm.Predictor.load(run, { device: interpreterDevice() });
  const predictions = await predictor.predict(texts);
  predictor.free();
  return { evaluated, predictions };
}

const [, , kind, run] = process.argv;
if (run !== undefined && kinds.includes(kind as Kind))
  process.stdout.write(`${JSON.stringify(await loaded(kind as Kind, run))}\n`);
