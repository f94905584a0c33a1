import { checkArguments } from '../../base/arguments.ts';
import { listOf, names, text, withFields } from '../../base/kinds.ts';
import { convertTags } from '../labels.ts';
import { type ClassScores, classScores } from './classes.ts';
import { type EntityScores, entityScores, sameLength } from './entities.ts';

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

const sentences = listOf(withFields('labels', { intent: text, tags: names }), '{ intent, tags }');

/** Scores of intent and slots together; see `classScores` and `entityScores`. */
export function jointScores(gold: readonly JointLabels[], predicted: readonly JointLabels[]): JointScores {
  checkArguments('jointScores', { gold: sentences, predicted: sentences }, [gold, predicted]);
  sameLength('sentences', gold.length, predicted.length);
  const exact = gold.filter((sentence, i) => {
    const guess = predicted[i];
    return guess?.intent === sentence.intent && sameTags(sentence.tags, guess.tags);
  });
  return {
    intent: classScores(
      gold.map(({ intent }) => intent),
      predicted.map(({ intent }) => intent),
    ),
    slots: entityScores(
      gold.map(({ tags }) => tags),
      predicted.map(({ tags }) => tags),
    ),
    exactMatch: gold.length === 0 ? 0 : exact.length / gold.length,
  };
}

/** In whatever scheme; tags that a cut sentence lacks count as `O`. */
function sameTags(gold: readonly string[], predicted: readonly string[]): boolean {
  const said = convertTags(predicted, 'BIO');
  return convertTags(gold, 'BIO').every((tag, i) => tag === (said[i] ?? 'O'));
}
