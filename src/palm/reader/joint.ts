import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { mapValues } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import { convertTags, type LabelScheme, schemeKind, schemeOf, writtenIn } from '../../nn/tags.ts';
import type { Batch, BatchSize, ComponentRecord, Reader } from '../contract.ts';
import { collectLabels, collectTags, type LabelSet, labelSet, labelsKind } from '../labels.ts';
import { type MemoryPart, partOf } from '../parts.ts';
import { checkSettings } from '../settings.ts';
import { type Spelling, spellingOptions, spellWord } from '../tokenizer/spelling.ts';
import {
  buildVocabulary,
  lookup,
  misspelt,
  PADDING,
  type Vocabulary,
  vocabularyKind,
  wordVocabularyFrom,
} from '../tokenizer/vocabulary.ts';
import { wordsIn } from '../words.ts';
import {
  checkExamples,
  filesKind,
  type JointExample,
  jointFiles,
  readJoint,
  readTextKind,
  wordsOf,
} from './jointFiles.ts';
import type { ReadText } from './text.ts';

/** What a joint reader gives. */
export const jointSpecs = {
  /** word ids; `PADDING` after the last word */
  tokens: declare('i32', ['batch', 'time']),
  /** 0, 1, 2, … in every row */
  positions: declare('i32', ['batch', 'time']),
  /** where there is a word */
  mask: declare('bool', ['batch', 'time']),
  /** words of each row, at least 1 */
  lengths: declare('i32', ['batch']),
  /** id of the intent */
  labels: declare('i32', ['batch']),
  /** ids of the tags; 0, which is `O`, after the last word */
  tags: declare('i32', ['batch', 'time']),
  /** 1; 0 for rows that fill a partial batch and for those whose gold labels training never showed */
  weights: declare('f32', ['batch']),
} as const;
export type JointSpecs = typeof jointSpecs;

/** A joint reader with the maps that it encodes with. */
export interface JointReader extends Reader<JointSpecs, JointExample>, Spelling {
  readonly vocabulary: Vocabulary;
  readonly intents: LabelSet;
  readonly tags: LabelSet;
  readonly maximumLength: number;
  readonly parts: Readonly<Record<string, MemoryPart<JointExample>>>;
  pack(examples: readonly JointExample[], size: BatchSize): Batch<JointSpecs>;
  /** The words of a text, spelt as the vocabulary spells them; an example is one already. @throws FROND-D009 when there are none */
  parse(input: string | JointExample): JointExample;
}

const labels = is.optional(labelsKind);
const maps = { vocabulary: is.optional(vocabularyKind), intents: labels, tags: labels };
const jointOptions = {
  ...maps,
  /** default `joint` */
  name: is.optional(is.text),
  /** words seen less often in training are unknown; default 2 */
  minimumCount: is.optional(is.natural),
  /** most words that the model sees; default 128 */
  maximumLength: is.optional(is.count),
  /** let the model see the first `maximumLength` words of longer sentences, instead of refusing them; scores still count all */
  truncate: is.optional(is.flag),
  /**
   * by default small letters: word tables learnt from few sentences cannot afford two entries for `Play` and `play`, and people
   * type either; and NFC, which most keyboards give: the same word, typed another way, is the same word
   */
  ...spellingOptions,
  /** refuse labels in validation and test that training never shows, instead of counting them as errors */
  strict: is.optional(is.flag),
  /**
   * how the tags that the model learns are written, whatever the data are written in (BIO, IOB1, BIOES, BILOU, BMES: found out and
   * converted, with a note); default: that of `tags` where they are given, else BIO
   */
  scheme: is.optional(schemeKind),
};
const jointFolderOptions = {
  ...jointOptions,
  readText: readTextKind,
  /** holds `train`, and if `parts` names them `valid` and `test`, each with `seq.in`, `seq.out`, `label` */
  folder: is.optional(is.text),
  /** instead of a folder: the files of each part */
  files: is.optional(is.objectOf(filesKind, 'paths of words, tags and intents of each part')),
  /** default train, valid, test */
  parts: is.optional(is.listOf(is.text, 'names')),
};
/** What ids mean. Those of an earlier run are given to predict or to resume with it. */
export type JointMaps = is.OptionsOf<typeof maps>;
export type JointOptions = is.OptionsOf<typeof jointOptions>;
export type JointFolderOptions = is.OptionsOf<typeof jointFolderOptions>;

