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
  type MaskedLMReader,
  type MaskedLMReaderOptions,
  type MaskedSpecs,
  maskedLM,
  maskedSpecs,
  type TextExample,
} from './maskedLM.ts';
