import { checkArguments } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import { listOf, names } from '../../base/kinds.ts';
import { convertTags } from '../labels.ts';
import { type Chunk, chunksOf } from './chunks.ts';

/** Fractions of 1; 0 where nothing was found or expected. */
export interface Score {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** chunks in the gold tags */
  readonly expected: number;
  /** chunks in the predicted tags */
  readonly found: number;
  /** chunks in both: same words, same type */
  readonly correct: number;
}

export interface TypeScore extends Score {
  readonly type: string;
}

export interface EntityScores extends Score {
  /** one row per type of chunk, by name */
  readonly types: readonly TypeScore[];
  /** share of words with the right tag, whatever the scheme, `O` included: what PALM called F1; never the measure of a tagger */
  readonly tokenAccuracy: number;
}

interface Counts {
  expected: number;
  found: number;
  correct: number;
}

function scoreOf({ expected, found, correct }: Counts): Score {
  const precision = found === 0 ? 0 : correct / found;
  const recall = expected === 0 ? 0 : correct / expected;
  // 2PR / (P + R), written so that it cannot be 0 / 0
  const f1 = correct === 0 ? 0 : (2 * correct) / (expected + found);
  return { precision, recall, f1, expected, found, correct };
}

/**
 * Precision, recall and F1 of whole chunks as conlleval counts them, over all sentences at once (micro average) and per type.
 * A chunk of a type that training never showed counts as expected all the same. Predicted tags may end early (a sentence was
 * cut): what is missing counts as `O`.
 * @throws FROND-T030 when there are more or fewer sentences, or more tags than words
 */
export function entityScores(
  gold: readonly (readonly string[])[],
  predicted: readonly (readonly string[])[],
): EntityScores {
  const sentences = listOf(names, 'lists of tags, one for each sentence');
  checkArguments('entityScores', { gold: sentences, predicted: sentences }, [gold, predicted]);
  sameLength('sentences', gold.length, predicted.length);
  const counts = new Map<string, Counts>();
  const total: Counts = { expected: 0, found: 0, correct: 0 };
  const count = (type: string, field: keyof Counts): void => {
    const row = counts.get(type) ?? { expected: 0, found: 0, correct: 0 };
    counts.set(type, row);
    row[field]++;
    total[field]++;
  };
  let words = 0;
  let right = 0;
  gold.forEach((tags, i) => {
    const guess = padTags(predicted[i] ?? [], tags.length, i);
    const found = new Set<string>();
    for (const chunk of chunksOf(guess)) {
      count(chunk.type, 'found');
      found.add(key(chunk));
    }
    for (const chunk of chunksOf(tags)) {
      count(chunk.type, 'expected');
      if (found.has(key(chunk))) count(chunk.type, 'correct');
    }
    words += tags.length;
    const said = convertTags(guess, 'BIO');
    right += convertTags(tags, 'BIO').filter((tag, j) => tag === said[j]).length;
  });
  const types = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...scoreOf(total),
    types: types.map(([type, row]) => ({ type, ...scoreOf(row) })),
    tokenAccuracy: words === 0 ? 0 : right / words,
  };
}

const key = ({ type, start, end }: Chunk): string => `${start} ${end} ${type}`;

function padTags(tags: readonly string[], length: number, sentence: number): readonly string[] {
  if (tags.length > length) {
    throw new FrondError('FROND-T030', `sentence ${sentence + 1}: ${tags.length} tags for ${length} words`);
  }
  return [...tags, ...new Array<string>(length - tags.length).fill('O')];
}

/** @throws FROND-T030 when gold and predictions differ in number */
export function sameLength(what: string, gold: number, predicted: number): void {
  if (gold === predicted) return;
  throw new FrondError('FROND-T030', `${gold} ${what} are to be scored with ${predicted} predictions`, {
    hint: 'give one prediction for each, in the same order',
  });
}
