import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type Chunk, chunksOf, convertTags } from '../nn/tags.ts';

export { type Chunk, chunksOf };

/** @throws FROND-T030 when gold and predictions differ in number */
function sameLength(what: string, gold: number, predicted: number): void {
  if (gold === predicted) return;
  throw new FrondError('FROND-T030', `${gold} ${what} are to be scored with ${predicted} predictions`, {
    hint: 'give one prediction for each, in the same order',
  });
}

/** How often gold label `row` was predicted as label `column`. */
export interface ConfusionMatrix {
  /** every label that occurs as gold or prediction, in code-unit order */
  readonly labels: readonly string[];
  /** [gold][predicted] */
  readonly counts: readonly (readonly number[])[];
}

export interface ClassScores {
  /** share of right predictions; a gold label that training never showed counts as an error */
  readonly accuracy: number;
  /** mean F1 over the labels that occur as gold or prediction */
  readonly macroF1: number;
  readonly examples: number;
  readonly confusion: ConfusionMatrix;
}

/** @throws FROND-T030 when the numbers of labels differ */
export function confusionMatrix(gold: readonly string[], predicted: readonly string[]): ConfusionMatrix {
  checkArguments('confusionMatrix', { gold: is.names, predicted: is.names }, [gold, predicted]);
  sameLength('labels', gold.length, predicted.length);
  const labels = [...new Set([...gold, ...predicted])].sort();
  const place = new Map(labels.map((label, i) => [label, i]));
  const counts = labels.map(() => new Array<number>(labels.length).fill(0));
  gold.forEach((label, i) => {
    const row = counts[place.get(label) ?? 0];
    const column = place.get(predicted[i] ?? '') ?? 0;
    if (row !== undefined) row[column] = (row[column] ?? 0) + 1;
  });
  return { labels, counts };
}

/** Accuracy, macro F1 and confusions of single labels. */
export function classScores(gold: readonly string[], predicted: readonly string[]): ClassScores {
  const confusion = confusionMatrix(gold, predicted);
  const { counts } = confusion;
  const at = (row: number, column: number): number => counts[row]?.[column] ?? 0;
  const sum = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0);
  const right = counts.map((_, i) => at(i, i));
  // F1 = 2 · right / (expected + found), at least one of which is positive for a label that occurs
  const f1 = counts.map((row, i) => (2 * at(i, i)) / (sum(row) + sum(counts.map((other) => other[i] ?? 0))));
  return {
    accuracy: gold.length === 0 ? 0 : sum(right) / gold.length,
    macroF1: f1.length === 0 ? 0 : sum(f1) / f1.length,
    examples: gold.length,
    confusion,
  };
}

interface Counts {
  /** chunks in the gold tags */
  expected: number;
  /** chunks in the predicted tags */
  found: number;
  /** chunks in both: same words, same type */
  correct: number;
}

/** Fractions of 1; 0 where nothing was found or expected. */
export interface Score extends Readonly<Counts> {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
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
  const sentences = is.listOf(is.names, 'lists of tags, one for each sentence');
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

/** The intent and the tags of one sentence, gold or predicted. */
export interface JointLabels {
  readonly intent: string;
  readonly tags: readonly string[];
}

export interface JointScores {
  readonly intent: ClassScores;
  readonly slots: EntityScores;
  /** share of sentences whose intent and every tag are right */
  readonly exactMatch: number;
}

const sentences = is.listOf(is.withFields('labels', { intent: is.text, tags: is.names }), '{ intent, tags }');

const intentsOf = (list: readonly JointLabels[]) => list.map(({ intent }) => intent);
const tagsOf = (list: readonly JointLabels[]) => list.map(({ tags }) => tags);

/** Scores of intent and slots together; see `classScores` and `entityScores`. */
export function jointScores(gold: readonly JointLabels[], predicted: readonly JointLabels[]): JointScores {
  checkArguments('jointScores', { gold: sentences, predicted: sentences }, [gold, predicted]);
  sameLength('sentences', gold.length, predicted.length);
  const exact = gold.filter((sentence, i) => {
    const guess = predicted[i];
    return guess?.intent === sentence.intent && sameTags(sentence.tags, guess.tags);
  });
  return {
    intent: classScores(intentsOf(gold), intentsOf(predicted)),
    slots: entityScores(tagsOf(gold), tagsOf(predicted)),
    exactMatch: gold.length === 0 ? 0 : exact.length / gold.length,
  };
}

/** In whatever scheme; tags that a cut sentence lacks count as `O`. */
function sameTags(gold: readonly string[], predicted: readonly string[]): boolean {
  const said = convertTags(predicted, 'BIO');
  return convertTags(gold, 'BIO').every((tag, i) => tag === (said[i] ?? 'O'));
}
