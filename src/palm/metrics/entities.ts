import { checkArguments } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { type Chunk, chunksOf, convertTags } from '../../nn/tags.ts';
import type { Accumulator } from '../contract.ts';
import { accumulate, type Score, scoreAll, tally } from './accumulator.ts';
import { type ClassScores, classes } from './classes.ts';

export { type Chunk, chunksOf };

export type TypeScore = Score & { readonly type: string };

/** Of chunks: same words, same type. */
export type EntityScores = Score & {
  /** one row per type of chunk, by name */
  readonly types: readonly TypeScore[];
  /** share of words with the right tag, whatever the scheme, `O` included: what PALM called F1; never the measure of a tagger */
  readonly tokenAccuracy: number;
};

/**
 * Precision, recall and F1 of whole chunks as conlleval counts them, over all sentences at once (micro average) and per type; tags
 * may be in any scheme. A chunk of a type that training never showed counts as expected all the same. Predicted tags may end
 * early (a sentence was cut): what is missing counts as `O`.
 */
export function entities(): Accumulator<readonly string[], readonly string[], EntityScores> {
  const counts = tally();
  let [words, right, sentences] = [0, 0, 0];
  return accumulate(
    { predicted: is.names, gold: is.names, what: 'sentences' },
    (predicted, tags) => {
      sentences++;
      const guess = padTags(predicted, tags.length, sentences);
      const found = new Set<string>();
      for (const chunk of chunksOf(guess)) {
        counts.count(chunk.type, 'found');
        found.add(key(chunk));
      }
      for (const chunk of chunksOf(tags)) {
        counts.count(chunk.type, 'expected');
        if (found.has(key(chunk))) counts.count(chunk.type, 'correct');
      }
      words += tags.length;
      const said = convertTags(guess, 'BIO');
      right += convertTags(tags, 'BIO').filter((tag, j) => tag === said[j]).length;
    },
    () => ({
      ...counts.total(),
      types: counts.byName().map(([type, score]) => ({ type, ...score })),
      tokenAccuracy: words === 0 ? 0 : right / words,
    }),
  );
}

const key = ({ type, start, end }: Chunk): string => `${start} ${end} ${type}`;

/** @throws FROND-T030 for more tags than words */
function padTags(tags: readonly string[], length: number, sentence: number): readonly string[] {
  if (tags.length > length) {
    throw new FrondError('FROND-T030', `sentence ${sentence}: ${tags.length} tags for ${length} words`);
  }
  return [...tags, ...new Array<string>(length - tags.length).fill('O')];
}

/** The intent and the tags of one sentence, gold or predicted. */
export interface JointLabels {
  readonly intent: string;
  readonly tags: readonly string[];
}

export type JointScores = {
  readonly intent: ClassScores;
  readonly slots: EntityScores;
  /** share of sentences whose intent and every tag are right */
  readonly exactMatch: number;
};

const labelled = is.withFields('{ intent, tags }', { intent: is.text, tags: is.names });

/** Scores of intent and slots together; see `classes` and `entities`. */
export function joint(): Accumulator<JointLabels, JointLabels, JointScores> {
  const [intent, slots] = [classes(), entities()];
  let [sentences, exact] = [0, 0];
  return accumulate(
    { predicted: labelled, gold: labelled, what: 'sentences' },
    (predicted, gold) => {
      intent.add([predicted.intent], [gold.intent]);
      slots.add([predicted.tags], [gold.tags]);
      sentences++;
      if (predicted.intent === gold.intent && sameTags(gold.tags, predicted.tags)) exact++;
    },
    () => ({
      intent: intent.value(),
      slots: slots.value(),
      exactMatch: sentences === 0 ? 0 : exact / sentences,
    }),
  );
}

/** In whatever scheme; tags that a cut sentence lacks count as `O`. */
export function sameTags(gold: readonly string[], predicted: readonly string[]): boolean {
  const said = convertTags(predicted, 'BIO');
  return convertTags(gold, 'BIO').every((tag, i) => tag === (said[i] ?? 'O'));
}

/** Scores of chunks, all sentences at once: see `entities`. @throws FROND-T030 when there are more or fewer sentences, or more tags than words */
export function entityScores(
  gold: readonly (readonly string[])[],
  predicted: readonly (readonly string[])[],
): EntityScores {
  const sentences = is.listOf(is.names, 'lists of tags, one for each sentence');
  checkArguments('entityScores', { gold: sentences, predicted: sentences }, [gold, predicted]);
  return scoreAll(entities(), predicted, gold);
}

/** Scores of intent and slots, all sentences at once: see `joint`. */
export function jointScores(gold: readonly JointLabels[], predicted: readonly JointLabels[]): JointScores {
  const sentences = is.listOf(labelled, '{ intent, tags }');
  checkArguments('jointScores', { gold: sentences, predicted: sentences }, [gold, predicted]);
  return scoreAll(joint(), predicted, gold);
}
