import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { readTag, TAG_FORM } from '../../nn/tags.ts';
import { checkSettings } from '../settings.ts';
import { checkWord, splitWords, tooLong, type Word } from '../words.ts';
import { type ReadText, readLines } from './text.ts';

/** Paths of the three parallel files of one part: words, tags and intents, one sentence per line. */
export interface JointFiles {
  readonly words: string;
  readonly tags: string;
  readonly intents: string;
}

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

/** What says where the three files are. */
export const filesKind = is.kind<JointFiles>('the paths of words, tags and intents', (value) =>
  ['words', 'tags', 'intents'].every((what) =>
    is.text.holds(new Map(Object.entries(Object(value))).get(what)),
  ),
);
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
  const linesOf = (what: keyof JointFiles): Promise<readonly string[]> =>
    readLines(files[what], readText, hintFor(files[what], what));
  const [words, tags, intents] = await Promise.all([linesOf('words'), linesOf('tags'), linesOf('intents')]);
  const lines = { words, tags, intents };
  checkLineCounts(files, lines);
  return lines.words.map((line, i) => {
    checkLength(files.words, i + 1, splitWords(line), maximumLength);
    return parseExample(files, i + 1, line, lines.tags[i] ?? '', lines.intents[i] ?? '');
  });
}

/** What to do about a file that cannot be read. */
const hintFor = (file: string, what: keyof JointFiles): string =>
  /(^|[\\/])(seq\.in|seq\.out|label)$/.test(file)
    ? 'a part has three files: seq.in (words), seq.out (tags) and label (intents)'
    : `the ${what} of a part are read from it: check its path among the files of the part`;

function checkLength(file: string, line: number, words: readonly Word[], maximum: number): void {
  if (words.length <= maximum) return;
  throw tooLong('a sentence', words.length, maximum, { file, line, column: words[maximum]?.column });
}

type Lines = { readonly [K in keyof JointFiles]: readonly string[] };

function checkLineCounts(files: JointFiles, lines: Lines): void {
  const counts = [lines.words.length, lines.tags.length, lines.intents.length];
  const shortest = Math.min(...counts);
  if (counts.every((count) => count === shortest)) return;
  const file = [files.words, files.tags, files.intents][counts.indexOf(shortest)] ?? files.words;
  throw new FrondError(
    'FROND-D003',
    `the three files differ in length: ${files.words} has ${counts[0]} lines, ${files.tags} ${counts[1]}, ${files.intents} ${counts[2]}`,
    { place: { file, line: shortest + 1 }, hint: 'line n of each file belongs to the same sentence' },
  );
}

function parseExample(
  files: JointFiles,
  line: number,
  wordLine: string,
  tagLine: string,
  intentLine: string,
): JointExample {
  const words = splitWords(wordLine);
  const tags = splitWords(tagLine);
  const intent = intentLine.trim();
  if (words.length === 0) throw blank(files.words, line, 'words');
  if (tags.length === 0) throw blank(files.tags, line, 'tags');
  checkIntent(files.intents, line, intentLine, intent);
  checkRagged(files, line, words, tags);
  for (const { text, column } of tags) {
    if (readTag(text) !== undefined) continue;
    throw new FrondError('FROND-D005', `${show(text)} is not a tag`, {
      place: { file: files.tags, line, column },
      hint: TAG_FORM,
    });
  }
  const textOf = ({ text }: Word): string => text;
  return { words: words.map(textOf), tags: tags.map(textOf), intent, file: files.words, line };
}

const blank = (file: string, line: number, what: string): FrondError =>
  new FrondError('FROND-D009', `line ${line} has no ${what}`, {
    place: { file, line, column: 1 },
    hint: 'take the line out of all three files, or fill it',
  });

function checkIntent(file: string, line: number, whole: string, intent: string): void {
  if (intent === '') throw blank(file, line, 'intent');
  const space = intent.search(/\s/);
  if (space < 0) return;
  throw new FrondError('FROND-D010', `${show(intent)} is not one intent`, {
    place: { file, line, column: whole.indexOf(intent) + space + 1 },
    hint: 'an intent is one word; is this the file of the sentences?',
  });
}

function checkRagged(files: JointFiles, line: number, words: readonly Word[], tags: readonly Word[]): void {
  if (words.length === tags.length) return;
  // points at the first word or tag without a partner
  const shared = Math.min(words.length, tags.length);
  const [file, alone] =
    words.length > tags.length ? [files.words, words[shared]] : [files.tags, tags[shared]];
  throw new FrondError('FROND-D004', `${words.length} words have ${tags.length} tags`, {
    place: { file, line, column: alone?.column },
    hint: `line ${line} of ${files.words} and of ${files.tags} must have the same number of entries`,
  });
}

const texts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((element) => typeof element === 'string');

const malformed = (where: string, what: string): FrondError =>
  new FrondError('FROND-D020', `${where}: ${what}`, {
    hint: "an example is { words: ['to', 'rome'], tags: ['O', 'B-city'], intent: 'travel' }",
  });

/** The words of an example that a program made. @throws FROND-D020 where they are no list of texts */
export function wordsOf(example: JointExample): readonly string[] {
  if (texts(example?.words)) return example.words;
  throw malformed('an example', 'words is no list of texts');
}

/** Where an example was read; `example 3 of train` where it was made in memory. */
interface Position {
  readonly where: string;
  readonly place: SourcePlace | undefined;
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
    const place = example?.file === undefined ? undefined : { file: example.file, line: example.line };
    if (!texts(example?.words) || example.words.length === 0) {
      throw malformed(where, 'words is no list of texts, at least one');
    }
    for (const word of example.words) checkWord(word, where, place);
    checkLabelled(example, part, { where, place });
    if (example.words.length > maximum) throw tooLong(where, example.words.length, maximum, place);
  });
}

function checkLabelled({ words, tags, intent }: JointExample, part: string, at: Position): void {
  const { where, place } = at;
  if (!texts(tags)) throw malformed(where, 'tags is no list of texts');
  if (typeof intent !== 'string') throw malformed(where, 'intent is no text');
  const bare = intent === '' && tags.length === 0;
  if (bare && part !== 'train') return;
  if (tags.length !== words.length) {
    throw new FrondError('FROND-D004', `${where}: ${words.length} words have ${tags.length} tags`, {
      place,
      hint: 'give each word its tag',
    });
  }
  const odd = tags.find((tag) => readTag(tag) === undefined);
  if (odd !== undefined) {
    throw new FrondError('FROND-D005', `${where}: ${show(odd)} is not a tag`, { place, hint: TAG_FORM });
  }
  if (intent === '' && part === 'train') throw malformed(where, 'intent is empty');
}
