import { checkArguments } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import { declare } from '../../dsl/graph.ts';
import { type LabelScheme, schemeOf } from '../../nn/index.ts';
import { schemeKind } from '../../nn/tags.ts';
import type { Batch, BatchSize, ComponentRecord, Reader } from '../contract.ts';
import { defineReader } from '../define.ts';
import { collectLabels, collectTags, type LabelSet, labelFingerprint, labelSet } from '../labels.ts';
import {
  buildVocabulary,
  lookup,
  PADDING,
  parseVocabulary,
  type Vocabulary,
  vocabularyFingerprint,
} from '../vocabulary.ts';
import { type JointExample, type JointFiles, jointFiles, readJoint } from './jointFiles.ts';
import { inScheme } from './tagScheme.ts';
import { type ReadText, splitWords } from './text.ts';

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
  intents: declare('i32', ['batch']),
  /** ids of the tags; 0, which is `O`, after the last word */
  tags: declare('i32', ['batch', 'time']),
  /** 1; 0 for rows that fill a partial batch and for those whose gold labels training never showed */
  weights: declare('f32', ['batch']),
} as const;
export type JointSpecs = typeof jointSpecs;

/** A joint reader with the maps that it encodes with. */
export interface JointReader extends Reader<JointSpecs, JointExample> {
  readonly vocabulary: Vocabulary;
  readonly intents: LabelSet;
  readonly tags: LabelSet;
  readonly maximumLength: number;
  /** what a checkpoint keeps to refuse other data maps */
  readonly fingerprints: { readonly vocabulary: string; readonly intents: string; readonly tags: string };
  parse(text: string): JointExample;
}

/** What ids mean. Those of an earlier run are given to predict or to resume with it. */
export interface JointMaps {
  readonly vocabulary?: Vocabulary;
  readonly intents?: LabelSet;
  readonly tags?: LabelSet;
}

export interface JointOptions extends JointMaps {
  /** default `joint` */
  readonly name?: string;
  /** words seen less often in training are unknown; default 2 */
  readonly minimumCount?: number;
  /** most words that the model sees; default 128 */
  readonly maximumLength?: number;
  /** let the model see the first `maximumLength` words of longer sentences, instead of refusing them; scores still count all */
  readonly truncate?: boolean;
  /** refuse labels in validation and test that training never shows, instead of counting them as errors */
  readonly strict?: boolean;
  /**
   * how the tags that the model learns are written, whatever the data are written in (BIO, IOB1, BIOES, BILOU, BMES: found out and
   * converted, with a note); default: that of `tags` where they are given, else BIO
   */
  readonly scheme?: LabelScheme;
}

export interface JointFolderOptions extends JointOptions {
  readonly readText: ReadText;
  /** holds `train`, and if `parts` names them `valid` and `test`, each with `seq.in`, `seq.out`, `label` */
  readonly folder?: string;
  /** instead of a folder: the files of each part */
  readonly files?: Readonly<Record<string, JointFiles>>;
  /** default train, valid, test */
  readonly parts?: readonly string[];
}

/**
 * Reads a folder in the ATIS format and makes a reader of it.
 * @throws FROND-D001 … D010 as `readJoint`, FROND-D006 for unknown labels (see `jointReaderOf`)
 */
export async function jointReader(options: JointFolderOptions): Promise<JointReader> {
  const { folder, files, parts: names = ['train', 'valid', 'test'], readText, truncate } = options;
  const sources =
    files ?? Object.fromEntries(names.map((name) => [name, jointFiles(`${folder ?? '.'}/${name}`)]));
  const maximumLength = truncate ? Number.POSITIVE_INFINITY : (options.maximumLength ?? DEFAULT_LENGTH);
  const parts: Record<string, readonly JointExample[]> = {};
  for (const [name, paths] of Object.entries(sources)) {
    parts[name] = await readJoint(paths, { readText, maximumLength });
  }
  return jointReaderOf(parts, options);
}
const DEFAULT_LENGTH = 128;

/**
 * A reader of examples in memory. Vocabulary, intents and tags come from the part `train`, or from an earlier run.
 * @throws FROND-D006 for a label of `train` that given maps lack, and with `strict` for one of any part
 * @throws FROND-D014 without a `train` part and without maps, FROND-T002 for a scheme that does not exist
 */
export function jointReaderOf(
  given: Readonly<Record<string, readonly JointExample[]>>,
  options: JointOptions = {},
): JointReader {
  const { name = 'joint', minimumCount, maximumLength = DEFAULT_LENGTH, strict = false } = options;
  const { scheme = schemeOf(options.tags?.names ?? []) } = options;
  checkArguments('jointReaderOf', { scheme: schemeKind }, [scheme], 'FROND-T002');
  const { parts, notes } = inScheme(given, scheme);
  const maps = completeMaps(parts.train, options, minimumCount);
  for (const [part, examples] of Object.entries(parts)) {
    if (!strict && part !== 'train') continue;
    for (const [i, example] of examples.entries()) checkLabels(maps, example, part, i);
  }
  const reader = defineReader({
    name,
    gives: jointSpecs,
    names: { tokens: maps.vocabulary.tokens, intents: maps.intents.names, tags: maps.tags.names },
    parts,
    length: (example: JointExample) => Math.min(maximumLength, example.words.length),
    pack: (examples, size) => packJoint(maps, examples, size, maximumLength),
  });
  return {
    ...reader,
    ...maps,
    maximumLength,
    fingerprints: {
      vocabulary: vocabularyFingerprint(maps.vocabulary),
      intents: labelFingerprint(maps.intents),
      tags: labelFingerprint(maps.tags),
    },
    parse: (text) => parseSentence(text),
    notes: [
      ...notes,
      ...Object.entries(parts).flatMap(([part, examples]) => unknownLabels(maps, part, examples)),
    ],
    record: {
      kind: 'joint',
      vocabulary: maps.vocabulary.tokens,
      intents: maps.intents.names,
      tags: maps.tags.names,
      scheme,
      maximumLength,
    },
  };
}

