import { checkArguments, show } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { checkSettings } from './settings.ts';
import { checkWord, linesOf, type Spelling, spell, wordProblem } from './words.ts';

/** Id of what fills a row after its last word. */
export const PADDING = 0;
/** Id of every word that the vocabulary does not hold. */
export const UNKNOWN = 1;
const SPECIAL = ['[PAD]', '[UNK]'] as const;

/** Words and their ids; ids 0 and 1 are padding and unknown. Immutable plain data. */
export interface Vocabulary {
  /** word of each id */
  readonly tokens: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
}

export const vocabularyKind = is.kind<Vocabulary>(
  'a vocabulary, such as parseVocabulary gives',
  (value) => is.names.holds((value as Vocabulary | null)?.tokens) && (value as Vocabulary).ids instanceof Map,
);
const sentencesKind = is.series('sentences, each a list of words');

const vocabularyOptions = {
  /** words seen less often have no id of their own; default 2, so that training meets the unknown word too */
  minimumCount: is.optional(is.natural),
};
export type VocabularyOptions = is.OptionsOf<typeof vocabularyOptions>;

/**
 * The words of training sentences, the most frequent first, equal counts in code-unit order.
 * @throws FROND-T002 for a count that is not a whole number, FROND-D021 for a word that could not be read back
 */
export function buildVocabulary(
  sentences: Iterable<readonly string[]>,
  options: VocabularyOptions = {},
): Vocabulary {
  checkArguments('buildVocabulary', { sentences: sentencesKind }, [sentences], 'FROND-T002');
  checkSettings('buildVocabulary', options, vocabularyOptions);
  const { minimumCount = 2 } = options;
  const counts = new Map<string, number>();
  for (const words of sentences) {
    checkArguments('buildVocabulary', { sentence: is.names }, [words], 'FROND-T002');
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  for (const word of counts.keys()) checkWord(word, 'the vocabulary');
  for (const special of SPECIAL) counts.delete(special);
  const kept = [...counts].filter(([, count]) => count >= minimumCount);
  kept.sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  return vocabularyFrom([...SPECIAL, ...kept.map(([word]) => word)], 'vocabulary');
}

/** The id of `word`; `UNKNOWN` when it has none, and for a word of a text that looks like padding. */
export const lookup = ({ ids }: Vocabulary, word: string): number => Math.max(ids.get(word) ?? 0, UNKNOWN);

/** The first word of the vocabulary that no word is spelt like: a reader with this spelling would never find it. */
export const misspelt = ({ tokens }: Vocabulary, spelling: Spelling): string | undefined =>
  tokens.slice(SPECIAL.length).find((token) => spell(token, spelling) !== token);

/** One token per line; the line number, from 0, is the id. */
export function printVocabulary(vocabulary: Vocabulary): string {
  checkArguments('printVocabulary', { vocabulary: vocabularyKind }, [vocabulary], 'FROND-T002');
  return `${vocabulary.tokens.join('\n')}\n`;
}

/**
 * Reads what `printVocabulary` wrote.
 * @throws FROND-D011 for a missing special token, an invalid word, or a word that stands twice
 */
export function parseVocabulary(text: string, file = 'vocabulary'): Vocabulary {
  checkArguments('parseVocabulary', { text: is.text, file: is.text }, [text, file], 'FROND-T002');
  const lines = linesOf(text);
  return vocabularyFrom(lines.at(-1) === '' && lines.length > 1 ? lines.slice(0, -1) : lines, file);
}

/** The vocabulary with these tokens, the position being the id; checked as `parseVocabulary` does. */
export function vocabularyFrom(tokens: readonly unknown[], file: string): Vocabulary {
  const ids = new Map<string, number>();
  const fail = (summary: string): never => {
    throw new FrondError('FROND-D011', summary, {
      place: { file, line: ids.size + 1, column: 1 },
      hint: `a vocabulary has one token per line, ${SPECIAL.join(' and ')} first`,
    });
  };
  for (const token of tokens) {
    const special = SPECIAL[ids.size];
    const problem = wordProblem(token);
    if (special !== undefined && token !== special) fail(`expected ${special}, found ${show(String(token))}`);
    if (problem !== undefined) fail(problem);
    const earlier = ids.get(String(token));
    if (earlier !== undefined) fail(`token ${show(String(token))} stands on line ${earlier + 1} already`);
    ids.set(String(token), ids.size);
  }
  if (ids.size < SPECIAL.length) fail(`expected ${SPECIAL[ids.size]}, found the end`);
  return { tokens: [...ids.keys()], ids };
}