// errors in them name the part and the number of the example
const partsKind: is.Kind = { ...is.object, what: 'the examples of each part: { train, valid, test }' };

/**
 * Reads a folder in the ATIS format and makes a reader of it.
 * @throws FROND-D001 … D010 as `readJoint`, and as `jointReaderOf`
 */
export async function jointReader(options: JointFolderOptions): Promise<JointReader> {
  checkSettings('jointReader', options, jointFolderOptions);
  const { folder, files, parts: names = ['train', 'valid', 'test'], readText, ...rest } = options;
  const { truncate, maximumLength = DEFAULT_LENGTH } = rest;
  const sources =
    files ?? Object.fromEntries(names.map((name) => [name, jointFiles(`${folder ?? '.'}/${name}`)]));
  const decoded: string[] = [];
  const noting: ReadText = async (path) => {
    const content = await readText(path);
    if (typeof content === 'string' && content.includes('\uFFFD')) decoded.push(doubt(path));
    return content;
  };
  const limit = truncate ? {} : { maximumLength };
  const parts = new Map<string, readonly JointExample[]>();
  for (const [name, paths] of Object.entries(sources)) {
    parts.set(name, await readJoint(paths, { readText: noting, ...limit }));
  }
  const reader = jointReaderOf(Object.fromEntries(parts), rest);
  return { ...reader, notes: [...(reader.notes ?? []), ...decoded] };
}

/** A decoder that is not strict puts U+FFFD where it cannot go on; bytes show whether the file itself holds one. */
const doubt = (path: string): string =>
  `${path} holds U+FFFD, perhaps for what is not UTF-8: let readText give bytes, as (path) => readFile(path) does, to have that checked`;

const DEFAULT_LENGTH = 128;

/**
 * A reader of examples in memory. Vocabulary, intents and tags come from the part `train`, or from an earlier run.
 * @throws FROND-D006 for a label of `train` that given maps lack, and with `strict` for one of any part
 * @throws FROND-D014 without a `train` part and without maps
 * @throws FROND-D004, D005, D008, D020, D021 for examples that no file could hold, FROND-T002 for options out of range
 * @throws FROND-D011 for a vocabulary that is malformed, FROND-D022 for one that is spelt otherwise than the options say
 */
export function jointReaderOf(
  given: Readonly<Record<string, readonly JointExample[]>>,
  options: JointOptions = {},
): JointReader {
  checkArguments('jointReaderOf', { parts: partsKind }, [given], 'FROND-T002');
  checkSettings('jointReaderOf', options, jointOptions);
  const { name = 'joint', maximumLength = DEFAULT_LENGTH, truncate = false, strict = false } = options;
  const { lowercase = true, unicode = 'NFC', stripAccents = false } = options;
  const { scheme = schemeOf(options.tags?.names ?? []) } = options;
  const limit = truncate ? Number.POSITIVE_INFINITY : maximumLength;
  for (const [part, examples] of Object.entries(given)) checkExamples(part, examples, limit);
  const { parts, notes } = inScheme(given, scheme);
  const spelling = { lowercase, unicode, stripAccents };
  const maps = completeMaps(parts.train, options, spelling);
  for (const [part, examples] of Object.entries(parts)) {
    if (!strict && part !== 'train') continue;
    for (const [i, example] of examples.entries()) checkLabels(maps, example, part, i);
  }
  const { tokens } = maps.vocabulary;
  const [intents, tags] = [maps.intents.names, maps.tags.names];
  const encoding = { ...maps, ...spelling, maximumLength };
  const length = (example: JointExample): number => Math.min(maximumLength, wordsOf(example).length);
  return {
    ...encoding,
    name,
    gives: jointSpecs,
    names: { tokens, labels: intents, tags },
    parts: mapValues(parts, (examples) => partOf(examples, length)),
    length,
    unseen: (example) => Math.max(0, wordsOf(example).length - maximumLength),
    pack: (examples, size) => packJoint(encoding, examples, size),
    parse: (input) => (is.object.holds(input) ? input : parseSentence(input, spelling)),
    notes: [
      ...notes,
      ...Object.entries(parts).flatMap(([part, examples]) => notesOn(encoding, part, examples)),
    ],
    record: { kind: 'joint', vocabulary: tokens, intents, tags, scheme, maximumLength, ...spelling },
  };
}