/** Makes a joint reader for prediction from what a checkpoint kept of one. @throws FROND-D011, D012, T002 when that is damaged */
export function jointReaderFrom(record: ComponentRecord): JointReader {
  const list = (name: string): string[] => {
    const value = record[name];
    return Array.isArray(value) ? value.map(String) : [];
  };
  const vocabulary = parseVocabulary(`${list('vocabulary').join('\n')}\n`);
  const maps = { vocabulary, intents: labelSet(list('intents')), tags: labelSet(list('tags')) };
  // those of older runs do not say it: it follows from the tags
  const { scheme = schemeOf(maps.tags.names) } = record;
  return jointReaderOf(
    {},
    { ...maps, scheme: scheme as LabelScheme, maximumLength: Number(record.maximumLength), truncate: true },
  );
}

type Maps = Required<JointMaps>;

function completeMaps(
  train: readonly JointExample[] | undefined,
  { vocabulary, intents, tags }: JointMaps,
  minimumCount: number | undefined,
): Maps {
  if (vocabulary && intents && tags) return { vocabulary, intents, tags };
  if (train === undefined || train.length === 0) {
    throw new FrondError('FROND-D014', 'there are no training sentences to take words and labels from', {
      hint: 'give a part called train, or the vocabulary, intents and tags of an earlier run',
    });
  }
  const counting = minimumCount === undefined ? {} : { minimumCount };
  return {
    vocabulary:
      vocabulary ??
      buildVocabulary(
        train.map(({ words }) => words),
        counting,
      ),
    intents: intents ?? collectLabels(train.map(({ intent }) => intent)),
    tags: tags ?? collectTags(train.flatMap((example) => example.tags)),
  };
}

/** What a part has of labels that training never shows. */
function unknownLabels(maps: Maps, part: string, examples: readonly JointExample[]): string[] {
  const strangers = ({ intent, tags }: JointExample): string[] => [
    ...(intent === '' || maps.intents.ids.has(intent) ? [] : [intent]),
    ...tags.filter((tag) => !maps.tags.ids.has(tag)),
  ];
  const found = examples.map(strangers).filter((labels) => labels.length > 0);
  if (found.length === 0) return [];
  const names = [...new Set(found.flat())].sort();
  return [
    `${found.length} of ${examples.length} sentences of ${part} have labels that training never shows, which count as errors: ${shorten(names)}`,
  ];
}

function checkLabels(maps: Maps, example: JointExample, part: string, index: number): void {
  const unknown = !maps.intents.ids.has(example.intent)
    ? { what: 'intent', label: example.intent, known: maps.intents }
    : { what: 'tag', label: example.tags.find((tag) => !maps.tags.ids.has(tag)), known: maps.tags };
  if (unknown.label === undefined) return;
  const place = { file: example.file ?? part, line: example.line ?? index + 1 };
  throw new FrondError('FROND-D006', `unknown ${unknown.what} ${unknown.label}`, {
    place,
    hint: `known are: ${shorten(unknown.known.names)}`,
  });
}

const shorten = (names: readonly string[]): string =>
  names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');

/** Tensors of `jointSpecs`. An unlabelled example, as `parse` gives, has intent '' and therefore weight 0. */
function packJoint(
  maps: Maps,
  examples: readonly JointExample[],
  size: BatchSize,
  maximumLength: number,
): Batch<JointSpecs> {
  const { batch, time } = size;
  if (examples.length > batch) {
    throw new FrondError('FROND-D013', `${examples.length} examples do not fit a batch of ${batch}`);
  }
  const tokens = new Int32Array(batch * time).fill(PADDING);
  const positions = Int32Array.from(tokens, (_, i) => i % time);
  const lengths = new Int32Array(batch).fill(1);
  const intents = new Int32Array(batch);
  const tags = new Int32Array(batch * time);
  const weights = new Float32Array(batch);
  examples.forEach((example, row) => {
    const length = Math.min(time, maximumLength, example.words.length);
    const intent = maps.intents.ids.get(example.intent);
    let known = intent !== undefined;
    for (let i = 0; i < length; i++) {
      const tag = maps.tags.ids.get(example.tags[i] ?? '');
      tokens[row * time + i] = lookup(maps.vocabulary, example.words[i] ?? '');
      tags[row * time + i] = tag ?? 0;
      known &&= tag !== undefined;
    }
    lengths[row] = length;
    intents[row] = intent ?? 0;
    weights[row] = known ? 1 : 0;
  });
  return {
    tokens: { dtype: 'i32', shape: [batch, time], data: tokens },
    positions: { dtype: 'i32', shape: [batch, time], data: positions },
    mask: {
      dtype: 'bool',
      shape: [batch, time],
      data: Uint32Array.from(positions, (position, i) => +(position < (lengths[Math.floor(i / time)] ?? 0))),
    },
    lengths: { dtype: 'i32', shape: [batch], data: lengths },
    intents: { dtype: 'i32', shape: [batch], data: intents },
    tags: { dtype: 'i32', shape: [batch, time], data: tags },
    weights: { dtype: 'f32', shape: [batch], data: weights },
  };
}

/** @throws FROND-D009 when there is no word in it */
function parseSentence(text: string): JointExample {
  const words = splitWords(text.toLowerCase().replace(/[\r\n]/g, ' ')).map((word) => word.text);
  if (words.length === 0) {
    throw new FrondError('FROND-D009', 'the sentence has no words', { hint: 'give at least one word' });
  }
  return { words, tags: [], intent: '' };
}
