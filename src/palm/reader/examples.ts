import { show } from '../../base/arguments.ts';
import { FrondError, type SourcePlace } from '../../base/errors.ts';
import { readTag, TAG_FORM } from '../../nn/tags.ts';
import { checkWord, tooLong } from '../words.ts';
import type { JointExample } from './jointFiles.ts';

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
 * @throws FROND-D020 for what is no example, D021 for what is no word, D004 for more or fewer tags than words, D005 for what is no tag, D008 for more
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