/**
 * Makes a joint reader for prediction from what a checkpoint kept of one. A record from before the spelling was kept reads words as
 * they come, in small letters where none of its words has a capital: so its training and its predictions saw them.
 * @throws FROND-D011, D012, T002 when it is damaged
 */
export function jointReaderFrom(record: ComponentRecord): JointReader {
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  const [intents, tags] = [record.intents, record.tags].map((names) => labelSet(list(names).map(String)));
  const vocabulary = wordVocabularyFrom(list(record.vocabulary), 'vocabulary');
  const small = misspelt(vocabulary, { lowercase: true, unicode: 'none', stripAccents: false }) === undefined;
  // those of older runs do not say the scheme: it follows from the tags
  const { lowercase = small, unicode = 'none', stripAccents = false, maximumLength } = record;
  const { scheme = schemeOf(tags?.names ?? []) } = record;
  const spelling = { lowercase, unicode, stripAccents };
  const options = { vocabulary, intents, tags, scheme, maximumLength, ...spelling };
  return jointReaderOf({}, options as JointOptions);
}

type Maps = Required<JointMaps>;
/** What turns words and labels into ids. */
type Encoding = Pick<JointReader, keyof Maps | keyof Spelling | 'maximumLength'>;

function completeMaps(
  train: readonly JointExample[] | undefined,
  { vocabulary, minimumCount = 2, ...labels }: JointOptions,
  spelling: Spelling,
): Maps {
  // ids follow from the names, whatever a hand-made map says
  const [intents, tags] = [labels.intents, labels.tags].map((set) => set && labelSet(set.names));
  const given = vocabulary && wordVocabularyFrom(vocabulary.tokens ?? [], 'vocabulary');
  const odd = given && misspelt(given, spelling);
  if (odd !== undefined) {
    throw new FrondError(
      'FROND-D022',
      `the vocabulary spells ${show(odd)}, which this reader never looks up`,
      { hint: 'give lowercase, unicode and stripAccents as the run had them that the vocabulary is from' },
    );
  }
  if (given && intents && tags) return { vocabulary: given, intents, tags };
  if (train === undefined || train.length === 0) {
    throw new FrondError('FROND-D014', 'there are no training sentences to take words and labels from', {
      hint: 'give a part called train, or the vocabulary, intents and tags of an earlier run',
    });
  }
  const sentences = train.map(({ words }) => words.map((word) => spellWord(word, spelling)));
  return {
    vocabulary: given ?? buildVocabulary(sentences, { minimumCount }),
    intents: intents ?? collectLabels(train.map(({ intent }) => intent)),
    tags: tags ?? collectTags(train.flatMap((example) => example.tags)),
  };
}

/** All parts in one scheme, with notes on what was written in another and on what its own scheme forbids. */
function inScheme(given: Readonly<Record<string, readonly JointExample[]>>, scheme: LabelScheme) {
  const notes: string[] = [];
  const parts = mapValues(given, (examples, part) => {
    const written = examples.map(({ tags }) => convertTags(tags, scheme));
    if (written.every((tags, i) => tags === examples[i]?.tags)) return examples;
    const source = writtenIn(examples.map(({ tags }) => tags));
    if (source !== scheme)
      notes.push(`the tags of ${part} are written in ${source} and were converted to ${scheme}`);
    const odd = examples.filter(({ tags }) => source !== 'IOB1' && convertTags(tags, source) !== tags);
    const [first] = odd;
    if (first !== undefined) {
      const place = `${first.file ?? part}:${first.line ?? examples.indexOf(first) + 1}`;
      notes.push(
        `${odd.length} of ${examples.length} sentences of ${part} have tags that ${source} forbids, the first in ${place}; their chunks were read as conlleval reads them`,
      );
    }
    return examples.map((example, i) => ({ ...example, tags: written[i] ?? [] }));
  });
  return { parts, notes };
}

