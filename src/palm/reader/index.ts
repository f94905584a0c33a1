export {
  type ClassifyExample,
  type ClassifyReader,
  type ClassifyReaderOptions,
  classify,
  classifySpecs,
  regressSpecs,
} from './classify.ts';
export {
  type JointFolderOptions,
  type JointMaps,
  type JointOptions,
  type JointReader,
  jointReader,
  jointReaderOf,
  jointSpecs,
} from './joint.ts';
export { type JointExample, type JointFiles, jointFiles, readJoint } from './jointFiles.ts';
export {
  type MaskedExample,
  type MaskedLMReader,
  type MaskedLMReaderOptions,
  type MaskedSpecs,
  maskedLM,
  maskedSpecs,
} from './maskedLM.ts';
export { match, type PairwiseReader, type PairwiseReaderOptions, type RankedExample } from './match.ts';
export { type Source, type Sources, type TextExample, textsOf } from './records.ts';
export {
  type SequenceLabelReader,
  type SequenceLabelReaderOptions,
  sequenceLabel,
  type TaggedExample,
} from './sequenceLabel.ts';
export { taggedSpecs } from './wordRows.ts';
