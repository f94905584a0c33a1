import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { checkSettings } from '../settings.ts';
import { brokenAt, checkWord, linesOf, wordProblem } from '../words.ts';
import { type Spelling, spellWord } from './spelling.ts';

/** Tokens that stand for no text of a file, under the names that BERT and its kin give them. */
export const SPECIAL_TOKENS = {
  /** fills a row after its last piece */
  padding: '[PAD]',
  /** every word that the vocabulary does not hold */
  unknown: '[UNK]',
  /** before the first piece: its encoding stands for the whole text */
  cls: '[CLS]',
  /** after each text */
  separator: '[SEP]',
  /** in place of a piece that is to be guessed */
  mask: '[MASK]',
} as const;
export type SpecialToken = keyof typeof SPECIAL_TOKENS;
const specials: ReadonlySet<string> = new Set(Object.values(SPECIAL_TOKENS));

/** Id of what fills a row, in the vocabularies that `buildVocabulary` makes. */
export const PADDING = 0;
/** Id of every unknown word, in the vocabularies that `buildVocabulary` makes. */
export const UNKNOWN = 1;
const FIRST = [SPECIAL_TOKENS.padding, SPECIAL_TOKENS.unknown];

/** Tokens and their ids. Immutable plain data. */
export interface Vocabulary {
  /** token of each id; '' where an id has none */
  readonly tokens: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
}

export const vocabularyKind = is.kind<Vocabulary>(
  'a vocabulary, such as parseVocabulary gives',
  (value) => is.names.holds((value as Vocabulary | null)?.tokens) && (value as Vocabulary).ids instanceof Map,
);
const sentencesKind = is.series('sentences, each a list of words');