/** Labels of an example that training never shows, with what they are and those that it shows. */
const strangersIn = ({ intents, tags }: Maps, example: JointExample) =>
  [
    { what: 'intent', labels: [example.intent], set: intents },
    { what: 'tag', labels: example.tags, set: tags },
  ].flatMap(({ what, labels, set: { ids, names } }) =>
    labels.filter((label) => !ids.has(label)).map((label) => ({ what, label, names })),
  );

/** What a part has of labels that training never shows (none where there are no labels), and of words that the model does not see. */
function notesOn(encoding: Encoding, part: string, examples: readonly JointExample[]): string[] {
  const { maximumLength } = encoding;
  const share = (count: number): string => `${count} of ${examples.length} sentences of ${part}`;
  const strange = examples
    .map((example) => strangersIn(encoding, example).flatMap(({ label }) => (label === '' ? [] : [label])))
    .filter((labels) => labels.length > 0);
  const names = [...new Set(strange.flat())].sort();
  const long = examples.filter(({ words }) => words.length > maximumLength).length;
  const unknown = `${share(strange.length)} have labels that training never shows, which count as errors: ${shorten(names)}`;
  const cut = `the model sees the first ${maximumLength} words only of ${share(long)}`;
  return [...(names.length === 0 ? [] : [unknown]), ...(long === 0 ? [] : [cut])];
}

/** @throws FROND-D006 for a label that training never shows */
function checkLabels(maps: Maps, example: JointExample, part: string, index: number): void {
  const [stranger] = strangersIn(maps, example);
  if (stranger === undefined) return;
  throw new FrondError('FROND-D006', `unknown ${stranger.what} ${stranger.label}`, {
    place: { file: example.file ?? part, line: example.line ?? index + 1 },
    hint: `known are: ${shorten(stranger.names)}`,
  });
}

const shorten = (names: readonly string[]): string =>
  names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');

const examplesKind = is.listOf(is.anything, 'examples');
const batchSize = { batch: is.count, time: is.count };
const sizeKind = is.withFields('the size of the batch: { batch, time }', batchSize);

/** Tensors of `jointSpecs`. An unlabelled example, as `parse` gives, has intent '' and therefore weight 0. */
function packJoint(maps: Encoding, examples: readonly JointExample[], size: BatchSize): Batch<JointSpecs> {
  checkArguments('pack', { examples: examplesKind, size: sizeKind }, [examples, size], 'FROND-D013');
  const { batch, time } = size;
  if (examples.length > batch) {
    throw new FrondError('FROND-D013', `${examples.length} examples do not fit a batch of ${batch}`);
  }
  const tokens = new Int32Array(batch * time).fill(PADDING);
  const positions = Int32Array.from(tokens, (_, i) => i % time);
  const lengths = new Int32Array(batch).fill(1);
  const labels = new Int32Array(batch);
  const tags = new Int32Array(batch * time);
  const weights = new Float32Array(batch);
  examples.forEach((example, row) => {
    const length = Math.min(time, maps.maximumLength, wordsOf(example).length);
    const intent = maps.intents.ids.get(example.intent);
    let known = intent !== undefined;
    for (let i = 0; i < length; i++) {
      const tag = maps.tags.ids.get(example.tags?.[i] ?? '');
      tokens[row * time + i] = lookup(maps.vocabulary, spellWord(example.words[i] ?? '', maps));
      tags[row * time + i] = tag ?? 0;
      known &&= tag !== undefined;
    }
    lengths[row] = length;
    labels[row] = intent ?? 0;
    weights[row] = known ? 1 : 0;
  });
  const isWord = (position: number, i: number): number => +(position < (lengths[Math.floor(i / time)] ?? 0));
  const mask = Uint32Array.from(positions, isWord);
  const data = { tokens, positions, mask, lengths, labels, tags, weights };
  return mapValues(jointSpecs, ({ dtype, shape }, name) => {
    const sizes = shape.map((dim) => size[dim]);
    return { dtype, shape: sizes, data: data[name] };
  }) as Batch<JointSpecs>;
}

function parseSentence(sentence: string, spelling: Spelling): JointExample {
  checkArguments('parse', { text: is.text }, [sentence], 'FROND-T002');
  const words = wordsIn(sentence).map((word) => spellWord(word, spelling));
  if (words.length === 0) {
    throw new FrondError('FROND-D009', 'the sentence has no words', { hint: 'give at least one word' });
  }
  return { words, tags: [], intent: '' };
}
