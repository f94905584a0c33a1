export {
  type Classified,
  type ClassifyOptions,
  classify,
  type Labelled,
  type MultiLabelOptions,
  type RegressOptions,
  regress,
} from './classify.ts';
export { type Guess, type MaskedLMOptions, maskedLM, type Unmasked } from './maskedLM.ts';
export { match, type PairwiseOptions } from './match.ts';
export { weightedMean } from './scoring.ts';
export {
  exactMatch,
  type JointTasks,
  type SequenceLabelOptions,
  sequenceLabel,
  type Tagged,
} from './sequenceLabel.ts';
