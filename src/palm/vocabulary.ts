import { FrondError } from '../base/errors.ts';
import { fingerprint } from './fingerprint.ts';

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

function vocabularyOf(tokens: readonly string[]): Vocabulary {
  return { tokens, ids: new Map(tokens.map((token, id) => [token, id])) };
}

export interface VocabularyOptions {
  /** words seen less often have no id of their own; default 2, so that training meets the unknown word too */
  readonly minimumCount?: number;
}

/** The words of training sentences, the most frequent first, equal counts in code-unit order. */
export function buildVocabulary(
  sentences: Iterable<readonly string[]>,
  { minimumCount = 2 }: VocabularyOptions = {},
): Vocabulary {
  const counts = new Map<string, number>();
  for (const words of sentences) {
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  for (const special of SPECIAL) counts.delete(special);
  const kept = [...counts].filter(([, count]) => count >= minimumCount);
  kept.sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  return vocabularyOf([...SPECIAL, ...kept.map(([word]) => word)]);
}

/** The id of `word`; `UNKNOWN` when it has none. */
export const lookup = (vocabulary: Vocabulary, word: string): number => vocabulary.ids.get(word) ?? UNKNOWN;

/** One token per line; the line number, from 0, is the id. */
export const printVocabulary = (vocabulary: Vocabulary): string => `${vocabulary.tokens.join('\n')}\n`;

/**
 * Reads what `printVocabulary` wrote.
 * @throws FROND-D011 for a missing special token, an empty line, a token with white space, or one that stands twice
 */
export function parseVocabulary(text: string, file = 'vocabulary'): Vocabulary {
  const lines = text.replace(/\r\n/g, '\n').replace(/\n$/, '').split('\n');
  const fail = (line: number, summary: string): never => {
    throw new FrondError('FROND-D011', summary, {
      place: { file, line, column: 1 },
      hint: `a vocabulary has one token per line, ${SPECIAL.join(' and ')} first`,
    });
  };
  const seen = new Map<string, number>();
  lines.forEach((token, id) => {
    const special = SPECIAL[id];
    if (special !== undefined && token !== special) fail(id + 1, `expected ${special}, found ${show(token)}`);
    if (token === '') fail(id + 1, 'a token is empty');
    if (/\s|\uFFFD/.test(token)) fail(id + 1, `token ${show(token)} holds white space or broken UTF-8`);
    const earlier = seen.get(token);
    if (earlier !== undefined) fail(id + 1, `token ${show(token)} stands on line ${earlier} already`);
    seen.set(token, id + 1);
  });
  if (lines.length < SPECIAL.length) fail(lines.length, `expected ${SPECIAL[lines.length]}, found the end`);
  return vocabularyOf(lines);
}

/** What a checkpoint keeps to refuse another vocabulary. */
export const vocabularyFingerprint = (vocabulary: Vocabulary): string =>
  fingerprint(printVocabulary(vocabulary));

const show = (token: string): string => JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
