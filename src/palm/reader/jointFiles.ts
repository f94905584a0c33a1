import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { checkTags, type Item } from '../labels.ts';
import { checkSettings } from '../settings.ts';
import { checkWord, splitWords, tooLong } from '../words.ts';
import { type ReadText, readLines } from './text.ts';

const FILES = ['words', 'tags', 'intents'] as const;
const paths = { words: is.text, tags: is.text, intents: is.text };
/** Paths of the three parallel files of one part: words, tags and intents, one sentence per line. */
export type JointFiles = is.OptionsOf<typeof paths>;
/** What says where the three files are. */
export const filesKind: is.Kind<JointFiles> = is.withFields('the paths of words, tags and intents', paths);

/** One labelled sentence. Words and tags have the same length, at least 1. */
export interface JointExample {
  readonly words: readonly string[];
  readonly tags: readonly string[];
  readonly intent: string;
  /** where it was read, if it was */
  readonly file?: string;
  readonly line?: number;
}

/** The three files of a part in the ATIS folder format. */
export function jointFiles(folder: string): JointFiles {
  checkArguments('jointFiles', { folder: is.text }, [folder], 'FROND-T002');
  return { words: `${folder}/seq.in`, tags: `${folder}/seq.out`, intents: `${folder}/label` };
}

export const readTextKind: is.Kind<ReadText> = {
  ...is.typed(is.callable),
  what: 'a function, such as (path) => readFile(path)',
};

const readJointOptions = {
  readText: readTextKind,
  /** a sentence of more words is an error; default: no limit */
  maximumLength: is.optional(is.count),
};
export type ReadJointOptions = is.OptionsOf<typeof readJointOptions>;

/**
 * Reads one part of a joint intent and slot data set (the format of Goo et al. 2018: `seq.in`, `seq.out`, `label`).
 * @throws FROND-T002 for what are no files or options; D001 unreadable, D002 empty, D003 files of different length, D004 a sentence with more or fewer tags than words,
 *   D005 no tag, D007 not UTF-8, D008 too long, D009 blank line, D010 no intent; each with file, line and column
 */
export async function readJoint(
  files: JointFiles,
  options: ReadJointOptions,
): Promise<readonly JointExample[]> {
  checkArguments('readJoint', { files: filesKind }, [files], 'FROND-T002');
  checkSettings('readJoint', options, readJointOptions);
  const { readText, maximumLength = Number.POSITIVE_INFINITY } = options;
  // in turn, so that of several files that cannot be read always the same one is named
  const contents: (readonly string[])[] = [];
  for (const what of FILES) contents.push(await readLines(files[what], readText, hintFor(files[what], what)));
  const [words = [], tags = [], intents = []] = contents;
  checkLineCounts(files, [words.length, tags.length, intents.length]);
  return words.map((line, i) => {
    const texts = { words: line, tags: tags[i] ?? '', intents: intents[i] ?? '' };
    return parseExample(files, i + 1, texts, maximumLength);
  });
}

/** What to do about a file that cannot be read. */
const hintFor = (file: string, what: keyof JointFiles): string =>
  /(^|[\\/])(seq\.in|seq\.out|label)$/.test(file)
    ? 'a part has three files: seq.in (words), seq.out (tags) and label (intents)'
    : `the ${what} of a part are read from it: check its path among the files of the part`;

function checkLineCounts(files: JointFiles, counts: readonly number[]): void {
  const shortest = Math.min(...counts);
  if (counts.every((count) => count === shortest)) return;
  const file = files[FILES[counts.indexOf(shortest)] ?? 'words'];
  throw new FrondError(
    'FROND-D003',
    `the three files differ in length: ${files.words} has ${counts[0]} lines, ${files.tags} ${counts[1]}, ${files.intents} ${counts[2]}`,
    { place: { file, line: shortest + 1 }, hint: 'line n of each file belongs to the same sentence' },
  );
}

function parseExample(files: JointFiles, line: number, texts: JointFiles, maximum: number): JointExample {
  const intent = texts.intents.trim();
  const at = (what: keyof JointFiles, offset = 0) => ({ file: files[what], line, column: offset + 1 });
  const itemsIn = (what: keyof JointFiles): readonly Item[] =>
    splitWords(texts[what]).map((word) => ({ text: word.text, place: () => at(what, word.at) }));
  const [words, tags] = [itemsIn('words'), itemsIn('tags')];
  if (words.length > maximum) throw tooLong('a sentence', words.length, maximum, words[maximum]?.place());
  const blank = FILES.find((what) => texts[what].trim() === '');
  if (blank !== undefined) {
    const what = blank === 'intents' ? 'intent' : blank;
    throw new FrondError('FROND-D009', `line ${line} has no ${what}`, {
      place: at(blank),
      hint: 'take the line out of all three files, or fill it',
    });
  }
  const space = intent.search(/\s/);
  if (space >= 0) {
    throw new FrondError('FROND-D010', `${show(intent)} is not one intent`, {
      place: at('intents', texts.intents.indexOf(intent) + space),
      hint: 'an intent is one word; is this the file of the sentences?',
    });
  }
  const same = `line ${line} of ${files.words} and of ${files.tags} must have the same number of entries`;
  checkTags(words, tags, '', same);
  const textsOf = (items: readonly Item[]): string[] => items.map(({ text }) => text);
  return { words: textsOf(words), tags: textsOf(tags), intent, file: files.words, line };
}

const malformed = (where: string, what: string): FrondError =>
  new FrondError('FROND-D020', `${where}: ${what}`, {
    hint: "an example is { words: ['to', 'rome'], tags: ['O', 'B-city'], intent: 'travel' }",
  });

/** The words of an example that a program made. @throws FROND-D020 where they are no list of texts */
export function wordsOf(example: JointExample): readonly string[] {
  if (is.names.holds(example?.words)) return example.words;
  throw malformed('an example', 'words is no list of texts');
}

/**
 * Holds examples in memory to the rules of those that are read. In other parts than `train` an example may go without labels: no
 * tags, and the intent ''.
 * @throws FROND-D020 for a malformed example, D021 for an invalid word, D004 for more or fewer tags than words, D005 for a malformed tag, D008 for more
 *   words than `maximum`; each names part and index
 */
export function checkExamples(part: string, examples: readonly JointExample[], maximum: number): void {
  if (!Array.isArray(examples)) throw malformed(`part ${part}`, 'it is no list of examples');
  examples.forEach((example: JointExample, i) => {
    const where = `example ${i} of ${part}`;
    const { words, tags, intent, file, line }: Partial<JointExample> = Object(example);
    const place = file === undefined ? undefined : { file, line };
    if (!is.names.holds(words) || words.length === 0)
      throw malformed(where, 'words is no list of texts, at least one');
    for (const word of words) checkWord(word, where, place);
    if (!is.names.holds(tags)) throw malformed(where, 'tags is no list of texts');
    if (!is.text.holds(intent)) throw malformed(where, 'intent is no text');
    const itemsOf = (list: readonly string[]): readonly Item[] =>
      list.map((text) => ({ text, place: () => place }));
    const labelled = part === 'train' || intent !== '' || tags.length > 0;
    if (labelled) checkTags(itemsOf(words), itemsOf(tags), `${where}: `);
    if (part === 'train' && intent === '') throw malformed(where, 'intent is empty');
    if (words.length > maximum) throw tooLong(where, words.length, maximum, place);
  });
}
