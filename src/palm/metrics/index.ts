export { mean, reading, type Score } from './accumulator.ts';
export {
  type BinaryScores,
  type ClassScores,
  type ConfusionMatrix,
  classes,
  classScores,
  confusionMatrix,
  type LabelScore,
  type LabelSetScores,
  labelSets,
} from './classes.ts';
export {
  type Chunk,
  chunksOf,
  type EntityScores,
  entities,
  entityScores,
  type JointLabels,
  type JointScores,
  joint,
  jointScores,
  type TypeScore,
} from './entities.ts';
export { type Guessed, type NumberScores, numbers, type PerplexityScores, perplexity } from './numbers.ts';
export { type Candidate, type RankingScores, ranking } from './ranking.ts';
