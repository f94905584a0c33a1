export { type Classified, type ClassifyOptions, classify, weightedMean } from './classify.ts';
export { exactMatch, type JointTasks } from './exactMatch.ts';
export { type SequenceLabelOptions, sequenceLabel, type Tagged } from './sequenceLabel.ts';