export const vocabularyOptions = {
  /** words seen less often have no id of their own; default 2, so that training meets the unknown word too */
  minimumCount: is.optional(is.natural),
  /** tokens that stand after [PAD] and [UNK] whether or not they occur, such as [CLS], [SEP], [MASK]; default none */
  special: is.optional(is.names),
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
  const { minimumCount = 2, special = [] } = options;
  const counts = new Map<string, number>();
  for (const words of sentences) {
    checkArguments('buildVocabulary', { sentence: is.names }, [words], 'FROND-T002');
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const first = [...new Set([...FIRST, ...special])];
  for (const word of [...first, ...counts.keys()]) checkWord(word, 'the vocabulary');
  for (const token of first) counts.delete(token);
  const kept = [...counts].filter(([, count]) => count >= minimumCount);
  kept.sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  return vocabularyFrom([...first, ...kept.map(([word]) => word)], 'vocabulary');
}

/** The first word of the vocabulary that no word is spelt like: a reader with this spelling would never find it. */
export const misspelt = ({ tokens }: Vocabulary, spelling: Spelling): string | undefined =>
  tokens.find((token) => !specials.has(token) && spellWord(token, spelling) !== token);

/** One token per line, its id being the number of the line from 0; `token TAB id` where ids are left out. */
export function printVocabulary(vocabulary: Vocabulary): string {
  checkArguments('printVocabulary', { vocabulary: vocabularyKind }, [vocabulary], 'FROND-T002');
  const { tokens } = vocabulary;
  const numbered = tokens.flatMap((token, id) => (token === '' ? [] : [`${token}\t${id}`]));
  const lines = numbered.length < tokens.length ? numbered : tokens;
  return `${lines.join('\n')}\n`;
}

/** A token of a file, where it stands and the id that is written beside it. */
interface Entry {
  readonly token: unknown;
  readonly id: number;
  /** absent where a file has no lines to speak of */
  readonly line?: number;
}

/**
 * Reads `vocab.txt` as BERT, ERNIE and `printVocabulary` write it: one token per line, the number of the line from 0 being its
 * id, or on every line `token TAB id`, where ids may be left out.
 * @throws FROND-D011 for a vocabulary without [UNK], an empty or broken token, an id that is too large, and a token or an id that
 *   stands twice; each with its line
 */
export function parseVocabulary(text: string, file = 'vocabulary'): Vocabulary {
  checkArguments('parseVocabulary', { text: is.text, file: is.text }, [text, file], 'FROND-T002');
  const lines = linesOf(text);
  if (lines.at(-1) === '' && lines.length > 1) lines.pop();
  const numbered = lines.map((line) => /^(.*)\t(\d+)$/.exec(line));
  const written = numbered.every((match) => match !== null);
  const entries = lines.map((line, i): Entry => {
    const [, token, id] = (written && numbered[i]) || ['', line, i];
    return { token, id: Number(id), line: i + 1 };
  });
  return vocabularyOf(entries, file);
}

/** The vocabulary with these tokens, the position being the id; '' for an id without one. @throws FROND-D011 */
export const vocabularyFrom = (tokens: readonly unknown[], file: string, unknown?: string): Vocabulary =>
  vocabularyOf(
    tokens.map((token, id) => ({ token, id, line: id + 1 })).filter(({ token }) => token !== ''),
    file,
    unknown,
  );

/** No table of embeddings is larger; what is beyond is a mistake. */
const MOST_IDS = 2 ** 22;

/**
 * The vocabulary with these tokens.
 * @param unknown the token that it cannot do without
 * @throws FROND-D011 for an empty or broken token, an id that is too large, one that stands twice, and without `unknown`
 */
export function vocabularyOf(
  entries: readonly Entry[],
  file: string,
  unknown: string = SPECIAL_TOKENS.unknown,
): Vocabulary {
  const ids = new Map<string, number>();
  const earlier = new Map<number | string, Entry>();
  const hint = `a vocabulary has one token per line, or token, tab and id; ${unknown} is among them`;
  for (const entry of entries) {
    const { token, id, line } = entry;
    const fail = (summary: string): never => fault(summary, file, line, hint);
    if (typeof token !== 'string') return fail(`${show(token)} is no token`);
    if (token === '') fail('a token is empty');
    if (brokenAt(token) >= 0) fail(`the token ${show(token)} holds a zero byte or half of a character`);
    if (id >= MOST_IDS) fail(`the id ${id} is too large`);
    const first = earlier.get(token) ?? earlier.get(id);
    const what = first?.token === token ? `token ${show(token)}` : `id ${id}`;
    if (first?.line !== undefined) fail(`${what} stands on line ${first.line} already`);
    if (first !== undefined) fail(`${show(first.token)} and ${show(token)} have the same id ${id}`);
    earlier.set(token, entry).set(id, entry);
    ids.set(token, id);
  }
  if (!ids.has(unknown)) fault(`there is no ${unknown}`, file, entries.at(-1)?.line, hint);
  const tokens = new Array<string>(entries.reduce((most, { id }) => Math.max(most, id + 1), 0)).fill('');
  for (const [token, id] of ids) tokens[id] = token;
  return { tokens, ids };
}

/** @throws FROND-D011 */
function fault(summary: string, file: string, line: number | undefined, hint: string): never {
  const place = { file, line, column: line === undefined ? undefined : 1 };
  throw new FrondError('FROND-D011', summary, { place, hint });
}

/** The id of a token. @throws FROND-D023 when the vocabulary does not have it */
export function idIn({ ids }: Vocabulary, token: string, needer: string): number {
  const id = ids.get(token);
  if (id !== undefined) return id;
  throw new FrondError('FROND-D023', `${needer} needs ${token}, which the vocabulary does not have`, {
    hint: `take a vocabulary that has it, or build one with special: ['${token}']`,
  });
}

/** A vocabulary of words, none with white space, that begins as `buildVocabulary` begins one. @throws FROND-D011 for any other */
export function wordVocabularyFrom(tokens: readonly unknown[], file: string): Vocabulary {
  const vocabulary = vocabularyFrom(tokens, file);
  for (const [id, token] of vocabulary.tokens.entries()) {
    const wanted = FIRST[id] ?? token;
    const problem = token === wanted ? wordProblem(token) : `expected ${wanted}, found ${show(token)}`;
    const hint = `the vocabulary of this reader has one word per line, ${FIRST.join(' and ')} first`;
    if (problem !== undefined) fault(problem, file, id + 1, hint);
  }
  return vocabulary;
}
