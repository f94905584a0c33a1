import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { mapValues, own } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import { convertTags, type LabelScheme, schemeKind, schemeOf, writtenIn } from '../../nn/tags.ts';
import type { Batch, BatchSize, ComponentRecord, Reader, Specs } from '../contract.ts';
import {
  collectLabels,
  collectTags,
  type LabelSet,
  labelSet,
  labelsKind,
  shorten,
  unknownLabel,
} from '../labels.ts';
import { type MemoryPart, partOf } from '../parts.ts';
import { checkSettings } from '../settings.ts';
import { assembler } from '../tokenizer/assembly.ts';
import { tokenizerFrom } from '../tokenizer/load.ts';
import { spellingOf, spellingOptions, spellWord } from '../tokenizer/spelling.ts';
import { specialId, type Tokenizer, tokenizerKind, word } from '../tokenizer/tokenizer.ts';
import {
  buildVocabulary,
  misspelt,
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
import { packPieces, pieceSpecs, shaped } from './pieces.ts';
import type { ReadText } from './text.ts';
import { packWords, taggedSpecs, unknownIn, type WordRow, wordAssembler } from './wordRows.ts';

/** id of the intent */
const intentSpec = { labels: declare('i32', ['batch']) } as const;
const { segments: _, ...ofWords } = pieceSpecs;
const { tags, weights } = taggedSpecs;
/** What a joint reader gives of words: each is one piece. */
export const jointSpecs = { ...ofWords, ...intentSpec, tags, weights } as const;
export type JointSpecs = typeof jointSpecs;
/** What a joint reader with a tokenizer gives: tags are those of words, which begin where `firstPieces` says. */
export const jointPieceSpecs = { ...taggedSpecs, ...intentSpec } as const;
export type JointPieceSpecs = typeof jointPieceSpecs;

/** A joint reader with the maps that it encodes with. */
export interface JointReader<G extends Specs = JointSpecs> extends Reader<G, JointExample> {
  /** what cuts and spells words: in training, in prediction, and after loading */
  readonly tokenizer: Tokenizer;
  /** that of the tokenizer */
  readonly vocabulary: Vocabulary;
  readonly intents: LabelSet;
  readonly tags: LabelSet;
  readonly maximumLength: number;
  readonly parts: Readonly<Record<string, MemoryPart<JointExample>>>;
  pack(examples: readonly JointExample[], size: BatchSize): Batch<G>;
  /** The words of a text; an example is one already. @throws FROND-D009 when there are none */
  parse(input: string | JointExample): JointExample;
}

const labels = is.optional(labelsKind);
const maps = { vocabulary: is.optional(vocabularyKind), intents: labels, tags: labels };
const jointOptions = {
  ...maps,
  /** default `joint` */
  name: is.optional(is.text),
  /**
   * cuts words into pieces, with special tokens around a sentence where its vocabulary has them; then it says how words are spelt, and
   * heads that tag words take `firstPieces`. Default: each word is one piece, of a vocabulary that `train` has
   */
  tokenizer: is.optional(tokenizerKind),
  /** words seen less often in training are unknown; default 2 */
  minimumCount: is.optional(is.natural),
  /** most words that the model sees, or pieces, special tokens included; default 128 */
  maximumLength: is.optional(is.count),
  /**
   * let the model see the first `maximumLength` words of longer sentences, instead of refusing them; scores still count all. With a
   * tokenizer they are never refused, but noted
   */
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
type WithTokenizer<O> = O & { readonly tokenizer: Tokenizer };

// errors in them name the part and the number of the example
const partsKind: is.Kind = { ...is.object, what: 'the examples of each part: { train, valid, test }' };

/**
 * Reads a folder in the ATIS format and makes a reader of it.
 * @throws FROND-D001 … D010 as `readJoint`, and as `jointReaderOf`
 */
export function jointReader(
  options: WithTokenizer<JointFolderOptions>,
): Promise<JointReader<JointPieceSpecs>>;
export function jointReader(options: JointFolderOptions): Promise<JointReader>;
export async function jointReader(options: JointFolderOptions): Promise<JointReader<Specs>> {
  checkSettings('jointReader', options, jointFolderOptions);
  const { folder, files, parts: names = ['train', 'valid', 'test'], readText, ...rest } = options;
  const { maximumLength = DEFAULT_LENGTH } = rest;
  const sources =
    files ?? Object.fromEntries(names.map((name) => [name, jointFiles(`${folder ?? '.'}/${name}`)]));
  const decoded: string[] = [];
  const noting: ReadText = async (path) => {
    const content = await readText(path);
    if (typeof content === 'string' && content.includes('\uFFFD')) decoded.push(doubt(path));
    return content;
  };
  const limit = truncates(rest) ? {} : { maximumLength };
  const parts = new Map<string, readonly JointExample[]>();
  for (const [name, paths] of Object.entries(sources))
    parts.set(name, await readJoint(paths, { readText: noting, ...limit }));
  const reader = jointReaderOf(Object.fromEntries(parts), rest);
  return { ...reader, notes: [...(reader.notes ?? []), ...decoded] };
}

/** A decoder that is not strict puts U+FFFD where it cannot go on; bytes show whether the file itself holds one. */
const doubt = (path: string): string =>
  `${path} holds U+FFFD, perhaps for what is not UTF-8: let readText give bytes, as (path) => readFile(path) does, to have that checked`;

const DEFAULT_LENGTH = 128;
const truncates = ({ truncate = false, tokenizer }: JointOptions): boolean =>
  truncate || tokenizer !== undefined;
type Examples = Readonly<Record<string, readonly JointExample[]>>;

/**
 * A reader of examples in memory. Vocabulary, intents and tags come from the part `train`, or from an earlier run.
 * @throws FROND-D006 for a label of `train` that given maps lack, and with `strict` for one of any part
 * @throws FROND-D014 without a `train` part and without maps
 * @throws FROND-D004, D005, D008, D020, D021 for examples that no file could hold, FROND-T002 for options out of range
 * @throws FROND-D011 for a vocabulary that is malformed, FROND-D022 for one that is spelt otherwise than the options say, FROND-D023
 *   for a tokenizer without padding
 */
export function jointReaderOf(
  given: Examples,
  options: WithTokenizer<JointOptions>,
): JointReader<JointPieceSpecs>;
export function jointReaderOf(given: Examples, options?: JointOptions): JointReader;
export function jointReaderOf(given: Examples, options: JointOptions = {}): JointReader<Specs> {
  checkArguments('jointReaderOf', { parts: partsKind }, [given], 'FROND-T002');
  checkSettings('jointReaderOf', options, jointOptions);
  const { name = 'joint', maximumLength = DEFAULT_LENGTH, strict = false } = options;
  const { scheme = schemeOf(options.tags?.names ?? []) } = options;
  const isCut = options.tokenizer !== undefined;
  const limit = truncates(options) ? Number.POSITIVE_INFINITY : maximumLength;
  for (const [part, examples] of Object.entries(given)) checkExamples(part, examples, limit);
  const { parts, notes } = inScheme(given, scheme);
  const maps = completeMaps(options, parts.train);
  const { tokenizer, intents, tags } = maps;
  specialId(tokenizer, 'padding', name);
  // words alone have no special tokens around them
  const assemble = wordAssembler(
    tokenizer,
    assembler(isCut ? tokenizer : { ...tokenizer, special: {} }, maximumLength),
  );
  const rowOf = (example: JointExample): WordRow => assemble(wordsOf(example));
  const count = (example: JointExample): number => wordsOf(example).length;
  const { kind: _, vocabulary: __, ...spelling } = tokenizer.record;
  const { tokens } = tokenizer.vocabulary;
  const cutting = isCut ? { tokenizer: tokenizer.record } : { vocabulary: tokens };
  const sets = { intents: intents.names, tags: tags.names };
  const reader: Omit<JointReader<Specs>, 'parts' | 'notes'> = {
    name,
    tokenizer,
    vocabulary: tokenizer.vocabulary,
    intents,
    tags,
    maximumLength,
    gives: isCut ? jointPieceSpecs : jointSpecs,
    names: { tokens, labels: intents.names, tags: tags.names },
    // where each word is one piece, none has to be looked up
    length: (example) => (isCut ? rowOf(example).ids.length : Math.min(maximumLength, count(example))),
    unseen: (example) => (isCut ? rowOf(example).dropped : Math.max(0, count(example) - maximumLength)),
    unknown: (example) => unknownIn(tokenizer, wordsOf(example)),
    pack(examples, size) {
      checkArguments('pack', { examples: examplesKind, size: sizeKind }, [examples, size], 'FROND-D013');
      const { batch } = size;
      if (examples.length > batch) {
        throw new FrondError('FROND-D013', `${examples.length} examples do not fit a batch of ${batch}`);
      }
      const rows = examples.map(rowOf);
      const words = packWords(rows, examples, tags.ids, size);
      const labels = new Int32Array(batch);
      for (const [row, { intent }] of examples.entries()) {
        const id = intents.ids.get(intent);
        // an unlabelled example, as `parse` gives, has the intent ''
        if (id === undefined) words.weights.data[row] = 0;
        else labels[row] = id;
      }
      const intent = shaped(intentSpec, { labels }, { batch });
      const packed = { ...packPieces(rows, size, tokenizer), ...words, ...intent };
      return mapValues(reader.gives, (_, tensor) => packed[tensor as keyof typeof packed]);
    },
    parse: (input) => (is.object.holds(input) ? input : parseSentence(input)),
    record: { kind: 'joint', ...cutting, ...sets, scheme, maximumLength, ...(isCut ? {} : spelling) },
  };
  return {
    ...reader,
    parts: mapValues(parts, (examples) => partOf(examples, reader.length)),
    notes: [...notes, ...Object.entries(parts).flatMap((part) => notesOn(reader, part, strict))],
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
  // those of older runs do not say the scheme: it follows from the tags
  const { scheme = schemeOf(tags?.names ?? []), maximumLength } = record;
  const shared = { intents, tags, scheme, maximumLength };
  if (record.tokenizer !== undefined) {
    const tokenizer = tokenizerFrom(record.tokenizer as ComponentRecord);
    return jointReaderOf({}, { ...shared, tokenizer } as JointOptions);
  }
  const vocabulary = wordVocabularyFrom(list(record.vocabulary), 'vocabulary');
  const small = misspelt(vocabulary, { lowercase: true, unicode: 'none', stripAccents: false }) === undefined;
  const { lowercase = small, unicode = 'none', stripAccents = false } = record;
  return jointReaderOf({}, { ...shared, vocabulary, lowercase, unicode, stripAccents } as JointOptions);
}

/** What turns words and labels into ids. */
type Maps = Pick<JointReader, 'tokenizer' | 'intents' | 'tags'>;

const SPELLING = ['vocabulary', 'minimumCount', ...Object.keys(spellingOptions)] as const;

function completeMaps(options: JointOptions, train: readonly JointExample[] = []): Maps {
  const { vocabulary, minimumCount = 2 } = options;
  const spelling = spellingOf(options);
  const idle = options.tokenizer && SPELLING.find((name) => own({ ...options }, name) !== undefined);
  if (idle !== undefined) {
    throw new FrondError('FROND-T002', `${idle} has no effect beside a tokenizer`, {
      hint: 'make the tokenizer with it, or leave it out',
    });
  }
  // ids follow from the names, whatever a hand-made map says
  const [intents, tags] = [options.intents, options.tags].map((set) => set && labelSet(set.names));
  const given = vocabulary && wordVocabularyFrom(vocabulary.tokens ?? [], 'vocabulary');
  const odd = given && misspelt(given, spelling);
  if (odd !== undefined) {
    throw new FrondError(
      'FROND-D022',
      `the vocabulary spells ${show(odd)}, which this reader never looks up`,
      { hint: 'give lowercase, unicode and stripAccents as the run had them that the vocabulary is from' },
    );
  }
  const learnt = <T>(learn: () => T): T => {
    if (train.length > 0) return learn();
    throw new FrondError('FROND-D014', 'there are no training sentences to take words and labels from', {
      hint: 'give a part called train, or the vocabulary, intents and tags of an earlier run',
    });
  };
  const spelt = () => train.map(({ words }) => words.map((one) => spellWord(one, spelling)));
  const wordsOfTraining = () => learnt(() => buildVocabulary(spelt(), { minimumCount }));
  return {
    tokenizer: options.tokenizer ?? word({ vocabulary: given ?? wordsOfTraining(), ...spelling }),
    intents: intents ?? learnt(() => collectLabels(train.map(({ intent }) => intent))),
    tags: tags ?? learnt(() => collectTags(train.flatMap((example) => example.tags))),
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

/** Labels of an example that training never shows, and what they are. */
const strangersIn = ({ intents, tags }: Maps, example: JointExample) =>
  [
    { what: 'intent', labels: [example.intent], set: intents },
    { what: 'tag', labels: example.tags, set: tags },
  ].flatMap(({ what, labels, set }) =>
    labels.filter((label) => label !== '' && !set.ids.has(label)).map((label) => ({ what, label, set })),
  );

/**
 * What a part has of labels that training never shows, and of words that the model does not see.
 * @throws FROND-D006 for such a label in training, and where it is `strict`
 */
function notesOn(
  reader: Maps & Pick<JointReader, 'maximumLength' | 'unseen'>,
  [part, examples]: readonly [string, readonly JointExample[]],
  strict: boolean,
): string[] {
  const share = (count: number): string => `${count} of ${examples.length} sentences of ${part}`;
  const strangers = new Set<string>();
  let strange = 0;
  for (const [i, example] of examples.entries()) {
    const found = strangersIn(reader, example);
    const [first] = found;
    if (first === undefined) continue;
    const place = { file: example.file ?? part, line: example.line ?? i + 1 };
    if (strict || part === 'train') throw unknownLabel(first.what, first.label, first.set.names, place);
    for (const { label } of found) strangers.add(label);
    strange++;
  }
  const names = shorten([...strangers].sort());
  const unknown = `${share(strange)} have labels that training never shows, which count as errors: ${names}`;
  const cut = examples.filter((example) => reader.unseen?.(example)).length;
  const long = `${share(cut)} are longer than ${reader.maximumLength}: the model does not see their ends`;
  return [...(strange === 0 ? [] : [unknown]), ...(cut === 0 ? [] : [long])];
}

const examplesKind = is.listOf(is.anything, 'examples');
const batchSize = { batch: is.count, time: is.count };
const sizeKind = is.withFields('the size of the batch: { batch, time }', batchSize);

function parseSentence(sentence: string): JointExample {
  checkArguments('parse', { text: is.text }, [sentence], 'FROND-T002');
  const words = wordsIn(sentence);
  if (words.length === 0) {
    throw new FrondError('FROND-D009', 'the sentence has no words', { hint: 'give at least one word' });
  }
  return { words, tags: [], intent: '' };
}
